"""Intents, decisions and positions as assets."""

from collections.abc import Sequence
from functools import partial

import dagster as dg
from pydantic import TypeAdapter

from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from tradewright.model.decision import Decision, Verdict
from tradewright.model.intent import Intent

INTENTS = ("intents",)
"""The artefact that hands the intents on."""
_INTENTS = TypeAdapter(list[Intent])


def desk_assets(pinned: PinnedConfig, strategies: Sequence[str]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Positions from the venue, intents from the newest signals, decisions from the gate."""
    upstream = [dg.AssetKey(["strategy", name, "signals"]) for name in strategies]
    on_desk = partial(dg.asset, group_name="desk", op_tags=pinned.tags)

    @on_desk()
    def positions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What the venue says we own, after a reconciliation; the venue is the truth."""
        return take_stock(pinned.verified(context))

    @on_desk(deps=[*upstream, positions])
    def intents(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Sized, proposed orders: what has to be traded so that the newest signals come true."""
        return propose(pinned.verified(context), strategies)

    @on_desk(deps=[intents])
    def decisions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The gate's verdict on every intent, with coded reasons; approved ones go into the outbox."""
        return decide(pinned.verified(context))

    return [*[dg.AssetSpec(key) for key in upstream], positions, intents, decisions]


def take_stock(settings: Settings) -> dg.MaterializeResult:
    """Reconcile, and show what is held.

    Raises:
        CommandRefused, CommandPending: when the venue cannot be asked, or another actor is busy.
        BrokerError, LedgerError: when the account is not known, or the ledger cannot be used.
    """
    found = trading.asking(settings, lambda inbox: inbox.reconcile("dagster", "the asset positions"))
    rows = [f"| {name} | {quantity} |" for name, quantity in sorted(found.positions.items())]
    return dg.MaterializeResult(
        metadata={
            "equity": float(found.equity),
            "differences": len(found.differences),
            "positions": dg.MetadataValue.md("\n".join(["| instrument | quantity |", "|---|---|", *rows])),
        }
    )


def propose(settings: Settings, strategies: Sequence[str]) -> dg.MaterializeResult:
    """Turn the newest signals into intents, and keep them for the decision.

    Raises:
        BrokerError, LedgerError: when the venue cannot be asked, or the ledger cannot be used.
    """
    house = Container(settings)
    wanted = trading.newest_signals(house, strategies)
    found = trading.deciding(settings, lambda decider: decider.propose(wanted))
    house.artefacts.write_json(INTENTS, [row.model_dump(mode="json") for row in found])
    return dg.MaterializeResult(
        metadata={"signals": len(wanted), "intents": dg.MetadataValue.md(_intents_table(found))}
    )


def decide(settings: Settings) -> dg.MaterializeResult:
    """Have the gate judge the intents that were kept.

    Raises:
        BrokerError, LedgerError: as above; NoArtefact: when there are no intents yet.
    """
    proposed = _INTENTS.validate_python(Container(settings).artefacts.read_json(INTENTS))
    found = trading.deciding(settings, lambda decider: decider.decide(proposed))
    counts = {verdict.value: sum(row.verdict is verdict for row in found) for verdict in Verdict}
    return dg.MaterializeResult(metadata={**counts, "decisions": dg.MetadataValue.md(_decisions_table(found))})


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
