"""One instrument's past under a strategy: bars as a replay shows them, targets in force, fills of both sides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property

import numpy as np

from tradewright.backtest.decisions import CurrentTarget, feature_values, target_changes
from tradewright.backtest.engine import run
from tradewright.backtest.spec import BacktestSpec
from tradewright.execution.market_state import closed_at
from tradewright.model.bar_rules import select
from tradewright.model.bars import Floats
from tradewright.model.signal import SignalCandidate
from tradewright.model.strategy import Strategy
from tradewright.oversight.parity import ParityFill
from tradewright.oversight.past_bars import PastBars
from tradewright.oversight.rehearsal import ReplayBar
from tradewright.research.signals import Declared, candidate, features_at


@dataclass(frozen=True)
class InstrumentPast(PastBars):
    """One instrument under a strategy that decides on each by itself.

    A decision reaches the market at the open of the next bar, as in live trading, whatever the backtest's own terms
    say of delay and fill.

    Args:
        spec: the terms of the backtest.
        identity: of the strategy.
    """

    strategy: Strategy
    declared: Declared
    spec: BacktestSpec
    identity: str

    @cached_property
    def changes(self) -> list[CurrentTarget]:
        """The targets in force one after the other."""
        return target_changes(self.strategy, self.item.bars, self.spec)

    @cached_property
    def features(self) -> list[tuple[str, Floats]]:
        """The columns that the strategy reads, by name."""
        return feature_values(self.strategy, self.item.bars, self.item.secondary)

    def target(self, index: int) -> CurrentTarget:
        """The target in force after the close of a bar; flat before the first bar."""
        since = [change.since for change in self.changes]
        return self.changes[max(0, int(np.searchsorted(since, index, side="right")) - 1)]

    def trails(self, moment: datetime) -> bool:
        """Whether the target in force at the open of the bar in which a moment lies has a trailing stop."""
        target = self.target(self.index(moment) - 1)
        return not (np.isnan(target.trail) and np.isnan(target.trail_percent))

    def signal(self, index: int) -> tuple[SignalCandidate, datetime]:
        """The signal after the close of a bar, from that bar and those before it, with the moment of the close."""
        item = self.item.head(index + 1)
        raw = select(self.raw, slice(0, index + 1))
        current = self.target(index)
        features = features_at(self.features, current.since)
        made = candidate(self.strategy, self.declared, item, current, raw, self.identity, self.timeframe, features)
        return made, closed_at(self.item.instrument, self.timeframe, int(self.raw.ts[index]))

    def backtest_fills(self, first: datetime, last: datetime) -> list[ParityFill]:
        """The fills of a backtest over all bars up to ``last`` that lie in a span, at raw prices."""
        known, begins = self.item.head(self.index(last) + 1), self.index(first)
        result = run(self.strategy, known.bars, replace(self.spec, secondary=known.secondary))
        return [self.backtest_fill(row) for row in result.fills if row["bar"] >= begins]


@dataclass(frozen=True)
class PastSignals:
    """The signals of a rehearsal: the port :class:`tradewright.oversight.rehearsal.ReplaySignals`."""

    pasts: Mapping[str, InstrumentPast]

    def wanted(self, row: Sequence[ReplayBar], held: Callable[[str], Decimal]) -> list[ReplayBar]:
        """The bars at whose open a target points elsewhere than the holding."""
        return [
            bar for bar in row if _sign(self._past(bar).target(self._before(bar)).target) != _sign(held(bar.instrument))
        ]

    def signals(self, wanted: Sequence[ReplayBar]) -> list[tuple[SignalCandidate, datetime]]:
        """The signals behind these targets, each decided on the close of the bar before."""
        return [self._past(bar).signal(self._before(bar)) for bar in wanted]

    def _past(self, bar: ReplayBar) -> InstrumentPast:
        return self.pasts[bar.instrument]

    def _before(self, bar: ReplayBar) -> int:
        return self._past(bar).index(bar.start) - 1


def _sign(number: float | Decimal) -> int:
    return (number > 0) - (number < 0)
