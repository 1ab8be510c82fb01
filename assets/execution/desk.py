"""Intents, decisions and positions as assets."""

from collections.abc import Sequence

import dagster as dg
from pydantic import TypeAdapter

from assets.frozen import Frozen
from conf import build, trading
from tradewright.model.decision import Decision
from tradewright.model.intent import Intent

_INTENTS = TypeAdapter(list[Intent])


def desk_assets(frozen: Frozen, strategies: Sequence[str]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Positions from the venue, intents from the newest signals, decisions from the gate."""
    upstream = [dg.AssetKey(["strategy", name, "signals"]) for name in strategies]

    @dg.asset(group_name="desk", op_tags=frozen.tags)
    def positions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What the venue says we own, after a reconciliation; the venue is the truth."""
        settings = frozen.thaw(context)
        found = trading.in_session(settings, lambda session, _books: session.reconcile())
        rows = [f"| {name} | {quantity} |" for name, quantity in sorted(found.positions.items())]
        return dg.MaterializeResult(
            metadata={
                "equity": float(found.equity),
                "differences": len(found.differences),
                "positions": dg.MetadataValue.md("\n".join(["| instrument | quantity |", "|---|---|", *rows])),
            }
        )

    @dg.asset(group_name="desk", deps=[*upstream, positions], op_tags=frozen.tags)
    def intents(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Sized, proposed orders: what has to be traded so that the newest signals come true."""
        settings = frozen.thaw(context)
        wanted = trading.newest_signals(settings, strategies)
        found = trading.in_session(settings, lambda session, _books: session.propose(wanted))
        build.artefacts(settings).write_json(("intents",), [row.model_dump(mode="json") for row in found])
        return dg.MaterializeResult(
            metadata={"signals": len(wanted), "intents": dg.MetadataValue.md(_intents_table(found))}
        )

    @dg.asset(group_name="desk", deps=[intents], op_tags=frozen.tags)
    def decisions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The gate's verdict on every intent, with coded reasons; approved ones go into the outbox."""
        settings = frozen.thaw(context)
        proposed = _INTENTS.validate_python(build.artefacts(settings).read_json(("intents",)))
        found = trading.in_session(settings, lambda session, _books: session.decide(proposed))
        return dg.MaterializeResult(
            metadata={
                **{
                    verdict: sum(row.verdict == verdict for row in found) for verdict in ("APPROVE", "REVIEW", "REJECT")
                },
                "decisions": dg.MetadataValue.md(_decisions_table(found)),
            }
        )

    return [*[dg.AssetSpec(key) for key in upstream], positions, intents, decisions]


def _intents_table(intents: Sequence[Intent]) -> str:
    rows = [
        f"| {row.strategy} | {row.terms.instrument} | {row.terms.side} | {row.terms.quantity} | {row.intent_id} |"
        for row in intents
    ]
    return "\n".join(["| strategy | instrument | side | quantity | intent |", "|---|---|---|---|---|", *rows])


def _decisions_table(decisions: Sequence[Decision]) -> str:
    rows = [
        f"| {row.verdict} | {row.approved_quantity} | {', '.join(r.code for r in row.reasons)} | {row.intent_id} |"
        for row in decisions
    ]
    return "\n".join(["| verdict | quantity | reasons | intent |", "|---|---|---|---|", *rows])
