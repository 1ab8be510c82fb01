"""Bars and artefacts on disk: Parquet, checksums, manifests, price views at read."""
