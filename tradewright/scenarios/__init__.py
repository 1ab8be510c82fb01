"""Seeded synthetic markets, so that nothing is needed from outside."""
