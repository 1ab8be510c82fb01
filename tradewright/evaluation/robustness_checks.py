"""Checks of what a result rests on: the length of its record, its parameters, costs, delay, volume and one regime."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.finding import Finding, Severity
from tradewright.evaluation.formatting import count, money, percent, years_text
from tradewright.evaluation.regimes import LOOKBACK, market_periods, regime_gains
from tradewright.evaluation.track_record import minimum_backtest_years, minimum_track_record


def track_record(case: CheckInput) -> Iterator[Finding]:
    """Whether there are enough returns to tell the skill from none (Bailey and Lopez de Prado 2012)."""
    needed = minimum_track_record(case.shape, confidence=case.limits.track_record_confidence)
    if needed is None or needed <= case.shape.periods:
        return
    message = (
        f"It takes {math.ceil(needed):,} returns to tell what the rules add to holding from no skill with a confidence"
        f" of {percent(case.limits.track_record_confidence, 0)}; there are {case.shape.periods:,}."
    )
    yield Finding("TRACK_RECORD_TOO_SHORT", Severity.WARNING, message)


def backtest_length(case: CheckInput) -> Iterator[Finding]:
    """Whether so many trials on so few years are expected to show such a result by luck (Bailey and others 2014)."""
    tried, yearly = case.evidence.tried, case.shape.sharpe * math.sqrt(case.active.periods_per_year)
    if tried.trials <= 1 or yearly <= 0.0:
        return
    needed = minimum_backtest_years(tried.effective, yearly)
    if needed > case.active.years:
        message = (
            f"The best of {tried.told} without skill is expected to add as much to holding over"
            f" {years_text(case.active.years)}; only from {years_text(needed)} on it is not."
        )
        yield Finding("BACKTEST_TOO_SHORT", Severity.WARNING, message)


def parameters(case: CheckInput) -> Iterator[Finding]:
    """Too many parameters for so few closed trades."""
    chosen, least = case.evidence.parameters, case.limits.trades_per_parameter
    if chosen and case.metrics.fills and case.metrics.trades < least * chosen:
        message = (
            f"{count(chosen, 'parameter')} for {count(case.metrics.trades, 'closed trade')}: with fewer than {least}"
            " trades for each, parameters fit the past rather than describe it."
        )
        yield Finding("MANY_PARAMETERS", Severity.WARNING, message)


def market_share(case: CheckInput) -> Iterator[Finding]:
    """Fills that are a large part of what was traded in their bars; bars of unknown volume say nothing."""
    fills, volume = case.result.fills, case.result.bars.volume
    traded = volume[fills["bar"]]
    known = np.isfinite(traded)
    quantity, traded = fills["quantity"][known], traded[known]
    if len(traded) == 0:
        return
    if (empty := int(np.count_nonzero(traded <= 0.0))) > 0:
        message = f"{count(empty, 'fill')} of {len(traded):,} in bars in which nothing was traded."
        yield Finding("LARGE_MARKET_SHARE", Severity.WARNING, message)
        return
    share = float((quantity / traded).max())
    if share < case.limits.market_share:
        return
    cash = case.result.initial_cash * case.limits.large_market_share / share
    message = (
        f"The largest fill is {percent(share)} of the volume of its bar; with {money(cash)} to start with it would be"
        f" {percent(case.limits.large_market_share, 0)}."
    )
    severity = Severity.WARNING if share >= case.limits.large_market_share else Severity.INFO
    yield Finding("LARGE_MARKET_SHARE", severity, message)


def raised_costs(case: CheckInput) -> Iterator[Finding]:
    """The profit does not survive costs and slippage twice as high, by the same backtest once more."""
    told = _lost(case, case.evidence.raised_costs)
    if told:
        message = f"With costs and slippage twice as high {told}."
        yield Finding("PROFIT_NEEDS_LOW_COSTS", Severity.WARNING, message)


def later_fills(case: CheckInput) -> Iterator[Finding]:
    """The profit does not survive orders that arrive one bar later, by the same backtest once more."""
    told = _lost(case, case.evidence.later_fills)
    if told:
        yield Finding("PROFIT_NEEDS_QUICK_FILLS", Severity.WARNING, f"With every order one bar later {told}.")


def _lost(case: CheckInput, left: float | None) -> str:
    """What became of a profit, where too much of it is lost; else empty."""
    net = case.metrics.net_profit
    if left is None or net <= 0.0 or left > net * (1.0 - case.limits.sensitive_share):
        return ""
    return f"the profit of {money(net)} becomes {money(left)}"


def one_regime(case: CheckInput) -> Iterator[Finding]:
    """One regime of the market carries the profit: a third of the time by trend or by volatility."""
    if len(case.result.bars.ts) == 0 or case.metrics.net_profit <= 0.0:
        return
    periods = market_periods(case.result)
    period = "session" if periods.sampling is Sampling.SESSION else "bar"
    for terciles in regime_gains(periods):
        best = max(terciles, key=lambda each: each.gain)
        if best.total > 0.0 and best.gain >= case.limits.regime_share * best.total:
            message = (
                f"{money(best.gain)} of a profit of {money(best.total)} come from the third of the {period}s before"
                f" which the market had been {best.regime} for {LOOKBACK} {period}s; the other two thirds made"
                f" {money(best.total - best.gain)}."
            )
            yield Finding("ONE_REGIME_CARRIES", Severity.WARNING, message)
