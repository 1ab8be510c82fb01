"""Instruments: what can be traded and in which steps; former tickers; the columns of corporate actions."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import NamedTuple

from pydantic import Field

from tradewright.model.bars import BarKind
from tradewright.model.base import FrozenModel, Name, Number, Positive
from tradewright.model.market_hours import MarketHours


class AssetClass(StrEnum):
    """The class of an instrument."""

    STOCK = "stock"
    ETF = "etf"
    INDEX = "index"
    FOREX = "forex"
    CRYPTO = "crypto"
    FUTURE = "future"
    CFD = "cfd"
    METAL = "metal"


class Instrument(FrozenModel):
    """One thing that can be traded.

    Args:
        symbol: our name of it, a string always (``"ON"``, not the YAML truth value).
        tick_size: the smallest price step, in the quote currency.
        lot_size: the smallest quantity step, in units; 1 means whole units, 0.0001 allows fractions.
        multiplier: money per unit and price point.
        calendar: an ``exchange_calendars`` name, ``24/7``, ``24/5``, or one that ``conf/calendars`` declares.
        hours: corrections of that calendar; the configuration fills them in from ``conf/calendars``.
        venue_symbols: the name of it at each venue (``{"ibkr": "BTC.USD-PAXOS"}``); our symbol where absent.
        default_spread_bps: the spread assumed where the data has none.
        bar_kind: the kind of stored bars that is read of it, ``trade`` or ``quote``; None takes the only stored one.
        feed: the file of ``conf/feed`` from which its bars come; None takes the feed in force.
        negative_prices: whether a price at or below zero is legitimate (a few futures).
    """

    symbol: Name
    asset_class: AssetClass
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3,5}$")
    exchange: str = "SMART"
    calendar: str = "XNYS"
    hours: MarketHours | None = None
    tick_size: Positive = Decimal("0.01")
    lot_size: Positive = Decimal(1)
    multiplier: Positive = Decimal(1)
    venue_symbols: dict[str, str] = Field(default_factory=dict)
    default_spread_bps: float = Field(default=1.0, ge=0)
    bar_kind: BarKind | None = None
    feed: Name | None = Field(default=None, exclude_if=lambda feed: feed is None)
    negative_prices: bool = False
    shortable: bool = False
    second_source: Name | None = None
    """An instrument whose bars tell the same market, from another vendor or venue: the checks compare the two."""
    liquid: bool = True
    """Liquid instruments get the narrow price collar (3 %), others the wide one (10 %)."""

    def round_quantity(self, quantity: Decimal) -> Decimal:
        """The largest whole number of lots that is not above ``quantity`` in size; the sign is kept."""
        return quantity // self.lot_size * self.lot_size

    def round_price(self, price: Decimal) -> Decimal:
        """The nearest tick, ties to even."""
        return (price / self.tick_size).to_integral_value(ROUND_HALF_EVEN) * self.tick_size

    def on_tick(self, price: Number) -> bool:
        """Whether a price is a whole number of ticks."""
        return price % self.tick_size == 0

    def on_lot(self, quantity: Number) -> bool:
        """Whether a quantity is a whole number of lots."""
        return quantity % self.lot_size == 0

    def venue_symbol(self, venue: str) -> str:
        """The instrument's name at a venue."""
        return self.venue_symbols.get(venue, self.symbol)

    def ticker(self, venue: str) -> str:
        """The last part of the instrument's name at a venue: ``GOOG`` of ``equity/usa/GOOG``."""
        return self.venue_symbol(venue).rpartition("/")[2]


FACTOR_COLUMNS = ("date", "price_factor", "split_factor", "reference_price")
"""A factor row dated D holds for every local date of the exchange <= D and later than the row before.
Total-return price = raw x price factor x split factor; split-adjusted price = raw x split factor."""


class TickerSpan(NamedTuple):
    """Under which ticker a security traded up to and including ``last``; an empty one where it did not trade."""

    last: date
    ticker: str
    exchange: str
