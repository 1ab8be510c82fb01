"""Intents, decisions and positions as assets."""

from collections.abc import Collection, Sequence
from functools import partial

import dagster as dg
from pydantic import Field

from assets.execution.sending import ACTOR
from assets.metadata import Facts, described, line, summarised, table
from assets.pinned_config import PinnedConfig
from assets.strategy_keys import part_key
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from runtime.job_progress import Pending, decisions_due, finish_decisions, signal_marks
from runtime.rebalances import HeldBack, RebalanceMark, finish_rebalances, proposed_before, rebalance_marks
from runtime.traded_strategies import BrokenStrategy, broken_by, traded
from tradewright.execution.rebalancing import Proposal
from tradewright.model.base import FrozenModel
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import ConfigError, StoreError
from tradewright.model.hashing import content_hash
from tradewright.model.intent import Intent
from tradewright.model.signal import SignalCandidate

CHECKS = {
    "positions": ("agrees", "The venue and the ledger tell the same orders, positions and cash."),
    "intents": ("signals_known", "Every strategy has signals."),
    "decisions": ("decided", "Every intent has its decision."),
}
"""The check of each asset, with its description."""
MARKS = 500
"""Points of the equity curve."""
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
        rebalanced: the rebalances that count as proposed with them.
        held_back: what of these waits for its reductions.
    """

    intents: tuple[Intent, ...]
    marks: tuple[tuple[str, str, int, str], ...] = ()
    rebalanced: tuple[RebalanceMark, ...] = ()
    held_back: tuple[HeldBack, ...] = ()


def desk_assets(pinned: PinnedConfig, strategies: Sequence[str]) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """Positions from the venue, intents from the newest signals, decisions from the gate."""
    upstream = [part_key(name, "signals") for name in strategies]
    on_desk = partial(dg.asset, group_name="desk", op_tags=pinned.tags)

    @on_desk(check_specs=[_spec("positions")])
    def positions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """Holdings, as the venue tells them.

        The ledger is compared with the venue first; the venue is the truth.
        """
        return summarised(context, take_stock(pinned.verified(context)))

    @on_desk(deps=[*upstream, positions], check_specs=[_spec("intents")])
    def intents(context: dg.AssetExecutionContext, config: Chosen) -> dg.MaterializeResult:
        """Sized, proposed orders.

        They are what has to be traded so that the newest signals come true.
        """
        chosen = [name for name in strategies if name in config.strategies] if config.strategies else strategies
        found, settings = traded(pinned.overrides, chosen), pinned.verified(context)
        return summarised(context, propose(settings, tuple(found.sound), found.broken, only_due=config.only_due))

    @on_desk(deps=[intents], check_specs=[_spec("decisions")])
    def decisions(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        """The gate's verdict on every intent.

        Each has coded reasons; approved ones go into the outbox, which the sensor approved_orders empties.
        """
        return summarised(context, decide(pinned.verified(context)))

    return [*[dg.AssetSpec(key) for key in upstream], positions, intents, decisions]


def _spec(asset: str) -> dg.AssetCheckSpec:
    name, text = CHECKS[asset]
    return dg.AssetCheckSpec(name, asset=asset, description=text)


def _checked(asset: str, problems: Sequence[str]) -> list[dg.AssetCheckResult]:
    """The result of an asset's check; it warns, for the gate and the ledger have laws of their own."""
    told = {"problems": dg.MetadataValue.md("\n".join(f"- {text}" for text in problems) or "none")}
    severity = dg.AssetCheckSeverity.WARN
    return [dg.AssetCheckResult(check_name=CHECKS[asset][0], passed=not problems, severity=severity, metadata=told)]


def take_stock(settings: Settings) -> dg.MaterializeResult:
    """Reconcile, and show what is held.

    Raises:
        CommandRefused, CommandPending: when the venue cannot be asked, or another actor is busy.
        BrokerError, LedgerError: when the account is not known, or the ledger cannot be used.
    """
    with Container(settings) as house:
        found = trading.asking(house, lambda inbox: inbox.reconcile(ACTOR, "the asset positions"))
        account = trading.account_in_force(settings, house.ledger)
        marks = house.ledger.equity.newest(account, MARKS)
    held, differs = sorted(found.positions.items()), found.differences
    equity = float(found.equity)
    facts: Facts = {
        "equity": equity,
        "account": account,
        "differences": len(differs),
        "positions": table(("instrument", "quantity"), ((name, f"{quantity:f}") for name, quantity in held)),
    }
    data_hash = content_hash({"equity": found.equity, "positions": found.positions})
    chart = line((float(mark.equity) for mark in marks), f"Equity of {account}")
    agreement = "agrees with the venue" if not differs else f"{len(differs)} differences from the venue"
    summary = f"equity {equity:,.2f}, {len(held)} positions, {agreement}"
    return dg.MaterializeResult(
        metadata=described(settings, summary, facts, data_hash=data_hash, picture=chart),
        check_results=_checked("positions", differs),
    )


def propose(
    settings: Settings, strategies: Sequence[str], broken: Sequence[BrokenStrategy] = (), *, only_due: bool = False
) -> dg.MaterializeResult:
    """Turn the newest signals into intents, and keep them for the decision.

    Args:
        strategies: those that can be used. One whose stored signals or record cannot be read holds no
            other one up.
        broken: those that cannot be: nothing is proposed for them, whatever signals they had.
        only_due: leave out signals that were decided on, or cannot be now; the others count as decided on afterwards.

    Raises:
        BrokerError, LedgerError: when the venue cannot be asked, or the ledger cannot be used.
    """
    with Container(settings) as house:
        pending = decisions_due(house, strategies) if only_due else Pending((), ())
        pairs, unreadable = pending.pairs, dict(pending.failed)
        marks = signal_marks(house, pairs)  # before the signals are read: newer ones are then decided on again
        signals, before = [], set[tuple[str, str]]()
        for name in [name for name in strategies if name not in unreadable]:
            try:
                rows = trading.newest_signals(house, [name])
                before |= proposed_before(house, rebalance_marks(signal for signal, _closed in rows))
                signals += rows
            except (ConfigError, StoreError) as error:
                unreadable[name] = error
        wanted = [row for row in signals if not only_due or is_wanted(row[0], pairs)]
        rebalanced = rebalance_marks(signal for signal, _closed in wanted)
        due = set(pairs) if only_due else None
        made = trading.deciding(house, lambda decider: decider.propose(wanted, due=due, proposed=before))
        proposed = proposed_of(made, marks, rebalanced, due)
        house.artefacts.write_json(INTENTS, proposed.model_dump(mode="json"))
    found = proposed.intents
    known = {row[0].strategy for row in signals} | unreadable.keys()
    missing = [row.line for row in (*broken, *(broken_by(name, error) for name, error in unreadable.items()))]
    missing += [f"{name} has no signals yet" for name in strategies if name not in known]
    missing += [waiting.text for waiting in made.waiting]
    facts: Facts = {"signals": len(wanted), "intents": _intents_table(found)}
    return dg.MaterializeResult(
        metadata=described(
            settings,
            f"{len(found)} intents of {len(wanted)} signals",
            facts,
            data_hash=content_hash([row[0] for row in wanted]),
        ),
        check_results=_checked("intents", missing),
    )


def is_wanted(signal: SignalCandidate, pairs: Collection[tuple[str, str]]) -> bool:
    """Whether a signal is among those to be decided on; a rebalance goes by all signals of its strategy."""
    if signal.rebalances:
        return any(strategy == signal.strategy for strategy, _instrument in pairs)
    return (signal.strategy, signal.instrument) in pairs


def proposed_of(
    made: Proposal,
    marks: Sequence[tuple[str, str, int, str]],
    rebalanced: Sequence[RebalanceMark],
    due: Collection[tuple[str, str]] | None,
) -> Proposed:
    """Intents with what counts as done once they are decided on: nothing of what waits does.

    Args:
        marks: of the signals that are due.
        rebalanced: of all rebalances that were looked at.
        due: strategy and instrument of the signals that are due; None for all.
    """
    waiting = {(row.strategy, instrument) for row in made.waiting for instrument in row.instruments}
    held = [mark for mark in marks if mark[:2] in waiting]
    return Proposed(
        intents=tuple(made.intents),
        marks=tuple(mark for mark in marks if mark[:2] not in waiting),
        rebalanced=tuple(row for row in rebalanced if row[:2] not in waiting and (due is None or row[:2] in due)),
        held_back=tuple(
            HeldBack(
                strategy=row.strategy,
                bars={symbol: bar for name, symbol, bar, _identity in held if name == row.strategy},
                identity=next((mark[3] for mark in held if mark[0] == row.strategy), ""),
                reductions=row.reductions,
            )
            for row in made.waiting
        ),
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
        finish_rebalances(house, proposed.rebalanced, proposed.held_back)
    counts = {verdict.value: sum(row.verdict is verdict for row in found) for verdict in Verdict}
    decided = {row.intent_id for row in found}
    undecided = [f"intent {row.intent_id} was not decided" for row in proposed.intents if row.intent_id not in decided]
    summary = ", ".join(f"{name}: {number}" for name, number in counts.items())
    data_hash = content_hash(proposed.intents)
    return dg.MaterializeResult(
        metadata=described(settings, summary, {**counts, "decisions": _decisions_table(found)}, data_hash=data_hash),
        check_results=_checked("decisions", undecided),
    )


def _intents_table(intents: Sequence[Intent]) -> dg.MarkdownMetadataValue:
    rows = ((row.strategy, row.terms.instrument, row.terms.side, row.terms.quantity, row.intent_id) for row in intents)
    return table(("strategy", "instrument", "side", "quantity", "intent"), rows)


def _decisions_table(decisions: Sequence[Decision]) -> dg.MarkdownMetadataValue:
    rows = (
        (row.verdict, row.approved_quantity, ", ".join(reason.code for reason in row.reasons), row.intent_id)
        for row in decisions
    )
    return table(("verdict", "quantity", "reasons", "intent"), rows)
