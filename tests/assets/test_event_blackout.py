"""The asset of event windows says what the gate would: open, none open, or not known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assets.research.events import make_event_blackout
from conf.compose import compose
from runtime.container import Container
from tradewright.model.event_calendar import EventCalendar

OPEN = "{currency: USD, zone: America/New_York, start: '2026-11-20 09:00', end: '2026-11-20 11:00', reason: CPI}"
LATER = "{every_instrument: true, start: '2026-11-21T00:00:00Z', end: '2026-11-21T01:00:00Z', reason: FOMC}"
ENDED = "'2026-11-20T00:00:00Z'"


@pytest.mark.parametrize(
    ("windows", "until", "active", "told"),
    [
        (f"[{OPEN},{LATER}]", "null", True, "open: CPI; 2 open or to come"),
        (f"[{LATER}]", "null", False, "none open; 1 open or to come"),
        (f"[{LATER}]", ENDED, None, "complete until 2026-11-20 00:00 UTC only; 1 open or to come"),
    ],
)
def test_the_windows_of_an_instrument_are_kept(
    tmp_path: Path, windows: str, until: str, active: bool | None, told: str
) -> None:
    settings = compose([f"storage.root={tmp_path}", f"events.windows={windows}", f"events.complete_until={until}"])
    made = make_event_blackout(settings, "BTC")
    assert told in str((made.metadata or {})["summary"])
    assert [result.passed for result in made.check_results or ()] == [active is not None]
    with Container(settings) as house:
        kept = EventCalendar.model_validate_json(json.dumps(house.artefacts.read_json(("event_blackout", "BTC"))))
        coin, now = house.instrument("BTC"), house.clock.now()
    assert kept.blackout(coin, now) == settings.events.blackout(coin, now)
    assert kept.blackout(coin, now).active is active
    assert len(kept.windows) == windows.count("reason")
