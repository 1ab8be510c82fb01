"""Longer bars from shorter ones, against a table made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from tests.data.tables import tables
from tradewright.formats.resample import Sessions, resample
from tradewright.model.bar_rules import bars_of, intact
from tradewright.model.bars import OHLCV, Timeframe
from tradewright.model.errors import DataError

COLUMNS = ["ts", *OHLCV, "spread"]
MINUTES = [
    ("2024-03-08 14:30", 10.0, 11.0, 9.0, 10.5, 100.0, 2.0),
    ("2024-03-08 14:31", 10.5, 12.0, 10.0, 11.0, 50.0, np.nan),
    ("2024-03-08 14:34", 11.0, 11.5, 8.0, 8.5, 25.0, 4.0),
    ("2024-03-08 14:35", 8.5, 9.0, 8.5, 9.0, 10.0, np.nan),
    ("2024-03-08 15:04", 9.0, 9.5, 7.0, 7.5, 5.0, np.nan),
    ("2024-03-09 00:00", 7.5, 7.5, 7.5, 7.5, 1.0, 6.0),
]
GOLDEN = {
    "5m": [
        ("2024-03-08 14:30", 10.0, 12.0, 8.0, 8.5, 175.0, 3.0),
        ("2024-03-08 14:35", 8.5, 9.0, 8.5, 9.0, 10.0, np.nan),
        ("2024-03-08 15:00", 9.0, 9.5, 7.0, 7.5, 5.0, np.nan),
        ("2024-03-09 00:00", 7.5, 7.5, 7.5, 7.5, 1.0, 6.0),
    ],
    "15m": [
        ("2024-03-08 14:30", 10.0, 12.0, 8.0, 9.0, 185.0, 3.0),
        ("2024-03-08 15:00", 9.0, 9.5, 7.0, 7.5, 5.0, np.nan),
        ("2024-03-09 00:00", 7.5, 7.5, 7.5, 7.5, 1.0, 6.0),
    ],
    "1h": [
        ("2024-03-08 14:00", 10.0, 12.0, 8.0, 9.0, 185.0, 3.0),
        ("2024-03-08 15:00", 9.0, 9.5, 7.0, 7.5, 5.0, np.nan),
        ("2024-03-09 00:00", 7.5, 7.5, 7.5, 7.5, 1.0, 6.0),
    ],
    "4h": [
        ("2024-03-08 12:00", 10.0, 12.0, 7.0, 7.5, 190.0, 3.0),
        ("2024-03-09 00:00", 7.5, 7.5, 7.5, 7.5, 1.0, 6.0),
    ],
    "1d": [
        ("2024-03-08 00:00", 10.0, 12.0, 7.0, 7.5, 190.0, 3.0),
        ("2024-03-09 00:00", 7.5, 7.5, 7.5, 7.5, 1.0, 6.0),
    ],
}


def table(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return frame.assign(ts=pd.to_datetime(frame["ts"], utc=True).astype("datetime64[ns, UTC]"))


@pytest.mark.parametrize("target", GOLDEN)
def test_the_golden_table(target: str) -> None:
    found = resample(table(MINUTES), Timeframe.M1, Timeframe(target))
    pd.testing.assert_frame_equal(found, table(GOLDEN[target]))


def test_daily_bars_take_their_sessions_alone() -> None:
    opens = table([("2024-03-07 14:30", *[0.0] * 6), ("2024-03-08 14:30", *[0.0] * 6)])["ts"]
    bounds = Sessions(opens.astype(np.int64).to_numpy(), (opens + pd.Timedelta(minutes=34)).astype(np.int64).to_numpy())
    found = resample(table(MINUTES), Timeframe.M1, Timeframe.D1, bounds)
    pd.testing.assert_frame_equal(found, table([("2024-03-08 14:30", 10.0, 12.0, 8.0, 9.0, 185.0, 3.0)]))
    none = Sessions(bounds.opens[:0], bounds.closes[:0])
    assert resample(table(MINUTES), Timeframe.M1, Timeframe.D1, none).empty


def test_no_bars_give_no_bars() -> None:
    empty = table(MINUTES)[:0]
    pd.testing.assert_frame_equal(resample(empty, Timeframe.M1, Timeframe.H1), empty)


def test_a_target_must_be_longer() -> None:
    with pytest.raises(DataError, match="1m bars cannot be made from 5m bars"):
        resample(table(MINUTES), Timeframe.M5, Timeframe.M1)


@settings(max_examples=60)
@given(tables(most=30))
def test_two_steps_give_what_one_gives(minutes: pd.DataFrame) -> None:
    hours = resample(minutes, Timeframe.M1, Timeframe.H1)
    twice = resample(resample(minutes, Timeframe.M1, Timeframe.M15), Timeframe.M15, Timeframe.H1)
    assert intact(bars_of(hours), Timeframe.H1)
    names = ["ts", "open", "high", "low", "close"]
    pd.testing.assert_frame_equal(hours[names], twice[names])
    np.testing.assert_allclose(hours["volume"], twice["volume"])
    pandas = minutes.set_index("ts").resample("1h")["high"].max().dropna()
    assert hours["high"].tolist() == pandas.tolist()
