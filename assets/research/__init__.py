"""Bars to risk reports: the code location ``research``, which cannot touch the money path."""
