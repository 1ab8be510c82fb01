"""The yearly rate that an idle account would earn: one number, or rates as they became known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewright.model.bars import Floats, Times
from tradewright.model.currency import shown
from tradewright.model.errors import DataError

OLDEST_DAYS = 100
"""A rate that is older is none of that day: its series has ended, or a part of it is missing. Quarters are taken."""
_DAY = 86_400 * 10**9


@dataclass(frozen=True)
class RiskFreeRates:
    """Yearly rates as they became known, as fractions.

    Args:
        known: when each rate was known, nanoseconds UTC, strictly ascending, at least one.
        rates: of a year, above -1 and below 1.
        origin: the file that they come from.
    """

    known: Times
    rates: Floats
    origin: str

    def at(self, moments: Times) -> Floats:
        """The newest rate known at each moment; no later one has a part in it.

        Raises:
            DataError: before the first rate, or more than :data:`OLDEST_DAYS` days after the newest one.
        """
        rows = np.searchsorted(self.known, moments, side="right") - 1
        lacking = (rows < 0) | (moments - self.known[np.maximum(rows, 0)] > OLDEST_DAYS * _DAY)
        if lacking.any():
            first = shown(moments[int(np.argmax(lacking))])
            raise DataError(
                f"no risk-free rate of the last {OLDEST_DAYS} days is known at {first}",
                where=f"evaluation.risk_free_rates, {self.origin}",
                remedy="bring the rates of those days, choose backtest.start and backtest.end within them, or say null",
            )
        found: Floats = self.rates[rows]
        return found


RiskFree = float | RiskFreeRates
