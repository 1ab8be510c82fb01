"""The limits in force: each change of the gate's limits is an event, written before the first decision under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tradewright.ledger.events import Event, Events
from tradewright.ledger.row_evidence import tampered
from tradewright.ledger.schema import events
from tradewright.model.hashing import canonical_value
from tradewright.model.tightening import Tightening
from tradewright.model.topic import Topic


@dataclass(frozen=True, slots=True)
class LimitChange:
    """One change of the limits of an account.

    Args:
        seq: number of its event.
        actor: the user under whom the program that decided first under them ran.
        rule_set_hash: the name under which decisions refer to them; rules and numbers together.
        limits: every number.
        changed: the numbers that differ from those before, as (before, after); all of them at the first time, with
            None before. Empty where only the rules changed.
    """

    seq: int
    at: datetime
    account: str
    actor: str
    rule_set_hash: str
    limits: Mapping[str, Any]
    changed: Mapping[str, tuple[Any, Any]]

    @property
    def text(self) -> str:
        """The changed numbers in one line."""
        if self.changed and all(before is None for before, _ in self.changed.values()):
            return f"first recorded, {len(self.limits)} numbers"
        told = ((name, *pair) for name, pair in self.changed.items() if name != "tightened")  # its numbers are told
        numbers = [f"{name} {_said(before)} -> {_said(after)}" for name, before, after in told]
        return ", ".join(numbers) or "rules only"


class LimitHistory:
    """The limits under which an account's orders were decided, in one mode. They are read from the events alone."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def record(self, account: str, rule_set_hash: str, limits: object, actor: str) -> bool:
        """Write down the limits of a decision that is about to be made; False when they are the last recorded ones.

        Args:
            limits: their numbers, as a value with a canonical form.

        Raises:
            LedgerTampered: when the last recorded ones were altered.
            LedgerError: when it cannot be committed.
        """
        last = self.newest(account)
        if last is not None and last.rule_set_hash == rule_set_hash:
            return False
        numbers = canonical_value(limits)
        payload = {"rule_set_hash": rule_set_hash, "limits": numbers, "changed": _changed(last, numbers)}
        self._events.append(Topic.LIMIT_CHANGED, self._subject(account), payload, actor, account)
        return True

    def tighten(self, account: str, name: str, value: object, base: object, actor: str, reason: str) -> Tightening:
        """Write down that a person tightened a limit; the next decision and the next send stand under it.

        Args:
            value: the tighter value, as canonical JSON has it.
            base: what the configuration has.

        Raises:
            LedgerError: when it cannot be committed.
        """
        payload = {"name": name, "value": value, "base": base, "reason": reason}
        event = self._events.append(Topic.LIMIT_TIGHTENED, self._subject(account), payload, actor, account)
        return _tightening(event)

    def tightenings(self, account: str) -> list[Tightening]:
        """The newest tightening of each limit.

        Raises:
            LedgerTampered: when one was altered, or one under which a decision was made is gone.
        """
        found = self._events.of(Topic.LIMIT_TIGHTENED, self._subject(account))
        written = {event.seq: _tightening(event) for event in found}
        last = self.newest(account)
        for used in () if last is None else last.limits.get("tightened", ()):
            if used["seq"] not in written:
                raise tampered(events, {"seq": used["seq"]}, "topic", None, Topic.LIMIT_TIGHTENED.value)
        return list({one.name: one for one in written.values()}.values())

    def newest(self, account: str) -> LimitChange | None:
        """The last recorded limits of an account; None before the first decision.

        Raises:
            LedgerTampered: when their event was altered.
        """
        event = self._events.newest(Topic.LIMIT_CHANGED, self._subject(account))
        return None if event is None else _change(event)

    def changes(self, account: str) -> list[LimitChange]:
        """Every change, oldest first."""
        found = self._events.about(self._subject(account))
        return [_change(event) for event in found if event.topic is Topic.LIMIT_CHANGED]

    def _subject(self, account: str) -> str:
        return f"limits:{self._events.mode.value}:{account}"


def _said(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _change(event: Event) -> LimitChange:
    told = event.payload
    changed = {name: (pair[0], pair[1]) for name, pair in told["changed"].items()}
    return LimitChange(event.seq, event.at, event.account, event.actor, told["rule_set_hash"], told["limits"], changed)


def _tightening(event: Event) -> Tightening:
    return Tightening(seq=event.seq, actor=event.actor, **event.payload)


def _changed(last: LimitChange | None, numbers: Mapping[str, Any]) -> dict[str, list[Any]]:
    before = {} if last is None else last.limits
    names = sorted({*before, *numbers})
    return {name: [before.get(name), numbers.get(name)] for name in names if before.get(name) != numbers.get(name)}
