"""Histories of bars by the sessions of a market: what a feed under test has to give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import Timeframe
from tradewright.model.instrument import AssetClass, Instrument

NOON = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
"""Noon in New York on a Wednesday; every market is open."""
NOW = NOON + timedelta(seconds=30)
"""The present of a feed under test: bars that began at noon still form."""
STOCK = Instrument(symbol="AAPL", asset_class=AssetClass.STOCK)
COIN = Instrument(symbol="BTC", asset_class=AssetClass.CRYPTO, calendar="24/7", lot_size=Decimal("0.00001"))
PAIR = Instrument(symbol="EURUSD", asset_class=AssetClass.FOREX, calendar="24/5", tick_size=Decimal("0.00001"))
STARTS = {Timeframe.M1: "2026-03-03 21:00", Timeframe.M15: "2026-02-18 14:30", Timeframe.M30: "2026-02-18 14:30",
          Timeframe.H1: "2026-02-18 15:00", Timeframe.D1: "2025-11-24"}  # fmt: skip


@dataclass(frozen=True)
class Market:
    """An instrument and its whole history by timeframe, as bars tables up to the bar that forms at ``NOON``."""

    instrument: Instrument
    tables: Mapping[Timeframe, pd.DataFrame]


def market(instrument: Instrument, *timeframes: Timeframe, counted: bool = True) -> Market:
    """A market of some timeframes, with prices of ten thousand ticks or so.

    Args:
        counted: whether volumes are known.
    """
    found = {}
    for timeframe in timeframes:
        grid = calendar_of(instrument).grid(timeframe, pd.Timestamp(STARTS[timeframe], tz="UTC"), pd.Timestamp(NOON))
        found[timeframe] = table(instrument, grid.tolist(), counted=counted)
    return Market(instrument, found)


def table(instrument: Instrument, starts: list[int], *, counted: bool = True) -> pd.DataFrame:
    """Bars at these starts; the same for the same starts."""
    ticks = np.random.default_rng(7).integers(-40, 40, len(starts)).cumsum() + 10_000
    tick = float(instrument.tick_size)
    close, opened = ticks * tick, np.append(10_000, ticks[:-1]) * tick
    high, low = np.maximum(close, opened) + 2 * tick, np.minimum(close, opened) - 2 * tick
    volume = np.arange(len(starts)) + 10.0 if counted else np.full(len(starts), np.nan)
    ts = pd.DatetimeIndex(np.array(starts, dtype="datetime64[ns]")).tz_localize("UTC")
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    return pd.DataFrame({"ts": ts, **{name: np.round(values, 8) for name, values in columns.items()}})
