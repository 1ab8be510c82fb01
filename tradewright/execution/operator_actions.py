"""The operator's desk: what a person may do to orders. Each act is written down with who and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tradewright.execution.execution_reports import ReportHandler
from tradewright.execution.order_terms import approved_terms
from tradewright.ledger.attempt import Attempt, AttemptEvent
from tradewright.ledger.execution import Execution
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Decision
from tradewright.model.errors import LedgerError
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.model.order import AttemptState, Fill, OrderState
from tradewright.policy.approval import HumanApproval
from tradewright.policy.approval import approve as approve_order

EVIDENCE_LIFE = timedelta(minutes=10)
"""How long two snapshots prove an absence; a person who comes later reconciles again, after midnight in vain (R6)."""
_UNFILLED = frozenset({AttemptState.NOT_SENT, AttemptState.REJECTED, AttemptState.EXPIRED})


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order with its life so far.

    Args:
        state: of the attempt; ``UNKNOWN`` is shown as such.
        order_state: as the world sees it; None when nothing was ever sent.
        filled: by executions alone.
        fees: what the venue charged, by currency, each in its own; the key is empty where it told none.
        since: when it entered its state.
        reason: why it is in it.
        terms: of an order that is not at its end: its kind and prices in words, as they were approved.
    """

    attempt: Attempt
    state: AttemptState
    order_state: OrderState | None
    filled: Decimal
    average_price: Decimal | None
    fees: Mapping[str, Decimal]
    since: datetime
    reason: str
    perm_ids: tuple[int, ...]
    events: tuple[AttemptEvent, ...]
    executions: tuple[Execution, ...]
    terms: str = ""


def orders(ledger: Ledger, intent_id: str | None = None) -> list[OrderView]:
    """Every order, oldest first; only those of an intent where one is given."""
    return [order_view(ledger, attempt) for attempt in ledger.attempts.all(intent_id)]


def newest_orders(ledger: Ledger, most: int | None, account: str | None = None) -> list[OrderView]:
    """The newest orders, at ``most`` so many (None: all), and all that are not at their end; oldest first.

    Args:
        account: only those of an account in the ledger's mode; None for every account and mode.
    """
    return [order_view(ledger, attempt) for attempt in ledger.attempts.newest(most, account)]


def order_view(ledger: Ledger, attempt: Attempt) -> OrderView:
    """One attempt with everything that is known of it."""
    events = tuple(ledger.attempts.events(attempt.ref))
    executions = tuple(ledger.executions.of_attempt(attempt.ref))
    counted = [execution for execution in executions if execution.counts]
    filled = sum((execution.quantity for execution in counted), Decimal(0))
    value = sum((execution.quantity * execution.price for execution in counted), Decimal(0))
    return OrderView(
        attempt=attempt,
        state=attempt.state,
        order_state=attempt.order_state,
        filled=filled,
        average_price=value / filled if filled else None,
        fees=_fees(counted),
        since=events[-1].at,
        reason=events[-1].reason,
        perm_ids=ledger.attempts.perm_ids(attempt.ref),
        events=events,
        executions=executions,
        terms="" if attempt.state.terminal else approved_terms(ledger, attempt).text,
    )


def _fees(executions: Iterable[Execution]) -> dict[str, Decimal]:
    """The fees of executions by currency; none is added to one in another."""
    found: dict[str, Decimal] = {}
    for each in executions:
        if each.fee is not None:
            found[each.fee_currency] = found.get(each.fee_currency, Decimal(0)) + each.fee
    return found


def shown_hash(decision: Decision) -> str:
    """The hash that binds a person's yes to what the person saw."""
    return content_hash(decision)


def approve(
    ledger: Ledger, decision_id: str, account: str, actor: str, reason: str, valid_seconds: float, shown: str = ""
) -> Intent:
    """A person's yes to a decision in review: the order goes into the outbox, and the intent is returned.

    Args:
        valid_seconds: how long the sender may act upon it.
        shown: the hash of the decision that the person was shown (:func:`shown_hash`); empty where the person named
            the decision by its id alone.

    Raises:
        LedgerError: without an actor or reason, or when the decision is unknown, rejected or over.
        NotApproved: when the decision did not ask for a person, or is not the one that the person was shown.
    """
    with ledger.transaction():
        said = ledger.decisions.record_approval(decision_id, True, actor, reason, shown)
        decision = ledger.decisions.decision(decision_id)
        intent = ledger.decisions.intent(decision.intent_id)
        approval = HumanApproval(
            decision_id=decision_id,
            decision_hash=shown or shown_hash(decision),
            actor=actor,
            reason=reason,
            at=said.at,
            valid_seconds=valid_seconds,
        )
        ledger.outbox.put(approve_order(intent, decision, account, approval))
    return intent


def reject(ledger: Ledger, decision_id: str, actor: str, reason: str) -> None:
    """A person's no: final, also for an order that the gate approved and nobody has claimed yet.

    Raises:
        LedgerError: without an actor or a reason, or for an unknown decision.
    """
    ledger.decisions.record_approval(decision_id, False, actor, reason)


def acknowledge(ledger: Ledger, account: str, instrument: str, actor: str, reason: str) -> int:
    """Lift what freezes an instrument after a person has looked at it; returns how many reasons that were.

    An order in doubt goes on freezing it.

    Raises:
        LedgerError: without an actor or a reason, and when nothing freezes it that a person can lift.
    """
    lifted = ledger.freezes.lift(account, instrument, actor, reason)
    if not lifted:
        what, where = f"nothing freezes {instrument}", f"account {account}"
        raise LedgerError(what, where=where, remedy="tradewright freezes", code="NOTHING_TO_ACKNOWLEDGE")
    return lifted


ADOPTABLE = (FreezeCode.POSITION_DRIFT, FreezeCode.CORRECTION, FreezeCode.EXTERNAL_FILL)
"""The freezes that are about a position."""


def adopt_position(
    ledger: Ledger, account: str, instrument: str, venue_quantity: Decimal, price: Decimal, actor: str, reason: str
) -> Decimal:
    """Take over the venue's position where the ledger differs, and return by how much it moved.

    It lifts the freezes that a position answers (``ADOPTABLE``) and no others: an order of another program that is open
    at the venue is not answered by what is held.

    Corrections of executions that no position has explained count no more: the adopted position holds their effect, and
    a later difference must not be taken for theirs.

    Raises:
        LedgerError: without an actor or a reason.
    """
    with ledger.transaction():
        gap = venue_quantity - ledger.executions.position(account, instrument)
        for code in ADOPTABLE:
            ledger.freezes.lift(account, instrument, actor, reason, code)
        for correction in ledger.executions.unruled(account):
            if correction.instrument == instrument:
                ledger.executions.rule(correction.exec_id, False, f"{actor} adopted the position: {reason}")
        if gap:
            ledger.executions.adjust(account, instrument, gap, price, actor, reason)
            ledger.audit.append(actor, "ADOPT_POSITION", instrument, {"moved": gap, "reason": reason})
    return gap


def confirm_not_sent(ledger: Ledger, ref: str, actor: str, reason: str) -> None:
    """A person confirms that an order in doubt never arrived (R5); evidence must be on record already.

    Raises:
        LedgerError: when the order is not in doubt, or no two snapshots have proved its absence.
    """
    with ledger.transaction():
        attempt = ledger.attempts.get(ref)
        if attempt.state is not AttemptState.UNKNOWN:
            raise LedgerError(f"it is {attempt.state}, not in doubt", where=f"attempt {ref}")
        absence = ledger.broker_journal.absence(ref)
        if absence is None or ledger.clock.now() - absence.second_at > EVIDENCE_LIFE:
            remedy = f"tradewright reconcile, then confirm; after the venue's midnight: tradewright settle {ref}"
            raise LedgerError("no fresh evidence that it never arrived", where=f"attempt {ref}", remedy=remedy)
        evidence = f"absent at {absence.first_at.isoformat()} and {absence.second_at.isoformat()}"
        ledger.attempts.move(ref, AttemptState.NOT_SENT, f"{actor}: {reason}; {evidence}")
        ledger.audit.append(actor, "CONFIRM_NOT_SENT", ref, {"reason": reason, "evidence": evidence})


def settle_by_statement(
    ledger: Ledger, ref: str, fills: Sequence[Fill], state: AttemptState, actor: str, reason: str
) -> Attempt:
    """After the venue's midnight only its statement and a person can settle an order (R6).

    Args:
        fills: what the statement shows for this order.
        state: how it ended: FILLED when the fills add up to it, else CANCELLED, REJECTED or NOT_SENT.

    Raises:
        LedgerError: when ``state`` does not end an order, or fills and state contradict each other.
        IllegalTransition: when the order has ended already.
    """
    if not state.terminal or not actor.strip() or not reason.strip():
        raise LedgerError("a statement settles an order for good, by a person, with a reason", where=f"attempt {ref}")
    if any(fill.ref != ref for fill in fills):
        raise LedgerError("the statement's fills belong to another order", where=f"attempt {ref}")
    with ledger.transaction():
        attempt = ledger.attempts.get(ref)
        if attempt.sending_at is None:
            raise LedgerError("it was never sent", where=f"attempt {ref}", remedy="tradewright reconcile gives it back")
        intake = ReportHandler(ledger, attempt.account)
        for fill in fills:
            intake.statement(fill)
        filled = ledger.executions.filled(ref)
        is_whole = filled >= attempt.quantity
        is_reduced = attempt.is_protective and filled > 0  # the venue may have made the leg smaller
        is_told = is_whole or is_reduced if state is AttemptState.FILLED else not is_whole
        if not is_told or (filled and state in _UNFILLED):
            raise LedgerError(f"{filled} of {attempt.quantity} filled is not {state}", where=f"attempt {ref}")
        moved = ledger.attempts.move(ref, state, f"statement, {actor}: {reason}")
        ledger.audit.append(actor, "SETTLE_BY_STATEMENT", ref, {"state": state, "fills": len(fills), "reason": reason})
    return moved
