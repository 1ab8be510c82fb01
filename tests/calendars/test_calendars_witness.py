"""Our calendars against ``exchange_calendars`` and the time-zone database themselves, over decades and at night."""

from __future__ import annotations

import functools
import itertools
import warnings
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import exchange_calendars
import numpy as np
import pandas as pd
import pytest

from tradewright.calendars.bar_grid import Anchor
from tradewright.calendars.registry import FIRST, LAST, calendar
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError

EXCHANGES = ["XNYS", "XLON", "XHKG", "XTKS", "XFRA"]
NEW_YORK = ZoneInfo("America/New_York")
START, END = "2000-01-03", "2030-12-30"


@functools.cache
def schedule(name: str) -> pd.DataFrame:
    """The library's own table of sessions."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        found: pd.DataFrame = exchange_calendars.get_calendar(name, start=START, end=END).schedule
    return found


@functools.cache
def source(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        return exchange_calendars.get_calendar(name, start=START, end=END)


@pytest.mark.parametrize("name", EXCHANGES)
def test_thirty_years_of_sessions_opens_and_closes(name: str) -> None:
    wanted, ours = schedule(name), calendar(name)
    assert ours.sessions(START, END).tolist() == wanted.index.tolist()
    assert ours.trading_days(START, END) == len(wanted)
    opens, closes = ours.session_bounds(START, END)
    assert opens.tolist() == pd.DatetimeIndex(wanted["open"]).as_unit("ns").asi8.tolist()
    assert closes.tolist() == pd.DatetimeIndex(wanted["close"]).as_unit("ns").asi8.tolist()


@pytest.mark.parametrize("name", EXCHANGES)
def test_open_at_random_minutes_of_thirty_years(name: str) -> None:
    """The library's search over minutes says the same: a session's minutes go from the open to before the close."""
    ours, theirs = calendar(name), source(name)
    rng = np.random.default_rng(11)
    first, last = (pd.Timestamp(text, tz="UTC").value // 60_000_000_000 for text in ("2000-01-10", "2030-12-20"))
    minutes = pd.to_datetime(rng.integers(first, last, 300) * 60_000_000_000, utc=True)
    edges = [
        stamp + pd.Timedelta(minutes=offset) for stamp in schedule(name)["open"].iloc[1::900] for offset in (-1, 0)
    ]
    edges += [
        stamp + pd.Timedelta(minutes=offset) for stamp in schedule(name)["close"].iloc[1::900] for offset in (-1, 0)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.Pandas4Warning)
        for stamp in [*minutes, *edges]:
            assert ours.is_open(stamp) == theirs.is_open_on_minute(stamp, ignore_breaks=False), stamp


@pytest.mark.parametrize("name", EXCHANGES)
def test_shortened_sessions_are_the_librarys(name: str) -> None:
    wanted = schedule(name)
    length = wanted["close"] - wanted["open"]
    usual = length.mode().iloc[0]
    recent = calendar(name).early_closes("2015-01-05", END)
    shorter = length[(length < usual) & (length.index >= "2015-01-05")]
    assert recent.tolist() == shorter.index.tolist()


@pytest.mark.parametrize("name", EXCHANGES)
@pytest.mark.parametrize("start", ["2024-03-04", "2024-10-21", "2023-12-20"])
@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m"])
def test_the_grid_is_made_of_the_sessions_minutes(name: str, start: str, timeframe: str) -> None:
    """Weeks with a change of the clocks, and the one between the years: cut by hand at opens, closes and breaks."""
    first = pd.Timestamp(start, tz="UTC")
    last = first + pd.Timedelta(days=16)
    step = Timeframe(timeframe).seconds
    wanted: set[int] = set()
    for row in schedule(name).loc[start : str(last.date())].itertuples():
        spans = [(row.open, row.close)]
        if not pd.isna(row.break_start):
            spans = [(row.open, row.break_start), (row.break_end, row.close)]
        for opened, closed in spans:
            begin = int(opened.timestamp()) // step * step
            wanted |= set(range(begin, int(closed.timestamp()), step))
    found = calendar(name).grid(Timeframe(timeframe), first, last)
    assert [ns // 10**9 for ns in found.tolist()] == sorted(
        second for second in wanted if first.timestamp() <= second <= last.timestamp()
    )


@pytest.mark.parametrize("name", EXCHANGES)
def test_one_daily_bar_per_session_stamped_with_its_open(name: str) -> None:
    ours = calendar(name)
    grid = ours.grid(Timeframe.D1, pd.Timestamp("2010-01-01", tz="UTC"), pd.Timestamp("2020-12-31", tz="UTC"))
    opens, _ = ours.session_bounds("2010-01-01", "2020-12-31")
    assert grid.tolist() == [ns for ns in opens.tolist() if ns <= pd.Timestamp("2020-12-31", tz="UTC").value]
    days = ours.sessions("2010-01-01", "2010-12-31")
    assert ours.daily_starts(days).asi8.tolist() == opens[: len(days)].tolist()


@pytest.mark.parametrize("name", EXCHANGES)
def test_next_open_and_close_agree_with_a_walk(name: str) -> None:
    ours = calendar(name)
    rng = np.random.default_rng(3)
    bounds = np.sort(np.concatenate([ours.intervals[:, 0], ours.intervals[:, 1]]))
    low, high = (pd.Timestamp(text, tz="UTC").value for text in ("2001-01-02", "2029-01-02"))
    for ns in rng.integers(low, high, 200).tolist():
        instant = pd.Timestamp(ns, tz="UTC")
        opened, closed = ours.next_open(instant), ours.next_close(instant)
        assert opened is not None
        assert closed is not None
        nearest = int(bounds[np.searchsorted(bounds, ns, "right")])
        assert nearest == (closed if ours.is_open(instant) else opened).value
        assert (closed < opened) == ours.is_open(instant)
        assert not ours.is_open(closed)
        assert ours.is_open(opened)
        assert ours.is_open(closed - pd.Timedelta(1, "ns"))
        assert not ours.is_open(opened - pd.Timedelta(1, "ns"))


def changes_of_clocks(first: int, last: int) -> list[datetime]:
    """The New York days whose length is not 24 hours, found by looking."""
    days = [datetime(first, 1, 1) + timedelta(days=n) for n in range((last - first + 1) * 366)]  # noqa: DTZ001
    return [day for day in days if day.replace(tzinfo=NEW_YORK).utcoffset()
            != (day + timedelta(days=1)).replace(tzinfo=NEW_YORK).utcoffset()]  # fmt: skip


@pytest.mark.parametrize("day", changes_of_clocks(2015, 2030), ids=lambda day: f"{day:%Y-%m-%d}")
def test_around_each_change_of_the_clocks_new_york_opens_at_half_past_nine(day: datetime) -> None:
    assert day.weekday() == 6
    forex, xnys = calendar("24/5"), calendar("XNYS")
    evening = datetime(day.year, day.month, day.day, 17, tzinfo=NEW_YORK)
    assert not forex.is_open(evening - timedelta(seconds=1))
    assert forex.is_open(evening)
    friday = (evening - timedelta(days=2)).replace(tzinfo=NEW_YORK)
    assert forex.next_close(friday - timedelta(hours=1)) == friday
    assert forex.next_open(friday) == evening
    weekend = forex.grid(Timeframe.M1, friday, evening)
    assert weekend.tolist() == [pd.Timestamp(evening).value]
    for offset in (-2, 1):
        morning = (evening + timedelta(days=offset)).replace(hour=9, minute=30)
        if xnys.trading_days(f"{morning:%Y-%m-%d}", f"{morning:%Y-%m-%d}"):
            assert xnys.session_open(f"{morning:%Y-%m-%d}") == morning
            assert xnys.is_open(morning)
            assert not xnys.is_open(morning - timedelta(microseconds=1))


def test_foreign_exchange_weeks_have_120_hours_whatever_the_clocks_do() -> None:
    forex = calendar("24/5")
    opens, closes = forex.intervals[100:2000, 0], forex.intervals[100:2000, 1]
    assert set(((closes - opens) // 3_600_000_000_000).tolist()) == {120}
    pauses = set(((opens[1:] - closes[:-1]) // 3_600_000_000_000).tolist())
    assert pauses == {47, 48, 49}, "the weekend takes the hour"


def test_round_the_clock_is_open_whenever_one_looks() -> None:
    always = calendar("24/7")
    rng = np.random.default_rng(5)
    first, last = FIRST.tz_localize("UTC").value, LAST.tz_localize("UTC").value
    assert all(always.is_open(pd.Timestamp(ns, tz="UTC")) for ns in rng.integers(first, last, 200).tolist())
    for timeframe in (each for each in Timeframe if each not in (Timeframe.W1, Timeframe.MO1)):
        grid = always.grid(timeframe, pd.Timestamp("2024-02-28", tz="UTC"), pd.Timestamp("2024-03-01", tz="UTC"))
        assert np.diff(grid).tolist() == [timeframe.seconds * 10**9] * (len(grid) - 1)
        assert len(grid) == 2 * 86_400 // timeframe.seconds + 1, "both ends, and a leap day"


@pytest.mark.parametrize("name", [*EXCHANGES, "24/5", "24/7"])
def test_the_arrays_of_a_calendar_hold_together(name: str) -> None:
    ours = calendar(name)
    assert (np.diff(ours.days) > np.timedelta64(0)).all()
    assert (ours.closes > ours.opens).all()
    assert (ours.opens[1:] >= ours.closes[:-1]).all()
    assert (ours.intervals[:, 1] > ours.intervals[:, 0]).all()
    assert (ours.intervals[1:, 0] > ours.intervals[:-1, 1]).all(), "spans are joined where they touch"
    assert (ours.intervals[:, 1] - ours.intervals[:, 0]).sum() <= (ours.closes - ours.opens).sum()


@pytest.mark.parametrize("name", ["XNYS", "24/5", "24/7"])
@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_an_empty_or_inverted_span_has_no_bars(name: str, timeframe: Timeframe) -> None:
    at = pd.Timestamp("2024-03-12 15:00:30", tz="UTC")
    ours = calendar(name)
    assert len(ours.grid(timeframe, at, at)) == 0
    assert len(ours.grid(timeframe, at, at - pd.Timedelta(days=3))) == 0
    assert ours.trading_days("2024-03-12", "2024-03-11") == 0
    assert ours.early_closes("2024-03-12", "2024-03-11").empty


def test_a_bar_that_begins_before_the_end_counts_though_trading_starts_after_it() -> None:
    span = (pd.Timestamp("2024-03-08 13:00Z"), pd.Timestamp("2024-03-08 14:10Z"))
    grid = calendar("XNYS").grid(Timeframe.H1, *span, Anchor.CLOCK)
    assert pd.to_datetime(grid, utc=True).tolist() == [pd.Timestamp("2024-03-08 14:00Z")], "New York opens at 14:30"


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_grid_is_the_same_in_one_piece_or_in_several(timeframe: Timeframe) -> None:
    ours = calendar("XHKG")
    end, step = ("2024-02-29", "61h17min") if timeframe.seconds <= Timeframe.D1.seconds else ("2026-02-27", "611h17min")
    cuts = pd.date_range("2024-02-01 03:30", end, freq=step, tz="UTC")
    whole = ours.grid(timeframe, cuts[0], cuts[-1])
    pieces = [ours.grid(timeframe, start, end - pd.Timedelta(1, "ns")) for start, end in itertools.pairwise(cuts)]
    last = ours.grid(timeframe, cuts[-1], cuts[-1])
    assert np.concatenate([*pieces, last]).tolist() == whole.tolist()
    assert len(whole) > 10


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("XNYSE", "XNYS"), ("nyse", "XNYS"), ("24/6", "24/5"), ("", "24/7"), ("../XNYS", "XNYS"), ("XLOM", "XLON")],
)
def test_an_unknown_calendar_has_a_remedy(name: str, nearest: str) -> None:
    with pytest.raises(DataError) as refusal:
        calendar(name)
    assert repr(name) in refusal.value.what
    assert nearest in refusal.value.remedy
