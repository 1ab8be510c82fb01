"""Ratios that stay finite: the cap and the rules for a zero denominator (Q-32)."""

from __future__ import annotations

import math

CAP = 1e6
"""No ratio is reported beyond this; :attr:`Metrics.capped` names the figures that reached it."""

NOISE = 1e-14
"""A standard deviation of returns at or below this is rounding, not variation: 1 + r carries an error of 2e-16."""


def capped(value: float) -> float:
    """``value`` within +-1e6."""
    return max(-CAP, min(CAP, value))


def capped_ratio(gain: float, pain: float) -> float:
    """``gain / pain`` for a pain that is never negative: 0 when both are zero, +-1e6 when only the pain is."""
    if gain == 0:
        return 0.0
    return math.copysign(CAP, gain) if pain == 0 else capped(gain / pain)


def dispersion_ratio(mean: float, deviation: float) -> float:
    """``mean / deviation``, and 0 when nothing varied (Q-32)."""
    return 0.0 if deviation <= NOISE else capped(mean / deviation)
