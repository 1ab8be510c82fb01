"""Runs of parameter sets on spans of bars, on one instrument or on several whose accounts count as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tradewright.backtest.pooled_sets import PooledCurve, pooled_returns, pooled_sweep
from tradewright.backtest.result import FILL, TRADE, BacktestResult, Curves
from tradewright.backtest.span import run_span, span_spec
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import Progress
from tradewright.backtest.sweep import sweep as sweep_sets
from tradewright.backtest.workers import Workers
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.equity_curve import CAP, dispersion_ratio, returns_of
from tradewright.evaluation.folds import BarSpan
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.evaluation.skill import market_returns
from tradewright.evaluation.study import MetricsConfig
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.research.set_skill import active_set_returns, compared_periods
from tradewright.research.study import session_days
from tradewright.research.sweep_part import days_per_year

SPAN_FIGURES = ("final_equity", "total_return", "max_drawdown", "sharpe", "exposure")
"""The totals of several accounts that depend on where the span begins, and on the cash of those without bars in it."""


@dataclass(frozen=True)
class FoldRuns:
    """The sets of all folds. A span counts the time stamps of all instruments together.

    Args:
        specs: the terms of each instrument, with its equal part of the cash.
    """

    made: Sequence[Strategy]
    tables: Mapping[str, InstrumentBars]
    specs: Mapping[str, BacktestSpec]
    measures: MetricsConfig
    workers: Workers

    @cached_property
    def ts(self) -> Times:
        """The starts of all bars, nanoseconds UTC, ascending."""
        return np.unique(np.concatenate([item.bars.ts for item in self.tables.values()]))

    @cached_property
    def days(self) -> Times:
        """The date of each bar's session, of several instruments the latest, in days since 1970."""
        return self.flat(BarSpan(0, len(self.ts)), self.cash).days

    @cached_property
    def sessions(self) -> Mapping[str, Times]:
        """The dates of each instrument's sessions, one of each bar."""
        return {symbol: session_days(item) for symbol, item in self.tables.items()}

    @property
    def cash(self) -> float:
        """The starting cash of all accounts."""
        return float(sum(spec.cash for spec in self.specs.values()))

    @property
    def days_per_year(self) -> float:
        """The sampled days of a year, over all instruments the most."""
        return max(days_per_year(item, self.measures) for item in self.tables.values())

    def run(self, chosen: int, span: BarSpan, cash: float) -> BacktestResult:
        """One set on a span, begun and ended flat; each instrument has an equal part of the cash."""
        return self._together({symbol: self._account(symbol, chosen, span, cash) for symbol in self.tables})

    def metrics(self, chosen: int, span: BarSpan) -> Metrics:
        """The figures of :meth:`run` with the whole starting cash."""
        result, measures = self.run(chosen, span, self.cash), self.measures
        return evaluate(result, measures.sampling, self.days_per_year, measures.risk_free, measures.benchmark)

    def chained(self, chosen: Sequence[int], tests: Sequence[BarSpan]) -> BacktestResult:
        """The tests as one account, each begun with what the one before it left."""
        cash, parts = self.cash, []
        for best, span in zip(chosen, tests, strict=True):
            parts.append(self.run(best, span, cash))
            cash = float(parts[-1].equity[-1])
        whole = BarSpan(tests[0].start, tests[-1].stop)
        fills, trades = [each.fills.copy() for each in parts], [each.trades.copy() for each in parts]
        adjusted = [each.adjustments.copy() for each in parts]
        for span, bought, closed, booked in zip(tests, fills, trades, adjusted, strict=True):
            for table, column in ((bought, "bar"), (closed, "entry_bar"), (closed, "exit_bar"), (booked, "bar")):
                table[column] += span.start - whole.start
        base = self.flat(whole, self.cash)
        curves = Curves(*(np.concatenate(each) for each in zip(*(part.curves for part in parts), strict=True)))
        if len(self.tables) > 1:  # units of holding everything, which each test counts anew
            curves = curves._replace(position=(curves.equity - curves.cash) / base.bars.close)
        return replace(
            base,
            fills=np.concatenate(fills),
            trades=np.concatenate(trades),
            orders=sum(each.orders for each in parts),
            given=curves,
            adjustments=np.concatenate(adjusted),
        )

    def trained(
        self, span: BarSpan, progress: Progress | None = None, kept: Path | None = None
    ) -> npt.NDArray[np.void]:
        """The totals of every set on a span.

        Args:
            kept: as for :func:`tradewright.backtest.sweep.sweep`.
        """
        accounts = self._accounts(span)
        if len(self.tables) == 1:
            return sweep_sets(self.made, *accounts[0], workers=self.workers, progress=progress, kept=kept)
        totals = pooled_sweep(self.made, accounts, workers=self.workers, progress=progress, kept=kept)
        first, idle = self._first(accounts, span), self.cash - sum(spec.cash for _bars, spec in accounts)

        def figures(curve: PooledCurve) -> Floats:
            return _figures(curve.equity[first:] + idle, curve.value[first:], self.cash)

        found = pooled_returns(self.made, accounts, figures, len(SPAN_FIGURES), workers=self.workers)
        for name, row in zip(SPAN_FIGURES, found, strict=True):
            totals[name] = row
        return totals

    def active(self, span: BarSpan, rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """What some sets add to holding on a span: periods of all bars x sets, each less its mean; 0 outside of it."""
        groups = compared_periods(self.days)
        known = groups[groups < span.stop]
        first = int(np.searchsorted(known, span.start, side="right")) - 1
        table = np.zeros((len(groups), len(rows)))
        if rows:
            chosen = [self.made[row] for row in rows]
            inside = self._active(chosen, span, known, first)
            table[first : len(known)] = inside - inside.mean(axis=0)
        return table

    def _active(self, chosen: Sequence[Strategy], span: BarSpan, known: Times, first: int) -> npt.NDArray[np.float64]:
        accounts = self._accounts(span)
        if len(self.tables) == 1:
            return active_set_returns(chosen, *accounts[0], known)[first:]
        begin, idle = self._first(accounts, span), self.cash - sum(spec.cash for _bars, spec in accounts)
        starts = np.maximum(known[first:] - span.start, 0)
        held = np.add.reduceat(market_returns(self.flat(span, self.cash).marks), starts)

        def added(curve: PooledCurve) -> Floats:
            equity, value = curve.equity[begin:] + idle, curve.value[begin:]
            share = np.divide(value, equity, out=np.zeros(len(equity)), where=equity > 0.0)
            own = np.concatenate(([0.0], returns_of(equity)))
            earned: Floats = np.add.reduceat(own, starts) - np.clip(share, -CAP, CAP).mean() * held
            return earned

        return pooled_returns(chosen, accounts, added, len(starts), workers=self.workers)

    def flat(self, span: BarSpan, cash: float) -> BacktestResult:
        """An account that does nothing, for its bars and the value of holding."""
        return self._together({symbol: self._idle(symbol, span, cash / len(self.tables)) for symbol in self.tables})

    def _together(self, accounts: Mapping[str, BacktestResult]) -> BacktestResult:
        return next(iter(accounts.values())) if len(accounts) == 1 else pooled(accounts)

    def _account(self, symbol: str, chosen: int, span: BarSpan, cash: float) -> BacktestResult:
        item, own, part = self.tables[symbol], self._own(symbol, span), cash / len(self.tables)
        if part <= 0.0 or own.start == own.stop:
            return self._idle(symbol, span, part)
        result = run_span(self.made[chosen], item.bars, replace(self.specs[symbol], cash=part), *own)
        return replace(result, session_days=self.sessions[symbol][slice(*own)])

    def _idle(self, symbol: str, span: BarSpan, cash: float) -> BacktestResult:
        item, own, spec = self.tables[symbol], self._own(symbol, span), self.specs[symbol]
        still = np.full(own.stop - own.start, cash)
        return BacktestResult(
            select(item.bars, slice(*own)),
            cash,
            np.empty(0, FILL),
            np.empty(0, TRADE),
            0,
            multiplier=spec.multiplier,
            given=Curves(still, still, np.zeros(len(still))),
            session_days=self.sessions[symbol][slice(*own)],
            conversion=None if spec.conversion is None else spec.conversion.part(*own),
            currency=spec.currency,
            actions=None if spec.actions is None else spec.actions.part(*own),
        )

    def _own(self, symbol: str, span: BarSpan) -> BarSpan:
        """The bars of an instrument that lie in a span; none where it begins later or has ended."""
        own = self.tables[symbol].bars.ts
        ends = self.ts[[span.start, span.stop - 1]]
        return BarSpan(int(np.searchsorted(own, ends[0])), int(np.searchsorted(own, ends[1], side="right")))

    def _accounts(self, span: BarSpan) -> list[tuple[Bars, BacktestSpec]]:
        """Bars up to the end of a span and the terms on it, of each instrument with a bar in it."""
        owned = ((symbol, self._own(symbol, span)) for symbol in self.tables)
        return [
            (self.tables[symbol].bars.head(own.stop), span_spec(self.specs[symbol], *own))
            for symbol, own in owned
            if own.start < own.stop
        ]

    def _first(self, accounts: Sequence[tuple[Bars, BacktestSpec]], span: BarSpan) -> int:
        """The place of a span's first bar among those of the accounts."""
        known = np.unique(np.concatenate([bars.ts for bars, _spec in accounts]))
        return int(np.searchsorted(known, self.ts[span.start]))


def _figures(equity: Floats, value: Floats, cash: float) -> Floats:
    """The :data:`SPAN_FIGURES` of an account on a span; its Sharpe ratio is that of a bar."""
    path, returns = np.concatenate(([cash], equity)), returns_of(equity)
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return np.array(
        [
            equity[-1],
            equity[-1] / cash - 1.0,
            float((path / np.maximum.accumulate(path)).min()) - 1.0,
            dispersion_ratio(float(returns.mean()), deviation) if len(returns) > 1 else 0.0,
            np.count_nonzero(value) / len(value),
        ]
    )
