"""Whether a backtest found something in the order of the bars: its Sharpe ratio among those on permuted bars."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.bar_permutation import can_be_permuted, permuted_bars
from tradewright.evaluation.equity_curve import Sampling, levels, periods_per_year, returns_of
from tradewright.evaluation.monte_carlo import Percentiles, percentiles_of
from tradewright.evaluation.significance import shape_of
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.strategy import Strategy
from tradewright.research.accounts import account_under
from tradewright.research.bars import InstrumentBars
from tradewright.research.study import session_days

TIE = 1e-12
"""Sharpe ratios per bar that differ by no more are equal."""


@dataclass(frozen=True)
class PermutationTest:
    """The Sharpe ratio of a backtest among those of the same strategy on permuted bars.

    Args:
        permutations: how many.
        observed: the Sharpe ratio on the real bars, a year's, from the returns of the bars.
        sharpe: of the permutations.
        p_value: (1 + permutations at least as good) / (1 + permutations): the chance of such a Sharpe ratio where the
            order of the bars carries nothing. It knows nothing of other settings that were tried.
    """

    permutations: int
    observed: float
    sharpe: Percentiles
    p_value: float


def permutation_test(
    strategy: Strategy | Allocation,
    account: BacktestResult,
    tables: Mapping[str, InstrumentBars],
    specs: Mapping[str, BacktestSpec],
    days_per_year: float,
    permutations: int,
    seed: int,
    shared: SharedAccount | None = None,
) -> PermutationTest | None:
    """The test; None where :func:`not_permuted` says why there is none, or none is asked for.

    The null hypothesis: the moves of the bars came in an order that says nothing of the next one. Trend, volatility and
    the shape of each bar are the same on every permutation, so a strategy that is long in a rising market has no
    advantage here; clusters of volatility and the hour of the day are lost, so a strategy that lives on them is told
    from luck as well. Instruments with equal sessions are permuted alike, so that what one was beside the others it
    still is, at another time: an allocation has no advantage from which of them rose the most over all.

    Args:
        account: the backtest of all instruments as one account.
        specs: its terms by instrument; ``cash`` is the whole account's.
        permutations: from 0; 0 asks for none.
        shared: as for :func:`tradewright.research.accounts.account_under`.

    Raises:
        DataError, ConfigError, StrategyError: as :func:`tradewright.backtest.engine.run`.
    """
    if not permutations or not_permuted(tables, shared):
        return None
    days = {symbol: session_days(item) for symbol, item in tables.items()}

    def drawn(number: int) -> float:
        other, priced = dict(tables), dict(specs)
        for symbol, item in tables.items():
            bars, priced[symbol] = permuted_run(item.bars, days[symbol], (seed, number), specs[symbol])
            other[symbol] = replace(item, bars=bars)
        return _sharpe(account_under(strategy, other, priced, shared))

    found, observed = np.array([drawn(number) for number in range(permutations)]), _sharpe(account)
    scale = math.sqrt(periods_per_year(account.bars.ts, Sampling.BAR, days_per_year, account.days))
    as_good = int(np.count_nonzero(found >= observed - TIE))
    return PermutationTest(
        permutations=permutations,
        observed=observed * scale,
        sharpe=percentiles_of(found * scale),
        p_value=(1 + as_good) / (1 + permutations),
    )


def not_permuted(tables: Mapping[str, InstrumentBars], shared: SharedAccount | None) -> str:
    """The reason why the bars cannot change places; empty where they can."""
    for symbol, item in tables.items():
        if not can_be_permuted(item.bars):
            return f"{symbol} has fewer than two bars, or a price that is not above zero"
    if shared is None:
        return ""
    first, *others = tables
    known = tables[first]
    for symbol in others:
        item = tables[symbol]
        alike = len(item.bars.ts) == len(known.bars.ts) and bool((item.bars.ts == known.bars.ts).all())
        if not (alike and (session_days(item) == session_days(known)).all()):
            return (
                f"{symbol} has other bars than {first}, so that they cannot be permuted alike: how each moved beside "
                "the others, which one account depends on, would be lost with the order"
            )
    return ""


def permuted_run(bars: Bars, days: Times, seed: tuple[int, ...], spec: BacktestSpec) -> tuple[Bars, BacktestSpec]:
    """Bars in another order, and the terms on them.

    The steps of raw prices that corporate actions make are no moves: they stay on their bars, where the account books
    the actions, and the prices between them are permuted. A dividend stays the same share of the price before it.
    """
    known = spec.actions
    if known is None:
        return permuted_bars(bars, days, seed), spec
    whole = permuted_bars(_rescaled(bars, known.total, known.split), days, seed)
    other, rows = _rescaled(whole, 1.0 / known.total, 1.0 / known.split), known.rows.copy()
    before = rows[:, 0].astype(np.int64) - 1
    rows[:, 2] *= other.close[before] / bars.close[before]
    return other, replace(spec, actions=replace(known, rows=rows))


def _rescaled(bars: Bars, prices: Floats, units: Floats) -> Bars:
    columns = {name: getattr(bars, name) * prices for name in ("open", "high", "low", "close")}
    return bars._replace(**columns, volume=bars.volume / units)


def _sharpe(account: BacktestResult) -> float:
    """Per bar."""
    return shape_of(returns_of(levels(account.bars.ts, account.equity, account.initial_cash, Sampling.BAR))).sharpe
