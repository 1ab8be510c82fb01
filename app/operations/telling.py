"""The story of an order for people: from the order back to the bars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from app.operations.desk import IntentView
from tradewright.execution.explain import Provenance


def local(at: datetime, tz: str) -> str:
    """A moment as the clocks of ``base.tz`` show it; elsewhere than in UTC with the offset, for an hour comes twice."""
    if tz == "UTC":
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
    return at.astimezone(ZoneInfo(tz)).isoformat(" ", "seconds")


def story(walk: Provenance, tz: str) -> Iterator[str]:
    """One line per step, newest first; times as :func:`local` shows them."""
    for order in walk.orders:
        price = f" at {order.average_price}" if order.average_price is not None else ""
        yield f"order {order.attempt.ref}: {order.state}, filled {order.filled} of {order.attempt.quantity}{price}"
        for event in order.events:
            yield f"    {local(event.at, tz)}  {event.state}  {event.reason}"
    for approval in walk.approvals:
        said = "yes" if approval.approved else "no"
        yield f"person {approval.actor} said {said}: {approval.reason}"
    for decision in walk.decisions:
        yield f"decision {decision.decision_id}: {decision.verdict}, {decision.approved_quantity} approved"
        for reason in decision.reasons:
            yield f"    {reason.code}: {reason.text}"
        yield f"    rule set {decision.rule_set_hash[:12]}, inputs {decision.snapshot_hash[:12]}"
    terms = walk.intent.terms
    yield f"intent {walk.intent.intent_id}: {terms.side} {terms.quantity} {terms.instrument} by {walk.intent.strategy}"
    yield f"signal {walk.intent.signal_id}, decided {local(walk.intent.decided_at, tz)} {tz}"
    for name, value in walk.intent.provenance.items():
        yield f"    {name} {value}"


def intent_row(view: IntentView) -> tuple[object, ...]:
    """An intent as a table's row: strategy, instrument, side, asked, verdict, approved, reasons, decision."""
    terms, decided = view.intent.terms, view.decision
    who = (view.intent.strategy, terms.instrument, terms.side, terms.quantity)
    if decided is None:
        return (*who, "none yet", "", "", "")
    verdict = f"{decided.verdict} (waits for you)" if view.waits else decided.verdict
    return (*who, verdict, decided.approved_quantity, ", ".join(r.code for r in decided.reasons), decided.decision_id)
