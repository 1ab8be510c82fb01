"""Polygon, which is called Massive since October 2025."""
