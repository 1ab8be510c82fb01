"""The claims on approved orders: taking one for sending, giving it back, and the write-ahead that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, literal, select, update

from tradewright.database.engine import Database
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.attempt_evidence import AttemptEvidence
from tradewright.ledger.attempts import Attempts
from tradewright.ledger.events import Events
from tradewright.ledger.facts import of_subject, required
from tradewright.ledger.leases import lease_held
from tradewright.ledger.outbox import claimable
from tradewright.ledger.schema import approvals, approved_orders, attempts, decisions, intents
from tradewright.model.errors import LedgerError
from tradewright.model.order import AttemptState, Leg, OrderTerms, ProtectiveLeg


class Claims:
    """Makes the attempts of approved orders. One of all who want an order gets it, and writes it down first."""

    def __init__(self, database: Database, events: Events, attempts: Attempts, evidence: AttemptEvidence) -> None:
        self._database, self._events, self._attempts, self._evidence = database, events, attempts, evidence

    def claim(self, decision_id: str, payload_hash: str, holder: str) -> Attempt | None:
        """Take an approved order for sending (S2): the attempt of its entry; None when it is not to be had.

        One conditional insert: not expired, the hash equal, no other claim or order, and the holder has the lease of
        the account. Of two that try at once one succeeds. The protective legs are claimed with the entry.

        Raises:
            LedgerTampered: when a row that allows the order, or tells of an earlier attempt of its intent, is not what
                was recorded, or the newest part of the chain is not; nothing is claimed.
            LedgerKeyMissing: without the ledger's key.
        """
        now = self._database.clock.now()
        approved = select(approved_orders).where(approved_orders.c.decision_id == decision_id)
        with self._database.write() as connection:
            self._events.seals.check_end(connection)
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
                self._attempts.append(connection, claimed["ref"], AttemptState.CLAIMED, f"claimed by {holder}")
            return self._attempts.get(values["ref"])

    def release(self, ref: str, reason: str, *, spent: bool = False) -> AttemptState:
        """Give a claim back that provably never went out: ``NOT_SENT``, or ``EXPIRED`` when its approval is over.

        The legs of a group are given back together.

        Args:
            spent: True ends the approval as well (the gate refused at send time); False lets it be claimed again.

        Raises:
            LedgerError: when it is no longer only claimed.
        """
        with self._database.write() as connection:
            attempt = self._attempts.get(ref)
            if attempt.state is not AttemptState.CLAIMED:
                raise LedgerError(
                    f"it is {attempt.state}, not only claimed", where=f"attempt {ref}", remedy="reconcile"
                )
            query = select(approved_orders.c.expires_at).where(approved_orders.c.decision_id == attempt.decision_id)
            over = connection.execute(query).scalar_one() <= self._database.clock.now()
            state = AttemptState.EXPIRED if over and not spent else AttemptState.NOT_SENT
            for leg in self._attempts.group(ref):
                if leg.state is AttemptState.CLAIMED:
                    self._attempts.advance(connection, leg.ref, (state,), reason, spent=spent)
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
            self._events.seals.check_end(connection)
            entry = self._attempts.get(ref)
            self._check_approval(connection, entry.decision_id)
            self._evidence.check_reached(connection, entry.intent_id)
            legs = {leg.leg: leg for leg in self._attempts.group(ref)}
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
                self._attempts.append(connection, leg.ref, AttemptState.SENDING, reason)

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
