"""One instrument's past bars as a replay shows them, and the moments at which they open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pandas as pd

from tradewright.calendars.registry import calendar_of
from tradewright.execution.market_state import closed_at
from tradewright.ledger.execution import Execution
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.oversight.parity import ParityFill
from tradewright.oversight.rehearsal import ReplayBar
from tradewright.research.bars import InstrumentBars
from tradewright.store.time_range import first_instant, last_instant


@dataclass(frozen=True)
class PastBars:
    """Everything about one instrument that a rehearsal replays, whoever decides.

    Args:
        item: the instrument with all its bars, in the prices on which the strategy decides.
        raw: the same bars at raw prices, at which it is traded.
    """

    item: InstrumentBars
    raw: Bars
    timeframe: Timeframe

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
        market, begins = calendar_of(instrument), moment_of(start)
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

    def backtest_fill(self, row: np.void) -> ParityFill:
        """A fill of a backtest of these bars, at the raw price."""
        bar, instrument = int(row["bar"]), self.item.instrument
        price = float(row["price"] * self.raw.close[bar] / self.item.bars.close[bar])
        ticks = 2 * float(instrument.tick_size) / abs(price) * 10_000 if price else 0.0
        allowance = float(row["slippage_bps"]) + instrument.default_spread_bps + ticks
        quantity = Decimal(repr(float(row["quantity"])))
        at = moment_of(int(self.item.bars.ts[bar]))
        return ParityFill(at, instrument.symbol, int(row["side"]), quantity, Decimal(repr(price)), allowance)

    def rehearsed_fill(self, execution: Execution) -> ParityFill:
        """An execution of the rehearsal, in the bar in which it happened.

        One at the very end of a bar belongs to it: resting orders are told of at the bar's close.
        """
        index, at = self.index(execution.time), execution.time
        if index and closed_at(self.item.instrument, self.timeframe, int(self.raw.ts[index - 1])) == at:
            index -= 1
        bar = moment_of(int(self.raw.ts[index]))
        return ParityFill(bar, execution.instrument, execution.side.sign, execution.quantity, execution.price)


def schedule(
    pasts: Mapping[str, PastBars], first: datetime | date | None, last: datetime | date | None, warm_up: int
) -> dict[datetime, list[ReplayBar]]:
    """The bars of all instruments by the moment at which trading in them begins, ascending."""
    rows = [bar for past in pasts.values() for bar in past.bars(first, last, warm_up)]
    found: dict[datetime, list[ReplayBar]] = {}
    for bar in sorted(rows, key=lambda row: (row.opens, row.instrument)):
        found.setdefault(bar.opens, []).append(bar)
    return found


def moment_of(nanoseconds: int) -> datetime:
    """A moment in nanoseconds UTC, with a zone."""
    return datetime.fromtimestamp(nanoseconds / 1_000_000_000, UTC)
