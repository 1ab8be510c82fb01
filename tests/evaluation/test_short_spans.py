"""Reports: no annual figure of a short span, one Sortino, the benchmark's exposure, closed trades as a table (E8)."""

from __future__ import annotations

import re

import pytest

from tests.evaluation.accounts import Fill, account
from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.formatting import MIN_ANNUAL_YEARS, groups, headline, plain, years_text
from tradewright.evaluation.risk_report import risk_report
from tradewright.evaluation.trade_table import trade_rows

ANNUAL = ("CAGR", "Volatility", "Sharpe", "Sortino", "Calmar", "Turnover per year")


def made(days: int) -> BacktestResult:
    """A tenth of the cash in the market, one trade closed."""
    closes = [100.0 + day % 7 for day in range(days)]
    return account(closes, [Fill(1, 10.0, closes[1], 1.0), Fill(4, -10.0, closes[4], 1.0)], cash=10_000.0)


@pytest.mark.parametrize(("days", "is_shown"), [(5, False), (89, False), (91, True), (400, True)])
def test_annual_figures_need_a_span(days: int, is_shown: bool) -> None:
    metrics = risk_report("any", {"BTC": made(days)}).sections[0].metrics
    assert (metrics.years >= MIN_ANNUAL_YEARS) is is_shown
    texts = {line.label: line.text for group in groups(metrics) for line in group.lines}
    assert {name: texts[name] != "–" for name in ANNUAL} == dict.fromkeys(ANNUAL, is_shown)
    (cagr,) = [line for line in headline(metrics) if line.label == "CAGR"]
    assert ("no annual figure under 90" in cagr.meaning) is not is_shown
    assert [name for name in texts if name.startswith("Sortino")] == ["Sortino"]


def test_the_benchmark_tells_how_much_was_in_the_market() -> None:
    found = risk_report("any", {"BTC": made(30)}).findings()
    (message,) = [each.message for _, each in found if each.code.startswith("BENCHMARK")]
    assert re.search(r"always with the whole cash; the strategy had \d+\.\d\d% of its equity in the market", message)


def test_closed_trades_are_a_table_newest_first() -> None:
    result = made(30)
    (row,) = trade_rows(result, 10)
    assert (row.entered < row.closed, row.side, row.quantity, row.fees) == (True, "long", "10", "2.00")
    assert (row.entry, row.exit, row.profit) == ("101", "104", "28.00")
    assert trade_rows(result, 0) == ()
    page = risk_report("any", {"BTC": result}).html()
    assert "Closed trades, newest first" in page
    assert f"<td>{row.profit}</td>" in page


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(9.12e-06, 8, "0.00000912"), (1e8, 8, "100,000,000"), (0.1 + 0.2, 12, "0.3"), (1234567.0, 12, "1,234,567"),
     (0.0, 8, "0"), (-0.5, 8, "-0.5")],
)  # fmt: skip
def test_numbers_are_plain_digits_without_what_floats_leave(value: float, digits: int, text: str) -> None:
    assert plain(value, digits) == text


@pytest.mark.parametrize(
    ("years", "told"), [(0.0105, "4 days"), (0.001, "1 day"), (0.99, "362 days"), (1.0, "1.0 years")]
)
def test_a_span_under_a_year_is_told_in_days(years: float, told: str) -> None:
    assert years_text(years) == told
