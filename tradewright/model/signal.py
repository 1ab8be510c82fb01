"""Signals: the position that a strategy asks for, before any sizing or permission."""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from pydantic import Field, model_validator

from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel, Instant, Name, Number, Positive
from tradewright.model.order import Percentage, one_distance


class SignalAction(StrEnum):
    """The action of a signal."""

    BUY = "BUY"
    SELL = "SELL"
    CLOSE = "CLOSE"
    HOLD = "HOLD"


class SignalCandidate(FrozenModel):
    """One strategy's proposal on one bar (R-STRAT-10).

    Args:
        target: the exposure asked for as a share of the size that is allowed, in [-1, 1]; 0 is flat.
        confidence: the trader's own stated confidence, in [0, 1].
        size_pct: the notional asked for, as a share of equity (0.02 = 2 %).
        rebalances: whether ``target`` is the weight of an allocation: the holding is brought to this part of
            ``size_pct`` of equity, also from the same side. Else a position is opened and closed, and never increased.
        bar_ts: the start of the bar on whose close the signal was decided.
        features: the values of the strategy's features on that bar, by name and arguments, in the prices on which it
            decides; None where an indicator has no value yet. An agent has none.
        series: the further series of bars that its strategy reads, each as ``SPY 1d``, sorted.
        data_hash, config_hash: fingerprints of the bars and of the resolved configuration that it was made from.
        strategy_hash: the identity of the strategy: kind, code, parameters, features, timeframe, instruments.
    """

    signal_id: Name
    strategy: Name
    instrument: Name
    candidate_action: SignalAction
    target: float = Field(ge=-1, le=1)
    confidence: float = Field(ge=0, le=1)
    size_pct: float = Field(ge=0, le=1)
    rebalances: bool = Field(default=False, exclude_if=lambda weighs: not weighs)
    model_version: str = "v0.1"
    bar_ts: Instant
    timeframe: Timeframe | None = None
    """Of the bars it was decided on; None where that is the universe's."""
    price: Number
    """The close of the deciding bar."""
    stop: Number | None = None
    take_profit: Number | None = None
    trail: Positive | None = Field(default=None, exclude_if=lambda distance: distance is None)
    """A stop follows the best price at this distance, in price units; with ``stop`` it starts there."""
    trail_percent: Percentage | None = Field(default=None, exclude_if=lambda distance: distance is None)
    """The same in percent of the best price; one of the two at most."""
    features: dict[str, float | None] = Field(default_factory=dict)
    series: tuple[str, ...] = ()
    data_hash: str = ""
    feature_hash: str = ""
    config_hash: str = ""
    strategy_hash: str = ""

    @model_validator(mode="after")
    def _one_trailing_stop(self) -> Self:
        one_distance(self.trail, self.trail_percent)
        return self
