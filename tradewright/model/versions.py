"""The two versions that every artefact and every cache key carries (R-CFG-20)."""

ENGINE_VERSION = "0.2.0"
"""Changes whenever the same inputs may give other numbers."""

SCHEMA_VERSION = "1"
"""Changes whenever a stored table or document changes its form."""
