"""The audit log: the events that record a decision of the gate or an act of a person (R-EVT-04, C-34)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tradewright.ledger.events import Event, Events
from tradewright.model.errors import LedgerError
from tradewright.model.topic import Topic

ACTIONS = {
    Topic.DECISION_MADE: "DECIDE",
    Topic.APPROVAL_GIVEN: "APPROVE",
    Topic.APPROVAL_REFUSED: "REJECT",
    Topic.KILL_SWITCH_STOPPED: "KILL",
    Topic.KILL_SWITCH_RESUMED: "RESUME",
    Topic.INSTRUMENT_FROZEN: "FREEZE",
    Topic.FREEZE_LIFTED: "LIFT",
}
"""The action of each topic of the log; an ``AUDIT_ENTRY`` names its own."""
TOPICS = (*ACTIONS, Topic.AUDIT_ENTRY)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the log: an event seen as an act.

    Args:
        seq: the number of the event.
        actor: the person or the part of the program that acted.
        action: the act, in capitals (``KILL``, ``APPROVE``).
        subject: its object: an id, a scope, a symbol.
        detail: the particulars, by the kind of act.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Any
    previous: str
    hash: str


class AuditLog:
    """A view of the events; acts without a table of their own are appended here."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def append(self, actor: str, action: str, subject: str, detail: object = None) -> AuditEntry:
        """Record an act, in the caller's transaction where there is one.

        Raises:
            LedgerError: when it cannot be committed.
            TypeError, ValueError: when ``detail`` has no canonical form.
        """
        payload = {"action": action, "detail": detail}
        return _entry(self._events.append(Topic.AUDIT_ENTRY, subject, payload, actor))

    def entries(self, subject: str | None = None, after: int = 0) -> list[AuditEntry]:
        """The entries behind event ``after``, oldest first; only those about ``subject`` where one is given."""
        all_of_it = subject is None
        found = self._events.after(after, TOPICS, limit=None) if all_of_it else self._events.about(str(subject))
        return [_entry(event) for event in found if event.seq > after and _is_act(event)]

    def verify_chain(self, *, sealed: bool = True) -> int:
        """Audit the whole ledger (``Events.verify_chain``), and return the number of events."""
        return self._events.verify_chain(sealed=sealed)

    def alterations(self, most: int = 10) -> tuple[int, list[LedgerError]]:
        """As :meth:`verify_chain`, returning up to ``most`` alterations instead of raising (``Events.alterations``)."""
        return self._events.alterations(most)


def _is_act(event: Event) -> bool:
    """A fact copied by a migration is in the log already, by its old entry."""
    return event.topic in TOPICS and not event.payload.get("migrated")


def _entry(event: Event) -> AuditEntry:
    action = ACTIONS.get(event.topic) or event.payload["action"]
    detail = event.payload["detail"] if event.topic is Topic.AUDIT_ENTRY else _detail(event.payload["row"])
    return AuditEntry(event.seq, event.at, event.actor, action, event.subject, detail, event.previous, event.hash)


def _detail(row: dict[str, Any]) -> dict[str, Any]:
    if "verdict" in row:
        codes = [reason["code"] for reason in row["payload"]["reasons"]]
        return {"intent_id": row["intent_id"], "verdict": row["verdict"], "reasons": codes}
    return {name: row[name] for name in ("code", "ref", "text", "reason") if name in row}
