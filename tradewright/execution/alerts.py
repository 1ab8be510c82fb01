"""Alerts: the events that a person wants to hear of at once, as texts (R-OBS-10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradewright.ledger.events import Event
from tradewright.model.alert import Alert, Severity
from tradewright.model.topic import Topic

LONGEST = 500
"""Characters of a text: a venue's message or a person's reason may be longer."""


def alert_of(event: Event) -> Alert | None:
    """The alert of an event; None for one that no person needs to hear of."""
    severity, text_of = _ALERTING.get(event.topic, (Severity.WARNING, _nothing))
    text = text_of(event)
    if not text:
        return None
    return Alert(
        id=event.hash,
        seq=event.seq,
        at=event.at,
        severity=severity,
        code=event.topic.value,
        mode=event.mode,
        account=event.account,
        text=text[:LONGEST],
    )


def _row(event: Event) -> Mapping[str, Any]:
    """The row that the event wrote; empty for one without."""
    row = event.payload.get("row", {})
    return row if isinstance(row, dict) else {}


def _nothing(_event: Event) -> str:
    return ""


def _stopped(event: Event) -> str:
    row = _row(event)
    return f"trading is stopped: {row.get('scope')} by {row.get('actor')}: {row.get('reason')}"


def _resumed(event: Event) -> str:
    row = _row(event)
    return f"trading is resumed: {row.get('scope')} by {row.get('actor')}: {row.get('reason')}"


def _frozen(event: Event) -> str:
    row = _row(event)
    return f"{row.get('instrument')} is frozen: {row.get('code')} {row.get('ref')}: {row.get('text')}"


def _tripped(event: Event) -> str:
    told = event.payload
    return (
        f"the daily circuit breaker has tripped: {told.get('limit')}, a loss of {told.get('loss')} reached "
        f"{told.get('threshold')}; nothing is entered before {told.get('until')}"
    )


def _unknown(event: Event) -> str:
    return f"order {event.subject} is in doubt: {_row(event).get('reason')}"


def _rejected(event: Event) -> str:
    return f"order {event.subject} was rejected by the venue: {_row(event).get('reason')}"


def _differs(event: Event) -> str:
    row = _row(event)
    return "" if row.get("clean") else f"the ledger differs from the venue: {row.get('differences')}"


def _failed(event: Event) -> str:
    told = event.payload
    if told.get("state") != "FAILED":
        return ""
    answer = told.get("result", {}).get("answer", {})
    what = answer.get("what", "") if isinstance(answer, dict) else answer
    return f"command {told.get('kind')} failed: {what}"


_ALERTING: Mapping[Topic, tuple[Severity, Callable[[Event], str]]] = {
    Topic.KILL_SWITCH_STOPPED: (Severity.CRITICAL, _stopped),
    Topic.KILL_SWITCH_RESUMED: (Severity.WARNING, _resumed),
    Topic.INSTRUMENT_FROZEN: (Severity.CRITICAL, _frozen),
    Topic.BREAKER_TRIPPED: (Severity.CRITICAL, _tripped),
    Topic.ORDER_UNKNOWN: (Severity.CRITICAL, _unknown),
    Topic.ORDER_REJECTED: (Severity.WARNING, _rejected),
    Topic.RECONCILIATION_FINISHED: (Severity.WARNING, _differs),
    Topic.COMMAND_FINISHED: (Severity.WARNING, _failed),
}
TOPICS = tuple(_ALERTING)
"""The topics whose events may be alerts."""
