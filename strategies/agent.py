"""The asynchronous agent contract (R-STRAT-02), how all agents are asked at once, and a strategy as an agent."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from tradewright.backtest.decisions import decide
from tradewright.model.bars import Bars
from tradewright.model.errors import DataError
from tradewright.model.hashing import content_hash
from tradewright.model.order import Fill
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.model.strategy import Strategy


def no_limits() -> Mapping[str, float]:
    """No limit at all, read-only."""
    return MappingProxyType({})


@dataclass(frozen=True)
class Snapshot:
    """What every agent is shown per bar: all closed bars of one instrument, its position, the account's limits.

    ``position`` is in signed units. The three hashes go into the signals, so that each can be traced.
    """

    instrument: str
    bars: Bars
    position: float = 0.0
    limits: Mapping[str, float] = field(default_factory=no_limits)
    data_hash: str = ""
    feature_hash: str = ""
    config_hash: str = ""


class Agent(ABC):
    """The frozen contract of an agent. It sees snapshots and nothing else: no broker, no store, no clock."""

    @abstractmethod
    async def generate_signals(self, snapshot: Snapshot) -> list[SignalCandidate]:
        """The wishes of this bar, possibly none."""

    @abstractmethod
    async def on_fill(self, fill: Fill) -> None:
        """Told of every fill of an order that came from one of its signals."""

    @abstractmethod
    async def on_limit_update(self, limits: Mapping[str, float]) -> None:
        """Told when the account's limits change; they are to be read, never set."""


class Answers(NamedTuple):
    """What agents said to one snapshot, by their names: the signals of each, or why there are none to be had."""

    signals: dict[str, list[SignalCandidate]]
    failed: dict[str, str]


async def ask_all(agents: Mapping[str, Agent], snapshot: Snapshot, patience: float) -> Answers:
    """Ask every agent at the same time; one that fails, or is not done in ``patience`` seconds, stops no other.

    (R-STRAT-05.) An agent that is not done is cancelled and not waited for. One that computes without ever awaiting
    holds up its event loop all the same.
    """
    tasks = {name: asyncio.create_task(agent.generate_signals(snapshot)) for name, agent in agents.items()}
    answers = Answers({}, {})
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


@dataclass
class StrategyAgent(Agent):
    """A strategy as an agent: the same decision that the kernel compiles, called on the last closed bar.

    ``confidence`` is the trader's own, ``size_pct`` the notional that a full target asks for, as a share of equity.
    """

    strategy: Strategy
    confidence: float = 1.0
    size_pct: float = 0.02
    limits: Mapping[str, float] = field(default_factory=no_limits, init=False)

    async def generate_signals(self, snapshot: Snapshot) -> list[SignalCandidate]:
        """One signal for a wish, none where there is no wish.

        The id is made of strategy, instrument, bar and configuration: the same bar gives the same id.

        Raises:
            DataError: a snapshot without bars.
        """
        bars = snapshot.bars
        if len(bars.ts) == 0:
            raise DataError("no bars", where=snapshot.instrument, remedy="wait for the first closed bar")
        target, _limit, stop, profit = decide(self.strategy, bars, snapshot.position)
        if target != target:
            return []
        name, stamp = self.strategy.name, int(bars.ts[-1])
        signal = SignalCandidate(
            signal_id=content_hash([name, snapshot.instrument, stamp, snapshot.config_hash])[:32],
            strategy=name,
            instrument=snapshot.instrument,
            candidate_action=_action(target),
            target=target,
            confidence=self.confidence,
            size_pct=abs(target) * self.size_pct,
            bar_ts=datetime.fromtimestamp(stamp / 1e9, UTC),
            price=_price(bars.close[-1]),
            stop=None if stop != stop else _price(stop),
            take_profit=None if profit != profit else _price(profit),
            data_hash=snapshot.data_hash,
            feature_hash=snapshot.feature_hash,
            config_hash=snapshot.config_hash,
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
