"""Indicators against independent derivations."""
