"""Corrected hours: what ``conf/calendars`` declares, on top of what is known of an exchange."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from conf.compose import compose
from tradewright.calendars.calendar import Calendar
from tradewright.calendars.registry import calendar, calendar_of
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.model.market_hours import MarketHours

CHICAGO, NEW_YORK = "America/Chicago", "America/New_York"


def made(name: str, **hours: Any) -> Calendar:
    return calendar(name, MarketHours.model_validate(hours))


def at(text: str, zone: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz=zone)


@pytest.fixture(scope="module")
def shipped() -> dict[str, Calendar]:
    instruments = compose().instruments
    return {symbol: calendar_of(instruments[symbol]) for symbol in ("ES", "EURUSD", "AAPL", "BTC")}


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2024-03-05 15:30", True),
        ("2024-03-05 15:59", True),
        ("2024-03-05 16:30", False),  # the daily break
        ("2024-03-05 17:00", True),
        ("2024-03-08 16:30", False),  # the week ends on Friday at 16:00
        ("2024-03-10 16:59", False),
        ("2024-03-10 17:00", True),
        ("2024-06-19 11:59", True),
        ("2024-06-19 13:00", False),  # Juneteenth: halted at noon
        ("2024-06-19 17:00", True),
        ("2024-07-04 12:30", False),  # what the library knows stays
        ("2024-11-29 12:10", True),
        ("2024-11-29 12:15", False),
        ("2024-03-29 10:00", False),  # Good Friday
        ("2013-10-07 15:20", False),  # the halt of those years
        ("2013-10-07 16:10", True),
        ("2021-06-25 15:20", False),
        ("2021-06-28 15:20", True),
    ],
)
def test_index_futures_have_their_breaks_and_halts(shipped: dict[str, Calendar], moment: str, is_open: bool) -> None:
    assert shipped["ES"].is_open(at(moment, CHICAGO)) == is_open


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2024-03-05 16:59", True),
        ("2024-03-05 17:10", False),  # the daily break
        ("2024-03-05 17:15", True),
        ("2024-12-24 12:00", True),
        ("2024-12-25 12:00", False),
        ("2024-12-25 17:15", True),
        ("2025-01-01 10:00", False),
    ],
)
def test_currencies_have_a_daily_break_and_holidays(shipped: dict[str, Calendar], moment: str, is_open: bool) -> None:
    assert shipped["EURUSD"].is_open(at(moment, NEW_YORK)) == is_open


def test_others_are_as_they_were(shipped: dict[str, Calendar]) -> None:
    assert shipped["AAPL"] is calendar("XNYS")
    assert shipped["BTC"] is calendar("24/7")


def test_a_short_break_lies_inside_a_longer_bar(shipped: dict[str, Calendar]) -> None:
    """Hours of currencies are counted from 17:00, though the first price comes at 17:15; minutes from 17:15."""
    market, start = shipped["EURUSD"], at("2024-03-05 16:00", NEW_YORK)
    for timeframe, wanted in (
        (Timeframe.H1, ["16:00", "17:00", "18:00"]),
        (Timeframe.M15, ["16:00", "16:15", "16:30", "16:45", "17:15", "17:30", "17:45", "18:00"]),
    ):
        grid = market.grid(timeframe, start, start + pd.Timedelta(hours=2))
        assert pd.to_datetime(grid, utc=True).tz_convert(NEW_YORK).strftime("%H:%M").tolist() == wanted


def test_a_bar_may_be_stamped_with_the_first_price(shipped: dict[str, Calendar]) -> None:
    market, start = shipped["EURUSD"], at("2024-03-05 12:00", NEW_YORK)
    ts = market.grid(Timeframe.H1, start, start + pd.Timedelta(days=2))
    first_price = ts.copy()
    first_price[ts == at("2024-03-05 17:00", NEW_YORK).value] = at("2024-03-05 17:15", NEW_YORK).value
    for stamps in (ts, first_price):
        assert market.expected_starts(Timeframe.H1, stamps).tolist() == stamps.tolist()


def test_a_crypto_venue_may_have_hours_of_its_own() -> None:
    weekly = {"weekdays": ["fri"], "breaks": ["17:00-18:30"]}
    venue = made("VENUE", base="24/7", zone=NEW_YORK, hours=[weekly], holidays=["2024-03-17"])
    assert venue.utc_days
    assert [venue.is_open(at(f"2024-03-08 {time}", NEW_YORK)) for time in ("16:59", "17:00", "18:30")] == [1, 0, 1]
    assert venue.is_open(at("2024-03-07 17:30", NEW_YORK))
    assert not venue.is_open(at("2024-03-17 12:00", "UTC"))
    ts = venue.grid(Timeframe.M15, at("2024-03-08", NEW_YORK), at("2024-03-09", NEW_YORK))
    assert len(ts) == 97 - 6
    assert venue.expected_starts(Timeframe.M15, ts).tolist() == ts.tolist()


def test_regular_hours_of_some_weekdays_and_years() -> None:
    early_friday = {"weekdays": ["fri"], "close": "14:00", "since": "2024-01-01", "until": "2024-12-31"}
    market = made(
        "XNYS",
        hours=[early_friday],
        early_closes=[{"at": "11:00", "dates": ["2024-03-05", "2024-03-09"]}],
        late_opens=[{"at": "12:00", "dates": ["03-06"]}],
        holidays=["2024-03-07"],
        sessions=["2024-05-27"],
    )
    closes = {day: f"{market.session_close(day).tz_convert(NEW_YORK):%H:%M}" for day in
              ("2023-03-10", "2024-03-08", "2024-03-04", "2024-03-05", "2024-11-29", "2024-05-27")}  # fmt: skip
    assert list(closes.values()) == ["16:00", "14:00", "16:00", "11:00", "13:00", "16:00"]
    assert f"{market.session_open('2025-03-06').tz_convert(NEW_YORK):%H:%M}" == "12:00"
    assert market.trading_days("2024-03-07", "2024-03-07") == 0
    assert market.trading_days("2024-03-09", "2024-03-09") == 0, "a date without a session stays without one"


def test_an_opening_not_before_the_close_is_on_the_evening_before() -> None:
    market = made("METAL", base="24/5", hours=[{"open": "18:00", "close": "17:00"}])
    assert market.session_open("2024-03-11") == at("2024-03-10 18:00", NEW_YORK)
    assert market.session_dates(np.array([at("2024-03-10 18:00", NEW_YORK).value])).astype(str) == ["2024-03-11"]
    stray = market.daily_starts(pd.DatetimeIndex(["2024-03-09"]))
    assert stray[0] == at("2024-03-08 18:00", NEW_YORK)


def test_weekdays_with_hours_in_another_zone() -> None:
    market = made("DESK", base="24/5", zone="Europe/Berlin", hours=[{"open": "09:00", "close": "17:30"}])
    assert market.session_open("2024-07-01") == at("2024-07-01 09:00", "Europe/Berlin")
    assert market.session_close("2024-12-02") == at("2024-12-02 17:30", "Europe/Berlin")
    assert market.day_bounds("2024-07-01")[0] == at("2024-07-01", "Europe/Berlin").value


def test_days_of_a_vendor_that_cuts_at_midnight_utc() -> None:
    market = made("24/5", days="utc")
    starts = market.daily_starts(pd.DatetimeIndex(["2024-03-10", "2024-03-11"]))
    assert starts.strftime("%d %H:%M").tolist() == ["10 00:00", "11 00:00"]
    week = market.grid(Timeframe.D1, at("2024-03-08", "UTC"), at("2024-03-11", "UTC"))
    assert pd.to_datetime(week).day_name().tolist() == ["Friday", "Sunday", "Monday"]
    assert market.bar_close(Timeframe.D1, int(week[0])) == at("2024-03-08 17:00", NEW_YORK).value


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ({"early_closes": [{"at": "08:00", "dates": ["2024-03-05"]}]}, "session of 2024-03-05 closes before it opens"),
        ({"late_opens": [{"at": "17:00", "dates": ["2024-03-05"]}]}, "session of 2024-03-05 closes before it opens"),
        ({"base": "XNYSE"}, "no calendar 'XNYSE'"),
    ],
)
def test_hours_that_contradict_each_other_are_refused(hours: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        made("XNYS", **hours)


@pytest.mark.parametrize("symbol", ["ES", "EURUSD"])
def test_the_arrays_hold_together(shipped: dict[str, Calendar], symbol: str) -> None:
    market = shipped[symbol]
    assert (market.closes > market.opens).all()
    assert (market.opens[1:] >= market.closes[:-1]).all()
    assert (market.intervals[:, 1] > market.intervals[:, 0]).all()
    assert (market.intervals[1:, 0] > market.intervals[:-1, 1]).all()
    assert (market.session_dates(market.opens) == market.days).all()
    ts = market.grid(Timeframe.M1, at("2024-12-20", "UTC"), at("2025-01-04", "UTC"))
    assert all(market.is_open(pd.Timestamp(int(start), tz="UTC")) for start in ts[::97])
    assert market.expected_starts(Timeframe.M1, ts).tolist() == ts.tolist()
