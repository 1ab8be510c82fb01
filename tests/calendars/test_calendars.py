"""Trading calendars: opens, closes, half days, holidays, daylight saving, and the grid of bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.calendars.bar_grid import Anchor
from tradewright.calendars.calendar import Calendar
from tradewright.calendars.registry import calendar
from tradewright.formats.lean.bars import read_lean
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument


def at(text: str, zone: str = "America/New_York") -> pd.Timestamp:
    return pd.Timestamp(text, tz=zone)


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2013-11-27 09:29:59", False),
        ("2013-11-27 09:30", True),
        ("2013-11-27 15:59:59", True),
        ("2013-11-27 16:00", False),
        ("2013-11-28 12:00", False),  # Thanksgiving
        ("2013-11-29 12:59:59", True),
        ("2013-11-29 13:00", False),  # closes early
        ("2013-11-29 13:05", False),
        ("2013-11-30 12:00", False),  # Saturday
        ("2001-09-12 12:00", False),  # closed by decree
        ("1994-04-27 12:00", False),
        ("2024-03-11 09:30", True),  # the first session of summer time
    ],
)
def test_new_york_is_open(instant: str, is_open: bool) -> None:
    assert calendar("XNYS").is_open(at(instant)) == is_open


def test_sessions_opens_and_closes() -> None:
    xnys = calendar("XNYS")
    assert xnys.trading_days("2013-10-08", "2013-10-17") == 8
    assert xnys.sessions("2013-11-27", "2013-12-02").strftime("%m-%d").tolist() == ["11-27", "11-29", "12-02"]
    assert xnys.session_open("2013-11-29") == at("2013-11-29 09:30")
    assert xnys.session_close("2013-11-29") == at("2013-11-29 13:00")
    assert xnys.early_closes("2013-01-01", "2013-12-31").strftime("%m-%d").tolist() == ["07-03", "11-29", "12-24"]
    opens, closes = xnys.session_bounds("2024-03-08", "2024-03-11")
    assert pd.to_datetime(opens, utc=True).strftime("%H:%M").tolist() == ["14:30", "13:30"]
    assert (closes - opens == 6.5 * 3600e9).all()
    with pytest.raises(DataError, match="XNYS has no session on 2013-11-28"):
        xnys.session_close("2013-11-28")


def test_the_next_open_and_close() -> None:
    xnys = calendar("XNYS")
    assert xnys.next_close(at("2013-11-29 09:30")) == at("2013-11-29 13:00")
    assert xnys.next_close(at("2013-11-29 13:00")) == at("2013-12-02 16:00")
    assert xnys.next_open(at("2013-11-29 09:30")) == at("2013-12-02 09:30")
    assert xnys.next_open(at("2013-11-28 09:30")) == at("2013-11-29 09:30")


def test_a_lunch_break_is_no_trading() -> None:
    hong_kong = calendar("XHKG")
    zone = "Asia/Hong_Kong"
    assert hong_kong.is_open(at("2024-03-12 11:59", zone))
    assert not hong_kong.is_open(at("2024-03-12 12:30", zone))
    assert hong_kong.is_open(at("2024-03-12 13:00", zone))
    assert hong_kong.next_close(at("2024-03-12 10:00", zone)) == at("2024-03-12 12:00", zone)
    hours = hong_kong.grid(Timeframe.M1, at("2024-03-12 00:00", zone), at("2024-03-12 23:59", zone))
    assert len(hours) == 330


@pytest.mark.parametrize(
    ("instant", "is_open"),
    [
        ("2024-03-08 16:59", True),
        ("2024-03-08 17:00", False),
        ("2024-03-09 12:00", False),
        ("2024-03-10 16:59", False),  # summer time has begun since Friday's close
        ("2024-03-10 17:00", True),
        ("2024-03-13 17:00", True),
        ("2024-11-03 17:00", True),
    ],
)
def test_foreign_exchange_trades_from_sunday_to_friday(instant: str, is_open: bool) -> None:
    assert calendar("24/5").is_open(at(instant)) == is_open


def test_foreign_exchange_weeks_and_days() -> None:
    forex = calendar("24/5")
    assert forex.next_close(at("2024-03-11 12:00")) == at("2024-03-15 17:00")
    assert forex.next_open(at("2024-03-09 12:00")) == at("2024-03-10 17:00")
    assert forex.trading_days("2024-03-04", "2024-03-17") == 10
    assert forex.session_open("2024-03-11") == at("2024-03-10 17:00")
    week = forex.grid(Timeframe.D1, at("2024-03-03", "UTC"), at("2024-03-08 23:59", "UTC"))
    days = pd.DatetimeIndex(forex.session_dates(week)).day_name().tolist()
    assert days == ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"], "Sunday evening is Monday"
    assert pd.to_datetime(week, utc=True).strftime("%H:%M").unique().tolist() == ["22:00"]


def test_round_the_clock() -> None:
    always = calendar("24/7")
    assert always.is_open(at("2024-12-25 12:00"))
    assert always.next_close(at("2024-12-25 12:00")) is None
    assert always.next_open(at("2024-12-25 12:00")) is None
    assert always.trading_days("2024-01-01", "2024-12-31") == 366
    assert len(always.grid(Timeframe.M1, at("2024-03-10", "UTC"), at("2024-03-10 23:59", "UTC"))) == 1440
    assert always.early_closes("2024-01-01", "2024-12-31").empty


@pytest.mark.parametrize(
    ("timeframe", "bars"),
    [("1m", 210), ("5m", 42), ("15m", 14), ("30m", 7), ("1h", 4), ("2h", 2), ("4h", 1), ("1d", 1)],
)
def test_the_grid_of_a_half_day(timeframe: str, bars: int) -> None:
    grid = calendar("XNYS").grid(Timeframe(timeframe), at("2013-11-28"), at("2013-12-01"))
    assert len(grid) == bars
    assert pd.Timestamp(grid[0], tz="UTC") == at("2013-11-29 09:30")


@settings(max_examples=60)
@given(
    st.sampled_from(["XNYS", "24/5", "24/7", "XHKG"]),
    st.sampled_from(["1m", "5m", "1h"]),
    st.integers(0, 60 * 24 * 365 * 30),
    st.integers(0, 60 * 24 * 4),
)
def test_a_bar_is_on_the_grid_when_the_market_trades_during_it(name: str, length: str, minute: int, span: int) -> None:
    market, timeframe = calendar(name), Timeframe(length)
    start = pd.Timestamp("1990-01-01", tz="UTC") + pd.Timedelta(minutes=minute)
    end = start + pd.Timedelta(minutes=span)
    grid = set(market.grid(timeframe, start, end, Anchor.CLOCK).tolist())
    step = timeframe.seconds // 60
    first = -(-(start.value // 60_000_000_000) // step) * step
    wanted = set()
    for begin in range(first, end.value // 60_000_000_000 + 1, step):
        minutes = (pd.Timestamp(m * 60, unit="s", tz="UTC") for m in range(begin, begin + step))
        if any(market.is_open(m) for m in minutes):
            wanted.add(begin * 60_000_000_000)
    assert grid == wanted


def test_daily_bars_start_with_their_session_and_stray_rows_at_the_usual_time() -> None:
    days = pd.DatetimeIndex(["2024-03-08", "2024-03-09", "2024-03-11"])
    starts = calendar("XNYS").daily_starts(days)
    assert starts.strftime("%d %H:%M").tolist() == ["08 14:30", "09 14:30", "11 13:30"]
    assert str(starts.dtype) == "datetime64[ns, UTC]"
    assert calendar("24/7").daily_starts(days).strftime("%H:%M").unique().tolist() == ["00:00"]
    assert calendar("24/5").daily_starts(days).strftime("%d %H:%M").tolist() == ["07 22:00", "08 22:00", "10 21:00"]
    assert len(calendar("XNYS").daily_starts(days[:0])) == 0


def test_an_unknown_name_and_an_unknown_time_are_refused() -> None:
    with pytest.raises(DataError, match=r"no calendar 'XNYSE'.*nearest: XNYS"):
        calendar("XNYSE")
    xnys = calendar("XNYS")
    for ask in (
        lambda: xnys.is_open(at("2199-01-01")),
        lambda: xnys.sessions("1950-01-01", "2000-01-01"),
        lambda: xnys.daily_starts(pd.DatetimeIndex(["2100-01-04"])),
    ):
        with pytest.raises(DataError, match="outside the calendar XNYS"):
            ask()
    with pytest.raises(DataError, match="has no zone"):
        xnys.is_open(pd.Timestamp("2024-01-02"))


def test_a_calendar_is_made_once_and_covers_what_its_source_knows() -> None:
    assert calendar("XNYS") is calendar("XNYS")
    assert calendar("XTKS").days[0] >= np.datetime64("1997-01-01")
    saudi: Calendar = calendar("XSAU")
    assert saudi.days[0] >= np.datetime64("2021-01-01")


@pytest.mark.real_data
def test_new_york_agrees_with_the_days_of_a_vendor(real_data: Path) -> None:
    """LEAN's SPY has a bar on every session from 1998 to 2021, and on no other day."""
    xnys, spy = calendar("XNYS"), Instrument(symbol="SPY", asset_class=AssetClass.ETF)
    frame = read_lean(real_data / "lean" / "Data", spy, Timeframe.D1, opens=xnys.daily_starts).frame
    grid = xnys.grid(Timeframe.D1, frame["ts"].iloc[0], frame["ts"].iloc[-1])
    assert frame["ts"].astype(np.int64).tolist() == grid.tolist()
