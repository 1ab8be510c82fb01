"""Longer bars by sessions: against pandas' own grouping, the vendor's days, and against bars that were known later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tradewright.calendars.calendar import Calendar
from tradewright.calendars.registry import calendar
from tradewright.calendars.resampling import resampled
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.tabular import read_feather
from tradewright.model.bar_rules import bars_of, frame_of, intact, select
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

M1, M30, H1, H2, H4, D1, W1, MO1 = (Timeframe(name) for name in ("1m", "30m", "1h", "2h", "4h", "1d", "1w", "1mo"))
ZONES = {
    "XNYS": "America/New_York",
    "XHKG": "Asia/Hong_Kong",
    "CMES": "America/Chicago",
    "24/5": "America/New_York",
    "24/7": "UTC",
}
EVENING = {"CMES": 7, "24/5": 7}
"""Hours from the opening to midnight of markets that open on the evening before."""


def random_bars(ts: np.ndarray, seed: int = 1) -> Bars:
    """A random walk at these starts, with some unknown spreads."""
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, len(ts))))
    opens = np.concatenate([[100.0], close[:-1]])[: len(ts)]
    spread = np.where(rng.random(len(ts)) < 0.3, np.nan, rng.uniform(1, 5, len(ts)))
    return Bars(
        ts,
        opens,
        np.maximum(opens, close) + 0.01,
        np.minimum(opens, close) - 0.01,
        close,
        rng.uniform(1, 9, len(ts)),
        spread,
    )


def complete(market: Calendar, timeframe: Timeframe, start: str, end: str) -> Bars:
    return random_bars(market.grid(timeframe, pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC")))


def witness(name: str, bars: Bars, target: Timeframe) -> pd.DataFrame:
    """Groups by the date on the exchange's clock, which turns at the opening where that is on the evening before."""
    frame = frame_of(bars)
    local = frame["ts"].dt.tz_convert(ZONES[name]).dt.tz_localize(None) + pd.Timedelta(hours=EVENING.get(name, 0))
    key = local.dt.to_period({D1: "D", W1: "W", MO1: "M"}[target])
    groups = frame.groupby(key)
    found = groups.agg({"ts": "first", "open": "first", "high": "max", "low": "min", "close": "last", "spread": "mean"})
    found.insert(5, "volume", groups["volume"].sum(min_count=1))
    return found.reset_index(drop=True)


def same(found: Bars, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(frame_of(found), wanted, check_freq=False, rtol=1e-12)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("source", [M30, H1, D1])
@pytest.mark.parametrize("target", [D1, W1, MO1])
def test_sessions_against_pandas(name: str, source: Timeframe, target: Timeframe) -> None:
    if source is target:
        return
    market = calendar(name)
    bars = complete(market, source, "2023-10-02", "2024-03-30")
    found, wanted = resampled(market, bars, source, target), witness(name, bars, target)
    first = 1 if name in EVENING or target is not D1 else 0  # the first of them began before the bars do
    kept = wanted[(wanted["ts"] >= frame_of(found)["ts"].iloc[0])].reset_index(drop=True)
    assert len(wanted) - len(kept) <= first
    assert len(kept) - len(found.ts) <= 1
    same(found, kept.iloc[: len(found.ts)])
    assert intact(found, target)
    closes = [market.bar_close(target, int(start)) for start in found.ts]
    assert closes[-1] <= market.bar_close(source, int(bars.ts[-1]))


@pytest.mark.parametrize("name", ["XNYS", "XHKG", "CMES", "24/7"])
@pytest.mark.parametrize("target", [H1, H2, H4])
def test_intraday_bars_are_the_grid_s_and_each_source_bar_is_in_one(name: str, target: Timeframe) -> None:
    market = calendar(name)
    bars = complete(market, M30, "2024-02-01", "2024-02-20")
    found = resampled(market, bars, M30, target)
    grid = market.grid(target, pd.Timestamp("2024-02-01", tz="UTC"), pd.Timestamp("2024-02-20", tz="UTC"))
    assert found.ts.tolist() == [start for start in grid.tolist() if found.ts[0] <= start <= found.ts[-1]]
    assert len(grid) - len(found.ts) <= 2
    rows = np.searchsorted(found.ts, bars.ts, "right") - 1
    for row in range(len(found.ts)):
        own = select(bars, rows == row) if row < len(found.ts) - 1 else None
        if own is not None:
            assert (found.open[row], found.close[row]) == (own.open[0], own.close[-1])
            assert found.volume[row] == pytest.approx(own.volume.sum())


def test_a_half_day_ends_in_a_short_bar() -> None:
    market = calendar("XNYS")
    bars = complete(market, M30, "2024-11-27 14:00", "2024-12-02 23:00")
    found = frame_of(resampled(market, bars, M30, H2))
    friday = found[found["ts"].dt.day == 29]["ts"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert friday.tolist() == ["09:30", "11:30"]


def test_hours_of_the_clock_make_bars_of_the_clock_and_whole_days() -> None:
    """Its first hour, 14:00 UTC, begins half an hour before the opening, and is of the day all the same."""
    market = calendar("XNYS")
    starts = pd.date_range("2024-02-05", "2024-02-10", freq="1h", tz="UTC").as_unit("ns")
    session = starts[(starts.hour >= 14) & (starts.hour <= 20)]
    bars = random_bars(session.asi8)
    days, twos = resampled(market, bars, H1, D1), frame_of(resampled(market, bars, H1, H2))
    assert days.open.tolist() == bars.open[::7].tolist()
    assert days.ts.tolist() == market.opens[np.searchsorted(market.opens, days.ts[0]) :][:5].tolist()
    assert set(twos["ts"].dt.hour) == {14, 16, 18, 20}


def test_extended_hours_are_no_part_of_the_day() -> None:
    market = calendar("XNYS")
    minutes = pd.date_range("2024-02-05 09:00", "2024-02-06 01:00", freq="1min", tz="UTC").as_unit("ns")
    bars = random_bars(minutes.asi8)
    day = resampled(market, bars, M1, D1)
    regular = select(
        bars,
        (minutes >= pd.Timestamp("2024-02-05 14:30", tz="UTC"))
        & (minutes < pd.Timestamp("2024-02-05 21:00", tz="UTC")),
    )
    assert (day.open[0], day.high[0], day.close[0]) == (regular.open[0], regular.high.max(), regular.close[-1])
    hours = frame_of(resampled(market, bars, M1, H1))
    assert hours["ts"].dt.strftime("%H:%M").tolist() == ["14:30", "15:30", "16:30", "17:30", "18:30", "19:30", "20:30"]
    assert hours["close"].iloc[-1] == regular.close[-1]


@pytest.mark.parametrize("target", [H1, D1, W1])
def test_a_bar_never_changes_by_source_bars_that_come_later(target: Timeframe) -> None:
    """As each source bar comes in, the bars that are there are those of the end, and each is there from its close."""
    market = calendar("XNYS")
    bars = complete(market, M30, "2024-02-01 14:30", "2024-02-21 22:00")
    whole = frame_of(resampled(market, bars, M30, target))
    closes = np.array([market.bar_close(target, int(start)) for start in whole["ts"].astype(np.int64)])
    for count in range(1, len(bars.ts), 7):
        known = frame_of(resampled(market, select(bars, slice(0, count)), M30, target))
        now = market.bar_close(M30, int(bars.ts[count - 1]))
        pd.testing.assert_frame_equal(known, whole[closes <= now])


def test_a_week_without_its_last_day_is_not_shown_until_a_later_bar_is_there() -> None:
    market = calendar("XNYS")
    days = complete(market, D1, "2024-01-08", "2024-02-03")
    lacking = select(days, slice(0, -1))
    assert len(resampled(market, lacking, D1, W1).ts) == 3
    later = select(days, np.arange(len(days.ts)) != 9)  # the Friday of the second week is a hole, not the end
    assert len(resampled(market, later, D1, W1).ts) == 4


def test_unknown_stays_unknown() -> None:
    market = calendar("24/7")
    days = complete(market, D1, "2024-01-01", "2024-01-29")
    unknown = days._replace(
        volume=np.where(np.arange(len(days.ts)) == 3, np.nan, days.volume), spread=np.full(len(days.ts), np.nan)
    )
    weeks = resampled(market, unknown, D1, W1)
    assert np.isnan(weeks.volume).tolist() == [True, False, False, False]
    assert np.isnan(weeks.spread).all()


def test_a_sunday_evening_of_a_vendor_counts_to_the_week_that_begins() -> None:
    market = calendar("24/5")
    dates = pd.DatetimeIndex(
        ["2024-03-08", "2024-03-10", "2024-03-11", "2024-03-12", "2024-03-13", "2024-03-14", "2024-03-15"]
    )
    bars = random_bars(market.daily_starts(dates).as_unit("ns").asi8)
    weeks = resampled(market, bars, D1, W1)
    assert weeks.open.tolist() == [bars.open[1]]
    assert weeks.close.tolist() == [bars.close[-1]]


def test_before_the_calendar_s_first_session_nothing_is_lost() -> None:
    market = calendar("XNYS")
    ts = market.daily_starts(pd.bdate_range("1980-01-07", "1980-02-01")).as_unit("ns").asi8
    weeks = resampled(market, random_bars(ts), D1, W1)
    assert len(weeks.ts) >= 3


def test_nothing_is_made_of_nothing_nor_of_what_does_not_add_up() -> None:
    market = calendar("XNYS")
    empty = select(complete(market, D1, "2024-01-08", "2024-02-03"), slice(0, 0))
    assert len(resampled(market, empty, D1, W1).ts) == 0
    with pytest.raises(DataError, match="1mo bars cannot be made from 1w bars"):
        resampled(market, empty, W1, MO1)


def test_a_vendor_s_minutes_make_its_days_and_hours_its_own_longer_bars(real_data: Path) -> None:
    data, spy = real_data / "lean" / "Data", Instrument(symbol="SPY", asset_class=AssetClass.ETF)
    market = calendar("XNYS")
    minutes, days = (
        bars_of(read_lean(data, spy, each, opens=market.daily_starts).frame) for each in (Timeframe.M1, D1)
    )
    found = resampled(market, minutes, M1, D1)
    row = np.searchsorted(days.ts, found.ts)
    assert len(found.ts) == 6
    np.testing.assert_array_equal(days.ts[row], found.ts)
    np.testing.assert_array_equal(days.open[row], found.open)
    np.testing.assert_array_equal(days.close[row], found.close)
    weeks = resampled(market, days, D1, W1)
    same(weeks, witness("XNYS", days, W1).iloc[-len(weeks.ts) - 1 :].merge(frame_of(weeks)[["ts"]], on="ts"))


def test_a_crypto_vendor_s_bars(real_data: Path) -> None:
    folder = real_data / "freqtrade" / "tests" / "testdata"
    minutes = bars_of(read_feather(folder / "XRP_ETH-1m.feather", M1).frame)
    fives = bars_of(read_feather(folder / "XRP_ETH-5m.feather", Timeframe.M5).frame)
    found = resampled(calendar("24/7"), minutes, M1, Timeframe.M5)
    same(found, frame_of(fives).merge(frame_of(found)[["ts"]], on="ts"))
    assert len(found.ts) >= len(fives.ts) - 2
