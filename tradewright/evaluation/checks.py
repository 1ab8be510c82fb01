"""The checks of a backtest: validity, profit and loss, risk; findings are ranked, gravest first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.benchmark import HELD
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.equity_curve import DAY_NS, longest_span, underwater
from tradewright.evaluation.finding import Finding, Severity
from tradewright.evaluation.formatting import count, money, percent, ratio
from tradewright.evaluation.metrics import exposure_series
from tradewright.evaluation.robustness_checks import (
    backtest_length,
    later_fills,
    market_share,
    one_regime,
    parameters,
    raised_costs,
    track_record,
)
from tradewright.evaluation.significance import deflated_sharpe, sharpe_standard_error
from tradewright.evaluation.verdict import SkillVerdict, verdict_of
from tradewright.model.bars import Floats

TWO_SIDED_95 = 1.959963984540054


def look_ahead(case: CheckInput) -> Iterator[Finding]:
    """Whether the strategy saw the future, by the look-ahead test."""
    if case.evidence.look_ahead_free is False:
        first = f" ({case.evidence.look_ahead})" if case.evidence.look_ahead else ""
        message = f"The strategy looks ahead and every figure here is void: decisions change without the future{first}."
        yield Finding("LOOK_AHEAD", Severity.CRITICAL, message)
    elif case.evidence.look_ahead_free is None:
        message = "The look-ahead test was not run on this strategy and these bars."
        yield Finding("LOOK_AHEAD_UNTESTED", Severity.INFO, message)


def suspicious_sharpe(case: CheckInput) -> Iterator[Finding]:
    """A Sharpe ratio so high that an error is more likely than the result."""
    if case.metrics.sharpe >= case.limits.suspicious_sharpe:
        message = (
            f"A Sharpe ratio of {ratio(case.metrics.sharpe)} is too good to be true;"
            " look for prices that could not be traded, missing costs or the future."
        )
        yield Finding("SHARPE_TOO_GOOD", Severity.WARNING, message)


def luck(case: CheckInput) -> Iterator[Finding]:
    """Whether zero lies within the 95 % confidence interval of the Sharpe ratio (Lo 2002)."""
    metrics = case.metrics
    if metrics.sharpe == 0 or metrics.periods < 2:
        return
    scale = math.sqrt(metrics.periods_per_year)
    margin = TWO_SIDED_95 * sharpe_standard_error(metrics.sharpe / scale, metrics.periods) * scale
    if abs(metrics.sharpe) <= margin:
        message = (
            f"The Sharpe ratio of {ratio(metrics.sharpe)} ± {ratio(margin)} (95%, {metrics.periods:,} returns)"
            " is not distinguishable from zero."
        )
        yield Finding("SHARPE_MAY_BE_LUCK", Severity.WARNING, message)


def trials(case: CheckInput) -> Iterator[Finding]:
    """Whether the skill survives being the best of many (Bailey and Lopez de Prado 2014)."""
    tried, shape = case.evidence.tried, case.shape
    if tried.trials <= 1 or shape.sharpe <= 0:
        return
    chance = deflated_sharpe(shape, tried.effective)
    message = (
        f"As the best of {tried.told}, what the rules add to holding is above what luck would give"
        f" with a probability of {percent(chance, 1)}."
    )
    severity = Severity.INFO if chance >= case.limits.deflated_probability else Severity.WARNING
    yield Finding("DEFLATED_SHARPE", severity, message)


def few_trades(case: CheckInput) -> Iterator[Finding]:
    """Too few closed trades for their averages to mean anything."""
    if case.metrics.fills and case.metrics.trades < case.limits.min_trades:
        closed = count(case.metrics.trades, "closed trade")
        message = f"{closed}: averages over fewer than {case.limits.min_trades} say little."
        yield Finding("FEW_TRADES", Severity.WARNING, message)


def data_gaps(case: CheckInput) -> Iterator[Finding]:
    """Bars that the calendar expects and the data lacks."""
    missing = case.evidence.missing_bars
    if not missing:
        return
    share = missing / (missing + case.metrics.bars)
    severity = Severity.WARNING if share >= case.limits.gap_share else Severity.INFO
    message = (
        f"{count(missing, 'bar')} missing ({percent(share)} of those expected),"
        f" the longest gap {count(case.evidence.longest_gap_bars, 'bar')}."
    )
    yield Finding("DATA_GAPS", severity, message)


def suspicious_bars(case: CheckInput) -> Iterator[Finding]:
    """Prices that look wrong: bad prints, splits that nothing adjusted for, crossed quotes."""
    for text in case.evidence.bars:
        yield Finding("SUSPICIOUS_BARS", Severity.WARNING, f"{text}.")


def shared_account(case: CheckInput) -> Iterator[Finding]:
    """What an account that instruments share tells of itself."""
    yield from case.evidence.account


def thin_sampling(case: CheckInput) -> Iterator[Finding]:
    """Too few days: the returns per bar stand in for daily ones (Q-30)."""
    if case.metrics.returns_sampling is not case.metrics.sampling:
        message = (
            f"Too few days for daily returns: the ratios come from {count(case.metrics.periods, 'return')} per bar."
        )
        yield Finding("FEW_DAYS", Severity.INFO, message)


MIN_MONTHS, MIN_YEARS = 6, 3
"""Fewer periods than this are concentrated by nature."""


def ruin(case: CheckInput) -> Iterator[Finding]:
    """Equity at or below zero, with which no broker lets an account trade."""
    if case.metrics.ruined:
        low = float(case.result.equity.min())
        yield Finding("RUINED", Severity.CRITICAL, f"Equity fell to {money(low)}: the account was wiped out.")


def no_trades(case: CheckInput) -> Iterator[Finding]:
    """Nothing was bought or sold."""
    if case.metrics.fills == 0:
        orders, bars = count(case.metrics.orders, "order"), count(len(case.result.equity), "bar")
        guess = (
            ""
            if case.metrics.orders
            else f"No rule held, a window is longer than the {bars}, or no size came to one lot."
        )
        message = f"Nothing was filled ({orders} sent); there is nothing to judge. {case.evidence.untraded or guess}"
        yield Finding("NO_TRADES", Severity.CRITICAL, message.rstrip())


def loss(case: CheckInput) -> Iterator[Finding]:
    """The run lost money."""
    if case.metrics.net_profit < 0:
        message = f"The run lost {money(-case.metrics.net_profit)} ({percent(case.metrics.total_return)})."
        yield Finding("LOSS", Severity.WARNING, message)


def fees(case: CheckInput) -> Iterator[Finding]:
    """Fees take a large share of the profit before fees."""
    paid, gross = case.metrics.fees, case.metrics.net_profit + case.metrics.fees
    if paid <= 0 or gross <= 0:
        return
    share = paid / gross
    if case.metrics.net_profit <= 0:
        message = f"Fees of {money(paid)} turn a gross profit of {money(gross)} into a loss."
        yield Finding("FEES_EAT_PROFIT", Severity.CRITICAL, message)
    elif share >= case.limits.fee_share:
        message = f"Fees of {money(paid)} eat {percent(share, 0)} of the gross profit of {money(gross)}."
        yield Finding("FEES_EAT_PROFIT", Severity.WARNING, message)


def doubled_fees(case: CheckInput) -> Iterator[Finding]:
    """The profit does not survive fees twice as high, sizes and fills unchanged."""
    paid, net = float(case.result.fills["fee"].sum()), case.metrics.net_profit
    if net > 0 >= net - paid:
        message = f"With fees twice as high the profit of {money(net)} becomes {money(net - paid)}."
        yield Finding("PROFIT_NEEDS_LOW_FEES", Severity.WARNING, message)


def one_trade(case: CheckInput) -> Iterator[Finding]:
    """The best trade carries most of the closed trades' profit."""
    total = float(case.result.trades["profit"].sum())
    best = case.metrics.best_trade
    if case.metrics.trades < 2 or total <= 0 or best < case.limits.single_trade_share * total:
        return
    message = (
        f"One of {count(case.metrics.trades, 'trade')} earned {money(best)}, {_of(best / total)} the trades' profit;"
        f" without it {money(total - best)} would be left."
    )
    yield Finding("ONE_TRADE_CARRIES", Severity.WARNING, message)


def one_period(case: CheckInput) -> Iterator[Finding]:
    """One month or one year carries most of the profit."""
    limits = case.limits
    yield from _concentrated(case, case.yearly_gains, "year", MIN_YEARS, limits.single_year_share)
    yield from _concentrated(case, case.monthly_gains, "month", MIN_MONTHS, limits.single_month_share)


def _concentrated(case: CheckInput, gains: Floats, period: str, least: int, limit: float) -> Iterator[Finding]:
    net = case.metrics.net_profit
    if len(gains) < least or net <= 0 or gains.max() < limit * net:
        return
    best = float(gains.max())
    message = f"One {period} of {len(gains)} earned {money(best)}, {_of(best / net)} the net profit of {money(net)}."
    yield Finding(f"ONE_{period.upper()}_CARRIES", Severity.WARNING, message)


def _of(share: float) -> str:
    return f"{percent(share, 0)} of" if share <= 1 else "more than all of"


def benchmark(case: CheckInput) -> Iterator[Finding]:
    """Whether the strategy did better than holding the benchmark: its own instruments, or another one."""
    if case.metrics.bars < 2:
        return
    passive, active = case.metrics.benchmark_return, case.metrics.total_return
    holding = "buy and hold" if case.metrics.benchmark == HELD else f"buy and hold of {case.metrics.benchmark}"
    message = (
        f"The strategy returned {percent(active)} with a drawdown of {percent(case.metrics.bar_drawdown)}, {holding}"
        f" {percent(passive)} with {percent(case.metrics.benchmark_drawdown)}, always with the whole cash;"
        f" the strategy had {percent(_mean_exposure(case))} of its equity in the market on average."
    )
    if active > passive:
        yield Finding("BENCHMARK_BEATEN", Severity.INFO, message)
    else:
        yield Finding("BENCHMARK_NOT_BEATEN", Severity.WARNING, message)


def _mean_exposure(case: CheckInput) -> float:
    """The mean size of the position as a fraction of equity, over every bar."""
    return float(np.abs(exposure_series(case.result)).mean())


def deep_drawdown(case: CheckInput) -> Iterator[Finding]:
    """The account fell far below its peak."""
    fall = case.metrics.bar_drawdown
    if fall <= case.limits.deep_drawdown:
        back = -fall / (1.0 + fall) if fall > -1 else None
        cure = f"; it takes a gain of {percent(back, 0)} to come back" if back is not None else ""
        message = f"The account fell {percent(-fall)} below its peak{cure}."
        yield Finding("DEEP_DRAWDOWN", Severity.WARNING, message)


def long_drawdown(case: CheckInput) -> Iterator[Finding]:
    """The account stood below an earlier peak for a long time."""
    start, stop = longest_span(underwater(np.concatenate(([case.result.initial_cash], case.result.equity)))[1:] < 0)
    if stop == start:
        return
    ts = case.result.bars.ts
    days = float(ts[min(stop, len(ts) - 1)] - ts[start]) / DAY_NS
    if days >= case.limits.long_drawdown_days:
        ending = "and had not come back at the end" if stop == len(ts) else "before it came back"
        since = _day(case.result, start)
        message = f"The account stood under water for {count(round(days), 'day')} from {since} on {ending}."
        yield Finding("LONG_DRAWDOWN", Severity.WARNING, message)


def open_position(case: CheckInput) -> Iterator[Finding]:
    """A position is still open at the end, so part of the result is on paper."""
    result = case.result
    if len(result.position) == 0 or result.position[-1] == 0:
        return
    value = float(result.equity[-1] - result.cash[-1])
    on_paper = case.metrics.net_profit - float(result.trades["profit"].sum())
    message = (
        f"A position worth {money(value)} is still open;"
        f" {money(on_paper)} of the net profit of {money(case.metrics.net_profit)} is on paper."
    )
    yield Finding("POSITION_LEFT_OPEN", Severity.INFO, message)


def low_exposure(case: CheckInput) -> Iterator[Finding]:
    """The strategy is hardly ever in the market."""
    if case.metrics.fills and case.metrics.exposure < case.limits.low_exposure:
        message = f"A position was held on {percent(case.metrics.exposure)} of the bars only."
        yield Finding("LOW_EXPOSURE", Severity.INFO, message)


def flat_stretch(case: CheckInput) -> Iterator[Finding]:
    """One long stretch without any position."""
    start, stop = longest_span(case.result.position == 0)
    bars = case.metrics.bars
    if case.metrics.fills and stop - start >= case.limits.flat_share * bars:
        when = f"{_day(case.result, start)} to {_day(case.result, stop - 1)}"
        message = f"No position was held for {count(stop - start, 'bar')} of {bars:,} in a row ({when})."
        yield Finding("LONG_FLAT_STRETCH", Severity.INFO, message)


def _day(result: BacktestResult, bar: int) -> str:
    """The date of a bar's session."""
    return str(np.datetime64(int(result.days[bar]), "D"))


CHECKS: tuple[Callable[[CheckInput], Iterator[Finding]], ...] = (
    look_ahead,
    ruin,
    no_trades,
    loss,
    fees,
    doubled_fees,
    raised_costs,
    later_fills,
    market_share,
    suspicious_sharpe,
    luck,
    trials,
    track_record,
    backtest_length,
    few_trades,
    parameters,
    one_trade,
    one_period,
    one_regime,
    benchmark,
    deep_drawdown,
    long_drawdown,
    data_gaps,
    suspicious_bars,
    shared_account,
    open_position,
    low_exposure,
    flat_stretch,
    thin_sampling,
)
"""In the order in which they matter; the order breaks ties between findings of one severity."""


def verdict(case: CheckInput) -> SkillVerdict:
    """What the evidence of a case supports."""
    grave = [finding for check in (look_ahead, no_trades) for finding in check(case)]
    void = next((finding.message for finding in grave if finding.severity is Severity.CRITICAL), "")
    known = {
        "the look-ahead test was not run on it": case.evidence.look_ahead_free is None,
        "the account was wiped out": any(ruin(case)),
        "one trade carries it": any(one_trade(case)),
        "prices in its bars look wrong": any(suspicious_bars(case)),
        "a Sharpe ratio so high is more often an error than a result": any(suspicious_sharpe(case)),
    }
    doubts = tuple(doubt for doubt, holds in known.items() if holds)
    return verdict_of(case.active, case.evidence.tried, case.metrics.trades, void=void, doubts=doubts)


def find(case: CheckInput) -> tuple[Finding, ...]:
    """Every finding of a case, ranked: by severity, then by the order of :data:`CHECKS`.

    An account without bars or without trades has findings too; none of the checks needs more than it is given.
    """
    gravity = list(Severity)
    found = [finding for check in CHECKS for finding in check(case)]
    found.sort(key=lambda finding: gravity.index(finding.severity))
    return tuple(replace(finding, rank=rank) for rank, finding in enumerate(found, start=1))
