"""Metrics as text: amounts, shares and counts, every metric in labelled groups, and Markdown tables."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import Metrics

DAYS_OF_YEAR = 365.25
MIN_ANNUAL_YEARS = 90 / DAYS_OF_YEAR
"""The shortest span of which reports show annual figures; of five days, a year is an invention."""

QUANTITY_DIGITS = 12
"""Significant digits of a quantity: 100,000,000 coins in lots of 0.0001, and none that float arithmetic made."""


def money(value: float) -> str:
    """Two decimals, thousands apart: ``-1,234.50``; a rounded zero has no sign."""
    return f"{round(value, 2) + 0.0:,.2f}"


def plain(value: float, digits: int = 8) -> str:
    """A price or a quantity in plain digits, never with an exponent: ``0.00000912``, ``100,000,000``.

    Args:
        digits: significant digits; what float arithmetic leaves behind them is not shown.
    """
    return f"{Decimal(f'{value:.{digits}g}'):,f}"


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


class MetricRow(NamedTuple):
    """One figure: its label, its text, its meaning."""

    label: str
    text: str
    meaning: str


class MetricGroup(NamedTuple):
    """Figures that belong together."""

    title: str
    lines: tuple[MetricRow, ...]


def headline(metrics: Metrics) -> tuple[MetricRow, ...]:
    """The six figures at the head of a report."""
    return (
        MetricRow("Total return", percent(metrics.total_return), f"net profit {money(metrics.net_profit)}"),
        MetricRow("CAGR", annual(metrics, percent(metrics.cagr)), span_text(metrics)),
        MetricRow("Sharpe", annual(metrics, ratio(metrics.sharpe)), _volatility(metrics)),
        MetricRow("Max drawdown", percent(metrics.bar_drawdown), recovery(metrics)),
        MetricRow("Win rate", percent(metrics.win_rate, 1), count(metrics.trades, "closed trade")),
        MetricRow("Exposure", percent(metrics.exposure, 1), f"fees {money(metrics.fees)}"),
    )


def _volatility(metrics: Metrics) -> str:
    return f"volatility {annual(metrics, percent(metrics.volatility))}"


def annual(metrics: Metrics, text: str) -> str:
    """An annual figure, or a dash where the backtest is shorter than :data:`MIN_ANNUAL_YEARS`."""
    return text if metrics.years >= MIN_ANNUAL_YEARS else "–"


def years_text(years: float) -> str:
    """A span in years, in days where it is shorter than one."""
    return f"{years:,.1f} years" if years >= 1.0 else count(math.ceil(years * DAYS_OF_YEAR), "day")


def span_text(metrics: Metrics) -> str:
    """The span of a backtest, and why it has no annual figures where it has none."""
    if metrics.years >= MIN_ANNUAL_YEARS:
        return f"over {metrics.years:.2f} years"
    days = count(round(metrics.years * DAYS_OF_YEAR), "day")
    return f"{days}: no annual figure under {MIN_ANNUAL_YEARS * DAYS_OF_YEAR:.0f}"


def groups(metrics: Metrics) -> tuple[MetricGroup, ...]:
    """Every figure."""
    return (
        MetricGroup("Growth", _growth(metrics)),
        MetricGroup("Risk", _risk(metrics)),
        MetricGroup("Closed trades", _trades(metrics)),
        MetricGroup("Activity and cost", _activity(metrics)),
        MetricGroup(f"Against {metrics.benchmark}", _benchmark(metrics)),
    )


def recovery(metrics: Metrics) -> str:
    """The time that the deepest fall took to recover, as text."""
    if metrics.bar_drawdown == 0:
        return "never under water"
    days = count(metrics.recovery_days, "day")
    return f"recovered after {days}" if metrics.recovered else f"not recovered after {days}"


def _growth(metrics: Metrics) -> tuple[MetricRow, ...]:
    return (
        MetricRow("Starting cash", money(metrics.initial_cash), ""),
        MetricRow("Final equity", money(metrics.final_equity), "cash and the open position at the last close"),
        MetricRow("Net profit", money(metrics.net_profit), "after all fees"),
        MetricRow("Total return", percent(metrics.total_return), ""),
        MetricRow("CAGR", annual(metrics, percent(metrics.cagr)), "compound growth per calendar year"),
        MetricRow("Volatility", annual(metrics, percent(metrics.volatility)), "of returns, per year"),
        MetricRow("Sharpe", annual(metrics, ratio(metrics.sharpe)), "mean excess return / deviation, per year"),
        MetricRow(
            "Sortino", annual(metrics, ratio(metrics.sortino)), "mean excess return / downside deviation, per year"
        ),
        MetricRow("Calmar", annual(metrics, ratio(metrics.calmar)), "CAGR / sampled drawdown"),
        MetricRow("Omega", ratio(metrics.omega), "gains / losses of the returns less the risk-free rate"),
    )


def _risk(metrics: Metrics) -> tuple[MetricRow, ...]:
    sampled = metrics.sampling.value.replace("_", " ")
    span = "day" if metrics.tail_sampling is Sampling.SESSION else "bar"
    return (
        MetricRow("Max drawdown", percent(metrics.bar_drawdown), "deepest fall from a peak, over every bar"),
        MetricRow("Sampled drawdown", percent(metrics.max_drawdown), f"the same, once a {sampled}"),
        MetricRow("Drawdowns", f"{metrics.drawdowns:,}", "runs of bars below an earlier peak"),
        MetricRow(
            "Average drawdown",
            percent(metrics.average_drawdown),
            f"of {metrics.average_drawdown_days:,.1f} days, {metrics.average_drawdown_bars:,.1f} bars",
        ),
        MetricRow(
            "Average recovery",
            f"{metrics.average_recovery_days:,.1f} days",
            f"{metrics.average_recovery_bars:,.1f} bars from the lowest bar on",
        ),
        MetricRow("Ulcer index", percent(metrics.ulcer_index), "root mean square of the sampled drawdown"),
        MetricRow(
            "Longest drawdown",
            count(metrics.drawdown_days, "day"),
            f"below an earlier peak; at most {count(metrics.drawdown_bars, 'bar')} in a row",
        ),
        MetricRow(
            "Recovery",
            count(metrics.recovery_days, "day"),
            f"{recovery(metrics)}, {count(metrics.recovery_bars, 'bar')}",
        ),
        MetricRow("Tail loss 5%", f"{percent(metrics.tail_loss_5)} a {span}", f"one {span} in twenty was worse"),
        MetricRow("Mean of worst 1%", f"{percent(metrics.tail_mean_1)} a {span}", ""),
        MetricRow("Tail ratio", ratio(metrics.tail_ratio), "95th percentile / size of the 5th"),
        MetricRow("Skewness", ratio(metrics.skewness), "0 of a symmetric distribution"),
        MetricRow("Kurtosis", ratio(metrics.kurtosis), "3 of a normal distribution"),
        MetricRow("Best", f"{percent(metrics.best_period)} a {span}", ""),
        MetricRow("Worst", f"{percent(metrics.worst_period)} a {span}", ""),
    )


def _trades(metrics: Metrics) -> tuple[MetricRow, ...]:
    return (
        MetricRow("Closed trades", f"{metrics.trades:,}", ""),
        MetricRow("Win rate", percent(metrics.win_rate, 2), "closed with a profit after both fees"),
        MetricRow("Profit factor", ratio(metrics.profit_factor), "winners' profits / losers' losses"),
        MetricRow("Expectancy", money(metrics.expectancy), "mean profit per trade"),
        MetricRow("Average win", money(metrics.average_win), ""),
        MetricRow("Average loss", money(metrics.average_loss), ""),
        MetricRow("Best trade", money(metrics.best_trade), ""),
        MetricRow("Worst trade", money(metrics.worst_trade), ""),
        MetricRow("Average holding", f"{metrics.average_holding_bars:,.1f} bars", ""),
        MetricRow("SQN", ratio(metrics.sqn), "mean profit / deviation x root of the trades"),
        MetricRow("Kelly", percent(metrics.kelly, 1), "share of the capital that grows fastest, if this were true"),
    )


def _activity(metrics: Metrics) -> tuple[MetricRow, ...]:
    return (
        MetricRow("Exposure", percent(metrics.exposure), "share of bars with a position"),
        MetricRow("Orders", f"{metrics.orders:,}", ""),
        MetricRow("Fills", f"{metrics.fills:,}", ""),
        MetricRow("Fees", money(metrics.fees), "all fees paid"),
        MetricRow("Turnover", ratio(metrics.turnover), "traded value / mean equity"),
        MetricRow("Turnover per year", annual(metrics, ratio(metrics.turnover_per_year)), ""),
        MetricRow("Bars", f"{metrics.bars:,}", f"{metrics.years:.2f} years"),
    )


def _benchmark(metrics: Metrics) -> tuple[MetricRow, ...]:
    return (
        MetricRow("Its return", percent(metrics.benchmark_return), "fully invested, without fees"),
        MetricRow("Its drawdown", percent(metrics.benchmark_drawdown), "over every bar"),
        MetricRow("Alpha", annual(metrics, percent(metrics.alpha)), "return a year beside that of its beta"),
        MetricRow("Beta", ratio(metrics.beta), "covariance / variance of the benchmark"),
        MetricRow("Correlation", ratio(metrics.correlation), ""),
        MetricRow("Tracking error", annual(metrics, percent(metrics.tracking_error)), "deviation of the difference"),
        MetricRow("Information ratio", annual(metrics, ratio(metrics.information_ratio)), "difference / its deviation"),
        MetricRow("Treynor", annual(metrics, ratio(metrics.treynor)), "excess return a year / beta"),
        MetricRow("Up capture", ratio(metrics.up_capture), "mean return / its own where that is above zero"),
        MetricRow("Down capture", ratio(metrics.down_capture), "the same where it is below zero"),
    )


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """A Markdown table whose first ``text_columns`` columns are left-aligned, the others right-aligned."""
    rule = [":--" if column < text_columns else "--:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(map(_cell, row)) + " |" for row in (header, rule, *rows))


def _cell(text: str) -> str:
    escaped = html.escape(text, quote=False) if not text.startswith((":--", "--:")) else text
    return escaped.replace("|", "\\|").replace("\n", " ")
