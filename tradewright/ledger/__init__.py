"""Append-only facts in SQL, computed states, a hash-chained audit log."""
