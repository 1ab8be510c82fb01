"""The text of ``tradewright explain`` and of the monitor's order history: an order back to what it was made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from app.operations.formatting import local

if TYPE_CHECKING:
    from runtime.kept_settings import KeptSettings
    from tradewright.execution.provenance import Provenance
    from tradewright.model.intent import Intent


def explanation(walk: Provenance, tz: str, kept: Mapping[str, KeptSettings] | None = None) -> Iterator[str]:
    """One line per step, newest first; times as :func:`local` shows them.

    Args:
        kept: the resolved settings by configuration hash.
    """
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
        if decision.market is not None:
            yield f"    market: {decision.market.text}"
        yield f"    rule set {decision.rule_set_hash[:12]}, inputs {decision.snapshot_hash[:12]}"
        if (made := walk.limits.get(decision.rule_set_hash)) is not None:
            yield f"    limits in force since {local(made.at, tz)} by {made.actor} (event {made.seq}): {made.text}"
    terms = walk.intent.terms
    yield f"intent {walk.intent.intent_id}: {terms.side} {terms.quantity} {terms.instrument} by {walk.intent.strategy}"
    if protection := _protection_text(walk.intent):
        yield f"    {protection}"
    yield f"signal {walk.intent.signal_id}, decided {local(walk.intent.decided_at, tz)} {tz}"
    for name, value in walk.intent.provenance.items():
        yield f"    {name} {value}"
    if (found := (kept or {}).get(walk.intent.provenance.get("config_hash", ""))) is not None:
        chosen = found.settings["strategy"]
        parameters = ", ".join(f"{name}={value}" for name, value in chosen["parameters"].items())
        yield f"configuration: strategy {chosen['name']} ({', '.join(filter(None, (chosen['kind'], parameters)))})"
        yield f"    every setting: {found.folder}"


def _protection_text(intent: Intent) -> str:
    """The stop, trailing stop and take-profit of an intent, and who watches them; empty without any."""
    trail = intent.trailing_stop
    prices = [f"stop {intent.stop}"] if intent.stop is not None and trail is None else []
    prices += [trail.text] if trail is not None else []
    prices += [f"take-profit {intent.take_profit}"] if intent.take_profit is not None else []
    watched = "protective orders at the venue" if intent.protective_orders else "watched on the strategy's bars only"
    return f"{', '.join(prices)}: {watched}" if prices else ""
