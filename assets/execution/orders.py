"""Intents, decisions and positions as assets."""

from collections.abc import Sequence
from functools import partial

import dagster as dg
from pydantic import Field

from assets.execution.sending import ACTOR
from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from runtime.due_jobs import decisions_due, finish_decisions, signal_marks
from tradewright.model.base import FrozenModel
from tradewright.model.decision import Decision, Verdict
from tradewright.model.intent import Intent

INTENTS = ("intents",)
"""The artefact that hands the intents on."""


class Chosen(dg.Config):
    """Which signals become intents: all newest ones, or those that can be decided on now and were not yet.

    Args:
        strategies: the strategies whose signals count; empty for all.
    """

    only_due: bool = False
    strategies: list[str] = Field(default_factory=list)


class Proposed(FrozenModel):
    """Intents on their way to the gate.

    Args:
        marks: strategy, instrument, newest bar and settings of the signals that count as decided on with them.
    """

    intents: tuple[Intent, ...]
    marks: tuple[tuple[str, str, int, str], ...] = ()


def desk_assets(pinned: PinnedConfig, strategies: Sequence[str]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Positions from the venue, intents from the newest signals, decisions from the gate."""
    upstream = [dg.AssetKey(["strategy", name, "signals"]) for name in strategies]
    on_desk = partial(dg.asset, group_name="desk", op_tags=pinned.tags)

    @on_desk()
    def positions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """What the venue says we own, after a reconciliation; the venue is the truth."""
        return take_stock(pinned.verified(context))

    @on_desk(deps=[*upstream, positions])
    def intents(context: dg.AssetExecutionContext, config: Chosen) -> dg.MaterializeResult:
        """Sized, proposed orders: what has to be traded so that the newest signals come true."""
        chosen = [name for name in strategies if name in config.strategies] if config.strategies else strategies
        return propose(pinned.verified(context), chosen, only_due=config.only_due)

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
    with Container(settings) as house:
        found = trading.asking(house, lambda inbox: inbox.reconcile(ACTOR, "the asset positions"))
    rows = [f"| {name} | {quantity} |" for name, quantity in sorted(found.positions.items())]
    return dg.MaterializeResult(
        metadata={
            "equity": float(found.equity),
            "differences": len(found.differences),
            "positions": dg.MetadataValue.md("\n".join(["| instrument | quantity |", "|---|---|", *rows])),
        }
    )


def propose(settings: Settings, strategies: Sequence[str], *, only_due: bool = False) -> dg.MaterializeResult:
    """Turn the newest signals into intents, and keep them for the decision.

    Args:
        only_due: leave out signals that were decided on, or cannot be now; the others count as decided on afterwards.

    Raises:
        BrokerError, LedgerError: when the venue cannot be asked, or the ledger cannot be used.
    """
    with Container(settings) as house:
        pairs = decisions_due(house, strategies).pairs if only_due else ()
        marks = signal_marks(house, pairs)  # before the signals are read: newer ones are then decided on again
        signals = trading.newest_signals(house, strategies)
        wanted = [row for row in signals if not only_due or (row[0].strategy, row[0].instrument) in pairs]
        found = trading.deciding(house, lambda decider: decider.propose(wanted))
        proposed = Proposed(intents=tuple(found), marks=tuple(marks))
        house.artefacts.write_json(INTENTS, proposed.model_dump(mode="json"))
    return dg.MaterializeResult(
        metadata={"signals": len(wanted), "intents": dg.MetadataValue.md(_intents_table(found))}
    )


def decide(settings: Settings) -> dg.MaterializeResult:
    """Have the gate judge the intents that were kept.

    Raises:
        BrokerError, LedgerError: as above; NoArtefact: when there are no intents yet.
    """
    with Container(settings) as house:
        proposed = Proposed.model_validate(house.artefacts.read_json(INTENTS))
        found = trading.deciding(house, lambda decider: decider.decide(proposed.intents))
        finish_decisions(house, proposed.marks)  # after the decisions are committed: a kill in between repeats them
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
