"""Signals of the strategy in force: decided on the newest bars, in the view of the backtest, priced raw."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.compose import compose
from conf.schema.settings import Settings
from runtime import research, signals
from runtime.container import Container
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest.decisions import feature_values
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.signal import SignalAction
from tradewright.research.signals import features_at

NOW = pd.Timestamp("2026-03-02 22:00", tz="UTC").to_pydatetime()
DAYS = pd.bdate_range("2025-11-03", "2026-02-27")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """AAPL rising by a unit a day at 14:30 UTC, with a 2:1 split in the middle that the factors undo."""
    overrides = [
        f"storage.root={tmp_path}",
        "feed=files",
        "universe.instruments=[AAPL]",
        "universe.timeframe=1d",
        "strategy=buy_and_hold",
    ]
    settings = compose(overrides)
    store = Container(settings, ManualClock(NOW)).bar_store
    close = np.arange(100.0, 100.0 + len(DAYS))
    close[len(DAYS) // 2 :] /= 2
    frame = pd.DataFrame({"ts": DAYS.tz_localize("UTC") + pd.Timedelta(hours=14, minutes=30), "open": close})
    frame = frame.assign(high=close, low=close, close=close, volume=1e6, spread=1.0)
    store.upsert("AAPL", Timeframe.D1, BarKind.TRADE, frame)
    last_old = DAYS[len(DAYS) // 2 - 1]
    factors = {"date": [last_old, pd.Timestamp("2050-12-31")], "price_factor": [1.0, 1.0], "split_factor": [0.5, 1.0]}
    store.actions.write_factors("AAPL", pd.DataFrame({**factors, "reference_price": [0.0, 0.0]}))
    return settings


def test_prices_of_a_signal_are_raw_whatever_the_backtest_looks_at(settings: Settings) -> None:
    (signal,) = signals.newest_signals(Container(settings, ManualClock(NOW)))
    assert signal.candidate_action is SignalAction.BUY
    assert signal.bar_ts == DAYS[0].tz_localize("UTC") + pd.Timedelta(hours=14, minutes=30)
    assert signal.price == Decimal(100), "the raw close of its bar, not the adjusted 50"
    assert signal.timeframe is Timeframe.D1


def test_the_span_of_a_backtest_does_not_hide_the_newest_bars(settings: Settings) -> None:
    plain = settings.backtest.model_copy(update={"end": pd.Timestamp("2025-11-20").date(), "instruments": ("MSFT",)})
    spanned = settings.model_copy(update={"backtest": plain})
    (signal,) = signals.newest_signals(Container(spanned, ManualClock(NOW)))
    (whole,) = signals.newest_signals(Container(settings, ManualClock(NOW)))
    assert (signal.instrument, signal.data_hash) == ("AAPL", whole.data_hash)


def test_the_intent_that_follows_is_in_raw_units_too(settings: Settings) -> None:
    (signal,) = signals.newest_signals(Container(settings, ManualClock(NOW)))
    assert research.tables(Container(settings, ManualClock(NOW)))["AAPL"].bars.close[0] == 50.0
    assert signal.price == 2 * Decimal(50)


def test_features_are_the_values_of_that_bar_or_none() -> None:
    ts, close = np.arange(4) * 60 * 10**9, np.array([10.0, 11.0, 15.0, 99.0])
    bars = Bars(ts, close, close, close, close, np.ones(4), np.ones(4))
    table = feature_values(SmaCrossover(2, 3), bars)
    assert features_at(table, 2) == {"sma(2)": 13.0, "sma(3)": 12.0}
    assert features_at(table, 1) == {"sma(2)": 10.5, "sma(3)": None}
