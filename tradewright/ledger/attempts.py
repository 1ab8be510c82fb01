"""The attempts on record: claiming, writing ahead, moving on, and asking for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, func, insert, literal, select, update

from tradewright.database.engine import Database
from tradewright.ledger.attempt import Attempt, AttemptEvent, steps
from tradewright.ledger.attempt_evidence import TOPIC_OF_STATE, AttemptEvidence
from tradewright.ledger.events import Events
from tradewright.ledger.facts import Scope, of_subject, required
from tradewright.ledger.leases import lease_held
from tradewright.ledger.outbox import claimable
from tradewright.ledger.schema import (
    LIVE_STATES,
    approvals,
    approved_orders,
    attempt_events,
    attempts,
    decisions,
    intents,
    perm_ids,
)
from tradewright.model.errors import LedgerError
from tradewright.model.order import (
    AttemptState,
    Leg,
    OrderTerms,
    ProtectiveLeg,
    Side,
    TimeInForce,
)
from tradewright.model.topic import Topic


class Attempts:
    """The table of attempts. Every change of state is one conditional update and one appended event."""

    def __init__(self, database: Database, events: Events, evidence: AttemptEvidence) -> None:
        self._database, self._events, self._evidence = database, events, evidence

    def claim(self, decision_id: str, payload_hash: str, holder: str) -> Attempt | None:
        """Take an approved order for sending (S2): the attempt of its entry; None when it is not to be had.

        One conditional insert: not expired, the hash equal, no other claim or order, and the holder has the lease of
        the account. Of two that try at once one succeeds. The protective legs are claimed with the entry.

        Raises:
            LedgerTampered: when a row that allows the order, or tells of an earlier attempt of its intent, is not what
                was recorded; nothing is claimed.
        """
        now = self._database.clock.now()
        approved = select(approved_orders).where(approved_orders.c.decision_id == decision_id)
        with self._database.write() as connection:
            self._check_approval(connection, decision_id)
            row = connection.execute(approved).mappings().one_or_none()
            if row is None:
                return None
            self._evidence.check_reached(connection, row["intent_id"])
            tried = select(func.count()).where(
                attempts.c.intent_id == row["intent_id"], attempts.c.leg == Leg.ENTRY.value
            )
            number = connection.execute(tried).scalar_one() + 1
            values, *protective = (
                _claimed(row, number, leg, terms) | {"holder": holder, "claimed_at": now}
                for leg, terms in _legs(row).items()
            )
            source = select(*(literal(value, attempts.c[name].type) for name, value in values.items())).where(
                approved_orders.c.decision_id == decision_id,
                approved_orders.c.payload_hash == payload_hash,
                claimable(now),
                lease_held(row["account"], holder, now),
            )
            if connection.execute(insert(attempts).from_select(list(values), source)).rowcount != 1:
                return None
            if protective:
                connection.execute(insert(attempts), protective)
            for claimed in (values, *protective):
                self._append(connection, claimed["ref"], AttemptState.CLAIMED, f"claimed by {holder}")
            return self.get(values["ref"])

    def release(self, ref: str, reason: str, *, spent: bool = False) -> AttemptState:
        """Give a claim back that provably never went out: ``NOT_SENT``, or ``EXPIRED`` when its approval is over.

        The legs of a group are given back together.

        Args:
            spent: True ends the approval as well (the gate refused at send time); False lets it be claimed again.

        Raises:
            LedgerError: when it is no longer only claimed.
        """
        with self._database.write() as connection:
            attempt = self.get(ref)
            if attempt.state is not AttemptState.CLAIMED:
                raise LedgerError(
                    f"it is {attempt.state}, not only claimed", where=f"attempt {ref}", remedy="reconcile"
                )
            query = select(approved_orders.c.expires_at).where(approved_orders.c.decision_id == attempt.decision_id)
            over = connection.execute(query).scalar_one() <= self._database.clock.now()
            state = AttemptState.EXPIRED if over and not spent else AttemptState.NOT_SENT
            for leg in self.group(ref):
                if leg.state is AttemptState.CLAIMED:
                    self._advance(connection, leg.ref, (state,), reason, spent=spent)
            return state

    def begin_sending(
        self, ref: str, session: str, order_ids: Mapping[Leg, int], payload_hash: str, holder: str
    ) -> None:
        """The write-ahead (S4) of all legs at once: from here on a crash leaves them in doubt, never unsaid.

        Args:
            order_ids: the number of each leg in the session.

        Raises:
            LedgerError: when the attempt is not claimed by this holder under this hash, or the lease is gone.
            LedgerTampered: as for :meth:`claim`; nothing is written.
        """
        now = self._database.clock.now()
        with self._database.write() as connection:
            entry = self.get(ref)
            self._check_approval(connection, entry.decision_id)
            self._evidence.check_reached(connection, entry.intent_id)
            legs = {leg.leg: leg for leg in self.group(ref)}
            if legs.keys() != order_ids.keys():
                raise LedgerError("each leg needs its own order id", where=f"attempt {ref}")
            for name, leg in legs.items():
                changed = connection.execute(
                    update(attempts)
                    .where(
                        attempts.c.ref == leg.ref,
                        attempts.c.state == AttemptState.CLAIMED.value,
                        attempts.c.holder == holder,
                        attempts.c.payload_hash == payload_hash,
                        lease_held(attempts.c.account, holder, now),
                    )
                    .values(
                        state=AttemptState.SENDING.value,
                        session=session,
                        order_id=order_ids[name],
                        sending_at=now,
                        spent=True,
                    )
                ).rowcount
                if changed != 1:
                    raise LedgerError(
                        "the claim or the lease is gone, or the order was altered",
                        where=f"attempt {leg.ref}",
                        remedy="nothing was sent",
                    )
                reason = f"session {session}, order id {order_ids[name]}"
                self._append(connection, leg.ref, AttemptState.SENDING, reason)

    def move(self, ref: str, wanted: AttemptState, reason: str) -> Attempt:
        """Bring an attempt to a state, through ``ACKED`` where the venue skipped it; no step when it is there.

        Raises:
            IllegalTransition: when there is no way.
        """
        with self._database.write() as connection:
            attempt = self.get(ref)
            self._advance(connection, ref, steps(attempt.state, wanted), reason)
            return self.get(ref)

    def get(self, ref: str) -> Attempt:
        """The attempt of a reference.

        Raises:
            LedgerError: when there is none.
        """
        found = self.find(ref)
        if found is None:
            remedy = "tradewright orders lists them"
            raise LedgerError("no such attempt", where=f"attempt {ref}", remedy=remedy, code="ORDER_UNKNOWN_HERE")
        return found

    def find(self, ref: str) -> Attempt | None:
        """The attempt of a reference, or None.

        Raises:
            LedgerTampered: when it is not what its newest event says, or is gone.
        """
        with self._database.read() as connection:
            self._evidence.check(connection, [ref])
            found = self._select(select(attempts).where(attempts.c.ref == ref))
        return found[0] if found else None

    def group(self, ref: str) -> list[Attempt]:
        """All legs that were claimed together with an attempt, itself included, the entry first."""
        with self._database.read() as connection:
            self._evidence.check_intents(connection, [ref.partition(".")[0]])
            return self._select(_group(ref))

    def read_back(self, ref: str) -> list[Attempt]:
        """The legs of an attempt's group as a new connection sees them: what is really committed (S4)."""
        with self._database.read_fresh() as connection:
            return [_attempt(row) for row in connection.execute(_group(ref)).mappings()]

    def all(self, intent_id: str | None = None) -> list[Attempt]:
        """All attempts, oldest first; only those of an intent where one is given."""
        query = select(attempts).order_by(attempts.c.claimed_at, attempts.c.ref)
        if intent_id is None:
            return self._select(query)
        with self._database.read() as connection:
            self._evidence.check_intents(connection, [intent_id])
            return self._select(query.where(attempts.c.intent_id == intent_id))

    def of_decision(self, decision_id: str) -> list[Attempt]:
        """The attempts on a decision, oldest first."""
        query = select(attempts).where(attempts.c.decision_id == decision_id).order_by(attempts.c.number)
        return self._select(query)

    def newest(self, most: int | None, account: str | None = None) -> list[Attempt]:
        """The newest attempts, at ``most`` so many (None: all), and all that are not at their end; oldest first.

        Args:
            account: only those of an account in this mode; None for every account and mode.
        """
        own = self._own(account)
        newest = select(attempts.c.ref).where(*own)
        newest = newest.order_by(attempts.c.claimed_at.desc(), attempts.c.ref.desc()).limit(most)
        wanted = attempts.c.state.in_(LIVE_STATES) | attempts.c.ref.in_(newest)
        return self._select(select(attempts).where(wanted, *own).order_by(attempts.c.claimed_at, attempts.c.ref))

    def count(self, account: str | None = None) -> int:
        """The number of attempts; of an account in this mode where one is given."""
        query = select(func.count()).select_from(attempts).where(*self._own(account))
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def _own(self, account: str | None) -> tuple[ColumnElement[bool], ...]:
        return () if account is None else (attempts.c.account == account, self._events.own(attempts))

    def live(self, account: str) -> list[Attempt]:
        """The attempts of an account that are not at their end, oldest first."""
        query = select(attempts).where(attempts.c.account == account, attempts.c.state.in_(LIVE_STATES))
        with self._database.read() as connection:
            self._evidence.check_live(connection, account)
            return self._select(query.order_by(attempts.c.claimed_at, attempts.c.ref))

    def entries_in(self, account: str, instruments: Collection[str]) -> list[Attempt]:
        """The entries of an account in some instruments that went out, oldest first."""
        query = select(attempts).where(
            attempts.c.account == account,
            attempts.c.leg == Leg.ENTRY.value,
            attempts.c.instrument.in_(instruments),
            attempts.c.sending_at.is_not(None),
        )
        with self._database.read() as connection:
            self._evidence.check_sent(connection, account)
            return self._select(query.order_by(attempts.c.claimed_at, attempts.c.ref))

    def in_state(self, account: str, state: AttemptState) -> list[Attempt]:
        """The attempts of an account in one state, oldest first."""
        return [attempt for attempt in self.live(account) if attempt.state is state]

    def of_order_id(self, session: str, order_id: int) -> Attempt | None:
        """The attempt that was sent under a number of a session; without the session the number means nothing."""
        query = select(attempts).where(attempts.c.session == session, attempts.c.order_id == order_id)
        found = self._select(query)
        return found[0] if len(found) == 1 else None

    def sent_at(self, account: str, since: datetime) -> list[datetime]:
        """When orders of an account went out (S4) after a moment, oldest first: what the limits on their rate count."""
        return [attempt.sending_at for attempt in self.sent_after(account, since) if attempt.sending_at is not None]

    def sent_after(self, account: str, moment: datetime) -> list[Attempt]:
        """The entries of an account that went out (S4) after a moment, in that order; protective legs do not count."""
        query = select(attempts).where(attempts.c.account == account, attempts.c.sending_at > moment)
        query = query.where(attempts.c.leg == Leg.ENTRY.value)
        with self._database.read() as connection:
            self._evidence.check_sent(connection, account, moment)
            return self._select(query.order_by(attempts.c.sending_at, attempts.c.ref))

    def events(self, ref: str) -> list[AttemptEvent]:
        """The steps of an attempt, oldest first."""
        query = select(attempt_events).where(attempt_events.c.ref == ref).order_by(attempt_events.c.id)
        with self._events.facts.read(of_subject(attempt_events, "ref", [ref])) as connection:
            rows = connection.execute(query).all()
        return [AttemptEvent(row.ref, AttemptState(row.state), row.reason, row.at) for row in rows]

    def learn_perm_id(self, ref: str, perm_id: int) -> tuple[int, ...]:
        """Note a permanent id of an attempt and return all that it has; more than one is an alarm (fault 6)."""
        with self._database.write():
            known = self.perm_ids(ref)
            if perm_id in known:
                return known
            row = {"ref": ref, "perm_id": perm_id, "at": self._database.clock.now()}
            self._events.record(perm_ids, row, Topic.ORDER_IDENTIFIED, ref)
        return (*known, perm_id)

    def perm_ids(self, ref: str) -> tuple[int, ...]:
        """The permanent ids of an attempt in the order they became known."""
        query = select(perm_ids.c.perm_id).where(perm_ids.c.ref == ref).order_by(perm_ids.c.at)
        with self._events.facts.read(of_subject(perm_ids, "ref", [ref])) as connection:
            return tuple(connection.execute(query).scalars())

    def of_perm_id(self, perm_id: int) -> Attempt | None:
        """The attempt with a permanent id, or None; 0 is no id."""
        query = select(attempts).join(perm_ids, perm_ids.c.ref == attempts.c.ref).where(perm_ids.c.perm_id == perm_id)
        if not perm_id:
            return None
        with self._events.facts.read(Scope(perm_ids, (perm_ids.c.perm_id == perm_id,), None)):
            found = self._select(query)
        return found[0] if found else None

    def _check_approval(self, connection: Connection, decision_id: str) -> None:
        """Compare the order, its decision, its intent and what people said with their events; each must be there."""
        facts, decided = self._events.facts, [decision_id]
        for table in (approved_orders, decisions, approvals):
            facts.check(connection, of_subject(table, "decision_id", decided))
        query = select(approved_orders.c.intent_id).where(approved_orders.c.decision_id == decision_id)
        if (intent_id := connection.execute(query).scalar()) is not None:
            facts.check(connection, of_subject(intents, "intent_id", [intent_id]))
            required(connection, decisions, decisions.c.decision_id == decision_id)
            required(connection, intents, intents.c.intent_id == intent_id)

    def _select(self, query: Select[Any]) -> list[Attempt]:
        with self._database.read() as connection:
            found = [_attempt(row) for row in connection.execute(query).mappings()]
            self._evidence.check(connection, [attempt.ref for attempt in found])
        return found

    def _advance(
        self, connection: Connection, ref: str, path: tuple[AttemptState, ...], reason: str, **values: object
    ) -> None:
        for state in path:
            change = update(attempts).where(attempts.c.ref == ref).values(state=state.value, **values)
            connection.execute(change)
            self._append(connection, ref, state, reason)

    def _append(self, connection: Connection, ref: str, state: AttemptState, reason: str) -> None:
        row = {"ref": ref, "state": state.value, "reason": reason, "at": self._database.clock.now()}
        query = select(attempts.c.account, attempts.c.holder).where(attempts.c.ref == ref)
        of = connection.execute(query).one()
        changed = (attempts, attempts.c.ref == ref)
        topic = TOPIC_OF_STATE[state]
        self._events.record(attempt_events, row, topic, ref, actor=of.holder, account=of.account, state=changed)


def _in_group(ref: str) -> ColumnElement[bool]:
    own = attempts.alias()
    same = (own.c.ref == ref, own.c.intent_id == attempts.c.intent_id, own.c.number == attempts.c.number)
    return exists(select(own.c.ref).where(*same))


def _group(ref: str) -> Select[Any]:
    return select(attempts).where(_in_group(ref)).order_by(attempts.c.leg)


def _legs(approved: RowMapping) -> dict[Leg, OrderTerms]:
    protective = [ProtectiveLeg.model_validate(item) for item in approved["protective"]]
    entry = OrderTerms.model_validate(approved["terms"])
    return {Leg.ENTRY: entry} | {item.leg: item.terms for item in protective}


def _claimed(approved: RowMapping, number: int, leg: Leg, terms: OrderTerms) -> dict[str, Any]:
    copied = ("intent_id", "decision_id", "strategy", "account", "payload_hash")
    return {name: approved[name] for name in copied} | {
        "ref": leg.reference(f"{approved['intent_id']}.{number}"),
        "number": number,
        "leg": leg.value,
        "instrument": terms.instrument,
        "side": terms.side.value,
        "quantity": terms.quantity,
        "tif": terms.tif.value,
        "state": AttemptState.CLAIMED.value,
        "session": "",
        "spent": False,
    }


def _attempt(row: RowMapping) -> Attempt:
    fields: dict[str, Any] = {str(name): value for name, value in row.items() if name != "event_seq"}
    fields |= {"side": Side(fields["side"]), "tif": TimeInForce(fields["tif"]), "state": AttemptState(fields["state"])}
    fields["leg"] = Leg(fields["leg"])
    return Attempt(**fields)
