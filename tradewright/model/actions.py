"""Corporate actions: the factor table and the history of a security's tickers."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

FACTOR_COLUMNS = ("date", "price_factor", "split_factor", "reference_price")
"""A factor row dated D holds for every local date of the exchange <= D and later than the row before.
Total-return price = raw x price factor x split factor; split-adjusted price = raw x split factor."""


class TickerSpan(NamedTuple):
    """Under which ticker a security traded up to and including ``last``."""

    last: date
    ticker: str
    exchange: str
