"""An allocation's past: its rebalances in a period, their signals, and the backtest of the very same weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property

import numpy as np
import pandas as pd

from tradewright.backtest.panel.engine import run_allocation
from tradewright.backtest.panel.given_weights import GivenWeights
from tradewright.backtest.panel.member_results import member_results
from tradewright.backtest.panel.sets import PanelGround
from tradewright.backtest.panel.target_weights import Rebalanced, rebalances
from tradewright.execution.market_state import closed_at
from tradewright.model.allocation import Allocation, Rebalance
from tradewright.model.signal import SignalCandidate
from tradewright.oversight.parity import ParityFill
from tradewright.oversight.past_bars import PastBars
from tradewright.oversight.rehearsal import ReplayBar
from tradewright.research.weight_signals import WeightSignals


@dataclass(frozen=True)
class PastWeights:
    """The rebalances of a period: the port :class:`tradewright.oversight.rehearsal.ReplaySignals`.

    The first one of the period is the beginning: what was held before is not taken over, since its sizes were made of
    another account.

    Args:
        pasts: by instrument, in the order of the allocation.
        ground: the account in which the allocation was replayed, on all bars.
        made: makes the signals of a rebalance.
        size_pct: the share of equity that the strategy trades.
        cash: of the account of the rehearsal.
        began: the start of the first bar of the period.
    """

    strategy: Allocation
    pasts: Mapping[str, PastBars]
    ground: PanelGround
    made: WeightSignals
    size_pct: float
    cash: float
    began: datetime

    @cached_property
    def rebalanced(self) -> list[Rebalanced]:
        """The rebalances that reach the market in the period, oldest first."""
        first = self._row(self.began) - 1
        return [row for row in rebalances(self.strategy, self.ground) if row.bar >= first]

    def wanted(self, row: Sequence[ReplayBar], held: Callable[[str], Decimal]) -> list[ReplayBar]:  # noqa: ARG002
        """The first bar of each instrument after a rebalance."""
        return [bar for bar in row if self._is_first(bar)]

    def signals(self, wanted: Sequence[ReplayBar]) -> list[tuple[SignalCandidate, datetime]]:
        """The signals of all instruments of the newest rebalance before these bars."""
        newest = self._newest(max(self._row(bar.start) for bar in wanted))
        found = [] if newest is None else self.made.at(newest)
        return [(each, self._closed(each)) for each in found]

    def backtest_fills(self, last: datetime) -> list[ParityFill]:
        """The fills of a backtest of the same weights, up to the bar in which a moment lies, in the account's size."""
        if not self.size_pct:
            return []
        panel, shared, days = self.ground
        given = np.full((len(panel.ts), len(panel.names)), np.nan)
        for row in self.rebalanced:
            given[row.bar] = row.weights
        own = replace(panel, specs=tuple(replace(spec, cash=self.cash) for spec in panel.specs))
        rest = 1.0 - self.size_pct * (1.0 - shared.cash_buffer)
        terms = replace(shared, cash_buffer=rest, rebalance=Rebalance.BAR)
        run = run_allocation(GivenWeights(), own, terms, days, (given,))
        until = self._row(last)
        return [
            self.pasts[name].backtest_fill(row)
            for name, result in member_results(own, run).items()
            for row in result.fills
            if panel.rows[panel.names.index(name)][row["bar"]] <= until
        ]

    def _closed(self, signal: SignalCandidate) -> datetime:
        past = self.pasts[signal.instrument]
        return closed_at(past.item.instrument, past.timeframe, pd.Timestamp(signal.bar_ts).value)

    def _is_first(self, bar: ReplayBar) -> bool:
        row, past = self._row(bar.start), self.pasts[bar.instrument]
        newest, index = self._newest(row), past.index(bar.start)
        before = self._row_of(bar.instrument, index - 1) if index else -1
        return newest is not None and newest.bar >= before

    def _newest(self, row: int) -> Rebalanced | None:
        """The newest rebalance that was decided before a row."""
        bars = [each.bar for each in self.rebalanced]
        place = int(np.searchsorted(bars, row))
        return self.rebalanced[place - 1] if place else None

    def _row(self, moment: datetime) -> int:
        """The row of the panel in which a moment lies."""
        return int(np.searchsorted(self.ground.panel.ts, pd.Timestamp(moment).value, side="right")) - 1

    def _row_of(self, instrument: str, index: int) -> int:
        panel = self.ground.panel
        return int(panel.rows[panel.names.index(instrument)][index])
