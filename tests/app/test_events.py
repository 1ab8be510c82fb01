"""``data events``: local times as the UTC that the gate compares with, the state of each window, the calendar's end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from app.operations.events import declared_events
from conf.compose import compose
from tests.app.conftest import say

WINDOWS = (
    "{currency: USD, zone: America/New_York, start: '2026-11-20 09:00', end: '2026-11-20 11:00', reason: CPI}",
    "{instrument: AAPL, zone: America/New_York, start: '2026-07-28 16:00', end: '2026-07-29 09:30', reason: earnings}",
    "{every_instrument: true, start: '2026-11-21T00:00:00Z', end: '2026-11-21T01:00:00Z', reason: FOMC}",
)


def test_the_windows_are_listed_in_utc_with_their_state(tmp_path: Path) -> None:
    settings = compose([f"storage.root={tmp_path}", f"events.windows=[{','.join(WINDOWS)}]"])
    found = declared_events(settings, every=True)
    assert [(row.state, row.about, row.reason) for row in found.windows] == [
        ("ended", "AAPL", "earnings"), ("open", "all in USD", "CPI"), ("to come", "every instrument", "FOMC"),
    ]  # fmt: skip
    assert found.windows[0].start == datetime(2026, 7, 28, 20, tzinfo=UTC), "daylight saving time"
    assert found.windows[1].start == datetime(2026, 11, 20, 14, tzinfo=UTC)
    assert [row.reason for row in declared_events(settings).windows] == ["CPI", "FOMC"]
    assert [row.reason for row in declared_events(settings, "AAPL", every=True).windows] == ["earnings", "CPI", "FOMC"]
    assert "for all time" in found.remark


def test_a_calendar_that_has_ended_says_what_that_means(tmp_path: Path) -> None:
    said = say("data", "events", f"storage.root={tmp_path}", "events.complete_until='2026-11-20T00:00:00Z'")
    assert said.status == 0
    assert "complete until 2026-11-20 00:00 UTC: since then entries are rejected" in said.out
