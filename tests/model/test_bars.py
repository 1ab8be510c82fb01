"""Timeframes, bars as arrays, and the table contract's own words."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tradewright.model.bar_rules import bad_rows, bars_of, frame_of, grid_nanoseconds, intact, select, violations
from tradewright.model.bars import OHLCV, BarKind, Bars, PriceView, Timeframe
from tradewright.model.errors import DataError

MINUTE = 60 * 10**9


def bars(count: int = 6) -> Bars:
    close = 100.0 + np.arange(count)
    ts = 1_767_600_000 * 10**9 + MINUTE * np.arange(count, dtype=np.int64)
    return Bars(ts, close, close + 1, close - 1, close, np.full(count, 10.0), np.full(count, np.nan))


def test_the_lengths_of_the_timeframes() -> None:
    lengths = [60, 5 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 24 * 3600, 7 * 24 * 3600, 31 * 24 * 3600]
    assert [frame.seconds for frame in Timeframe] == lengths
    assert [frame.value for frame in Timeframe] == ["1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1mo"]
    with pytest.raises(ValueError, match="2m"):
        Timeframe("2m")


def test_the_words_of_kinds_and_views() -> None:
    assert {kind.value for kind in BarKind} == {"trade", "quote"}
    assert {view.value for view in PriceView} == {"raw", "split_adjusted", "total_return"}


def test_head_is_what_was_known_when_a_bar_closed() -> None:
    whole = bars()
    for count in range(7):
        part = whole.head(count)
        assert [len(column) for column in part] == [count] * 7
        for name in Bars._fields:
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:count])


def test_head_beyond_the_end_is_everything() -> None:
    assert len(bars(3).head(10).ts) == 3


@pytest.mark.parametrize("unit", ["ns", "us", "ms", "s"])
def test_times_of_any_resolution_become_nanoseconds(unit: str) -> None:
    stamps = pd.DatetimeIndex(["2026-01-05T14:30:00Z", "2026-01-05T14:31:00Z"]).as_unit(unit)
    frame = pd.DataFrame({"ts": stamps, **{name: [1.0, 2.0] for name in OHLCV}})
    made = Bars.from_frame(frame)
    assert made.ts.dtype == np.int64
    assert made.ts.tolist() == [1_767_623_400 * 10**9, 1_767_623_460 * 10**9]


def test_times_of_another_zone_are_the_same_moments() -> None:
    stamps = pd.DatetimeIndex(["2026-01-05T09:30:00"]).tz_localize("America/New_York")
    made = Bars.from_frame(pd.DataFrame({"ts": stamps, **{name: [1.0] for name in OHLCV}}))
    assert made.ts.tolist() == [1_767_623_400 * 10**9]


def test_an_unknown_spread_is_nan_and_integers_become_floats() -> None:
    stamps = pd.DatetimeIndex(["2026-01-05T14:30:00Z"])
    made = Bars.from_frame(pd.DataFrame({"ts": stamps, **{name: [3] for name in OHLCV}}))
    assert np.isnan(made.spread).all()
    assert all(column.dtype == np.float64 for column in made[1:])
    assert all(column.flags.c_contiguous for column in made)


def test_bars_survive_the_way_through_a_table() -> None:
    for before in (bars(), bars(1), bars(0)):
        after = bars_of(frame_of(before))
        for one, other in zip(before, after, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("missing", ["ts", *OHLCV])
def test_a_missing_column_is_named_with_those_that_are_there(missing: str) -> None:
    frame = frame_of(bars()).drop(columns=missing)
    with pytest.raises(DataError) as caught:
        bars_of(frame, "prices.csv")
    assert caught.value.where == "prices.csv"
    assert f"missing column {missing}" in caught.value.what
    assert "spread" in caught.value.what
    assert "a bars table has ts" in caught.value.remedy


def test_a_table_without_any_column_says_so() -> None:
    with pytest.raises(DataError, match="it has none"):
        bars_of(pd.DataFrame())


@pytest.mark.parametrize("name", ["close", "spread"])
def test_a_column_of_words_is_refused_by_name(name: str) -> None:
    frame = frame_of(bars()).astype({name: "str"})
    with pytest.raises(DataError, match=f"column {name} is"):
        bars_of(frame)


def test_selecting_by_mask_positions_and_slice_agree() -> None:
    whole = bars()
    mask = np.array([False, True, False, True, True, False])
    for one, other in zip(select(whole, mask), select(whole, np.flatnonzero(mask)), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(select(whole, slice(0, 2)), whole.head(2), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("timeframe", "seconds"),
    [
        ("1m", 60),
        ("5m", 300),
        ("15m", 900),
        ("30m", 1800),
        ("1h", 1800),
        ("2h", 1800),
        ("4h", 1800),
        ("1d", 1),
        ("1w", 1),
    ],
)
def test_the_grid_of_each_timeframe(timeframe: str, seconds: int) -> None:
    assert grid_nanoseconds(Timeframe(timeframe)) == seconds * 10**9


def broken(column: str, row: int, value: float) -> Bars:
    table = bars()
    getattr(table, column)[row] = value
    return table


@pytest.mark.parametrize(
    ("column", "value", "rules"),
    [
        ("close", 0.0, {"a price is positive", "the low is not above open and close"}),
        ("open", np.nan, {"a value is a finite number"}),
        ("volume", -1.0, {"a volume is not negative"}),
        ("volume", np.inf, {"a volume is finite or unknown"}),
        ("spread", np.inf, {"a spread is finite or unknown"}),
        ("high", 50.0, {"the high is not below the low", "the high is not below open and close"}),
        ("low", 150.0, {"the high is not below the low", "the low is not above open and close"}),
    ],
)
def test_each_broken_value_is_named_by_row_and_can_be_dropped(column: str, value: float, rules: set[str]) -> None:
    table = broken(column, 3, value)
    found = violations(table, Timeframe.M1)
    assert not intact(table, Timeframe.M1)
    assert {violation.rule for violation in found} == rules
    assert all(violation.rows == (3,) and violation.total == 1 for violation in found)
    bad = bad_rows(table, Timeframe.M1)
    assert bad.tolist() == [row == 3 for row in range(6)]
    assert intact(select(table, ~bad), Timeframe.M1)


def test_at_most_five_rows_are_named_and_all_are_counted() -> None:
    table = bars(9)
    table.volume[:] = -1.0
    (violation,) = violations(table, Timeframe.M1)
    assert (violation.total, violation.rows, violation.values) == (9, (0, 1, 2, 3, 4), ("-1.0",) * 5)


def test_a_stamp_is_named_as_a_time() -> None:
    table = bars()
    table.ts[2] = table.ts[1]
    (violation,) = violations(table, Timeframe.M1)
    assert (violation.rule, violation.rows) == ("a time stamp occurs once", (2,))
    assert violation.values == (pd.Timestamp(int(table.ts[1]), tz="UTC").isoformat(),)
