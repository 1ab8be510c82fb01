"""A store that replays shows exactly the bars that had closed by its clock, and never one more."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewright.model.bar_rules import frame_of
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.store.bars import BarStore, NoBars
from tradewright.store.replay import ReplayBars

MINUTE = 60_000_000_000
START = pd.Timestamp("2026-11-20 14:00", tz="UTC").value
COUNT = 30


def after_a_minute(_symbol: str, _timeframe: Timeframe, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return starts + MINUTE


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bars")
    ts = START + MINUTE * np.arange(COUNT)
    prices = 100.0 + np.arange(COUNT)
    bars = Bars(ts, prices, prices, prices, prices, np.ones(COUNT), np.full(COUNT, np.nan))
    BarStore(folder).upsert("BTC", Timeframe.M1, BarKind.TRADE, frame_of(bars))
    return folder


def at(seconds: float, root: Path) -> ReplayBars:
    clock = ManualClock(datetime.fromtimestamp(START / 1e9 + seconds, UTC))
    return ReplayBars(root, clock, after_a_minute)


@given(seconds=st.floats(-120, 60 * COUNT + 120), low=st.integers(-2, COUNT + 2), length=st.integers(0, COUNT))
def test_no_bar_of_the_future_is_ever_shown(root: Path, seconds: float, low: int, length: int) -> None:
    store = at(seconds, root)
    closed = min(COUNT, max(0, int(seconds // 60)))
    start, end = (pd.Timestamp(START + MINUTE * minute, tz="UTC") for minute in (low, low + length))
    read = store.read_bars("BTC", Timeframe.M1, start=start, end=end)
    expected = list(range(max(0, low), min(closed, low + length + 1)))
    assert ((read.ts - START) // MINUTE).tolist() == expected
    covered = store.coverage("BTC", Timeframe.M1)
    assert (0 if covered is None else covered.rows) == closed
    if covered is not None:
        assert covered.last.value == START + MINUTE * (closed - 1)


def test_what_was_never_stored_is_missing_in_a_replay_too(root: Path) -> None:
    store = at(600, root)
    assert store.coverage("ETH", Timeframe.M1) is None
    with pytest.raises(NoBars):
        store.read_bars("ETH", Timeframe.M1)
