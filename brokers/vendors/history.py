"""The port that the protocol of a vendor fills: questions, candles, and what is served."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

import numpy as np
import pandas as pd

from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

_HOUR = pd.Timedelta(hours=1)


class Candle(NamedTuple):
    """One bar as a vendor tells it, in our units.

    Args:
        start: nanoseconds since 1970 UTC; of a daily bar, midnight UTC of the date of its session.
        volume: in units of the instrument; NaN where the vendor counts something else.
        spread: mean relative spread in basis points; NaN where it is not told.
    """

    start: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float


class Ask(NamedTuple):
    """One question to a vendor: the bars of an instrument that start from ``first`` to ``last``, both included.

    Args:
        symbol: the vendor's name of the instrument.
        first, last: in UTC; of daily bars, midnight UTC of the dates of their sessions.
    """

    instrument: Instrument
    symbol: str
    timeframe: Timeframe
    first: datetime
    last: datetime


class History(Protocol):
    """The protocol of one vendor."""

    name: str

    def symbol(self, instrument: Instrument) -> str:
        """The vendor's name of an instrument.

        Raises:
            DataError: for an instrument of a class that the vendor does not serve.
        """
        ...

    def kind_of(self, instrument: Instrument) -> BarKind | None:
        """The kind of the candles of an instrument; see :meth:`tradewright.model.ports.Feed.kind_of`."""
        ...

    def spans(self, instrument: Instrument) -> Mapping[Timeframe, timedelta]:
        """The timeframes that are asked for as they are, each with the longest span of one question.

        Every other timeframe is made of these; one that is shorter than all of them is refused.
        """
        ...

    def candles(self, ask: Ask) -> Iterator[Candle]:
        """The candles of a span, and maybe of some around it.

        Raises:
            DataError: when the vendor does not know the instrument, refuses, or answers otherwise than it should.
        """
        ...


def served(symbol: str, instrument: Instrument, vendor: str, classes: Collection[AssetClass]) -> str:
    """The vendor's name of an instrument: that of ``venue_symbols``, else ``symbol``.

    Raises:
        DataError: where the vendor serves no instruments of its class.
    """
    if instrument.asset_class not in classes:
        raise DataError(
            f"{vendor} serves no {instrument.asset_class}, only {', '.join(sorted(classes))}",
            where=instrument.symbol,
            remedy="take another feed, or import its bars from files",
        )
    return instrument.venue_symbols.get(vendor, symbol)


def unknown(ask: Ask, vendor: str) -> DataError:
    """The error that a vendor does not know an instrument."""
    return DataError(
        f"{vendor} knows no {ask.symbol!r}",
        where=ask.instrument.symbol,
        remedy=f"set venue_symbols: {{{vendor}: NAME}} of {ask.instrument.symbol} in conf/instruments",
    )


def has_utc_days(instrument: Instrument) -> bool:
    """Whether the days of an instrument are those of UTC."""
    return calendar_of(instrument).utc_days


def opens_at_full_hours(instrument: Instrument) -> bool:
    """Whether hours by the clock are hours of the session: not where New York opens at 09:30."""
    market = calendar_of(instrument)
    return market.utc_days or market.table.nominal_open % _HOUR == pd.Timedelta(0)


def midnight(date: np.datetime64) -> int:
    """Midnight UTC of a date in nanoseconds: the start of a daily candle."""
    return int(date.astype("datetime64[ns]").astype(np.int64))
