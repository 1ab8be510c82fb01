"""Times of foreign tables: every way to write the same moment gives it, and what is no time is refused by its row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.formats.column_mapping import ColumnMapping, mapping_of, positions
from tradewright.formats.times import bar_starts, localized, session_starts
from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.store.time_range import first_instant, last_instant

M1, D1 = Timeframe.M1, Timeframe.D1
moments = st.integers(1_000_000_000, 2_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
ZONES = ["UTC", "America/New_York", "Europe/London", "Asia/Tokyo", "Australia/Sydney", "Asia/Kolkata"]
bounded = settings(max_examples=50)


def read(values: list[object], timeframe: Timeframe = M1, **mapping: object) -> list[pd.Timestamp]:
    return bar_starts(pd.Series(values), mapping_of(mapping), timeframe, None, "file.csv").tolist()


@bounded
@given(moments, st.sampled_from(ZONES))
def test_one_moment_in_many_spellings(moment: datetime, zone: str) -> None:
    second = int(moment.timestamp())
    local = moment.astimezone(ZoneInfo(zone))
    wanted = [pd.Timestamp(moment)]
    assert read([local.isoformat()]) == wanted
    assert read([local.strftime("%Y-%m-%d %H:%M:%S%z")]) == wanted
    assert read([moment.strftime("%Y-%m-%dT%H:%M:%SZ")]) == wanted
    assert read([local.strftime("%d.%m.%Y %H:%M:%S %z")], time_format="%d.%m.%Y %H:%M:%S %z") == wanted
    for unit, factor in (("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)):
        assert read([second * factor], time_format=unit) == wanted
        assert read([second * factor]) == wanted, "by its size"
        assert read([str(second * factor)]) == wanted
        assert read([f" {second * factor} "]) == wanted


@bounded
@given(moments, st.sampled_from(ZONES))
def test_wall_clocks_of_a_zone_mean_what_the_zone_says(moment: datetime, zone: str) -> None:
    local = moment.astimezone(ZoneInfo(zone))
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return
    assert read([local.strftime("%Y-%m-%d %H:%M:%S")], zone=zone) == [pd.Timestamp(moment)]
    if local.day > 12:
        assert read([local.strftime("%d/%m/%Y %H:%M:%S")], zone=zone) == [pd.Timestamp(moment)]
        assert read([local.strftime("%m/%d/%Y %H:%M:%S")], zone=zone) == [pd.Timestamp(moment)]


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Sydney"])
@pytest.mark.parametrize("year", [2019, 2024, 2026])
def test_every_minute_of_both_nights_of_a_zone(zone: str, year: int) -> None:
    """In autumn the doubled hour is resolved by the order of rows; in spring no minute of the lost hour exists."""
    hours = pd.date_range(f"{year}-01-01", f"{year + 1}-01-01", freq="h", tz="UTC")
    offsets = [stamp.tz_convert(zone).utcoffset() for stamp in hours]
    for before, after, stamp in zip(offsets, offsets[1:], hours[1:], strict=False):
        if before == after:
            continue
        night = pd.date_range(stamp - timedelta(hours=3), stamp + timedelta(hours=3), freq="10min")
        walls = night.tz_convert(zone).tz_localize(None)
        assert localized(walls, zone, "f").tz_convert("UTC").tolist() == night.tolist()
        if after > before:
            lost = stamp.tz_convert(zone).tz_localize(None) - timedelta(minutes=30)
            with pytest.raises(DataError, match=f"not a time of {zone}") as refusal:
                localized(pd.DatetimeIndex([lost]), zone, "file.csv")
            assert (refusal.value.where, refusal.value.remedy) == ("file.csv", "export the times in UTC")


@pytest.mark.parametrize("timeframe", [timeframe for timeframe in Timeframe if not timeframe.of_sessions])
def test_a_close_stamp_is_one_bar_later(timeframe: Timeframe) -> None:
    start, close = (read(["2024-03-08 16:00"], timeframe, stamp=stamp)[0] for stamp in ("start", "close"))
    assert start - close == pd.Timedelta(seconds=timeframe.seconds)


@pytest.mark.parametrize("stamp", ["start", "close"])
@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2024-03-08T23:30:00Z", "UTC", "2024-03-08"),
        ("2024-03-08T23:30:00Z", "Asia/Tokyo", "2024-03-09"),
        ("2024-03-08T02:00:00Z", "America/New_York", "2024-03-07"),
        ("2024-03-08", "Asia/Tokyo", "2024-03-08"),
    ],
)
def test_a_daily_bar_belongs_to_the_date_in_its_zone(stamp: str, text: str, zone: str, day: str) -> None:
    assert read([text], D1, zone=zone, stamp=stamp) == [pd.Timestamp(day, tz="UTC")]


def test_sessions_are_stamped_by_whoever_knows_them() -> None:
    days = pd.DatetimeIndex(["2024-03-08", "2024-03-11"])
    assert session_starts(days, None).tolist() == [pd.Timestamp(day, tz="UTC") for day in days]
    shifted = session_starts(
        days, lambda given: (given + pd.Timedelta(hours=9)).tz_localize("Asia/Tokyo").tz_convert("UTC")
    )
    assert shifted.tolist() == session_starts(days, None).tolist()
    assert str(shifted.dtype) == "datetime64[ns, UTC]"


@pytest.mark.parametrize(
    ("values", "mapping", "words"),
    [
        (["2024-03-08", "soon"], {}, r"row 2: 'soon' is no time \(1 such rows\)"),
        (["2024-03-08", None, None], {}, r"row 2: .* is no time \(2 such rows\)"),
        (["2024-02-30"], {}, "row 1: '2024-02-30' is no time"),
        (["2024-03-08 25:00"], {}, "row 1"),
        (["13/13/2024"], {}, "row 1: '13/13/2024' is no time"),
        (["08.03.2024"], {"time_format": "%Y-%m-%d"}, "row 1: '08.03.2024' is no time"),
        (["12/11/2024", "11/12/2024"], {}, "may be month/day or day/month"),
        (["2024-03-08T00:00Z", "2024-03-08T00:01"], {}, "row 2: '2024-03-08T00:01' has no zone, others have"),
        ([12], {}, "12 is no time"),
        ([0], {"time_format": "s"}, "0 is no time"),
        ([20240230], {}, "is no time"),
        ([float("nan")], {}, "is no time"),
        ([1_709_908_200], {"time_format": "%Y"}, "is no time"),
    ],
)
def test_what_is_no_time_is_refused_with_its_row(values: list[object], mapping: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words) as refusal:
        read(values, **mapping)
    assert refusal.value.where == "file.csv"
    assert refusal.value.remedy == "say --time-format and --zone, or time_format and zone in a mapping file"


@pytest.mark.parametrize("timeframe", [M1, D1])
def test_no_values_are_no_times(timeframe: Timeframe) -> None:
    found = bar_starts(pd.Series([], dtype=object), ColumnMapping(), timeframe, None, "f")
    assert (len(found), str(found.dtype)) == (0, "datetime64[ns, UTC]")


def test_a_slashed_date_with_one_reading_in_the_table_is_read_so() -> None:
    assert read(["1/2/2024", "25/2/2024"], D1)[0] == pd.Timestamp("2024-02-01", tz="UTC")
    assert read(["1/2/2024", "2/25/2024"], D1)[0] == pd.Timestamp("2024-01-02", tz="UTC")
    assert read(["3/3/2024", "4/4/2024"], D1)[0] == pd.Timestamp("2024-03-03", tz="UTC"), "both readings are one"


@bounded
@given(moments)
def test_a_span_given_as_date_text_or_moment(moment: datetime) -> None:
    day = moment.strftime("%Y-%m-%d")
    low = pd.Timestamp(day, tz="UTC").value
    for given_as in (day, moment.date(), f" {day} "):
        assert first_instant(given_as) == low
        assert last_instant(given_as) == low + 86_400 * 10**9 - 1
    for exact in (moment, pd.Timestamp(moment), moment.isoformat(), moment.astimezone(ZoneInfo("Asia/Tokyo"))):
        assert first_instant(exact) == last_instant(exact) == pd.Timestamp(moment).value
    assert first_instant(None) < low < last_instant(None)


@pytest.mark.parametrize(
    "moment", ["", "NaT", pd.NaT, "x", "2024-13-01", "2024-03-08T25:00+00:00", object(), [1], "9999999-01-01"]
)
def test_a_span_needs_a_moment(moment: object) -> None:
    for bound in (first_instant, last_instant):
        with pytest.raises(DataError, match=r"is no date or time") as refusal:
            bound(moment)  # type: ignore[arg-type]
        assert "2014-01-31T14:30:00+00:00" in refusal.value.remedy


HEADERS = ["Date", "Open", "High", "Low", "Close", "Volume"]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (HEADERS, {"ts": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}),
        ([" TIME ", "o", "H", "l", "C", "Vol"], {"ts": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}),
        (["close", "low", "high", "open", "Open Time"], {"ts": 4, "open": 3, "high": 2, "low": 1, "close": 0}),
        (
            ["", "open", "high", "low", "close", "Spread BPS"],
            {"ts": 0, "open": 1, "high": 2, "low": 3, "close": 4, "spread": 5},
        ),
        (
            [*HEADERS, "Adj Close", "Trades"],
            {"ts": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5, "adj_close": 6},
        ),
    ],
)
def test_columns_are_recognised(headers: list[str], found: dict[str, int]) -> None:
    assert positions(ColumnMapping(), headers, "f") == found


@pytest.mark.parametrize(
    ("headers", "mapping", "words"),
    [
        (["Date", "Open", "High", "Low"], {}, "no column for close; the table has 'Date', 'Open', 'High', 'Low'"),
        ([*HEADERS, "vol"], {}, "'Volume' and 'vol' could both be volume"),
        (HEADERS, {"columns": {"close": "close"}}, "there is no column 'close'"),
        (HEADERS, {"columns": {"close": -1}}, "there is no column -1, only 0 to 5"),
        (HEADERS, {"columns": {"close": 6}}, "there is no column 6"),
        (["f0", "f1"], {"header": False}, "no column for ts, open, high, low, close"),
    ],
)
def test_columns_that_cannot_be_told_are_refused(headers: list[str], mapping: dict[str, object], words: str) -> None:
    with pytest.raises(DataError, match=words) as refusal:
        positions(mapping_of(mapping), headers, "file.csv")
    assert refusal.value.where == "file.csv"


def test_a_declared_column_ends_the_doubt() -> None:
    assert positions(mapping_of({"columns": {"volume": "vol"}}), [*HEADERS, "vol"], "f")["volume"] == 6
    assert positions(mapping_of({"columns": {"close": 5}}), HEADERS, "f")["close"] == 5


def test_the_unit_of_numbers_is_that_of_the_largest() -> None:
    seconds = np.array([1_700_000_000, 1_700_000_060])
    for factor in (1, 10**3, 10**6, 10**9):
        found = read((seconds * factor).tolist())
        assert found == [pd.Timestamp(int(second), unit="s", tz="UTC") for second in seconds]
