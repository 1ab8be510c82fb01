"""Longer bars against pandas, which groups them by its own means: every pair of timeframes, holes, sessions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table, tables
from tradewright.calendars.registry import calendar
from tradewright.formats.resample import Sessions, resample
from tradewright.model.bar_rules import bars_of, intact
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

LENGTHS = {"1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "1h", "2h": "2h", "4h": "4h", "1d": "24h"}
PAIRS = [(Timeframe(a), Timeframe(b)) for a in LENGTHS for b in LENGTHS if Timeframe(a).makes(Timeframe(b))]
HOW = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum", "spread": "mean"}


def witness(frame: pd.DataFrame, target: Timeframe) -> pd.DataFrame:
    """What pandas makes of it: bins from midnight UTC, empty ones left out."""
    bins = frame.set_index("ts").resample(LENGTHS[target], origin="epoch")
    found = bins.agg(HOW)[bins["close"].count() > 0]
    return found.reset_index()


def sparse_witness(frame: pd.DataFrame, target: Timeframe) -> pd.DataFrame:
    """The same without the empty bins, of which a year has many."""
    return frame.groupby(frame["ts"].dt.floor(LENGTHS[target])).agg(HOW).reset_index()


def agree(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    exact = ["ts", "open", "high", "low", "close"]
    pd.testing.assert_frame_equal(found[exact], wanted[exact], check_freq=False)
    np.testing.assert_allclose(found["volume"], wanted["volume"], rtol=1e-12)
    np.testing.assert_allclose(found["spread"], wanted["spread"], rtol=1e-12, atol=1e-12)


def holed(rows: int, step: str, seed: int) -> pd.DataFrame:
    """A random walk with a third of its bars and half of its spreads missing."""
    rng = np.random.default_rng(seed)
    frame = bars_table(rows, "2024-02-27 22:00", step, seed)
    frame["spread"] = np.where(rng.random(rows) < 0.5, rng.uniform(0, 5, rows), np.nan)
    return frame[rng.random(rows) < 0.67].reset_index(drop=True)


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_pandas_makes_the_same_bars(source: Timeframe, target: Timeframe) -> None:
    step = LENGTHS[source]
    for seed in range(3):
        frame = holed(2000, step, seed)
        frame["ts"] = frame["ts"].dt.floor(step)
        found = resample(frame, source, target)
        agree(found, witness(frame, target))
        assert intact(bars_of(found), target)
        assert len(found) < len(frame)


@settings(max_examples=60)
@given(tables(most=40), st.sampled_from([Timeframe(name) for name in LENGTHS if name != "1m"]))
def test_pandas_makes_the_same_bars_of_any_table(minutes: pd.DataFrame, target: Timeframe) -> None:
    found = resample(minutes, Timeframe.M1, target)
    if len(minutes):
        agree(found, sparse_witness(minutes, target))
    else:
        assert found.empty


@settings(max_examples=60)
@given(tables(most=40), st.sampled_from([Timeframe.M5, Timeframe.H1, Timeframe.D1]))
def test_what_is_summed_and_what_is_extreme_is_kept(minutes: pd.DataFrame, target: Timeframe) -> None:
    found = resample(minutes, Timeframe.M1, target)
    assert found["volume"].sum() == pytest.approx(minutes["volume"].sum())
    if len(minutes):
        assert (found["high"].max(), found["low"].min()) == (minutes["high"].max(), minutes["low"].min())
        assert (found["open"].iloc[0], found["close"].iloc[-1]) == (minutes["open"].iloc[0], minutes["close"].iloc[-1])


def test_the_input_is_left_as_it_was() -> None:
    frame = holed(500, "1min", 1)
    before = frame.copy()
    resample(frame, Timeframe.M1, Timeframe.H1)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("timeframe", Timeframe)
def test_no_timeframe_is_made_of_itself_or_of_a_longer_one(timeframe: Timeframe) -> None:
    for target in Timeframe:
        if target.seconds <= timeframe.seconds:
            with pytest.raises(DataError, match=f"{target} bars cannot be made from {timeframe} bars") as refusal:
                resample(bars_table(0), timeframe, target)
            assert refusal.value.remedy == "choose a longer timeframe"


@pytest.mark.parametrize("name", ["XNYS", "XHKG", "24/5"])
@pytest.mark.parametrize("month", ["2024-03", "2024-10", "2023-11"])
def test_daily_bars_of_sessions_are_those_of_a_search_by_hand(name: str, month: str) -> None:
    """Months with changes of the clocks, half days and holidays; a bar between two sessions is nobody's."""
    market = calendar(name)
    start = pd.Timestamp(month, tz="UTC")
    end = start + pd.offsets.MonthEnd(1)
    frame = holed(int((end - start) / pd.Timedelta("15min")), "15min", 5)
    frame["ts"] += (start - frame["ts"].iloc[0]).floor("15min")
    opens, closes = market.session_bounds(str(start.date()), str(end.date()))
    found = resample(frame, Timeframe.M15, Timeframe.D1, Sessions(opens, closes))
    stamps = frame["ts"].astype(np.int64)
    rows = []
    for opened, closed in zip(opens, closes, strict=True):
        part = frame[(stamps >= opened) & (stamps < closed)]
        if len(part):
            spread = part["spread"].mean()
            rows.append((opened, part["open"].iloc[0], part["high"].max(), part["low"].min(), part["close"].iloc[-1],
                         part["volume"].sum(), spread))  # fmt: skip
    assert found["ts"].astype(np.int64).tolist() == [row[0] for row in rows]
    np.testing.assert_allclose(found.iloc[:, 1:].to_numpy(), np.array([row[1:] for row in rows]), rtol=1e-12)
    if name == "24/5":
        assert found["volume"].sum() <= frame["volume"].sum()
    else:
        assert found["volume"].sum() < frame["volume"].sum() / 2


def test_sessions_matter_to_daily_bars_alone() -> None:
    frame = holed(300, "1min", 2)
    none = Sessions(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
    agree(resample(frame, Timeframe.M1, Timeframe.H1, none), witness(frame, Timeframe.H1))
    assert resample(frame, Timeframe.M1, Timeframe.D1, none).empty


def test_the_close_of_a_session_is_outside_it() -> None:
    frame = bars_table(3, "2024-03-08 14:30")
    ts = frame["ts"].astype(np.int64).to_numpy()
    found = resample(frame, Timeframe.M1, Timeframe.D1, Sessions(ts[:1], ts[2:]))
    assert found["close"].tolist() == [frame["close"][1]]
    assert found["ts"].tolist() == [frame["ts"][0]]
