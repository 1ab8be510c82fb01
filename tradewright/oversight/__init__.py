"""Oversight: comparisons of what was traded with what the backtest says."""
