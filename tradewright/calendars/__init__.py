"""Sessions, holidays and half days: when a market is open."""
