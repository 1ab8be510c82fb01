"""Servers through which live data are shared beyond one machine."""
