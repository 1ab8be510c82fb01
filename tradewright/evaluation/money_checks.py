"""Checks of where the money came from: ruin, loss, fees, a single trade, a single month."""

from __future__ import annotations

from collections.abc import Iterator

from tradewright.evaluation.finding import Case, Finding, Severity
from tradewright.evaluation.words import count, money, percent
from tradewright.model.bars import Floats

MIN_MONTHS, MIN_YEARS = 6, 3
"""Fewer periods than this are concentrated by nature."""


def ruin(case: Case) -> Iterator[Finding]:
    """Equity at or below zero: no broker would have let the account trade on."""
    if case.metrics.ruined:
        low = float(case.result.equity.min())
        yield Finding("RUINED", Severity.CRITICAL, f"Equity fell to {money(low)}: the account was wiped out.")


def no_trades(case: Case) -> Iterator[Finding]:
    """Nothing was bought or sold."""
    if case.metrics.fills == 0:
        orders = count(case.metrics.orders, "order")
        yield Finding("NO_TRADES", Severity.CRITICAL, f"Nothing was filled ({orders} sent); there is nothing to judge.")


def loss(case: Case) -> Iterator[Finding]:
    """The run lost money."""
    if case.metrics.net_profit < 0:
        message = f"The run lost {money(-case.metrics.net_profit)} ({percent(case.metrics.total_return)})."
        yield Finding("LOSS", Severity.WARNING, message)


def fees(case: Case) -> Iterator[Finding]:
    """Fees eat much of what the trading earned before them."""
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


def doubled_fees(case: Case) -> Iterator[Finding]:
    """The profit does not survive fees twice as high, sizes and fills unchanged."""
    paid, net = float(case.result.fills["fee"].sum()), case.metrics.net_profit
    if net > 0 >= net - paid:
        message = f"With fees twice as high the profit of {money(net)} becomes {money(net - paid)}."
        yield Finding("PROFIT_NEEDS_LOW_FEES", Severity.WARNING, message)


def one_trade(case: Case) -> Iterator[Finding]:
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


def one_period(case: Case) -> Iterator[Finding]:
    """One month or one year carries most of the profit."""
    limits = case.limits
    yield from _concentrated(case, case.yearly_gains, "year", MIN_YEARS, limits.single_year_share)
    yield from _concentrated(case, case.monthly_gains, "month", MIN_MONTHS, limits.single_month_share)


def _concentrated(case: Case, gains: Floats, period: str, least: int, limit: float) -> Iterator[Finding]:
    net = case.metrics.net_profit
    if len(gains) < least or net <= 0 or gains.max() < limit * net:
        return
    best = float(gains.max())
    message = f"One {period} of {len(gains)} earned {money(best)}, {_of(best / net)} the net profit of {money(net)}."
    yield Finding(f"ONE_{period.upper()}_CARRIES", Severity.WARNING, message)


def _of(share: float) -> str:
    return f"{percent(share, 0)} of" if share <= 1 else "more than all of"
