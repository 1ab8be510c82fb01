"""Runs of parameter sets on spans of bars: on one instrument, on several added up, or in one shared account."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import numpy.typing as npt

from tradewright.backtest.panel.rows import clear_places
from tradewright.backtest.panel.sets import PanelGround, panel_returns, panel_sweep
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.span import panel_span
from tradewright.backtest.pooled_sets import PooledCurve, pooled_returns, pooled_sweep
from tradewright.backtest.result import FILL, TRADE, BacktestResult, Curves
from tradewright.backtest.span import run_span, span_spec
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import Progress
from tradewright.backtest.sweep import sweep as sweep_sets
from tradewright.backtest.workers import Workers
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.equity_curve import CAP, dispersion_ratio, returns_of
from tradewright.evaluation.finding import Finding
from tradewright.evaluation.folds import BarSpan, Fold, FoldRules, folds_of, on_clear_bars
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.evaluation.skill import market_returns
from tradewright.evaluation.study import MetricsConfig
from tradewright.model.allocation import Allocation
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.strategy import Strategy
from tradewright.research.accounts import ground_of, told_account_on
from tradewright.research.bars import InstrumentBars
from tradewright.research.set_skill import active_set_returns, compared_periods
from tradewright.research.study import session_days
from tradewright.research.sweep_part import days_per_year

SPAN_FIGURES = ("final_equity", "total_return", "max_drawdown", "sharpe", "exposure")
"""The totals of several accounts that depend on where the span begins, and on the cash of those without bars in it."""


class ToldRun(NamedTuple):
    """An account on a span, and what a person must know of it."""

    account: BacktestResult
    told: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class FoldRuns:
    """The sets of all folds. A span counts the time stamps of all instruments together, in one account its rows.

    Args:
        specs: the terms of each instrument, with its equal part of the cash.
    """

    made: Sequence[Strategy | Allocation]
    tables: Mapping[str, InstrumentBars]
    specs: Mapping[str, BacktestSpec]
    measures: MetricsConfig
    workers: Workers

    @cached_property
    def ts(self) -> Times:
        """The times of all bars, nanoseconds UTC, ascending."""
        return np.unique(np.concatenate([self._times(symbol) for symbol in self.tables]))

    def folds(self, rules: FoldRules) -> tuple[Fold, ...]:
        """The folds, whose borders meet no bar that goes on.

        Raises:
            ConfigError: as :func:`~tradewright.evaluation.folds.folds_of` and
                :func:`~tradewright.evaluation.folds.on_clear_bars`.
        """
        found = folds_of(len(self.ts), rules)
        if self.ground is not None or len(self.tables) == 1:  # a row is clear, and so is a bar that stands alone
            return found
        starts = {symbol: self._times(symbol) for symbol in self.tables}
        clear = clear_places(starts, {symbol: spec.sessions for symbol, spec in self.specs.items()})
        return found if len(clear) == len(self.ts) else on_clear_bars(found, clear, len(self.ts))

    @cached_property
    def days(self) -> Times:
        """The date of each bar's session, of several instruments the latest, in days since 1970."""
        return self.flat(BarSpan(0, len(self.ts)), self.cash).days

    @cached_property
    def sessions(self) -> Mapping[str, Times]:
        """The dates of each instrument's sessions, one of each bar."""
        return {symbol: session_days(item) for symbol, item in self.tables.items()}

    @property
    def ground(self) -> PanelGround | None:
        """What all runs in a shared account stand on; None where each instrument has an account of its own."""
        return None

    @property
    def pools(self) -> bool:
        """Whether several instruments make the account."""
        return len(self.tables) > 1

    @property
    def cash(self) -> float:
        """The starting cash of all accounts."""
        return float(sum(spec.cash for spec in self.specs.values()))

    @property
    def days_per_year(self) -> float:
        """The sampled days of a year, over all instruments the most."""
        return max(days_per_year(item, self.measures) for item in self.tables.values())

    def run(self, chosen: int, span: BarSpan, cash: float) -> ToldRun:
        """One set on a span, begun and ended flat; each instrument has an equal part of the cash."""
        return ToldRun(self._together({symbol: self._account(symbol, chosen, span, cash) for symbol in self.tables}))

    def metrics(self, chosen: int, span: BarSpan) -> Metrics:
        """The figures of :meth:`run` with the whole starting cash."""
        result, measures = self.run(chosen, span, self.cash).account, self.measures
        return evaluate(result, measures.sampling, self.days_per_year, measures.risk_free, measures.benchmark)

    def chained(self, chosen: Sequence[int], tests: Sequence[BarSpan]) -> ToldRun:
        """The tests as one account, each begun with what the one before it left."""
        cash, parts, told = self.cash, list[BacktestResult](), list[Finding]()
        for number, (best, span) in enumerate(zip(chosen, tests, strict=True), start=1):
            done = self.run(best, span, cash)
            parts.append(done.account)
            told += [replace(each, message=f"Test {number}: {each.message}") for each in done.told]
            cash = float(done.account.equity[-1])
        whole = BarSpan(tests[0].start, tests[-1].stop)
        fills, trades = [each.fills.copy() for each in parts], [each.trades.copy() for each in parts]
        adjusted = [each.adjustments.copy() for each in parts]
        for span, bought, closed, booked in zip(tests, fills, trades, adjusted, strict=True):
            for table, column in ((bought, "bar"), (closed, "entry_bar"), (closed, "exit_bar"), (booked, "bar")):
                table[column] += span.start - whole.start
        base = self.flat(whole, self.cash)
        curves = Curves(*(np.concatenate(each) for each in zip(*(part.curves for part in parts), strict=True)))
        if self.pools:  # units of holding everything, which each test counts anew
            curves = curves._replace(position=(curves.equity - curves.cash) / base.bars.close)
        account = replace(
            base,
            fills=np.concatenate(fills),
            trades=np.concatenate(trades),
            orders=sum(each.orders for each in parts),
            given=curves,
            adjustments=np.concatenate(adjusted),
        )
        return ToldRun(account, tuple(told))

    def trained(
        self, span: BarSpan, progress: Progress | None = None, kept: Path | None = None
    ) -> npt.NDArray[np.void]:
        """The totals of every set on a span.

        Args:
            kept: as for :func:`tradewright.backtest.sweep.sweep`.
        """
        accounts, made = self._accounts(span), cast("Sequence[Strategy]", self.made)
        if not self.pools:
            return sweep_sets(made, *accounts[0], workers=self.workers, progress=progress, kept=kept)
        totals = pooled_sweep(made, accounts, workers=self.workers, progress=progress, kept=kept)
        found = self._of_curves(made, span, lambda curve: _figures(curve, self.cash), len(SPAN_FIGURES))
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

    def _active(
        self, chosen: Sequence[Strategy | Allocation], span: BarSpan, known: Times, first: int
    ) -> npt.NDArray[np.float64]:
        if not self.pools:
            alone = cast("Sequence[Strategy]", chosen)
            return active_set_returns(alone, *self._accounts(span)[0], known)[first:]
        starts = np.maximum(known[first:] - span.start, 0)
        held = np.add.reduceat(market_returns(self.flat(span, self.cash).marks), starts)

        def added(curve: PooledCurve) -> Floats:
            equity = curve.equity
            share = np.divide(curve.value, equity, out=np.zeros(len(equity)), where=equity > 0.0)
            own = np.concatenate(([0.0], returns_of(equity)))
            earned: Floats = np.add.reduceat(own, starts) - np.clip(share, -CAP, CAP).mean() * held
            return earned

        return self._of_curves(chosen, span, added, len(starts))

    def _of_curves(
        self,
        chosen: Sequence[Strategy | Allocation],
        span: BarSpan,
        of_curve: Callable[[PooledCurve], Floats],
        periods: int,
    ) -> npt.NDArray[np.float64]:
        """What ``of_curve`` makes of the account of each set on the bars of a span: ``periods`` x sets."""
        accounts = self._accounts(span)
        begin, idle = self._first(accounts, span), self.cash - sum(spec.cash for _bars, spec in accounts)

        def inside(curve: PooledCurve) -> Floats:
            return of_curve(PooledCurve(curve.equity[begin:] + idle, curve.value[begin:], curve.counts))

        return pooled_returns(cast("Sequence[Strategy]", chosen), accounts, inside, periods, workers=self.workers)

    def flat(self, span: BarSpan, cash: float) -> BacktestResult:
        """An account that does nothing, for its bars and the value of holding."""
        return self._together({symbol: self._idle(symbol, span, cash / len(self.tables)) for symbol in self.tables})

    def _together(self, accounts: Mapping[str, BacktestResult]) -> BacktestResult:
        return pooled(accounts) if self.pools else next(iter(accounts.values()))

    def _account(self, symbol: str, chosen: int, span: BarSpan, cash: float) -> BacktestResult:
        item, own, part = self.tables[symbol], self._own(symbol, span), cash / len(self.tables)
        made = cast("Strategy", self.made[chosen])
        if part <= 0.0 or own.start == own.stop:
            return self._idle(symbol, span, part)
        result = run_span(made, item.bars, replace(self.specs[symbol], cash=part), *own)
        return replace(result, session_days=self.sessions[symbol][slice(*own)])

    def _idle(self, symbol: str, span: BarSpan, cash: float) -> BacktestResult:
        item, own, spec = self.tables[symbol], self._own(symbol, span), self.specs[symbol]
        still = np.full(own.stop - own.start, cash)
        return BacktestResult(
            select(item.bars, slice(*own))._replace(ts=self._times(symbol)[slice(*own)]),
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
        own = self._times(symbol)
        ends = self.ts[[span.start, span.stop - 1]]
        return BarSpan(int(np.searchsorted(own, ends[0])), int(np.searchsorted(own, ends[1], side="right")))

    def _times(self, symbol: str) -> Times:
        """The time of each bar of an instrument: its start."""
        return self.tables[symbol].bars.ts

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


@dataclass(frozen=True)
class SharedFoldRuns(FoldRuns):
    """The sets of all folds in one account that all instruments share.

    Args:
        specs: the terms of each instrument, each with the whole cash.
        shared: the terms of the account.
    """

    shared: SharedAccount

    @cached_property
    def ground(self) -> PanelGround:
        """All bars side by side."""
        return ground_of(self.tables, self.specs, self.shared)

    @property
    def pools(self) -> bool:
        """A shared account is of all its instruments, one too."""
        return True

    @property
    def cash(self) -> float:
        """The starting cash."""
        return float(self.ground.panel.specs[0].cash)

    @cached_property
    def days(self) -> Times:
        """The date of each bar's session, in days since 1970."""
        return self.ground.days

    def run(self, chosen: int, span: BarSpan, cash: float) -> ToldRun:
        """One set on a span, begun and ended flat; without cash it does nothing."""
        if cash <= 0.0:
            return ToldRun(self.flat(span, cash))
        return ToldRun(*told_account_on(self._of_span(span, cash), self.made[chosen], self.tables))

    def trained(
        self, span: BarSpan, progress: Progress | None = None, kept: Path | None = None
    ) -> npt.NDArray[np.void]:
        """The totals of every set on a span."""
        ground = self._of_span(span, self.cash)
        return panel_sweep(self.made, ground, workers=self.workers, progress=progress, kept=kept)

    def _of_curves(
        self,
        chosen: Sequence[Strategy | Allocation],
        span: BarSpan,
        of_curve: Callable[[PooledCurve], Floats],
        periods: int,
    ) -> npt.NDArray[np.float64]:
        return panel_returns(chosen, self._of_span(span, self.cash), of_curve, periods, workers=self.workers)

    def _times(self, symbol: str) -> Times:
        """The time of each bar of an instrument: that of its row."""
        return self.ground.panel.times_of(self.ground.panel.names.index(symbol))

    def _of_span(self, span: BarSpan, cash: float) -> PanelGround:
        panel = panel_span(self.ground.panel, span.start, span.stop, cash)
        return PanelGround(panel, self.shared, self.ground.days[: span.stop])


def _figures(curve: PooledCurve, cash: float) -> Floats:
    """The :data:`SPAN_FIGURES` of an account on a span; its Sharpe ratio is that of a bar."""
    equity, value = curve.equity, curve.value
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
