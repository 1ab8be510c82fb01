"""Vendors of historical bars: data only, no orders. Each is one module, found by its plug-in class."""
