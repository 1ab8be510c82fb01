"""What is due: after a close, once, whenever the question is asked."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewright.calendars.due_rules import (
    Pace,
    daily_reason,
    decision_reason,
    last_occurrence,
    newest_bars,
    refresh_reason,
    signals_reason,
)
from tradewright.calendars.registry import calendar
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.store.progress import Progress

PACE = Pace(retry=timedelta(minutes=5), renew=timedelta(minutes=48))
M1, H1, D1 = Timeframe.M1, Timeframe.H1, Timeframe.D1


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def ns(text: str) -> int:
    return pd.Timestamp(text, tz="UTC").value


@pytest.mark.parametrize(
    ("name", "timeframe", "now", "newest"),
    [
        ("24/7", M1, "2026-11-28 10:00:59", "2026-11-28 09:59"),
        ("24/7", M1, "2026-11-28 10:01:00", "2026-11-28 10:00"),
        ("24/7", D1, "2026-11-28 23:59", "2026-11-27"),
        ("24/7", D1, "2026-11-29 00:00", "2026-11-28"),
        ("XNYS", M1, "2026-11-25 14:30:59", "2026-11-24 20:59"),  # the open: still the last bar of yesterday
        ("XNYS", M1, "2026-11-25 14:31", "2026-11-25 14:30"),
        ("XNYS", D1, "2026-11-25 20:59:59", "2026-11-24 14:30"),
        ("XNYS", D1, "2026-11-25 21:00", "2026-11-25 14:30"),
        ("XNYS", D1, "2026-11-26 21:30", "2026-11-25 14:30"),  # Thanksgiving
        ("XNYS", D1, "2026-11-27 17:59", "2026-11-25 14:30"),
        ("XNYS", D1, "2026-11-27 18:00", "2026-11-27 14:30"),  # closes early
        ("XNYS", M1, "2026-11-27 18:30", "2026-11-27 17:59"),
        ("XNYS", D1, "2026-11-29 12:00", "2026-11-27 14:30"),  # Sunday
        ("XNYS", D1, "2026-07-15 20:00", "2026-07-15 13:30"),  # summer time
        ("XNYS", H1, "2026-11-25 15:29", "2026-11-24 20:30"),
        ("XNYS", H1, "2026-11-25 15:30", "2026-11-25 14:30"),  # counted from the opening
        ("XNYS", H1, "2026-11-25 21:00", "2026-11-25 20:30"),  # the last bar is short
        ("24/5", D1, "2026-11-27 21:59", "2026-11-25 22:00"),
        ("24/5", D1, "2026-11-27 22:00", "2026-11-26 22:00"),  # the week ends at 17:00 New York
        ("24/5", D1, "2026-11-30 00:00", "2026-11-26 22:00"),  # Sunday evening is the beginning of Monday
        ("XTKS", M1, "2026-11-25 03:20", "2026-11-25 02:29"),  # the lunch break
    ],
)
def test_the_newest_closed_bar(name: str, timeframe: Timeframe, now: str, newest: str) -> None:
    assert calendar(name).newest_closed(timeframe, at(now)) == ns(newest)


def test_the_bars_that_are_stored_tell_how_they_are_counted() -> None:
    market = calendar("XNYS")
    whole_hours, stored = ns("2026-11-24 15:00"), ns("2026-11-24 15:30")
    assert market.newest_closed(H1, at("2026-11-25 15:00"), whole_hours) == ns("2026-11-25 14:00")
    assert market.newest_closed(H1, at("2026-11-25 15:30"), stored) == ns("2026-11-25 14:30")
    assert newest_bars(market, {H1: whole_hours}, at("2026-11-25 16:00"), has_feed=True) == {H1: ns("2026-11-25 15:00")}


def test_a_moment_that_the_calendar_does_not_know_is_refused() -> None:
    with pytest.raises(DataError, match="outside the calendar"):
        calendar("XNYS").newest_closed(M1, at("2080-01-01 00:00"))


@given(
    name=st.sampled_from(["24/7", "24/5", "XNYS", "XTKS"]),
    timeframe=st.sampled_from(list(Timeframe)),
    minute=st.integers(0, 400 * 1440),
)
def test_the_newest_closed_bar_has_closed_and_the_next_has_not(name: str, timeframe: Timeframe, minute: int) -> None:
    market, now = calendar(name), at("2026-01-15 00:00") + timedelta(minutes=minute)
    newest = market.newest_closed(timeframe, now)
    assert newest is not None
    assert market.bar_close(timeframe, newest) <= pd.Timestamp(now).value
    later = market.grid(timeframe, pd.Timestamp(newest, tz="UTC"), pd.Timestamp(now) + timedelta(days=15))
    assert later[0] == newest
    assert market.bar_close(timeframe, int(later[1])) > pd.Timestamp(now).value


def refresh(now: str, stored: str | None, done: Progress | None, *, name: str = "XNYS", has_feed: bool = True) -> str:
    known = {D1: None if stored is None else ns(stored)}
    return refresh_reason(calendar(name), known, done, at(now), PACE, has_feed=has_feed)


def seen(when: str, bar: str, *, finished: bool = True) -> Progress:
    return Progress(at(when), {"1d": ns(bar)}, finished=finished)


WEDNESDAY, FRIDAY = "2026-11-25 14:30", "2026-11-27 14:30"


@pytest.mark.parametrize(
    ("now", "stored", "done", "reason"),
    [
        ("2026-11-25 21:00", None, None, "the 1d bar of 2026-11-25 14:30 UTC is there"),
        ("2026-11-26 15:00", WEDNESDAY, seen("2026-11-25 21:00", WEDNESDAY), ""),  # a holiday
        ("2026-11-27 17:59", WEDNESDAY, seen("2026-11-27 17:50", WEDNESDAY), ""),
        ("2026-11-27 18:00", WEDNESDAY, seen("2026-11-27 17:50", WEDNESDAY), "the 1d bar of 2026-11-27 14:30 UTC"),
        ("2026-11-29 12:00", WEDNESDAY, seen("2026-11-27 17:50", WEDNESDAY), "the 1d bar of 2026-11-27 14:30 UTC"),
        ("2026-11-27 18:04", WEDNESDAY, seen("2026-11-27 18:00", FRIDAY), ""),  # asked for, not there yet
        ("2026-11-27 18:05", WEDNESDAY, seen("2026-11-27 18:00", FRIDAY), "the feed did not have the newest bar yet"),
        ("2026-11-27 18:04", WEDNESDAY, seen("2026-11-27 18:00", FRIDAY, finished=False), ""),
        ("2026-11-27 18:05", WEDNESDAY, seen("2026-11-27 18:00", FRIDAY, finished=False), "the last refresh failed"),
        ("2026-11-27 14:30", WEDNESDAY, seen("2026-11-25 21:00", WEDNESDAY), "and the market is open"),
        ("2026-11-27 14:29", WEDNESDAY, seen("2026-11-25 21:00", WEDNESDAY), ""),
        ("2026-11-27 15:17", WEDNESDAY, seen("2026-11-27 14:30", WEDNESDAY), ""),
        ("2026-11-27 15:18", WEDNESDAY, seen("2026-11-27 14:30", WEDNESDAY), "checked at 2026-11-27 14:30"),
        ("2026-11-27 15:00", WEDNESDAY, None, "never checked"),
    ],
)  # fmt: skip
def test_bars_are_due_after_a_close_and_when_their_checks_grow_old(
    now: str, stored: str | None, done: Progress | None, reason: str
) -> None:
    found = refresh(now, stored, done)
    assert reason in found
    assert bool(found) == bool(reason)


def test_bars_that_people_import_are_checked_once_they_are_there() -> None:
    assert refresh("2026-11-25 12:00", None, None, has_feed=False) == ""
    assert "is there" in refresh("2026-11-25 12:00", "2026-11-24 14:30", None, has_feed=False)
    done = seen("2026-11-25 12:00", "2026-11-24 14:30")
    assert refresh("2026-11-25 21:30", "2026-11-24 14:30", done, has_feed=False) == ""
    assert "is there" in refresh("2026-11-25 21:30", WEDNESDAY, done, has_feed=False)
    assert newest_bars(calendar("XNYS"), {D1: None, M1: 7}, at("2026-11-25 21:30"), has_feed=False) == {M1: 7}


def signals(stored: str | None, done: Progress | None, now: str = "2026-11-26 12:00", identity: str = "a") -> str:
    known = {"AAPL": None if stored is None else ns(stored)}
    return signals_reason([calendar("XNYS")], known, done, at(now), PACE, identity=identity)


def test_signals_are_due_after_new_bars_a_new_configuration_and_a_failure() -> None:
    done = Progress(at("2026-11-25 21:00"), {"AAPL": ns(WEDNESDAY)}, "a")
    assert signals(None, None) == "", "bars come first"
    assert signals(WEDNESDAY, None) == "there are no signals yet"
    assert signals(WEDNESDAY, done) == ""
    assert signals(FRIDAY, done) == "new bars of AAPL"
    assert signals(WEDNESDAY, done, identity="b") == "the configuration changed"
    assert "the market is open" in signals(WEDNESDAY, done, now="2026-11-27 14:30")
    failed = done._replace(finished=False, at=at("2026-11-26 11:56"))
    assert signals(FRIDAY, failed) == ""
    assert "the last try failed" in signals(FRIDAY, failed, now="2026-11-26 12:01")
    assert signals_reason([], {}, None, at("2026-11-26 12:00"), PACE, identity="a") == ""


@pytest.mark.parametrize(
    ("now", "decided", "fresh", "due", "reason"),
    [
        ("2026-11-25 21:01", None, True, False, "XNYS opens at 2026-11-27 14:30 UTC"),  # over the holiday
        ("2026-11-27 14:30", None, True, True, "the bar of 2026-11-25 14:30 UTC"),
        ("2026-11-27 14:30", None, False, False, "no fresh result of bars.AAPL"),
        ("2026-11-27 14:30", ("a", WEDNESDAY), True, False, "was decided on"),
        ("2026-11-27 14:30", ("b", WEDNESDAY), True, True, "the bar of"),  # under other settings
        ("2026-11-27 14:30", ("a", "2026-11-24 14:30"), True, True, "the bar of"),
    ],
)
def test_a_bar_is_decided_on_once_when_the_market_is_open_and_the_checks_are_fresh(
    now: str, decided: tuple[str, str] | None, fresh: bool, due: bool, reason: str
) -> None:
    done = None if decided is None else Progress(at(now), {"AAPL": ns(decided[1])}, decided[0])
    made = Progress(at("2026-11-25 21:00"), {"AAPL": ns(WEDNESDAY)}, "a")
    found = decision_reason(calendar("XNYS"), "AAPL", made, done, at(now), {"bars.AAPL": fresh})
    assert found[0] is due
    assert reason in found[1]


@pytest.mark.parametrize(
    ("now", "zone", "hour", "moment"),
    [
        ("2026-11-25 04:29", "America/New_York", "23:30", "2026-11-24 04:30"),
        ("2026-11-25 04:30", "America/New_York", "23:30", "2026-11-25 04:30"),
        ("2026-07-01 04:00", "America/New_York", "23:30", "2026-07-01 03:30"),
        ("2026-03-08 12:00", "America/New_York", "02:30", "2026-03-08 07:30"),  # clocks go forward over it
        ("2026-11-01 12:00", "America/New_York", "01:30", "2026-11-01 05:30"),  # twice: the first
        ("2026-11-25 00:00", "Pacific/Kiritimati", "00:00", "2026-11-24 10:00"),
        ("2026-11-25 00:00", "UTC", "00:00", "2026-11-25 00:00"),
    ],
)
def test_the_last_time_that_clocks_showed_an_hour(now: str, zone: str, hour: str, moment: str) -> None:
    assert last_occurrence(at(now), time.fromisoformat(hour), zone) == at(moment)


@given(st.integers(0, 3 * 366 * 24 * 60), st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]))
def test_an_hour_comes_once_a_day(minute: int, zone: str) -> None:
    now = at("2026-01-01 00:00") + timedelta(minutes=minute)
    moment = last_occurrence(now, time(2, 15), zone)
    assert timedelta(0) <= now - moment <= timedelta(hours=25)


def test_a_daily_job_that_was_missed_is_due_until_it_is_done() -> None:
    done = Progress(at("2026-11-23 03:00"), {})
    assert daily_reason(at("2026-11-26 12:00"), time(3), "UTC", done) == "due since 2026-11-26 03:00 UTC"
    assert daily_reason(at("2026-11-26 12:00"), time(3), "UTC", Progress(at("2026-11-26 04:00"), {})) == ""
    assert daily_reason(at("2026-11-26 12:00"), time(3), "UTC", None)
