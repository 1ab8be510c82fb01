"""Times in the zone of ``base.tz`` (R-CFG-15): they can be read back, across every change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.operations import monitor_view as monitor
from app.operations import trading
from app.operations.explanation import explanation
from app.operations.formatting import local
from conf.compose import compose
from tests.support.ledgers import Proposer
from tradewright.execution.daily_loss import day_start
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock

ZONES = ("UTC", "Asia/Jerusalem", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kolkata")
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 4 * 366 * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))
CHANGES = (
    datetime(2026, 3, 27, 0, tzinfo=UTC),  # Jerusalem, two o'clock becomes three
    datetime(2026, 10, 24, 23, tzinfo=UTC),  # Jerusalem, two o'clock becomes one
    datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York, spring
    datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York, autumn
    datetime(2026, 4, 23, 22, tzinfo=UTC),  # Cairo, midnight itself is left out
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe, half an hour
)


def read_back(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@settings(max_examples=200)
@given(MOMENTS, st.sampled_from(ZONES))
def test_what_is_shown_is_read_back_as_the_same_moment(at: datetime, tz: str) -> None:
    assert read_back(local(at, tz)) == at


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("change", CHANGES)
def test_around_a_change_of_the_clocks_no_two_moments_look_alike(tz: str, change: datetime) -> None:
    moments = [change + timedelta(minutes=minute) for minute in range(-180, 181)]
    shown = [local(at, tz) for at in moments]
    assert len(set(shown)) == len(moments)
    assert [read_back(text) for text in shown] == moments


def test_the_hour_that_comes_twice_says_which_it_is() -> None:
    before, after = (datetime(2026, 10, 24, hour, 30, tzinfo=UTC) for hour in (22, 23))
    assert local(before, "Asia/Jerusalem") == "2026-10-25 01:30:00+03:00"
    assert local(after, "Asia/Jerusalem") == "2026-10-25 01:30:00+02:00"


@pytest.mark.parametrize("tz", ZONES)
@pytest.mark.parametrize("change", CHANGES)
def test_a_day_begins_once_also_where_the_clocks_change(tz: str, change: datetime) -> None:
    for minute in range(-2000, 2001, 7):
        now = change + timedelta(minutes=minute)
        start = day_start(now, tz).astimezone(UTC)
        clock = start.astimezone(ZoneInfo(tz))
        assert timedelta(0) <= now - start < timedelta(hours=25)
        assert clock.date() == now.astimezone(ZoneInfo(tz)).date()
        assert (start - timedelta(seconds=1)).astimezone(ZoneInfo(tz)).date() < clock.date(), (
            "nothing of it lies before"
        )


def test_monitor_and_explanations_show_the_zone_and_the_ledger_keeps_utc(tmp_path: Path) -> None:
    chosen = compose((f"storage.root={tmp_path}", "base.tz=Asia/Jerusalem"))
    moment = datetime(2026, 11, 20, 22, 30, tzinfo=UTC)
    with Ledger.create(f"sqlite:///{tmp_path / 'ledger.sqlite3'}", ManualClock(moment)) as ledger:
        intent = Proposer(ledger, ledger.clock, "SIM").intent()
    board = monitor.monitor_view(chosen)
    assert board.intents[0]["decided"] == "2026-11-21 00:30:00+02:00"
    clock = next(tile for tile in board.tiles if tile.label == "Clock")
    assert clock.meaning.endswith("Asia/Jerusalem")
    (walk,) = trading.explain(chosen, intent.intent_id).rows
    assert any("decided 2026-11-21 00:30:00+02:00 Asia/Jerusalem" in line for line in explanation(walk, chosen.base.tz))
    assert walk.intent.decided_at == moment
    assert walk.intent.decided_at.utcoffset() == timedelta(0)
