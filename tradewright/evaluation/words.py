"""Figures in words: how amounts, shares and counts read in a report."""

from __future__ import annotations


def money(value: float) -> str:
    """Two decimals, thousands apart: ``-1,234.50``; a rounded zero has no sign."""
    return f"{round(value, 2) + 0.0:,.2f}"


def percent(value: float, digits: int = 2) -> str:
    """A fraction in percent: ``12.34%``; a rounded zero has no sign."""
    return f"{round(value * 100, digits) + 0.0:,.{digits}f}%"


def ratio(value: float) -> str:
    """Two decimals; ``> 1,000,000`` for a figure at the cap."""
    if abs(value) >= 1e6:
        return "> 1,000,000" if value > 0 else "< -1,000,000"
    return f"{round(value, 2) + 0.0:,.2f}"


def count(number: int, noun: str) -> str:
    """``1 trade``, ``1,200 trades``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
