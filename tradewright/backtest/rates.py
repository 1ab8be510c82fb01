"""Exchange rates of a backtest whose account is in another currency than its instrument, point in time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tradewright.model.bars import Floats, Times
from tradewright.model.currency import RateSeries, shown
from tradewright.model.errors import DataError

OLDEST_DAYS = 10
"""Days after which a rate is no longer used: longer than any holiday of a currency market."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """The rates of one instrument's bars, in account currency per unit of quote currency; shape (bars,) each.

    Args:
        open, close: the newest rates known when each bar opens and when it closes.
        paid_in_full: whether a long position is bought with money of the account's currency; otherwise, and short, it
            is settled by its difference.
        account, quote: the two currencies.
        origin: where the rates come from, in words.
    """

    open: Floats
    close: Floats
    paid_in_full: bool = True
    account: str = ""
    quote: str = ""
    origin: str = ""

    @cached_property
    def digest(self) -> str:
        """The hash of everything that changes a result."""
        parts = self.open.tobytes(), self.close.tobytes(), bytes([self.paid_in_full])
        return hashlib.sha256(b"".join(parts)).hexdigest()

    def check(self, bars: int) -> None:
        """Refuse rates that do not belong to ``bars`` bars.

        Raises:
            DataError: another number of rates, or a rate that is none.
        """
        if not len(self.open) == len(self.close) == bars:
            what = f"{len(self.open)} and {len(self.close)} rates for {bars} bars"
            raise DataError(what, where="conversion", remedy="make them for these bars")
        for rates in (self.open, self.close):
            good = np.isfinite(rates) & (rates > 0.0)
            if not good.all():
                first = int(np.argmin(good))
                raise DataError(f"the rate of bar {first} is {rates[first]}", where="conversion", remedy="repair it")

    def head(self, count: int) -> Conversion:
        """The rates of the first bars."""
        return self.part(0, count)

    def part(self, start: int, stop: int) -> Conversion:
        """The rates of the bars ``[start, stop)``."""
        parts = self.open[start:stop], self.close[start:stop]
        return Conversion(*parts, self.paid_in_full, self.account, self.quote, self.origin)

    def stated(self) -> str:
        """The conversion in words."""
        kind = "purchases paid in full" if self.paid_in_full else "differences settled"
        return f"{self.exchange}, {kind}"

    @property
    def exchange(self) -> str:
        """The two currencies and where the rates come from, in words."""
        return f"{self.pair} by {self.origin}"

    @property
    def pair(self) -> str:
        """The two currencies in words."""
        return f"{self.quote} to {self.account}"


def conversion(
    series: RateSeries, opens: Times, closes: Times, *, paid_in_full: bool, name: str, lenient: bool = False
) -> Conversion:
    """The conversion of bars by a series of rates.

    Args:
        opens, closes: when each bar opens and closes, nanoseconds UTC.
        name: of the instrument, for refusals.
        lenient: takes the first rate before there is one, and rates of any age: for decisions, which need no money.

    Raises:
        DataError: no rate is known at the close of a bar, or the newest one is older than ``OLDEST_DAYS`` days.
    """
    at_close, age = series.at(closes)
    at_open, _ = series.at(opens)
    if lenient:
        at_close = np.where(np.isnan(at_close), series.rates[0], at_close)
    elif len(closes):
        _refuse(series, closes, age, name)
    # nothing fills at the open of the first bar, whose rate may be younger than that
    at_open = np.where(np.isnan(at_open), at_close, at_open)
    return Conversion(at_open, at_close, paid_in_full, series.target, series.source, series.origin)


def _refuse(series: RateSeries, closes: Times, age: Floats, name: str) -> None:
    where, pair = f"{name}, rates of {series.origin}", f"{series.source} to {series.target}"
    if np.isnan(age[0]):
        raise DataError(
            f"no rate from {pair} is known at the first bar's close, {shown(closes[0])}: "
            f"the first one is of {shown(series.known[0])}",
            where=where,
            remedy="bring older rates, or begin later with backtest.start",
        )
    old = age > OLDEST_DAYS
    if old.any():
        first = int(np.argmax(old))
        raise DataError(
            f"at {shown(closes[first])} the newest rate from {pair} is {age[first]:.1f} days old",
            where=where,
            remedy=f"bring the rates in between, or choose a period that they cover: {OLDEST_DAYS} days is the oldest",
        )
