"""The event calendar of each instrument, as the gate applies it."""

import dagster as dg

from assets.metadata import Facts, described, table
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.event_calendar import EventCalendar, EventWindow
from tradewright.model.hashing import content_hash

EVENTS_CHECK = ("complete", "The event calendar says for how long it is complete, and that time has not come.")


def make_event_blackout(settings: Settings, symbol: str) -> dg.MaterializeResult:
    """Keep the event windows of an instrument, and tell whether one is open; the gate reads the same list itself."""
    with Container(settings) as house:
        now, instrument = house.clock.now(), house.instrument(symbol)
        windows, found = settings.events.of(instrument), settings.events.blackout(instrument, now)
        kept = EventCalendar(windows=windows, complete_until=settings.events.complete_until)
        house.artefacts.write_json(("event_blackout", symbol), kept.model_dump(mode="json"))
    ahead = [_row(row) for row in windows if now < row.end]
    state = {True: "open", False: "none open", None: "not known"}[found.active]
    told = state + (f": {found.reason}" if found.reason else "")
    facts: Facts = {
        "event window": told,
        "open or to come": table(("start (UTC)", "end (UTC)", "reason"), ahead) if ahead else "none",
    }
    summary = f"{symbol}: event window {told}; {len(ahead)} open or to come"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=content_hash(settings.events)),
        check_results=[
            dg.AssetCheckResult(
                check_name=EVENTS_CHECK[0],
                passed=found.active is not None,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"calendar": told},
            )
        ],
    )


def _row(window: EventWindow) -> tuple[str, str, str]:
    return f"{window.start:%Y-%m-%d %H:%M}", f"{window.end:%Y-%m-%d %H:%M}", window.reason
