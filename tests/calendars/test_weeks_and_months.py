"""Weeks and months by session dates: when they start, when they are known, and how a vendor's dates name them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.support.extent import runs
from tradewright.calendars.registry import calendar
from tradewright.formats.column_mapping import ColumnMapping
from tradewright.formats.times import bar_starts
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.model.market_hours import MarketHours
from tradewright.quality.anomalies import gap_findings
from tradewright.quality.report import Code

D1, W1, MO1 = Timeframe.D1, Timeframe.W1, Timeframe.MO1
NAMES = ["XNYS", "XASX", "XSAU", "XHKG", "CMES", "24/5", "24/7"]


def at(text: str, zone: str = "UTC") -> pd.Timestamp:
    return pd.Timestamp(text, tz=zone)


@pytest.mark.parametrize(
    ("name", "zone", "timeframe", "start", "close"),
    [
        ("XNYS", "America/New_York", W1, "2024-03-04 09:30", "2024-03-08 16:00"),
        ("XNYS", "America/New_York", W1, "2024-05-28 09:30", "2024-05-31 16:00"),  # Monday is Memorial Day
        ("XNYS", "America/New_York", W1, "2024-03-25 09:30", "2024-03-28 16:00"),  # Good Friday
        ("XNYS", "America/New_York", W1, "2024-11-25 09:30", "2024-11-29 13:00"),  # Friday is a half day
        ("XNYS", "America/New_York", W1, "2001-09-17 09:30", "2001-09-21 16:00"),
        ("XNYS", "America/New_York", MO1, "2024-01-02 09:30", "2024-01-31 16:00"),
        ("XNYS", "America/New_York", MO1, "2024-03-01 09:30", "2024-03-28 16:00"),
        ("XASX", "Australia/Sydney", MO1, "2024-02-01 10:00", "2024-02-29 16:00"),  # opens on 31 January in UTC
        ("XSAU", "Asia/Riyadh", W1, "2024-03-03 10:00", "2024-03-07 15:00"),  # from Sunday to Thursday
        ("24/5", "America/New_York", W1, "2024-03-10 17:00", "2024-03-15 17:00"),  # from Sunday evening
        ("24/5", "America/New_York", MO1, "2024-03-31 17:00", "2024-04-30 17:00"),
        ("CMES", "America/Chicago", W1, "2024-03-03 17:00", "2024-03-08 17:00"),
        ("24/7", "UTC", W1, "2024-03-04", "2024-03-11"),
        ("24/7", "UTC", MO1, "2024-02-01", "2024-03-01"),
    ],
)
def test_from_the_first_opening_to_the_last_close(
    name: str, zone: str, timeframe: Timeframe, start: str, close: str
) -> None:
    market, begins, ends = calendar(name), at(start, zone), at(close, zone)
    grid = market.grid(timeframe, begins - pd.Timedelta(days=3), ends)
    assert begins.value in grid.tolist()
    assert market.bar_close(timeframe, begins.value) == ends.value
    # It is known at that moment and not before, while the one before it is.
    assert market.newest_closed(timeframe, ends) == begins.value
    before = market.newest_closed(timeframe, ends - pd.Timedelta(seconds=1))
    assert before is not None
    assert before < begins.value
    assert market.bar_close(timeframe, before) <= begins.value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("timeframe", "period"), [(W1, "W"), (MO1, "M")])
def test_each_session_is_in_one_bar(name: str, timeframe: Timeframe, period: str) -> None:
    market = calendar(name)
    span = at("2024-06-01") - pd.DateOffset(years=runs(0, 3)), at("2026-06-15")
    days, starts = market.grid(D1, *span), market.grid(timeframe, *span)
    closes = np.array([market.bar_close(timeframe, int(start)) for start in starts])
    assert (closes[:-1] <= starts[1:]).all()
    own = np.searchsorted(starts, days, "right") - 1
    inside = (own >= 0) & (own < len(starts) - 1)
    assert (np.array([market.bar_close(D1, int(day)) for day in days[inside]]) <= closes[own[inside]]).all()
    dates = pd.DatetimeIndex(market.session_dates(days[inside]))
    shift = pd.Timedelta(days=1 if name == "XSAU" and timeframe is W1 else 0)
    witness = (dates + shift).to_period(period)
    assert [group.nunique() for _, group in witness.to_series().groupby(own[inside])] == [1] * len(
        np.unique(own[inside])
    )
    assert witness.nunique() == len(np.unique(own[inside]))


def test_utc_days_with_a_sunday_evening_begin_on_sunday() -> None:
    market = calendar("fx", MarketHours(base="24/5", days="utc"))
    start = at("2024-03-10").value  # Sunday, on whose evening trading begins
    assert start in market.grid(W1, at("2024-03-09"), at("2024-03-20")).tolist()
    assert market.bar_close(W1, start) == at("2024-03-15 17:00", "America/New_York").value


def test_another_start_than_the_first_opening_is_known_after_its_whole_length() -> None:
    market = calendar("XNYS")
    midnight = at("2024-03-04").value
    assert market.bar_close(W1, midnight) == at("2024-03-11").value
    assert market.bar_close(MO1, at("2024-02-01").value) == at("2024-03-03").value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("timeframe", [W1, MO1])
def test_only_a_period_without_a_bar_is_missing(name: str, timeframe: Timeframe) -> None:
    market = calendar(name)
    grid = market.grid(timeframe, at("2022-01-01"), at("2024-01-01"))
    assert market.expected_starts(timeframe, grid).tolist() == grid.tolist()
    shifted = grid + 3_600_000_000_000  # a vendor's own time of day
    assert market.expected_starts(timeframe, shifted).tolist() == shifted.tolist()
    holed = np.delete(grid, [5, 6])
    expected = market.expected_starts(timeframe, holed)
    assert expected.tolist() == grid.tolist()
    gaps = next(row for row in gap_findings(holed, expected) if row.code is Code.GAPS)
    assert gaps.figures["missing"] == 2


def starts_of(name: str, timeframe: Timeframe, dates: list[str], mapping: ColumnMapping) -> list[str]:
    market = calendar(name)

    def opens(days: pd.DatetimeIndex) -> pd.DatetimeIndex:
        return market.dated_starts(timeframe, days)

    found = bar_starts(pd.Series(dates), mapping, timeframe, opens, "file.csv", market.session_dates)
    return found.strftime("%Y-%m-%d %H:%M").tolist()


@pytest.mark.parametrize(
    "dates", [["2024-05-20", "2024-05-27"], ["2024-05-24", "2024-05-31"], ["2024-05-25", "2024-06-01"]]
)
def test_any_date_of_a_week_names_it(dates: list[str]) -> None:
    """Monday of which the second is a holiday, Friday, Saturday."""
    assert starts_of("XNYS", W1, dates, ColumnMapping()) == ["2024-05-20 13:30", "2024-05-28 13:30"]


@pytest.mark.parametrize(
    "dates", [["2023-12-01", "2024-01-01"], ["2023-12-29", "2024-01-31"], ["2023-12-31", "2024-01-31"]]
)
def test_any_date_of_a_month_names_it(dates: list[str]) -> None:
    assert starts_of("XNYS", MO1, dates, ColumnMapping()) == ["2023-12-01 14:30", "2024-01-02 14:30"]


def test_a_sunday_begins_or_ends_a_week_as_declared() -> None:
    dates = ["2024-03-03", "2024-03-10"]
    with pytest.raises(DataError, match="row 1: 2024-03-03 is a Sunday, which may begin or end a week"):
        starts_of("24/7", W1, dates, ColumnMapping())
    begins = starts_of("24/7", W1, dates, ColumnMapping(stamp="start"))
    ends = starts_of("24/7", W1, dates, ColumnMapping(stamp="close"))
    assert begins == ["2024-03-04 00:00", "2024-03-11 00:00"]
    assert ends == ["2024-02-26 00:00", "2024-03-04 00:00"]
    assert starts_of("XSAU", W1, dates, ColumnMapping()) == starts_of(
        "XSAU", W1, ["2024-03-07", "2024-03-14"], ColumnMapping()
    )


def test_the_close_of_a_month_is_the_next_one_s_first_date() -> None:
    found = starts_of("24/7", MO1, ["2024-02-01", "2024-03-01"], ColumnMapping(stamp="close"))
    assert found == ["2024-01-01 00:00", "2024-02-01 00:00"]


def test_before_the_calendar_and_without_one() -> None:
    assert starts_of("XNYS", MO1, ["1962-01-31"], ColumnMapping()) == ["1962-01-01 14:30"]
    weeks = bar_starts(pd.Series(["2024-03-06"]), ColumnMapping(), W1, None, "file.csv")
    assert weeks.strftime("%Y-%m-%d").tolist() == ["2024-03-04"]
    assert len(calendar("XNYS").dated_starts(W1, pd.DatetimeIndex([]))) == 0
