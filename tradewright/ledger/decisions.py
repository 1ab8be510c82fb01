"""Intents, the gate's decisions on them, and what people said: the road up to an approved order."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, Text, func, select, type_coerce

from tradewright.database.engine import Database
from tradewright.ledger.events import Events
from tradewright.ledger.facts import Scope, names, of_subject, since
from tradewright.ledger.row_evidence import parsing
from tradewright.ledger.schema import approvals, decisions, events, intents
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import canonical_json, content_hash
from tradewright.model.intent import Intent
from tradewright.model.topic import Topic

LONGEST_LIFE = timedelta(days=2)
"""Decisions live for minutes: one recorded so long ago is not in force, unless its row says so."""
_ANEW = "ask anew: tradewright intent, with another --key; a strategy asks by itself at its next signal"


@dataclass(frozen=True, slots=True)
class Approval:
    """The answer of a person to a decision.

    Args:
        decision_hash: the hash of the decision that was answered; empty in a ledger older than v0003.
    """

    decision_id: str
    approved: bool
    actor: str
    reason: str
    at: datetime
    decision_hash: str = ""


class Decisions:
    """The tables of intents, decisions and approvals. Writing the same thing twice writes it once."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events

    def record_intent(self, intent: Intent) -> bool:
        """Write an intent down; False when it is there already.

        Raises:
            LedgerError: when the id is there with another content, so that it cannot mean two orders.
        """
        row: dict[str, object] = {
            "intent_id": intent.intent_id,
            "strategy": intent.strategy,
            "signal_id": intent.signal_id,
            "instrument": intent.terms.instrument,
            "payload": intent,
        }
        with self._database.write() as connection:
            topic = Topic.INTENT_CREATED
            return self._insert_once(
                connection, intents, "intent_id", row, content_hash(intent), topic, intent.strategy
            )

    def record_decision(self, decision: Decision) -> bool:
        """Record a decision; False when it is there already.

        Raises:
            LedgerError: when its intent is unknown, or the id is there with another content.
        """
        row: dict[str, object] = {
            "decision_id": decision.decision_id,
            "intent_id": decision.intent_id,
            "verdict": decision.verdict.value,
            "payload": decision,
            "decided_at": decision.decided_at,
            "expires_at": decision.expires_at,
        }
        with self._database.write() as connection:
            digest = content_hash(decision)
            return self._insert_once(connection, decisions, "decision_id", row, digest, Topic.DECISION_MADE, "gate")

    def record_approval(
        self, decision_id: str, approved: bool, actor: str, reason: str, decision_hash: str = ""
    ) -> Approval:
        """Record a person's answer to a decision, bound to the hash of that decision.

        A no is final and also stops an order that the gate approved, as long as it is not claimed.

        Args:
            decision_hash: the hash of what the person was shown; empty when the caller does not know it.

        Raises:
            LedgerError: without an actor or a reason, for an unknown decision, and for a yes to a decision that was
                rejected by the gate or by a person, or that has expired; and when ``decision_hash`` is given and is
                not the hash of the stored decision.
        """
        if not actor.strip() or not reason.strip():
            raise LedgerError("an approval needs an actor and a reason", where=f"decision {decision_id}")
        with self._database.write():
            now = self._database.clock.now()
            if approved:
                self._demand_open(decision_id, now)
            digest = content_hash(self.decision(decision_id))
            if decision_hash not in ("", digest):
                raise LedgerError(
                    f"the decision that was shown ({decision_hash[:12]}) is not the one on record ({digest[:12]})",
                    where=f"decision {decision_id}",
                    remedy="look at the decision again, then answer",
                )
            said = Approval(decision_id, approved, actor, reason, now, digest)
            topic = Topic.APPROVAL_GIVEN if approved else Topic.APPROVAL_REFUSED
            self._events.record(approvals, asdict(said), topic, decision_id, actor=actor)
        return said

    def intent(self, intent_id: str) -> Intent:
        """The intent of an id.

        Raises:
            LedgerError: when there is none.
        """
        if (found := self.find_intent(intent_id)) is None:
            raise LedgerError("no such intent", where=f"intent {intent_id}", remedy="tradewright intents lists them")
        return found

    def find_intent(self, intent_id: str) -> Intent | None:
        """The intent of an id, or None."""
        with self._events.facts.read(of_subject(intents, "intent_id", [intent_id])) as connection:
            payload = connection.execute(select(intents.c.payload).where(intents.c.intent_id == intent_id)).scalar()
        return None if payload is None else _intent(payload)

    def decision(self, decision_id: str) -> Decision:
        """The decision of an id.

        Raises:
            LedgerError: when there is none.
        """
        if (found := self.find_decision(decision_id)) is None:
            where, remedy = f"decision {decision_id}", "tradewright intents"
            raise LedgerError("no such decision", where=where, remedy=remedy, code="DECISION_UNKNOWN")
        return found

    def find_decision(self, decision_id: str) -> Decision | None:
        """The decision of an id, or None."""
        query = select(decisions.c.payload).where(decisions.c.decision_id == decision_id)
        with self._events.facts.read(of_subject(decisions, "decision_id", [decision_id])) as connection:
            payload = connection.execute(query).scalar()
        return None if payload is None else _decision(payload)

    def intents(self, signal_id: str | None = None, account: str | None = None) -> list[Intent]:
        """All intents, oldest first; only those of a signal, and of an account in this mode, where they are given."""
        query = select(intents.c.payload).where(*self._own(account))
        query = query.order_by(intents.c.recorded_at, intents.c.intent_id)
        if signal_id is not None:
            query = query.where(intents.c.signal_id == signal_id)
        return self._read_intents(query)

    def intents_between(self, instrument: str, first: datetime, before: datetime) -> list[Intent]:
        """The intents on an instrument that were written from ``first`` to before ``before``, oldest first.

        Those of every account and mode.
        """
        conditions = intents.c.instrument == instrument, intents.c.recorded_at >= first, intents.c.recorded_at < before
        query = select(intents.c.payload).where(*conditions)
        return self._read_intents(query.order_by(intents.c.recorded_at, intents.c.intent_id))

    def newest_intents(
        self, most: int | None, besides: Collection[str] = (), account: str | None = None
    ) -> list[Intent]:
        """The newest intents, at ``most`` so many (None: all), and those of the ids ``besides``; oldest first.

        Args:
            account: only those of an account in this mode; None for every account and mode.
        """
        return self._read_intents(self._newest(select(intents.c.payload), most, besides, account))

    def newest_ids(self, most: int | None, account: str | None = None) -> list[str]:
        """The ids of :meth:`newest_intents` as they stand in the table, compared with nothing."""
        with self._database.read() as connection:
            return list(connection.execute(self._newest(select(intents.c.intent_id), most, (), account)).scalars())

    def _newest(
        self, query: Select[Any], most: int | None, besides: Collection[str], account: str | None
    ) -> Select[Any]:
        own = self._own(account)
        newest = select(intents.c.intent_id).where(*own)
        newest = newest.order_by(intents.c.recorded_at.desc(), intents.c.intent_id.desc()).limit(most)
        wanted = intents.c.intent_id.in_(newest) | intents.c.intent_id.in_(besides)
        return query.where(wanted, *own).order_by(intents.c.recorded_at, intents.c.intent_id)

    def _read_intents(self, query: Select[Any]) -> list[Intent]:
        """The intents of some payloads, each compared with its event."""
        with self._database.read() as connection:
            chosen = connection.execute(query.with_only_columns(intents.c.intent_id)).scalars().all()
            self._events.facts.check_rows(connection, intents, "intent_id", chosen)
            return [_intent(payload) for payload in connection.execute(query).scalars()]

    def count_intents(self, account: str | None = None) -> int:
        """The number of intents; of an account in this mode where one is given."""
        query = select(func.count()).select_from(intents).where(*self._own(account))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def mode_of(self, decision_id: str) -> str:
        """The mode in which a decision was made; empty for an unknown one."""
        query = select(events.c.mode).join(decisions, decisions.c.event_seq == events.c.seq)
        with self._database.read() as connection:
            return connection.execute(query.where(decisions.c.decision_id == decision_id)).scalar() or ""

    def _own(self, account: str | None) -> tuple[ColumnElement[bool], ...]:
        """The intents of an account in this mode. ``account`` is the first key of the canonical form of an intent."""
        if account is None:
            return ()
        stored = type_coerce(intents.c.payload, Text)
        begins = stored.startswith(canonical_json({"account": account})[:-1] + ",", autoescape=True)
        return begins, self._events.own(intents)

    def strategies(self) -> list[str]:
        """Every strategy that ever asked for something, by name."""
        query = select(intents.c.strategy).distinct().order_by(intents.c.strategy)
        with self._database.read() as connection:
            return list(connection.execute(query).scalars())

    def all(self) -> list[Decision]:
        """All decisions, oldest first."""
        return self._decisions()

    def of_intent(self, intent_id: str) -> list[Decision]:
        """The decisions on an intent, oldest first. A decision is recorded after its intent."""
        with self._events.facts.read(of_subject(intents, "intent_id", [intent_id])) as connection:
            recorded = select(intents.c.event_seq).where(intents.c.intent_id == intent_id)
            told = (events.c.seq > (connection.execute(recorded).scalar() or 0), names("intent_id", intent_id))
            self._events.facts.check(connection, Scope(decisions, (decisions.c.intent_id == intent_id,), told))
            return self._decisions(decisions.c.intent_id == intent_id)

    def decisions_alive(self, moment: datetime) -> list[Decision]:
        """All decisions on the intents with one that was still in force after a moment, oldest first."""
        alive = select(decisions.c.intent_id).where(decisions.c.expires_at > moment)
        query = select(decisions.c.payload).where(decisions.c.intent_id.in_(alive))
        with self._database.read() as connection:
            self._check_since(connection, moment - LONGEST_LIFE, decisions.c.intent_id.in_(alive))
            found = connection.execute(query.order_by(decisions.c.recorded_at, decisions.c.decision_id)).scalars()
            return [_decision(payload) for payload in found]

    def approvals(self, decision_id: str) -> list[Approval]:
        """What people said to a decision, oldest first."""
        columns = [column for column in approvals.c if column.name not in ("id", "event_seq")]
        query = select(*columns).where(approvals.c.decision_id == decision_id).order_by(approvals.c.id)
        with self._events.facts.read(of_subject(approvals, "decision_id", [decision_id])) as connection:
            return [Approval(**row) for row in connection.execute(query).mappings()]

    def waiting(self) -> list[Decision]:
        """The decisions that wait for a person: REVIEW, not expired, nobody has spoken."""
        now = self._database.clock.now()
        spoken = select(approvals.c.decision_id)
        query = select(decisions.c.payload).where(
            decisions.c.verdict == Verdict.REVIEW.value,
            decisions.c.expires_at > now,
            decisions.c.decision_id.not_in(spoken),
        )
        with self._database.read() as connection:
            self._check_since(connection, now - LONGEST_LIFE, decisions.c.expires_at > now)
            return [_decision(row) for row in connection.execute(query.order_by("decided_at")).scalars()]

    def permits(self, decision_id: str) -> bool:
        """Whether a decision may become an order: approved by the gate, or in review and approved by a person."""
        verdict, said = self.decision(decision_id).verdict, self.approvals(decision_id)
        if any(not approval.approved for approval in said):
            return False
        return verdict is Verdict.APPROVE or (verdict is Verdict.REVIEW and bool(said))

    def _check_since(self, connection: Connection, moment: datetime, also: ColumnElement[bool]) -> None:
        """Compare the decisions that were recorded since a moment, and some older ones, with their events."""
        seq = since(connection, decisions, "recorded_at", moment)
        scope = Scope(decisions, ((decisions.c.event_seq >= seq) | also,), (events.c.seq >= seq,))
        self._events.facts.check(connection, scope)

    def _decisions(self, *conditions: ColumnElement[bool]) -> list[Decision]:
        query = select(decisions.c.payload).where(*conditions)
        with self._events.facts.read(Scope(decisions, conditions, None)) as connection:
            found = connection.execute(query.order_by(decisions.c.recorded_at, decisions.c.decision_id)).scalars()
            return [_decision(payload) for payload in found]

    def _demand_open(self, decision_id: str, now: datetime) -> None:
        decision, where = self.decision(decision_id), f"decision {decision_id}"
        if decision.verdict is Verdict.REJECT:
            what = "the gate rejected it; a person cannot overrule the gate"
            remedy = f"remove what its reasons name, then {_ANEW}"
            raise LedgerError(what, where=where, remedy=remedy, code="REJECTED_BY_GATE")
        if decision.expires_at <= now:
            what = f"it expired at {decision.expires_at.isoformat()}"
            raise LedgerError(what, where=where, remedy=_ANEW, code="DECISION_EXPIRED")
        if any(not approval.approved for approval in self.approvals(decision_id)):
            remedy = f"a no is final; to trade after all, {_ANEW}"
            raise LedgerError("a person rejected it already", where=where, remedy=remedy, code="ALREADY_ANSWERED")

    def _insert_once(
        self,
        connection: Connection,
        table: Table,
        key: str,
        row: dict[str, object],
        sha256: str,
        topic: Topic,
        actor: str,
    ) -> bool:
        present = connection.execute(select(table.c.sha256).where(table.c[key] == row[key])).scalar()
        if present is None:
            now = self._database.clock.now()
            stored = row | {"sha256": sha256, "recorded_at": now}
            self._events.record(table, stored, topic, str(row[key]), actor=actor)
            return True
        if present != sha256:
            raise LedgerError(
                "the same id with another content", where=f"{key} {row[key]}", remedy="make ids from the whole content"
            )
        return False


def _intent(payload: Any) -> Intent:
    with parsing(intents, payload if isinstance(payload, dict) else {}):
        return Intent.model_validate(payload)


def _decision(payload: Any) -> Decision:
    with parsing(decisions, payload if isinstance(payload, dict) else {}):
        return Decision.model_validate(payload)
