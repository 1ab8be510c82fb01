"""The order of a rebalance: what reduces holdings first, and what increases them once the money is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Verdict
from tradewright.model.intent import Intent


@dataclass(frozen=True)
class Waiting:
    """Increases of one strategy that wait for its reductions.

    Args:
        instruments: of the increases, sorted.
        reductions: the instruments of the reductions that have not ended, by the ids of their intents.
    """

    strategy: str
    instruments: tuple[str, ...]
    reductions: dict[str, str]

    @property
    def text(self) -> str:
        """Both in words."""
        reduced = ", ".join(sorted(set(self.reductions.values())))
        return f"{self.strategy}: the orders in {', '.join(self.instruments)} wait for those that reduce {reduced}"


class Proposal(NamedTuple):
    """Intents for the gate, and the increases that are not proposed yet."""

    intents: list[Intent]
    waiting: tuple[Waiting, ...] = ()


def is_unsettled(ledger: Ledger, intent_id: str) -> bool:
    """Whether an intent may still become a fill: it was never decided on, or waits for a person, the sender or a fill.

    One whose approval or review expired without an order is decided on again at the next bar, so that it counts as
    waiting; so does an order in doubt. False where its order has ended in whatever way, where a person refused it, and
    where the gate did: then a rebalance goes on with the money that is there.
    """
    decisions = ledger.decisions.of_intent(intent_id)
    if not decisions:
        return True
    attempts, newest = ledger.attempts.all(intent_id), decisions[-1]
    if any(not attempt.state.terminal for attempt in attempts):
        return True
    is_spent = any(attempt.spent and attempt.decision_id == newest.decision_id for attempt in attempts)
    is_refused = any(not said.approved for said in ledger.decisions.approvals(newest.decision_id))
    return newest.verdict is not Verdict.REJECT and not is_spent and not is_refused


def reductions_first(ledger: Ledger, strategy: str, intents: Iterable[Intent]) -> Proposal:
    """The intents of a rebalance that can be decided on now: no increase while a reduction is unsettled.

    The gate lets a purchase use the cash that is there, so that one before the sale that pays for it would be cut, and
    a rebalance asks for each order only once.

    Args:
        intents: all of the strategy's rebalance, those on record included.
    """
    found = list(intents)
    unsettled = {
        row.intent_id: row.terms.instrument for row in found if row.reduce_only and is_unsettled(ledger, row.intent_id)
    }
    if not unsettled:
        return Proposal(found)
    held_back = [row for row in found if not row.reduce_only and not ledger.attempts.all(row.intent_id)]
    if not held_back:
        return Proposal(found)
    instruments = tuple(sorted({row.terms.instrument for row in held_back}))
    ready = [row for row in found if row not in held_back]
    return Proposal(ready, (Waiting(strategy, instruments, unsettled),))
