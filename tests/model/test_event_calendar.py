"""Windows are half open, local clocks are placed in UTC or refused, and a list that has ended is not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tradewright.model.event_calendar import EventCalendar, EventWindow
from tradewright.model.instrument import AssetClass, Instrument

START = datetime(2026, 3, 2, tzinfo=UTC)
STOCK = Instrument(symbol="AAPL", asset_class=AssetClass.STOCK)
PAIR = Instrument(symbol="EURUSD", asset_class=AssetClass.FOREX, currency="USD", calendar="24/5")
YEN = Instrument(symbol="SONY", asset_class=AssetClass.STOCK, currency="JPY")


def window(**changes: Any) -> EventWindow:
    values: dict[str, Any] = {"start": START, "end": START + timedelta(hours=1), "instrument": "AAPL", "reason": "x"}
    return EventWindow.model_validate({key: value for key, value in (values | changes).items() if value is not None})


SPANS = st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 20)), max_size=5)


@given(SPANS, st.integers(-60, 80), st.none() | st.integers(-60, 80))
def test_a_calendar_is_the_union_of_its_half_open_spans(
    spans: list[tuple[int, int]], now: int, until: int | None
) -> None:
    def at(second: int) -> datetime:
        return START + timedelta(seconds=second)

    rows = tuple(window(start=at(start), end=at(start + length), reason=f"r{start}") for start, length in spans)
    calendar = EventCalendar(windows=rows, complete_until=None if until is None else at(until))
    found = calendar.blackout(STOCK, at(now))
    hit = {f"r{start}" for start, length in spans if now in range(start, start + length)}
    if hit:
        assert found.active is True
        assert set(found.reason.split(", ")) == hit
    else:
        assert found.active is (None if until is not None and now >= until else False)
    assert calendar.blackout(YEN, at(now)).active is not True


@pytest.mark.parametrize(
    ("about", "concerned"),
    [
        ({"instrument": "AAPL"}, {"AAPL"}),
        ({"instrument": None, "currency": "USD"}, {"AAPL", "EURUSD"}),
        ({"instrument": None, "currency": "EUR"}, {"EURUSD"}),
        ({"instrument": None, "every_instrument": True}, {"AAPL", "EURUSD", "SONY"}),
    ],
)
def test_a_window_concerns_an_instrument_a_currency_or_all(about: dict[str, Any], concerned: set[str]) -> None:
    found = {each.symbol for each in (STOCK, PAIR, YEN) if window(**about).concerns(each)}
    assert found == concerned


@pytest.mark.parametrize(
    "about",
    [{"instrument": None}, {"currency": "USD"}, {"every_instrument": True}, {"reason": ""}, {"currency": "usd"}],
)
def test_a_window_about_nothing_or_two_things_or_without_a_reason_is_refused(about: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        window(**about)


def test_times_on_a_wall_clock_are_placed_by_its_zone_on_both_sides_of_the_change() -> None:
    def placed(text: str, zone: str = "America/New_York") -> datetime:
        return window(zone=zone, start=text, end="2027-01-01T00:00:00Z").start

    assert placed("2026-01-28 16:00") == datetime(2026, 1, 28, 21, tzinfo=UTC)
    assert placed("2026-07-28 16:00") == datetime(2026, 7, 28, 20, tzinfo=UTC)
    assert placed("2026-07-28T16:00:00+02:00") == datetime(2026, 7, 28, 14, tzinfo=UTC), "its own offset counts"
    assert placed("2026-11-01T01:30:00-05:00") == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    again = window(zone="America/New_York", start="2026-01-28 16:00", end="2026-01-28 17:00")
    assert EventWindow.model_validate_json(again.model_dump_json()) == again


@pytest.mark.parametrize(
    ("text", "zone", "rule"),
    [
        ("2026-11-01 01:30", "America/New_York", "is shown twice on the clock of America/New_York"),
        ("2026-03-08 02:30", "America/New_York", "does not exist on the clock of America/New_York"),
        ("2026-03-09 02:30", "", "a time needs a zone"),
        ("2026-03-09 02:30", "America/Newyork", "time zone of the IANA database"),
    ],
)
def test_a_time_that_is_no_single_moment_is_refused(text: str, zone: str, rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        window(zone=zone, start=text)
