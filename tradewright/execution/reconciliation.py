"""Comparing the ledger with the venue: positions, orders, and corrections of executions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from tradewright.ledger.executions import Execution
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot, VenueStatus
from tradewright.model.order import AttemptState

_HEARD = frozenset({AttemptState.ACKED, AttemptState.WORKING, AttemptState.PARTIAL, AttemptState.CANCEL_REQUESTED})


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which venue and ledger disagree; the venue is right (R-EXEC-08)."""

    code: FreezeCode
    instrument: str
    ref: str
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes two findings the same finding."""
        return self.code, self.instrument, self.ref


def drift(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> dict[str, Decimal]:
    """Venue position minus ledger position, for every instrument where it is not zero."""
    theirs = {held.instrument: held.quantity for held in snapshot.positions if held.account == account}
    ours = {held.instrument: held.quantity for held in ledger.executions.positions(account)}
    gaps = {name: theirs.get(name, Decimal(0)) - ours.get(name, Decimal(0)) for name in sorted(theirs.keys() | ours)}
    return {name: gap for name, gap in gaps.items() if gap}


def compare(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> tuple[Difference, ...]:
    """Every disagreement after the snapshot was absorbed. Orders in doubt are not listed: they freeze by themselves."""
    found = [
        Difference(FreezeCode.POSITION_DRIFT, name, "", f"the venue holds {gap:+f} against the ledger")
        for name, gap in drift(ledger, account, snapshot).items()
    ]
    listed = {order.ref: order.status for order in (*snapshot.completed_orders, *snapshot.open_orders) if order.ref}
    known = {order.perm_id: order.status for order in (*snapshot.completed_orders, *snapshot.open_orders)}
    for attempt in ledger.attempts.live(account):
        if attempt.state not in _HEARD:
            continue
        by_id = [known[perm_id] for perm_id in ledger.attempts.perm_ids(attempt.ref) if perm_id in known]
        status = listed.get(attempt.ref, by_id[0] if by_id else None)
        if status is None:
            text = f"{attempt.state} here, and the venue does not list it"
            found.append(Difference(FreezeCode.MISSING_AT_VENUE, attempt.instrument, attempt.ref, text))
        elif status in (VenueStatus.FILLED, VenueStatus.CANCELLED, VenueStatus.REJECTED):
            text = f"the venue says {status}, its executions do not add up to it"
            found.append(Difference(FreezeCode.FILLS_MISSING, attempt.instrument, attempt.ref, text))
    return tuple(found)


def confirmed(first: tuple[Difference, ...], second: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """What two comparisons in a row found: a message on its way is no difference."""
    keys = {difference.key for difference in first}
    return tuple(difference for difference in second if difference.key in keys)


def freeze_differences(ledger: Ledger, account: str, differences: tuple[Difference, ...]) -> None:
    """Freeze what differs; lift what the venue has meanwhile explained. A drift is lifted by a person only."""
    with ledger.transaction():
        for difference in differences:
            ledger.freezes.freeze(account, difference.instrument, difference.code, difference.text, difference.ref)
        still = {difference.key for difference in differences}
        for freeze in ledger.freezes.present(account):
            explained = (freeze.code, freeze.instrument, freeze.ref) not in still
            if explained and freeze.code in (FreezeCode.MISSING_AT_VENUE, FreezeCode.FILLS_MISSING):
                lift = (account, freeze.instrument, "program", "the venue explained it", freeze.code, freeze.ref)
                ledger.freezes.thaw(*lift)


def rule_corrections(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> None:
    """Decide which of an execution and its corrections counts, by the venue's position (fault 13).

    It is not documented whether a correction replaces or adds, so each reading is compared with the position, the
    newest correction first. While neither fits, none counts and the instrument stays frozen.
    """
    for correction in reversed(ledger.executions.unruled(account)):
        others = [held for held in ledger.executions.of_base(correction.base_id) if held.exec_id != correction.exec_id]
        counted = sum((held.signed_quantity for held in others if held.counts), Decimal(0))
        gap = drift(ledger, account, snapshot).get(correction.instrument, Decimal(0))
        if gap == correction.signed_quantity - counted:
            _rule(ledger, account, correction, others, "it replaces the original")
        elif gap == correction.signed_quantity:
            _rule(ledger, account, correction, [], "it adds to the original")


def _rule(ledger: Ledger, account: str, correction: Execution, void: list[Execution], reading: str) -> None:
    reason = f"by the venue's position {reading}"
    with ledger.transaction():
        for execution in void:
            ledger.executions.rule(execution.exec_id, False, reason)
        ledger.executions.rule(correction.exec_id, True, reason)
        ledger.audit.append("program", "RULE_CORRECTION", correction.exec_id, {"reading": reading})
        lift = (account, correction.instrument, "program", reason, FreezeCode.CORRECTION, correction.base_id)
        ledger.freezes.thaw(*lift)
