"""The outside world: venues that take orders, and their data."""
