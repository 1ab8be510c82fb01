"""Indicators as pure functions over arrays; none looks ahead."""
