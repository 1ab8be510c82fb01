"""The agent port: asynchronous, and blind to brokers, stores and clocks (R-STRAT-02)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from tradewright.model.bars import Bars
from tradewright.model.order import Fill
from tradewright.model.secondary import SecondarySeries
from tradewright.model.signal import SignalCandidate


def no_limits() -> Mapping[str, float]:
    """A read-only mapping without limits."""
    return MappingProxyType({})


@dataclass(frozen=True)
class AgentSnapshot:
    """The input of every agent on one bar: the closed bars of one instrument, its position, the account's limits.

    ``position`` is in signed units; ``secondary`` are the bars of other timeframes and instruments that had ended with
    the last of ``bars``, for strategies that read some. The three hashes are copied into the signals, so that each can
    be traced.
    """

    instrument: str
    bars: Bars
    position: float = 0.0
    limits: Mapping[str, float] = field(default_factory=no_limits)
    data_hash: str = ""
    feature_hash: str = ""
    config_hash: str = ""
    secondary: SecondarySeries | None = None


class Agent(ABC):
    """A source of signals. Its only input is snapshots, fills and limits."""

    @abstractmethod
    async def generate_signals(self, snapshot: AgentSnapshot) -> list[SignalCandidate]:
        """The signals of this bar, possibly none."""

    @abstractmethod
    async def on_fill(self, fill: Fill) -> None:
        """Called with every fill of an order that came from one of its signals."""

    @abstractmethod
    async def on_limit_update(self, limits: Mapping[str, float]) -> None:
        """Called when the account's limits change; an agent reads them and never sets them."""


class AgentAnswers(NamedTuple):
    """The answers of agents to one snapshot, by agent name: the signals, or the reason for having none."""

    signals: dict[str, list[SignalCandidate]]
    failed: dict[str, str]
