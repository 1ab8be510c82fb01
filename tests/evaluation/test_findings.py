"""Findings: each one seen to speak, and seen to keep silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evaluation.accounts import DAY, MINUTE, START, Fill, account, beside, curve
from tradewright.backtest.result import BacktestResult, Curves
from tradewright.evaluation.check_input import CheckInput, FindingLimits
from tradewright.evaluation.checks import find
from tradewright.evaluation.finding import Finding, Severity, ValidityEvidence
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.stability import Stability
from tradewright.evaluation.sweep_checks import surface
from tradewright.evaluation.trial_count import TrialCount

CLEAN = ValidityEvidence(look_ahead_free=True, missing_bars=0)


def found(
    result: BacktestResult, evidence: ValidityEvidence = CLEAN, limits: FindingLimits | None = None
) -> dict[str, Finding]:
    case = CheckInput(result, evaluate(result), evidence, limits or FindingLimits())
    return {finding.code: finding for finding in find(case)}


def round_trips(profits: list[float], fee: float = 0.0, gap: int = 1, cash: float = 1000.0) -> BacktestResult:
    """One unit bought at 100 on one bar and sold at 100 + profit on the next, over and over."""
    closes, fills = [100.0], []
    for profit in profits:
        fills.append(Fill(len(closes), 1, 100, fee))
        fills.append(Fill(len(closes) + 1, -1, 100 + profit, fee))
        closes += [100.0, 100.0 + profit, *([100.0] * gap)]
    return account(closes, fills, cash=cash)


def steady(count: int = 1120) -> BacktestResult:
    """40 even winners, always in the market, in a falling one: nothing much to say against it."""
    noise = np.random.default_rng(1).normal(0.0, 0.002, count)
    equity = 1000 * np.exp(np.cumsum(noise + 0.0003))
    profits = np.diff(equity[:: count // 40], prepend=1000.0)
    template = round_trips([1.0 + index % 3 for index in range(40)])
    trades = template.trades.copy()
    trades["profit"] = np.abs(profits)
    result = curve(equity.tolist())
    falling = np.linspace(100, 50, count)
    position = np.ones(count)
    position[-1] = 0
    return replace(
        result,
        bars=result.bars._replace(close=falling),
        given=Curves(equity, equity - position * falling, position),
        fills=template.fills,
        trades=trades,
    )


QUIET = {"BENCHMARK_BEATEN"}


def test_a_steady_account_hears_nothing_but_that_it_beat_the_market():
    assert set(found(steady())) == QUIET


CALM_THEN_WILD = [100.0 + (day % 2) * (1 if day < 340 else 1 + day / 100) for day in range(600)]


def told_by_the_account(code: str, severity: Severity) -> dict[str, Finding]:
    return found(steady(), replace(CLEAN, account=(Finding(code, severity, "A fact of the shared account."),)))


def lasting_fall(days: int) -> BacktestResult:
    return curve([1000, 1100, *([1050.0] * days), 1200])


SPOKEN: dict[str, tuple[Severity, Callable[[], dict[str, Finding]], str]] = {
    "LOOK_AHEAD": (Severity.CRITICAL, lambda: found(steady(), ValidityEvidence(look_ahead_free=False)), "void"),
    "LOOK_AHEAD_UNTESTED": (Severity.INFO, lambda: found(steady(), ValidityEvidence()), "not run"),
    "RUINED": (Severity.CRITICAL, lambda: found(curve([900, -50, 100])), "-50.00"),
    "NO_TRADES": (Severity.CRITICAL, lambda: found(account([10, 11])), "0 orders sent"),
    "LOSS": (Severity.WARNING, lambda: found(round_trips([-5.0] * 40)), "200.00 (-20.00%)"),
    "FEES_EAT_PROFIT": (Severity.CRITICAL, lambda: found(round_trips([1.0] * 40, fee=1.0)), "gross profit of 40.00"),
    "PROFIT_NEEDS_LOW_FEES": (
        Severity.WARNING,
        lambda: found(round_trips([3.0] * 40, fee=1.0)),
        "40.00 becomes -40.00",
    ),
    "SHARPE_TOO_GOOD": (Severity.WARNING, lambda: found(curve([1000 + 9 * d + d % 3 for d in range(90)])), "too good"),
    "SHARPE_MAY_BE_LUCK": (
        Severity.WARNING,
        lambda: found(round_trips([5.0, -4.0] * 20)),
        "distinguishable",
    ),
    "DEFLATED_SHARPE": (
        Severity.WARNING,
        lambda: found(steady(), replace(CLEAN, tried=TrialCount(100_000, 9e4))),
        "100,000 trials",
    ),
    "FEW_TRADES": (Severity.WARNING, lambda: found(round_trips([1.0] * 29)), "29 closed trades"),
    "ONE_TRADE_CARRIES": (Severity.WARNING, lambda: found(round_trips([1.0] * 39 + [60.0])), "39.00 would be left"),
    "ONE_MONTH_CARRIES": (Severity.WARNING, lambda: found(round_trips([0.1] * 70 + [30.0])), "One month of"),
    "ONE_YEAR_CARRIES": (
        Severity.WARNING,
        lambda: found(curve([1000.0] * 400 + [1000.0 + day for day in range(366)] + [1365.0] * 300)),
        "One year of 3",
    ),
    "BENCHMARK_NOT_BEATEN": (Severity.WARNING, lambda: found(account([10, 20])), "buy and hold 100.00%"),
    "BENCHMARK_BEATEN": (Severity.INFO, lambda: found(account([20, 10])), "buy and hold -50.00%"),
    "DEEP_DRAWDOWN": (Severity.WARNING, lambda: found(curve([1000, 500, 1000])), "a gain of 100%"),
    "LONG_DRAWDOWN": (Severity.WARNING, lambda: found(lasting_fall(365)), "365 days from 2020-01-03"),
    "DATA_GAPS": (
        Severity.WARNING,
        lambda: found(steady(), replace(CLEAN, missing_bars=280, longest_gap_bars=150)),
        "280 bars missing (20.00% of those expected), the longest gap 150 bars",
    ),
    "SUSPICIOUS_BARS": (
        Severity.WARNING,
        lambda: found(steady(), replace(CLEAN, bars=("AAPL: 1 of 9 bars open as after a split",))),
        "AAPL: 1 of 9 bars open as after a split.",
    ),
    **{
        code: (severity, partial(told_by_the_account, code, severity), "of the shared account")
        for code, severity in (
            ("MARGIN_CALL", Severity.WARNING),
            ("INSTRUMENT_ENDED", Severity.INFO),
            ("BORROWED_UNITS", Severity.INFO),
        )
    },
    "POSITION_LEFT_OPEN": (
        Severity.INFO,
        lambda: found(account([10, 12], [Fill(0, 5, 10)])),
        "10.00 of the net profit",
    ),
    "LOW_EXPOSURE": (Severity.INFO, lambda: found(round_trips([1.0] * 30, gap=40)), "% of the bars only"),
    "LONG_FLAT_STRETCH": (
        Severity.INFO,
        lambda: found(account([10] * 10, [Fill(0, 1, 10), Fill(1, -1, 10)])),
        "9 bars of 10 in a row (2020-01-02 to 2020-01-10)",
    ),
    "TRACK_RECORD_TOO_SHORT": (
        Severity.WARNING,
        lambda: found(beside([100.0] * 60, [3.0, -2.0] * 30)),
        "there are 60",
    ),
    "BACKTEST_TOO_SHORT": (
        Severity.WARNING,
        lambda: found(steady(), replace(CLEAN, tried=TrialCount(100_000, 9e4))),
        "4.4 years; only from",
    ),
    "MANY_PARAMETERS": (
        Severity.WARNING,
        lambda: found(round_trips([1.0] * 30), replace(CLEAN, parameters=4)),
        "4 parameters for 30 closed trades",
    ),
    "LARGE_MARKET_SHARE": (
        Severity.INFO,
        lambda: found(account([10] * 9, [Fill(0, 2e4, 10), Fill(1, -2e4, 10)], cash=1e6)),
        "2.00% of the volume of its bar; with 5,000,000.00 to start",
    ),
    "PROFIT_NEEDS_LOW_COSTS": (
        Severity.WARNING,
        lambda: found(round_trips([5.0] * 40), replace(CLEAN, raised_costs=90.0)),
        "200.00 becomes 90.00",
    ),
    "PROFIT_NEEDS_QUICK_FILLS": (
        Severity.WARNING,
        lambda: found(round_trips([5.0] * 40), replace(CLEAN, later_fills=-1.0)),
        "one bar later the profit of 200.00 becomes -1.00",
    ),
    "ONE_REGIME_CARRIES": (
        Severity.WARNING,
        lambda: found(beside(CALM_THEN_WILD, [0.0] * 420 + [1.0] * 180)),
        "had been volatile for 60 sessions",
    ),
    "PARAMETER_SPIKE": (
        Severity.WARNING,
        lambda: {each.code: each for each in surface(Stability(2.0, 0.0, 2, 0.5, 0.1, 0.25, 0.05), "sharpe")},
        "2 neighbouring sets keep 25% of the best set's lead",
    ),
    "PARAMETER_PLATEAU": (
        Severity.INFO,
        lambda: {each.code: each for each in surface(Stability(2.0, 0.0, 1, 1.8, 1.8, 0.9, 0.9), "sharpe")},
        "1 neighbouring set keeps 90% of the best set's lead",
    ),
    "FEW_DAYS": (Severity.INFO, lambda: found(curve([1001, 1002, 1003], step=MINUTE)), "3 returns per bar"),
}


@pytest.mark.parametrize("code", SPOKEN)
def test_each_finding_speaks_with_its_figures(code):
    severity, make, words = SPOKEN[code]
    findings = make()
    assert code in findings
    assert findings[code].severity is severity
    assert words in findings[code].message


def test_milder_forms():
    assert found(round_trips([4.0] * 40, fee=1.0))["FEES_EAT_PROFIT"].severity is Severity.WARNING
    assert found(steady(), replace(CLEAN, missing_bars=1))["DATA_GAPS"].severity is Severity.INFO
    assert found(steady(), replace(CLEAN, tried=TrialCount(2, 2.0)))["DEFLATED_SHARPE"].severity is Severity.INFO


@pytest.mark.parametrize(
    ("code", "result"),
    [
        ("FEW_TRADES", lambda: round_trips([1.0] * 30)),
        ("FEES_EAT_PROFIT", lambda: round_trips([10.0] * 40, fee=1.0)),
        ("PROFIT_NEEDS_LOW_FEES", lambda: round_trips([4.1] * 40, fee=1.0)),
        ("LONG_DRAWDOWN", lambda: lasting_fall(364)),
        ("DEEP_DRAWDOWN", lambda: curve([1000, 751, 1000])),
        ("ONE_TRADE_CARRIES", lambda: round_trips([1.0] * 39 + [38.0])),
        ("POSITION_LEFT_OPEN", lambda: round_trips([1.0])),
        ("SHARPE_MAY_BE_LUCK", lambda: curve([1000 * 1.002 ** (d + d % 2) for d in range(300)])),
    ],
)
def test_each_limit_has_a_quiet_side(code, result):
    assert code not in found(result())


def test_a_profit_that_doubled_fees_bring_to_nothing_needs_low_fees():
    assert "becomes 0.00" in found(round_trips([4.0] * 40, fee=1.0))["PROFIT_NEEDS_LOW_FEES"].message


def test_limits_are_settings():
    assert "FEW_TRADES" not in found(round_trips([1.0] * 3), limits=FindingLimits(min_trades=3))
    assert "DEEP_DRAWDOWN" in found(curve([1000, 940, 1000]), limits=FindingLimits(deep_drawdown=-0.05))


def test_an_unrecovered_drawdown_says_so():
    falling = found(curve([1000, *([900.0] * 400)]))["LONG_DRAWDOWN"].message
    assert "had not come back at the end" in falling
    assert "before it came back" in found(lasting_fall(365))["LONG_DRAWDOWN"].message


def test_more_than_all_of_the_profit():
    message = found(round_trips([-1.0] * 35 + [60.0]))["ONE_TRADE_CARRIES"].message
    assert "more than all of the trades' profit" in message


def test_the_gravest_comes_first_and_ranks_count_up():
    result = round_trips([1.0] * 5, fee=2.0)
    findings = find(CheckInput(result, evaluate(result), ValidityEvidence(look_ahead_free=False)))
    assert findings[0].code == "LOOK_AHEAD"
    assert [finding.rank for finding in findings] == list(range(1, len(findings) + 1))
    order = [list(Severity).index(finding.severity) for finding in findings]
    assert order == sorted(order)


def test_nothing_to_judge_is_judged_without_error():
    for result in (curve([]), curve([1000.0]), account([]), account([10.0], [Fill(0, 1, 10)])):
        assert find(CheckInput(result, evaluate(result)))


@settings(max_examples=60)
@given(st.lists(st.floats(min_value=-50, max_value=90), max_size=12), st.floats(min_value=-1, max_value=30))
def test_any_account_can_be_criticised(profits, fee):
    result = round_trips(profits, fee)
    findings = find(CheckInput(result, evaluate(result), ValidityEvidence(tried=TrialCount(7, 7.0), missing_bars=3)))
    codes = [finding.code for finding in findings]
    assert len(set(codes)) == len(codes)
    assert not any(word in finding.message for finding in findings for word in ("nan", "inf ", "-0.00 "))


def test_day_arithmetic_of_a_gap_in_the_bars():
    ts = [START, START + DAY, START + 500 * DAY]
    assert "499 days" in found(curve([1000, 900, 1100], ts=ts))["LONG_DRAWDOWN"].message
