"""Signed strategy packages: an archive that is read as if an attacker made it, its manifest, signature, comparison."""
