"""One instrument's past under a strategy: bars as a replay shows them, targets in force, fills of both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property

import numpy as np
import pandas as pd

from tradewright.backtest.decisions import CurrentTarget, feature_values, target_changes
from tradewright.backtest.engine import run
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar_of
from tradewright.execution.market_state import closed_at
from tradewright.ledger.execution import Execution
from tradewright.model.bar_rules import select
from tradewright.model.bars import BarKind, Bars, Floats, Timeframe
from tradewright.model.signal import SignalCandidate
from tradewright.model.strategy import Strategy
from tradewright.oversight.parity import ParityFill
from tradewright.oversight.rehearsal import ReplayBar
from tradewright.research.bars import InstrumentBars
from tradewright.research.signals import Declared, candidate, features_at
from tradewright.store.time_range import first_instant, last_instant


@dataclass(frozen=True)
class InstrumentPast:
    """Everything about one instrument that a rehearsal replays.

    A decision reaches the market at the open of the next bar, as in live trading, whatever the backtest's own terms
    say of delay and fill.

    Args:
        item: the instrument with all its bars, in the prices on which the strategy decides.
        raw: the same bars at raw prices, at which it is traded.
        spec: the terms of the backtest.
        identity: of the strategy.
    """

    strategy: Strategy
    declared: Declared
    item: InstrumentBars
    raw: Bars
    timeframe: Timeframe
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

    def index(self, moment: datetime) -> int:
        """The bar in which a moment lies: the last one that starts at or before it."""
        return int(np.searchsorted(self.raw.ts, pd.Timestamp(moment).value, side="right")) - 1

    def bars(self, first: datetime | date | None, last: datetime | date | None, warm_up: int) -> Iterable[ReplayBar]:
        """The bars of a span, both ends included, of which each has at least one bar before it.

        Args:
            warm_up: the number of bars before the first one where ``first`` is None.
        """
        bounds = calendar_of(self.item.instrument).day_bounds
        begins, ends = first_instant(first, bounds), last_instant(last, bounds)
        low = warm_up if first is None else int(np.searchsorted(self.raw.ts, begins, side="left"))
        high = int(np.searchsorted(self.raw.ts, ends, side="right"))
        for index in range(max(low, 1), high):
            yield self._bar(index)

    def _bar(self, index: int) -> ReplayBar:
        instrument, start = self.item.instrument, int(self.raw.ts[index])
        market, begins = calendar_of(instrument), _moment(start)
        opens = begins if market.is_open(begins) else market.next_open(begins)
        end = closed_at(instrument, self.timeframe, start)
        inside = begins if opens is None or opens >= end else pd.Timestamp(opens).to_pydatetime()
        opened, high, low, close = (Decimal(repr(float(column[index]))) for column in self.raw[1:5])
        prices = opened, high, low, close
        return ReplayBar(instrument.symbol, begins, inside, end, *prices, self._spread(index))

    def _spread(self, index: int) -> Decimal | None:
        if self.item.kind is BarKind.TRADE:
            return None
        known = float(self.raw.spread[index])
        return Decimal(repr(known if known >= 0 else self.item.instrument.default_spread_bps))

    def backtest_fills(self, first: datetime, last: datetime) -> list[ParityFill]:
        """The fills of a backtest over all bars up to ``last`` that lie in a span, at raw prices."""
        bars, high = self.item.bars, self.index(last) + 1
        known = self.item.head(high)
        result = run(self.strategy, known.bars, replace(self.spec, secondary=known.secondary))
        factor, instrument = self.raw.close[:high] / bars.close[:high], self.item.instrument
        found = []
        for row in result.fills:
            if row["bar"] >= self.index(first):
                price = float(row["price"] * factor[row["bar"]])
                ticks = 2 * float(instrument.tick_size) / abs(price) * 10_000 if price else 0.0
                allowance = float(row["slippage_bps"]) + instrument.default_spread_bps + ticks
                bar, quantity = _moment(int(bars.ts[row["bar"]])), Decimal(repr(float(row["quantity"])))
                fill = ParityFill(bar, instrument.symbol, int(row["side"]), quantity, Decimal(repr(price)), allowance)
                found.append(fill)
        return found

    def rehearsed_fill(self, execution: Execution) -> ParityFill:
        """An execution of the rehearsal, in the bar in which it happened.

        One at the very end of a bar belongs to it: resting orders are told of at the bar's close.
        """
        index, at = self.index(execution.time), execution.time
        if index and closed_at(self.item.instrument, self.timeframe, int(self.raw.ts[index - 1])) == at:
            index -= 1
        bar = _moment(int(self.raw.ts[index]))
        return ParityFill(bar, execution.instrument, execution.side.sign, execution.quantity, execution.price)


def schedule(
    pasts: Mapping[str, InstrumentPast], first: datetime | date | None, last: datetime | date | None, warm_up: int
) -> dict[datetime, list[ReplayBar]]:
    """The bars of all instruments by the moment at which trading in them begins, ascending."""
    rows = [bar for past in pasts.values() for bar in past.bars(first, last, warm_up)]
    found: dict[datetime, list[ReplayBar]] = {}
    for bar in sorted(rows, key=lambda row: (row.opens, row.instrument)):
        found.setdefault(bar.opens, []).append(bar)
    return found


@dataclass(frozen=True)
class PastSignals:
    """The signals of a rehearsal: the port :class:`tradewright.oversight.rehearsal.ReplaySignals`."""

    pasts: Mapping[str, InstrumentPast]

    def target(self, bar: ReplayBar) -> float:
        """The target in force at the open of a bar, decided on the close of the bar before."""
        past = self.pasts[bar.instrument]
        return past.target(past.index(bar.start) - 1).target

    def signal(self, bar: ReplayBar) -> tuple[SignalCandidate, datetime]:
        """The signal behind it, with the close of the bar before."""
        past = self.pasts[bar.instrument]
        return past.signal(past.index(bar.start) - 1)


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds / 1_000_000_000, UTC)
