"""Reconciliation: comparing the ledger with the venue, and what follows from a difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from tradewright.execution.execution_reports import LIVE
from tradewright.execution.order_terms import altered_trails
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.execution import Execution
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot, VenueStatus
from tradewright.model.order import AttemptState

_ACKNOWLEDGED = frozenset(
    {AttemptState.ACKED, AttemptState.WORKING, AttemptState.PARTIAL, AttemptState.CANCEL_REQUESTED}
)

EXPLAINABLE = frozenset(
    {
        FreezeCode.MISSING_AT_VENUE,
        FreezeCode.FILLS_MISSING,
        FreezeCode.LIVE_AFTER_END,
        FreezeCode.TERMS_DIFFER,
        FreezeCode.POSITION_DRIFT,
    }
)
"""Freezes that follow from a comparison, and end when a later comparison no longer finds them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One point on which venue and ledger disagree; the venue is right (R-EXEC-08)."""

    code: FreezeCode
    instrument: str
    ref: str
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The identity of a difference across comparisons."""
        return self.code, self.instrument, self.ref

    @property
    def told(self) -> str:
        """The difference in one line."""
        return f"{self.code} {self.instrument} {self.ref}: {self.text}"


def drift(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> dict[str, Decimal]:
    """Venue position minus ledger position, for every instrument where it is not zero."""
    theirs: dict[str, Decimal] = defaultdict(Decimal)
    for held in snapshot.positions:
        if held.account == account:
            theirs[held.instrument] += held.quantity
    ours = {held.instrument: held.quantity for held in ledger.executions.positions(account)}
    gaps = {name: theirs.get(name, Decimal(0)) - ours.get(name, Decimal(0)) for name in sorted(theirs.keys() | ours)}
    return {name: gap for name, gap in gaps.items() if gap}


def compare(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> tuple[Difference, ...]:
    """Every disagreement after the snapshot was absorbed; orders in doubt are not listed, they freeze by themselves.

    One comparison proves nothing, because the answers of a snapshot are not of one moment: see :func:`confirmed`.
    Positions come last: once an order is settled with its fills, the position that these explain no longer differs.
    """
    statuses = _statuses(ledger, snapshot)
    of_orders = [row for attempt in ledger.attempts.live(account) if (row := _difference(attempt, statuses))]
    positions = [
        Difference(FreezeCode.POSITION_DRIFT, name, "", f"the venue holds {gap:+f} against the ledger")
        for name, gap in drift(ledger, account, snapshot).items()
    ]
    trails = [
        Difference(FreezeCode.TERMS_DIFFER, attempt.instrument, attempt.ref, text)
        for attempt, text in altered_trails(ledger, account, snapshot)
    ]
    return (*of_orders, *_live_after_end(ledger, account, snapshot), *trails, *positions)


def _statuses(ledger: Ledger, snapshot: BrokerSnapshot) -> dict[str, VenueStatus]:
    """What the venue lists each of our orders as, by reference; the list of open orders comes last and wins."""
    statuses: dict[str, VenueStatus] = {}
    for order in (*snapshot.completed_orders, *snapshot.open_orders):
        attempt = None if order.ref else ledger.attempts.of_perm_id(order.perm_id)
        statuses[order.ref or (attempt.ref if attempt else "")] = order.status
    return statuses


def _difference(attempt: Attempt, statuses: Mapping[str, VenueStatus]) -> Difference | None:
    if attempt.state not in _ACKNOWLEDGED:
        return None
    status = statuses.get(attempt.ref)
    if status is None:
        text = f"{attempt.state} here, and the venue does not list it"
        return Difference(FreezeCode.MISSING_AT_VENUE, attempt.instrument, attempt.ref, text)
    if status in LIVE:
        return None
    text = f"the venue says {status}, its executions do not add up to it"
    return Difference(FreezeCode.FILLS_MISSING, attempt.instrument, attempt.ref, text)


def _live_after_end(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> Iterator[Difference]:
    for order in snapshot.open_orders:
        if order.account not in ("", account) or order.status not in LIVE:
            continue
        attempt = (ledger.attempts.find(order.ref) if order.ref else None) or ledger.attempts.of_perm_id(order.perm_id)
        if attempt is not None and attempt.state.terminal:
            text = f"{attempt.state} here, {order.status} at the venue"
            yield Difference(FreezeCode.LIVE_AFTER_END, attempt.instrument, attempt.ref, text)


def confirmed(first: tuple[Difference, ...], second: tuple[Difference, ...]) -> tuple[Difference, ...]:
    """The differences that two comparisons in a row found: a message on its way is no difference."""
    keys = {difference.key for difference in first}
    return tuple(difference for difference in second if difference.key in keys)


def freeze_differences(
    ledger: Ledger, account: str, differences: tuple[Difference, ...], present: Iterable[Difference] = ()
) -> tuple[Difference, ...]:
    """Freeze what differs, lift the freezes that the venue has explained since, and return what still differs.

    Args:
        differences: what two comparisons in a row found.
        present: what the newest comparison found, confirmed or not: its freezes stay as they are.
    """
    ended = set()
    with ledger.transaction():
        for difference in differences:
            if _was_held_back(ledger, difference):
                text = "cancelled before the venue worked it, and no longer listed"
                ledger.attempts.move(difference.ref, AttemptState.CANCELLED, text)
                ended.add(difference.key)
                continue
            ledger.freezes.freeze(account, difference.instrument, difference.code, difference.text, difference.ref)
        still = {difference.key for difference in (*differences, *present)}
        for freeze in ledger.freezes.present(account):
            key = (freeze.code, freeze.instrument, freeze.ref)
            overnight = freeze.code is FreezeCode.OPEN_OVERNIGHT and ledger.attempts.get(freeze.ref).state.terminal
            if overnight or (freeze.code in EXPLAINABLE and key not in still):
                reason = "the venue's newest answers explain it"
                lift = (account, freeze.instrument, "program", reason, freeze.code, freeze.ref)
                ledger.freezes.lift(*lift)
    return tuple(difference for difference in differences if difference.key not in ended)


def _was_held_back(ledger: Ledger, difference: Difference) -> bool:
    """Whether an order that is gone had never been worked: a venue forgets such a leg once it is cancelled.

    Only an order that the venue held back is acknowledged without a permanent id.
    """
    if difference.code is not FreezeCode.MISSING_AT_VENUE:
        return False
    is_cancelled = ledger.attempts.get(difference.ref).state is AttemptState.CANCEL_REQUESTED
    seen = ledger.attempts.perm_ids(difference.ref) or ledger.executions.of_attempt(difference.ref)
    return is_cancelled and not seen


def rule_corrections(ledger: Ledger, account: str, snapshot: BrokerSnapshot) -> tuple[str, ...]:
    """Decide which of an execution and its corrections counts, by the venue's position (fault 13).

    It is not documented whether a correction replaces or adds, so each reading is compared with the position, the
    newest correction first. While neither fits, none counts and the instrument stays frozen.

    Returns:
        The references of the attempts whose filled quantity changed; their states must be computed again.
    """
    changed = []
    for correction in reversed(ledger.executions.unruled(account)):
        others = [held for held in ledger.executions.of_base(correction.base_id) if held.exec_id != correction.exec_id]
        counted = sum((held.signed_quantity for held in others if held.counts), Decimal(0))
        gap = drift(ledger, account, snapshot).get(correction.instrument, Decimal(0))
        if gap == correction.signed_quantity - counted:
            _rule(ledger, account, correction, others, "it replaces the original")
        elif gap == correction.signed_quantity:
            _rule(ledger, account, correction, [], "it adds to the original")
        else:
            continue
        if correction.ref:
            changed.append(correction.ref)
    return tuple(dict.fromkeys(changed))


def _rule(ledger: Ledger, account: str, correction: Execution, void: list[Execution], reading: str) -> None:
    reason = f"by the venue's position {reading}"
    with ledger.transaction():
        for execution in void:
            ledger.executions.rule(execution.exec_id, False, reason)
        ledger.executions.rule(correction.exec_id, True, reason)
        ledger.audit.append("program", "RULE_CORRECTION", correction.exec_id, {"reading": reading})
        lift = (account, correction.instrument, "program", reason, FreezeCode.CORRECTION, correction.base_id)
        ledger.freezes.lift(*lift)
