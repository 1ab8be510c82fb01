"""Currencies: the two of a pair, how a position in another one than the account's is paid, and series of rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tradewright.model.bars import Floats, Times
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

_DAY = 86_400_000_000_000

_PAIRS = (AssetClass.FOREX, AssetClass.CRYPTO)
_BOUGHT = (AssetClass.STOCK, AssetClass.ETF, AssetClass.CRYPTO)


def base_currency(instrument: Instrument) -> str | None:
    """The currency that one unit of a pair is: USD of USDJPY, BTC of BTC; None for what is no pair.

    It is the symbol without the quote currency at its end.
    """
    if instrument.asset_class not in _PAIRS:
        return None
    return instrument.symbol.removesuffix(instrument.currency).rstrip("./-_") or None


def paid_in_full(instrument: Instrument, account: str) -> bool:
    """Whether a purchase is paid for, by exchanging money of the account's currency for its whole value.

    So are stocks, funds and coins. Forex, futures, CFDs, metals and indices are settled by the difference of two
    prices, and so is a coin that is the account's own currency: to buy it, money is borrowed in its quote currency.
    """
    return instrument.asset_class in _BOUGHT and base_currency(instrument) != account


@dataclass(frozen=True, eq=False)
class RateSeries:
    """Rates as they became known: units of ``target`` per unit of ``source``.

    Args:
        known: when each rate was known, nanoseconds UTC, strictly ascending.
        rates: finite and above 0.
        origin: where they come from, in words.
        quoted: the moment whose prices each rate tells; None for ``known``. Of two series that were crossed it is that
            of the older price, so that one that ended long ago does not pass for fresh.

    Raises:
        DataError: no rate, times out of order, or a rate that is none.
    """

    source: str
    target: str
    known: Times
    rates: Floats
    origin: str
    quoted: Times | None = None

    def __post_init__(self) -> None:
        if not len(self.known):
            raise DataError("there is no rate", where=self.origin, remedy=f"bring {self.target} per {self.source}")
        if len(self.known) != len(self.rates) or not bool(np.all(self.known[1:] > self.known[:-1])):
            raise DataError("times of rates do not ascend", where=self.origin, remedy="sort them, drop doubles")
        good = np.isfinite(self.rates) & (self.rates > 0.0)
        if not good.all():
            first = int(np.argmin(good))
            raise DataError(
                f"the rate of {shown(self.known[first])} is {self.rates[first]}",
                where=self.origin,
                remedy=f"a rate is a number above 0: {self.target} per {self.source}",
            )

    def inverse(self) -> RateSeries:
        """The same rates the other way round."""
        return RateSeries(self.target, self.source, self.known, 1.0 / self.rates, f"1/{self.origin}", self.quoted)

    def through(self, other: RateSeries) -> RateSeries:
        """The rates crossed with those of ``other``, whose source is the target of these: known when both are."""
        known = np.union1d(self.known, other.known)
        known = known[known >= max(self.known[0], other.known[0])]
        mine, theirs = self._rows(known), other._rows(known)
        crossed = self.rates[mine] * other.rates[theirs]
        quoted = np.minimum(self._quoted[mine], other._quoted[theirs])
        return RateSeries(self.source, other.target, known, crossed, f"{self.origin} x {other.origin}", quoted)

    def at(self, moments: Times) -> tuple[Floats, Floats]:
        """The newest rate known at each moment and its age in days; both NaN before the first."""
        rows = self._rows(moments)
        before = rows < 0
        return (
            np.where(before, np.nan, self.rates[rows]),
            np.where(before, np.nan, (moments - self._quoted[rows]) / _DAY),
        )

    @property
    def _quoted(self) -> Times:
        return self.known if self.quoted is None else self.quoted

    def _rows(self, moments: Times) -> Times:
        """The row of the newest rate known at each moment; -1 before the first."""
        return np.searchsorted(self.known, moments, side="right") - 1


def shown(moment: int | np.int64) -> str:
    """A moment (nanoseconds UTC) as people read it, to the minute."""
    text = np.datetime_as_string(np.datetime64(int(moment), "ns"), unit="m")
    return f"{str(text).replace('T', ' ')} UTC"
