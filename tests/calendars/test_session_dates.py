"""The day of a bar: one rule from its start to the date of its session, and from a date to its trading day."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.calendars.registry import calendar
from tradewright.model.bars import Timeframe
from tradewright.quality.anomalies import gap_findings
from tradewright.store.time_range import first_instant, last_instant

NAMES = ["XNYS", "XASX", "XTKS", "CMES", "24/5", "24/7", "XHKG", "XBOM"]
H1, D1 = Timeframe.H1, Timeframe.D1


def ns(text: str, zone: str = "UTC") -> int:
    return pd.Timestamp(text, tz=zone).value


def stamps(*texts: str, zone: str = "UTC") -> np.ndarray:
    return np.array([ns(text, zone) for text in texts])


@pytest.mark.parametrize(
    ("name", "zone", "start", "day"),
    [
        ("XASX", "Australia/Sydney", "2024-02-01 10:00", "2024-02-01"),  # 23:00 UTC on 31 January
        ("CMES", "America/Chicago", "2024-01-31 17:00", "2024-02-01"),
        ("CMES", "America/Chicago", "2024-02-01 15:59", "2024-02-01"),
        ("CMES", "America/Chicago", "2024-02-04 17:00", "2024-02-05"),  # Sunday evening is Monday
        ("24/5", "America/New_York", "2024-03-31 17:00", "2024-04-01"),
        ("24/5", "America/New_York", "2024-03-29 16:59", "2024-03-29"),
        ("XNYS", "America/New_York", "2024-02-01 04:00", "2024-02-01"),  # before the opening
        ("XNYS", "America/New_York", "2024-02-01 19:30", "2024-02-01"),  # after the close, and after midnight UTC
        ("XNYS", "America/New_York", "2024-02-03 12:00", "2024-02-03"),  # a Saturday keeps its date
        ("XNYS", "America/New_York", "1962-01-02 10:00", "1962-01-02"),  # before the calendar's first year
        ("CMES", "America/Chicago", "1975-01-01 17:00", "1975-01-02"),
        ("24/7", "UTC", "2024-01-31 23:59", "2024-01-31"),
    ],
)
def test_the_day_of_a_bar(name: str, zone: str, start: str, day: str) -> None:
    assert calendar(name).session_dates(stamps(start, zone=zone)).astype(str).tolist() == [day]


@pytest.mark.parametrize("name", NAMES)
def test_a_session_has_one_date_from_its_open_to_its_close(name: str) -> None:
    market = calendar(name)
    assert (market.session_dates(market.opens) == market.days).all()
    assert (market.session_dates(market.closes - 1) == market.days).all()
    daily = market.daily_starts(pd.DatetimeIndex(market.days)).as_unit("ns").asi8
    assert (market.session_dates(daily) == market.days).all()


@settings(max_examples=60)
@given(st.sampled_from(NAMES), st.lists(st.integers(-20 * 525_600, 60 * 525_600), min_size=1, max_size=20))
def test_dates_rise_with_time_and_bounds_are_their_inverse(name: str, minutes: list[int]) -> None:
    market = calendar(name)
    ts = np.sort(np.array(minutes)) * 60_000_000_000
    dates = market.session_dates(ts)
    assert (np.diff(dates) >= np.timedelta64(0)).all()
    for start, day in zip(ts.tolist(), dates.astype(str).tolist(), strict=True):
        first, last = market.day_bounds(day)
        assert first <= start <= last
        assert market.session_dates(np.array([first, last])).astype(str).tolist() == [day, day]
        assert market.day_bounds(str(np.datetime64(day) + 1))[0] == last + 1


def test_no_bars_have_no_dates() -> None:
    assert len(calendar("XNYS").session_dates(np.empty(0, np.int64))) == 0


def test_a_span_of_dates_means_trading_days() -> None:
    sydney = calendar("XASX").day_bounds
    assert first_instant("2024-02-01", sydney) == ns("2024-02-01", "Australia/Sydney")
    assert last_instant(date(2024, 1, 31), sydney) == ns("2024-02-01", "Australia/Sydney") - 1
    moment = "2024-02-01T00:00:00+00:00"
    assert first_instant(moment, sydney) == last_instant(moment, sydney) == ns("2024-02-01")
    assert first_instant("1960-05-03", sydney) == ns("1960-05-03", "Australia/Sydney")


def complete_hours(name: str, start: str, end: str) -> np.ndarray:
    market = calendar(name)
    return market.grid(H1, pd.Timestamp(start, tz="UTC"), pd.Timestamp(end, tz="UTC"))


@pytest.mark.parametrize(
    ("name", "zone", "day", "hours"),
    [
        ("XNYS", "America/New_York", "2024-03-08", ["09:30", "10:30", "11:30", "12:30", "13:30", "14:30", "15:30"]),
        ("XNYS", "America/New_York", "2024-11-29", ["09:30", "10:30", "11:30", "12:30"]),
        ("XHKG", "Asia/Hong_Kong", "2024-03-08", ["09:30", "10:30", "11:30", "13:00", "14:00", "15:00"]),
        ("XBOM", "Asia/Kolkata", "2024-03-07", ["09:15", "10:15", "11:15", "12:15", "13:15", "14:15", "15:15"]),
    ],
)
def test_hours_are_counted_from_the_opening(name: str, zone: str, day: str, hours: list[str]) -> None:
    market = calendar(name)
    grid = market.grid(H1, pd.Timestamp(day, tz=zone), pd.Timestamp(f"{day} 23:59", tz=zone))
    assert pd.to_datetime(grid, utc=True).tz_convert(zone).strftime("%H:%M").tolist() == hours
    assert market.bar_close(H1, int(grid[-1])) == market.session_close(day).value, "the last bar may be short"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_grid_tiles_the_hours_of_trading(name: str, timeframe: Timeframe) -> None:
    """Each minute of trading lies in exactly one bar, and each bar holds one."""
    market = calendar(name)
    ends = ("2024-10-01", "2024-12-01") if timeframe is Timeframe.MO1 else ("2024-10-28", "2024-12-02")
    first, last = (market.day_bounds(day)[0] for day in ends)
    span = (pd.Timestamp(first, tz="UTC"), pd.Timestamp(last - 1, tz="UTC"))
    grid, minutes = market.grid(timeframe, *span), market.grid(Timeframe.M1, *span)
    bar = np.searchsorted(grid, minutes, side="right") - 1
    closes = np.array([market.bar_close(timeframe, int(start)) for start in grid])
    assert (bar >= 0).all()
    assert (minutes < closes[bar]).all()
    assert np.unique(bar).tolist() == list(range(len(grid)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_complete_history_has_no_gap_and_a_missing_bar_is_one(name: str, timeframe: Timeframe) -> None:
    market = calendar(name)
    start = "2024-10-28" if timeframe.seconds <= Timeframe.D1.seconds else "2024-01-01"
    ts = market.grid(timeframe, pd.Timestamp(start, tz="UTC"), pd.Timestamp("2024-12-02", tz="UTC"))
    assert gap_findings(ts, market.expected_starts(timeframe, ts)) == []
    kept = np.delete(ts, 5)
    assert np.setdiff1d(market.expected_starts(timeframe, kept), kept).tolist() == [ts[5]]


def test_whole_hours_of_a_market_that_opens_at_half_past_are_complete_too() -> None:
    market = calendar("XNYS")
    hours = [f"2024-03-0{day} {hour}:00" for day in (4, 5, 6) for hour in ("09", "10", "11", "12", "13", "14", "15")]
    whole = stamps(*hours, zone="America/New_York")
    assert gap_findings(whole, market.expected_starts(H1, whole)) == []
    from_opening = stamps(*(text.replace("09:00", "09:30") for text in hours), zone="America/New_York")
    assert gap_findings(from_opening, market.expected_starts(H1, from_opening)) == []
    kept = np.delete(whole, 9)
    assert np.setdiff1d(market.expected_starts(H1, kept), kept).tolist() == [whole[9]]


def test_daily_bars_are_compared_by_date_whatever_their_time_of_day() -> None:
    market = calendar("24/5")
    weekdays = pd.bdate_range("2024-01-02", periods=40)
    for ts in (weekdays.tz_localize("UTC").as_unit("ns").asi8, market.daily_starts(weekdays).as_unit("ns").asi8):
        assert gap_findings(ts, market.expected_starts(D1, ts)) == []
        kept = np.delete(ts, 10)
        [gap] = gap_findings(kept, market.expected_starts(D1, kept))
        assert gap.figures["missing"] == 1


def test_a_bar_of_sunday_evening_is_neither_missing_nor_outside() -> None:
    market = calendar("24/5")
    days = pd.DatetimeIndex(["2024-01-05", "2024-01-07", "2024-01-08"])
    ts = market.daily_starts(days).as_unit("ns").asi8
    assert gap_findings(ts, market.expected_starts(D1, ts)) == []
    saturday = market.daily_starts(pd.DatetimeIndex(["2024-01-05", "2024-01-06", "2024-01-08"])).as_unit("ns").asi8
    assert [found.code for found in gap_findings(saturday, market.expected_starts(D1, saturday))] == ["OUTSIDE_SESSION"]


def test_before_the_first_year_nothing_is_expected_and_nothing_outside() -> None:
    market = calendar("XNYS")
    days = pd.DatetimeIndex(["1962-01-02", "1984-12-31", "1985-01-02", "1985-01-04"])
    ts = market.daily_starts(days).as_unit("ns").asi8
    assert market.session_dates(ts).astype(str).tolist() == days.strftime("%Y-%m-%d").tolist()
    missing = np.setdiff1d(market.expected_starts(D1, ts), ts)
    assert market.session_dates(missing).astype(str).tolist() == ["1985-01-03"]
    assert market.expected_starts(D1, ts[:2]).tolist() == ts[:2].tolist()
    assert len(market.grid(D1, pd.Timestamp("1962-01-01", tz="UTC"), pd.Timestamp("1984-01-01", tz="UTC"))) == 0
    assert market.bar_close(D1, int(ts[0])) == ts[0] + 86_400 * 10**9


@pytest.mark.parametrize("midnight", ["2024-05-08 05:00Z", "2024-05-08 00:00Z", "2024-05-07 21:00:01Z"])
def test_a_day_that_is_no_session_is_not_known_before_its_end(midnight: str) -> None:
    """A vendor's days from midnight to midnight reach beyond the close at 17:00 New York."""
    market, start = calendar("24/5"), pd.Timestamp(midnight).value
    assert market.session_dates(np.array([start])).astype(str).tolist() == ["2024-05-08"]
    assert market.bar_close(D1, start) == start + 86_400 * 10**9
    opened = pd.Timestamp("2024-05-07 21:00Z").value
    assert market.bar_close(D1, opened) == pd.Timestamp("2024-05-08 21:00Z").value
