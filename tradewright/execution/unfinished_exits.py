"""Exits that the venue ended before they were filled: what a strategy wanted closed is still held.

The intent of an exit is one per signal, and a signal stands until the strategy changes its mind. Without this, what an
order has left would be held until then. ``docs/decisions/0082-the-rest-of-an-exit.md`` says what is asked for again
and what a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import count

from tradewright.execution.exposure import ZERO, may_have_reached
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.intent import RESERVED, Intent
from tradewright.model.order import AttemptState
from tradewright.portfolio.identity import rest_id

MOST_UNFILLED = 3
"""So many orders of one exit may end in a row without a fill; then a person looks at it."""


def exit_or_its_rest(ledger: Ledger, intent: Intent) -> Intent:
    """An exit, or the one that follows it: for what is held still after the venue ended its orders.

    Another one follows when every order of the one before has ended for certain, the venue cancelled the last of them
    without our having asked for it, and fewer than :data:`MOST_UNFILLED` in a row brought no fill. An order that was
    rejected is not repeated, and what a person or a kill ended stays ended. Any other intent comes back as it is.

    Args:
        intent: of a signal, as it would be made now; its quantity is what is held beside all orders under way.
    """
    found, unfilled = intent, 0
    for number in count(1) if intent.reduce_only else ():
        ended = _ended_by_the_venue(ledger, found.intent_id)
        if ended is None:
            break
        unfilled = 0 if ledger.executions.filled(ended.ref) else unfilled + 1
        if unfilled == MOST_UNFILLED:
            break
        provenance = {**intent.provenance, "rest_of": found.intent_id}
        name = rest_id(intent.intent_id, number)
        found = intent.model_copy(update={"intent_id": name, "provenance": provenance})
    return found


def _ended_by_the_venue(ledger: Ledger, intent_id: str) -> Attempt | None:
    """The last order of an intent, where the venue cancelled it and nobody here had asked for that; else None."""
    attempts = ledger.attempts.all(intent_id)
    sent = [row for row in attempts if may_have_reached(ledger, row)]
    if not sent or not all(row.state.terminal for row in attempts) or sent[-1].state is not AttemptState.CANCELLED:
        return None
    return None if _is_refused(ledger, intent_id, sent[-1].ref) else sent[-1]


def _is_refused(ledger: Ledger, intent_id: str, ref: str) -> bool:
    """Whether a cancel of an order was asked for here, or a person said no to a decision on its intent.

    The audit log tells of every cancel; one of an order in doubt leaves its state as it is.
    """
    if any(entry.action == "CANCEL" for entry in ledger.audit.entries(ref)):
        return True
    decisions = ledger.decisions.of_intent(intent_id)
    return any(not said.approved for row in decisions for said in ledger.decisions.approvals(row.decision_id))


def unfinished_exits(
    ledger: Ledger, holders: Mapping[str, Mapping[str, Decimal]], sent: Iterable[Attempt]
) -> Iterator[tuple[Attempt, Decimal]]:
    """The last order of each strategy in an instrument that was to reduce its holding, ended short of it, and the
    signed units that are held.

    Args:
        holders: signed units by instrument and strategy.
        sent: every order that was sent in these instruments, oldest first.
    """
    newest = {(row.strategy, row.instrument): row for row in sent if not row.is_protective}
    for (strategy, symbol), order in sorted(newest.items()):
        units = holders.get(symbol, {}).get(strategy, ZERO)
        is_short = order.state in (AttemptState.CANCELLED, AttemptState.REJECTED) and units * order.side.sign < 0
        if is_short and strategy not in RESERVED and ledger.decisions.intent(order.intent_id).reduce_only:
            yield order, units
