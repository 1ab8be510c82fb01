"""Asking many agents at the same time, and a strategy as an agent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

from tradewright.backtest.decisions import decide
from tradewright.model.agent import Agent, AgentAnswers, AgentSnapshot, no_limits
from tradewright.model.errors import DataError
from tradewright.model.order import Fill
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.model.strategy import OrderRequest, Strategy
from tradewright.portfolio.identity import signal_id


async def ask_all(agents: Mapping[str, Agent], snapshot: AgentSnapshot, patience: float) -> AgentAnswers:
    """Ask every agent at the same time; one that fails, or is not done in ``patience`` seconds, stops no other.

    Each is given bars of its own, so that one that writes into them changes nothing for the others.
    An agent that is not done is cancelled and not waited for (R-STRAT-05). An agent that computes without awaiting
    blocks the event loop all the same.

    Args:
        patience: seconds.
    """
    tasks = {name: asyncio.create_task(agent.generate_signals(_own(snapshot))) for name, agent in agents.items()}
    answers = AgentAnswers({}, {})
    try:
        if tasks:
            await asyncio.wait(tasks.values(), timeout=patience)
        for name, task in tasks.items():
            if not task.done():
                answers.failed[name] = f"no answer in {patience:g} s"
            elif task.cancelled() or (error := task.exception()) is not None:
                answers.failed[name] = "cancelled" if task.cancelled() else f"{type(error).__name__}: {error}"
            else:
                answers.signals[name] = task.result()
    finally:
        for task in tasks.values():
            task.cancel()
    return answers


def _own(snapshot: AgentSnapshot) -> AgentSnapshot:
    return replace(snapshot, bars=deepcopy(snapshot.bars), secondary=deepcopy(snapshot.secondary))


@dataclass
class StrategyAgent(Agent):
    """A strategy as an agent: the same decision that the kernel compiles, called on the last closed bar.

    Args:
        confidence: stated by the trader, in [0, 1].
        size_pct: the notional of a full target, as a share of equity.
        strategy_hash: the identity of the strategy (``strategy_identity``); it enters the ids of its signals.
    """

    strategy: Strategy
    confidence: float = 1.0
    size_pct: float = 0.02
    strategy_hash: str = ""
    limits: Mapping[str, float] = field(default_factory=no_limits, init=False)

    async def generate_signals(self, snapshot: AgentSnapshot) -> list[SignalCandidate]:
        """One signal where the strategy decides on a target, else none.

        The id is made of strategy, strategy identity, instrument, bar and data: the same bar gives the same id.

        Raises:
            DataError: a snapshot without bars.
        """
        bars = snapshot.bars
        if len(bars.ts) == 0:
            raise DataError("no bars", where=snapshot.instrument, remedy="wait for the first closed bar")
        answer = OrderRequest(*decide(self.strategy, bars, snapshot.position, snapshot.secondary))
        target = answer.target
        if target != target:
            return []
        name, at = self.strategy.name, datetime.fromtimestamp(int(bars.ts[-1]) / 1e9, UTC)
        signal = SignalCandidate(
            signal_id=signal_id(name, snapshot.instrument, at, self.strategy_hash, snapshot.data_hash),
            strategy=name,
            instrument=snapshot.instrument,
            candidate_action=_action(target),
            target=target,
            confidence=self.confidence,
            size_pct=abs(target) * self.size_pct,
            bar_ts=at,
            price=_price(bars.close[-1]),
            stop=_price_or_none(answer.stop),
            take_profit=_price_or_none(answer.take_profit),
            trail=_price_or_none(answer.trail),
            trail_percent=_price_or_none(answer.trail_percent),
            data_hash=snapshot.data_hash,
            feature_hash=snapshot.feature_hash,
            config_hash=snapshot.config_hash,
            strategy_hash=self.strategy_hash,
        )
        return [signal]

    async def on_fill(self, fill: Fill) -> None:
        """Passed on to the strategy."""
        self.strategy.post_trade_update(fill)

    async def on_limit_update(self, limits: Mapping[str, float]) -> None:
        """Kept as a read-only copy."""
        self.limits = MappingProxyType(dict(limits))


def _action(target: float) -> SignalAction:
    if target == 0.0:
        return SignalAction.CLOSE
    return SignalAction.BUY if target > 0.0 else SignalAction.SELL


def _price(value: float) -> Decimal:
    return Decimal(repr(float(value)))


def _price_or_none(value: float) -> Decimal | None:
    return None if value != value else _price(value)
