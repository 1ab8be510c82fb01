"""Checks of whether the figures can be believed: look-ahead, luck, trials, too few trades, holes in the data."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tradewright.evaluation.finding import Case, Finding, Severity
from tradewright.evaluation.significance import deflated_sharpe, sharpe_standard_error
from tradewright.evaluation.words import count, percent, ratio

TWO_SIDED_95 = 1.959963984540054


def look_ahead(case: Case) -> Iterator[Finding]:
    """Whether the strategy saw the future, by the truncation test."""
    if case.evidence.look_ahead_free is False:
        message = "Signals change when the future is cut off: the strategy looks ahead and every figure here is void."
        yield Finding("LOOK_AHEAD", Severity.CRITICAL, message)
    elif case.evidence.look_ahead_free is None:
        message = "The look-ahead test was not run on this strategy."
        yield Finding("LOOK_AHEAD_UNTESTED", Severity.INFO, message)


def suspicious_sharpe(case: Case) -> Iterator[Finding]:
    """A Sharpe ratio that hardly anyone ever earned points to an error first."""
    if case.metrics.sharpe >= case.limits.suspicious_sharpe:
        message = (
            f"A Sharpe ratio of {ratio(case.metrics.sharpe)} is too good to be true;"
            " look for prices that could not be traded, missing costs or the future."
        )
        yield Finding("SHARPE_TOO_GOOD", Severity.WARNING, message)


def luck(case: Case) -> Iterator[Finding]:
    """Whether zero lies within the 95 % confidence interval of the Sharpe ratio (Lo 2002)."""
    metrics = case.metrics
    if metrics.sharpe == 0 or metrics.periods < 2:
        return
    scale = math.sqrt(metrics.periods_per_year)
    margin = TWO_SIDED_95 * sharpe_standard_error(metrics.sharpe / scale, metrics.periods) * scale
    if abs(metrics.sharpe) <= margin:
        message = (
            f"The Sharpe ratio of {ratio(metrics.sharpe)} ± {ratio(margin)} (95%, {metrics.periods:,} returns)"
            " cannot be told from zero."
        )
        yield Finding("SHARPE_MAY_BE_LUCK", Severity.WARNING, message)


def trials(case: Case) -> Iterator[Finding]:
    """Whether the Sharpe ratio survives being the best of many (Bailey and Lopez de Prado 2014)."""
    tried = case.evidence.trials
    if tried <= 1 or case.metrics.sharpe <= 0:
        return
    chance = deflated_sharpe(case.shape, tried, case.evidence.trial_variance)
    message = (
        f"As the best of {count(tried, 'trial')}, the Sharpe ratio is above what luck would give"
        f" with a probability of {percent(chance, 1)}."
    )
    severity = Severity.INFO if chance >= case.limits.deflated_probability else Severity.WARNING
    yield Finding("DEFLATED_SHARPE", severity, message)


def few_trades(case: Case) -> Iterator[Finding]:
    """Too few closed trades for their averages to mean anything."""
    if case.metrics.fills and case.metrics.trades < case.limits.min_trades:
        closed = count(case.metrics.trades, "closed trade")
        message = f"{closed}: averages over fewer than {case.limits.min_trades} say little."
        yield Finding("FEW_TRADES", Severity.WARNING, message)


def data_gaps(case: Case) -> Iterator[Finding]:
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


def thin_sampling(case: Case) -> Iterator[Finding]:
    """Too few days: the returns per bar stand in for daily ones (Q-30)."""
    if case.metrics.returns_sampling is not case.metrics.sampling:
        message = (
            f"Too few days for daily returns: the ratios come from {count(case.metrics.periods, 'return')} per bar."
        )
        yield Finding("FEW_DAYS", Severity.INFO, message)
