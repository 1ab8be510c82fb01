"""Metrics as text: amounts, shares and counts, and every metric in labelled groups."""

from __future__ import annotations

from typing import NamedTuple

from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import Metrics


def money(value: float) -> str:
    """Two decimals, thousands apart: ``-1,234.50``; a rounded zero has no sign."""
    return f"{round(value, 2) + 0.0:,.2f}"


def percent(value: float, digits: int = 2) -> str:
    """A fraction in percent: ``12.34%``; a rounded zero has no sign."""
    return f"{round(value * 100, digits) + 0.0:,.{digits}f}%"


def ratio(value: float) -> str:
    """Two decimals; ``> 1,000,000`` for a figure at the cap."""
    if abs(value) >= 1e6:
        return "> 1,000,000" if value > 0 else "< -1,000,000"
    return f"{round(value, 2) + 0.0:,.2f}"


def count(number: int, noun: str) -> str:
    """``1 trade``, ``1,200 trades``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


class Line(NamedTuple):
    """One figure: what it is called, how it reads, what it means."""

    label: str
    text: str
    meaning: str


class Group(NamedTuple):
    """Figures that belong together."""

    title: str
    lines: tuple[Line, ...]


def headline(metrics: Metrics) -> tuple[Line, ...]:
    """The figures that one looks at first."""
    return (
        Line("Total return", percent(metrics.total_return), f"net profit {money(metrics.net_profit)}"),
        Line("CAGR", percent(metrics.cagr), f"over {metrics.years:.2f} years"),
        Line("Sharpe", ratio(metrics.sharpe), f"volatility {percent(metrics.volatility)}"),
        Line("Max drawdown", percent(metrics.bar_drawdown), recovery(metrics)),
        Line("Win rate", percent(metrics.win_rate, 1), count(metrics.trades, "closed trade")),
        Line("Exposure", percent(metrics.exposure, 1), f"fees {money(metrics.fees)}"),
    )


def groups(metrics: Metrics) -> tuple[Group, ...]:
    """Every figure."""
    return (
        Group("Growth", _growth(metrics)),
        Group("Risk", _risk(metrics)),
        Group("Closed trades", _trades(metrics)),
        Group("Activity and cost", _activity(metrics)),
    )


def recovery(metrics: Metrics) -> str:
    """How long the deepest fall took to heal, in words."""
    if metrics.bar_drawdown == 0:
        return "never under water"
    bars = count(metrics.recovery_bars, "bar")
    return f"recovered after {bars}" if metrics.recovered else f"not recovered after {bars}"


def _growth(metrics: Metrics) -> tuple[Line, ...]:
    return (
        Line("Starting cash", money(metrics.initial_cash), ""),
        Line("Final equity", money(metrics.final_equity), "cash and the open position at the last close"),
        Line("Net profit", money(metrics.net_profit), "after all fees"),
        Line("Total return", percent(metrics.total_return), ""),
        Line("CAGR", percent(metrics.cagr), "compound growth per calendar year"),
        Line("Volatility", percent(metrics.volatility), "of returns, per year"),
        Line("Sharpe", ratio(metrics.sharpe), "mean excess return / deviation, per year"),
        Line("Sortino", ratio(metrics.sortino), "mean excess return / downside deviation, per year"),
        Line("Sortino (source's form)", ratio(metrics.sortino_of_gains), "mean of gains / deviation of losses, per year"),
        Line("Calmar", ratio(metrics.calmar), "CAGR / sampled drawdown"),
    )


def _risk(metrics: Metrics) -> tuple[Line, ...]:
    sampled = metrics.sampling.value.replace("_", " ")
    span = "day" if metrics.tail_sampling is Sampling.SESSION else "bar"
    return (
        Line("Max drawdown", percent(metrics.bar_drawdown), "deepest fall from a peak, over every bar"),
        Line("Sampled drawdown", percent(metrics.max_drawdown), f"the same, once a {sampled}"),
        Line("Longest drawdown", count(metrics.drawdown_bars, "bar"), "in a row below an earlier peak"),
        Line("Recovery", count(metrics.recovery_bars, "bar"), recovery(metrics)),
        Line("Tail loss 5%", f"{percent(metrics.tail_loss_5)} a {span}", f"one {span} in twenty was worse"),
        Line("Mean of worst 1%", f"{percent(metrics.tail_mean_1)} a {span}", ""),
        Line("Best", f"{percent(metrics.best_period)} a {span}", ""),
        Line("Worst", f"{percent(metrics.worst_period)} a {span}", ""),
    )


def _trades(metrics: Metrics) -> tuple[Line, ...]:
    return (
        Line("Closed trades", f"{metrics.trades:,}", ""),
        Line("Win rate", percent(metrics.win_rate, 2), "closed with a profit after both fees"),
        Line("Profit factor", ratio(metrics.profit_factor), "winners' profits / losers' losses"),
        Line("Expectancy", money(metrics.expectancy), "mean profit per trade"),
        Line("Average win", money(metrics.average_win), ""),
        Line("Average loss", money(metrics.average_loss), ""),
        Line("Best trade", money(metrics.best_trade), ""),
        Line("Worst trade", money(metrics.worst_trade), ""),
        Line("Average holding", f"{metrics.average_holding_bars:,.1f} bars", ""),
    )


def _activity(metrics: Metrics) -> tuple[Line, ...]:
    return (
        Line("Exposure", percent(metrics.exposure), "share of bars with a position"),
        Line("Orders", f"{metrics.orders:,}", ""),
        Line("Fills", f"{metrics.fills:,}", ""),
        Line("Fees", money(metrics.fees), "all fees paid"),
        Line("Turnover", ratio(metrics.turnover), "traded value / mean equity"),
        Line("Turnover per year", ratio(metrics.turnover_per_year), ""),
        Line("Bars", f"{metrics.bars:,}", f"{metrics.years:.2f} years"),
    )
