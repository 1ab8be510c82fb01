"""Strategies: one short file each, parameters, features needed, one decision."""
