"""The contract of a bars table: the fast pass and the explanation agree, and each rule can fail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.tables import bars_table, tables
from tradewright.model.bar_rules import bad_rows, bars_of, frame_of, intact, select, violations
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.errors import DataError

BREAKS = {
    "a time stamp occurs once": ("ts", lambda f: f["ts"].iloc[2]),
    "each row is later than the one before": ("ts", lambda f: f["ts"].iloc[1]),
    "a bar starts on the grid of 1m": ("ts", lambda f: f["ts"].iloc[3] + pd.Timedelta(milliseconds=17)),
    "a value is a finite number": ("close", lambda _: np.nan),
    "a price is positive": ("low", lambda _: 0.0),
    "the high is not below the low": ("high", lambda f: f["low"].iloc[3] - 1),
    "the high is not below open and close": ("high", lambda f: f["low"].iloc[3]),
    "the low is not above open and close": ("low", lambda f: f["high"].iloc[3]),
    "a volume is not negative": ("volume", lambda _: -1.0),
    "a spread is finite or unknown": ("spread", lambda _: np.inf),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_rule_is_seen_and_named_with_its_row(rule: str) -> None:
    column, value = BREAKS[rule]
    frame = bars_table(6)
    frame.loc[3, column] = value(frame)
    bars = bars_of(frame)
    assert not intact(bars, Timeframe.M1)
    found = {broken.rule: broken for broken in violations(bars, Timeframe.M1)}
    assert found[rule].rows == (3,)
    assert found[rule].total == 1
    assert found[rule].column == column
    assert bad_rows(bars, Timeframe.M1).tolist() == [False, False, False, True, False, False]


@settings(max_examples=60)
@given(tables(), st.data())
def test_fast_pass_and_explanation_always_agree(frame: pd.DataFrame, data: st.DataObject) -> None:
    bars = bars_of(frame)
    assert intact(bars, Timeframe.M1)
    assert violations(bars, Timeframe.M1) == []
    if len(frame) == 0:
        return
    row = data.draw(st.integers(0, len(frame) - 1))
    column = data.draw(st.sampled_from(Bars._fields[1:]))
    frame.loc[row, column] = data.draw(st.sampled_from([np.nan, np.inf, -np.inf, -1.0, 0.0, 1e-9, 1e12]))
    broken = bars_of(frame)
    assert intact(broken, Timeframe.M1) == (violations(broken, Timeframe.M1) == [])
    rest = select(broken, ~bad_rows(broken, Timeframe.M1))
    assert intact(rest, Timeframe.M1)


def test_a_table_survives_the_way_to_arrays_and_back() -> None:
    frame = bars_table(5)
    pd.testing.assert_frame_equal(frame_of(bars_of(frame)), frame)
    without = bars_of(frame.drop(columns="spread"))
    assert np.isnan(without.spread).all()


def test_no_bars_are_intact() -> None:
    bars = bars_of(bars_table(0))
    assert intact(bars, Timeframe.D1)
    assert violations(bars, Timeframe.D1) == []


def test_negative_prices_pass_where_they_are_legitimate() -> None:
    frame = bars_table(3)
    frame[["open", "high", "low", "close"]] -= 137.63
    assert not intact(bars_of(frame), Timeframe.M1)
    assert intact(bars_of(frame), Timeframe.M1, negative_prices=True)
    frame.loc[1, "high"] = -1e9
    found = violations(bars_of(frame), Timeframe.M1, negative_prices=True)
    assert {broken.column for broken in found} == {"high"}


@pytest.mark.parametrize(
    ("timeframe", "offset", "good"),
    [("1h", "30min", True), ("4h", "90min", True), ("1h", "20min", False), ("5m", "1min", False), ("1d", "9h", True)],
)
def test_grid_lets_sessions_open_at_half_hours(timeframe: str, offset: str, good: bool) -> None:
    frame = bars_table(1)
    frame["ts"] += pd.Timedelta(offset)
    assert intact(bars_of(frame), Timeframe(timeframe)) == good


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop(columns="volume"), "missing column volume"),
        (lambda f: f.assign(ts=f["ts"].dt.tz_localize(None)), "without a zone"),
        (lambda f: f.assign(close="x"), "not a number"),
    ],
)
def test_a_table_of_another_shape_is_refused(change: object, words: str) -> None:
    with pytest.raises(DataError, match=words) as refusal:
        bars_of(change(bars_table(2)), "vendor.csv")  # type: ignore[operator]
    assert refusal.value.where == "vendor.csv"
