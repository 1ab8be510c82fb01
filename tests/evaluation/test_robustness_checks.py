"""What a result rests on: each check at a clear case, at a clear non-case, and against another computation."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.buy_and_hold import BuyAndHold
from tests.backtest.conftest import random_bars
from tests.backtest.reference import run_reference
from tests.evaluation.accounts import Fill, account, beside
from tests.evaluation.test_findings import CLEAN, found, round_trips, steady
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.finding import ValidityEvidence, pooled_validity_evidence
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.regimes import LEAST_PERIODS, LOOKBACK, market_periods, regime_gains
from tradewright.evaluation.significance import expected_best_sharpe, probabilistic_sharpe
from tradewright.evaluation.stress import stressed_profit
from tradewright.evaluation.study import MetricsConfig, study
from tradewright.evaluation.trial_count import TrialCount
from tradewright.fills.costs import PercentCosts
from tradewright.store.dataset import bars_hash


def path(mean: float, count: int, seed: int = 3) -> BacktestResult:
    returns = np.random.default_rng(seed).normal(mean, 0.01, count)
    return beside(np.full(count, 100.0), np.diff(1000.0 * np.cumprod(1.0 + returns), prepend=1000.0))


@settings(max_examples=30)
@given(st.floats(-0.002, 0.006), st.integers(2, 400), st.integers(0, 9))
def test_a_record_is_long_enough_where_the_probabilistic_sharpe_ratio_says_so(mean, count, seed):
    result = path(mean, count, seed)
    shape = CheckInput(result, evaluate(result)).shape
    short = shape.sharpe > 0.0 and probabilistic_sharpe(shape) < 0.95
    assert ("TRACK_RECORD_TOO_SHORT" in found(result)) is short


def test_a_record_tells_how_many_returns_are_missing():
    message = found(path(0.001, 100))["TRACK_RECORD_TOO_SHORT"].message
    needed = int(message.split("takes ")[1].split(" returns")[0].replace(",", ""))
    assert message.endswith("there are 100.")
    assert needed > 100


@settings(max_examples=30)
@given(st.floats(1.0, 5000.0), st.integers(60, 900), st.integers(0, 9))
def test_a_backtest_is_too_short_where_luck_is_expected_to_show_as_much(effective, count, seed):
    result = path(0.001, count, seed)
    case = CheckInput(result, evaluate(result))
    yearly = case.shape.sharpe * math.sqrt(252)
    lucky = expected_best_sharpe(effective, 252 / count)
    known = replace(CLEAN, tried=TrialCount(math.ceil(effective) + 1, effective))
    assert ("BACKTEST_TOO_SHORT" in found(result, known)) is (0.0 < yearly < lucky)


def test_one_trial_needs_no_length():
    assert "BACKTEST_TOO_SHORT" not in found(path(0.0005, 100))


@pytest.mark.parametrize(("trades", "chosen", "speaks"), [(39, 4, True), (40, 4, False), (39, 0, False)])
def test_ten_trades_for_each_parameter(trades: int, chosen: int, speaks: bool) -> None:
    heard = found(round_trips([1.0] * trades), replace(CLEAN, parameters=chosen))
    assert ("MANY_PARAMETERS" in heard) is speaks
    assert not speaks or "4 parameters for 39 closed trades" in heard["MANY_PARAMETERS"].message


def of_volume(volume: float, quantity: float = 10.0) -> dict[str, str]:
    result = account([10.0] * 30, [Fill(0, quantity, 10), Fill(9, -quantity, 10)])
    bars = result.bars._replace(volume=np.full(30, volume))
    heard = found(replace(result, bars=bars)).get("LARGE_MARKET_SHARE")
    return {heard.severity.value: heard.message} if heard else {}


def test_fills_against_the_volume_of_their_bars() -> None:
    assert of_volume(1001.0) == {}
    assert of_volume(math.nan) == {}
    assert "1.00% of the volume of its bar; with 10,000.00 to start" in of_volume(1000.0)["info"]
    assert "10.00% of the volume" in of_volume(100.0)["warning"]
    assert "2 fills of 2 in bars in which nothing was traded" in of_volume(0.0)["warning"]


def test_the_largest_fill_is_the_one_that_counts() -> None:
    result = account([10.0] * 30, [Fill(0, 1.0, 10), Fill(9, -1.0, 10), Fill(12, 1.0, 10), Fill(20, -1.0, 10)])
    volume = np.full(30, 1e6)
    volume[12] = 20.0
    assert (
        "5.00% of the volume"
        in found(replace(result, bars=result.bars._replace(volume=volume)))["LARGE_MARKET_SHARE"].message
    )


@pytest.mark.parametrize(
    ("field", "code"), [("raised_costs", "PROFIT_NEEDS_LOW_COSTS"), ("later_fills", "PROFIT_NEEDS_QUICK_FILLS")]
)
def test_half_of_the_profit_may_be_lost_and_no_more(field: str, code: str) -> None:
    result = round_trips([5.0] * 40)
    for left, speaks in ((99.0, True), (100.0, True), (101.0, False), (None, False)):
        assert (code in found(result, replace(CLEAN, **{field: left}))) is speaks
    assert "200.00 becomes -3.00" in found(result, replace(CLEAN, **{field: -3.0}))[code].message
    assert code not in found(round_trips([-5.0] * 40), replace(CLEAN, **{field: -300.0}))


def test_evidence_of_several_accounts_is_added_up_where_all_is_known() -> None:
    one, two = ValidityEvidence(raised_costs=5.0, parameters=2), ValidityEvidence(raised_costs=7.0, later_fills=1.0)
    together = pooled_validity_evidence([one, two])
    assert (together.raised_costs, together.later_fills, together.parameters) == (12.0, None, 2)


SPEC = BacktestSpec(cash=10_000.0, costs=PercentCosts(0.01))


def test_the_stressed_profits_are_those_of_a_backtest_with_such_terms(tmp_path: Path) -> None:
    walks = (random_bars(seed, 60) for seed in range(9))
    bars = next(each for each in walks if each.close[-1] > each.open[2] * 1.1)
    result = run_reference(BuyAndHold(), bars, SPEC)
    known = stressed_profit(BuyAndHold(), result, SPEC, tmp_path, bars_hash(bars))
    dear = run_reference(BuyAndHold(), bars, replace(SPEC, costs=PercentCosts(0.02)))
    late = run_reference(BuyAndHold(), bars, replace(SPEC, bar_delay=2))
    assert known == pytest.approx((dear.equity[-1] - 10_000, late.equity[-1] - 10_000))
    assert known.raised_costs < result.equity[-1] - 10_000


def test_a_study_runs_them_with_the_cash_of_each_account(tmp_path: Path) -> None:
    tables = {"A": random_bars(1, 40), "B": random_bars(2, 50)}
    heavy = BacktestSpec(cash=10_000.0, costs=PercentCosts(0.02))
    done = study(BuyAndHold(), tables, dict.fromkeys(tables, heavy), MetricsConfig(), tmp_path)
    findings = {section.instrument: section.findings for section in done.report.sections}
    spoken = []
    for name, result in done.results.items():
        spoken.append("PROFIT_NEEDS_LOW_COSTS" in {each.code for each in findings[name]})
        dear = run_reference(BuyAndHold(), tables[name], BacktestSpec(cash=5_000.0, costs=PercentCosts(0.04)))
        net = result.equity[-1] - 5_000
        assert spoken[-1] is bool(net > 0 and dear.equity[-1] - 5_000 <= net / 2)
    assert spoken == [False, True]


def test_gains_by_regime_are_those_of_a_plain_count() -> None:
    random = np.random.default_rng(5)
    marks = 100 * np.exp(np.cumsum(random.normal(0, 0.01, 400)))
    gains = random.normal(1, 5, 400)
    trends, volatilities = regime_gains(market_periods(beside(marks, gains)))
    rows = []
    for day in range(LOOKBACK + 1, 400):
        before = marks[:day].tolist()[-LOOKBACK - 1 :]
        moves = [after / each - 1 for each, after in pairwise(before)]
        rows.append((before[-1] / before[0] - 1, statistics.pstdev(moves), gains[day]))
    for place, terciles in enumerate((trends, volatilities)):
        ranked = sorted(rows, key=lambda row: row[place])
        third = len(ranked) // 3
        assert len(ranked) % 3 == 0
        sums = [sum(row[2] for row in ranked[start : start + third]) for start in range(0, len(ranked), third)]
        assert [each.gain for each in terciles] == pytest.approx(sums)
        assert [each.total for each in terciles] == pytest.approx([sum(row[2] for row in rows)] * 3)


@pytest.mark.parametrize(("falling", "rising", "speaks"), [(0.0, 10.0, True), (5.0, 10.0, False), (-3.0, 10.0, True)])
def test_a_profit_from_rising_markets_alone(falling: float, rising: float, speaks: bool) -> None:
    wave = np.sin(np.arange(1200) / 1200 * 10 * math.pi)
    marks = 100 * np.exp(0.3 * wave)
    trend = np.full(1200, np.nan)
    trend[LOOKBACK + 1 :] = marks[LOOKBACK:-1] / marks[: -LOOKBACK - 1] - 1
    gains = np.where(trend > np.nanquantile(trend, 2 / 3), rising, falling)
    heard = found(beside(marks, gains))
    assert ("ONE_REGIME_CARRIES" in heard) is speaks
    assert not speaks or "had been rising for 60 sessions" in heard["ONE_REGIME_CARRIES"].message


def test_too_few_periods_have_no_regime() -> None:
    few = LOOKBACK + LEAST_PERIODS
    marks = np.linspace(100, 110, few + 1)
    assert list(regime_gains(market_periods(beside(marks[:few], np.ones(few))))) == []
    assert len(list(regime_gains(market_periods(beside(marks, np.ones(few + 1)))))) == 2


def test_a_steady_account_has_none_of_these() -> None:
    known = replace(CLEAN, parameters=4, raised_costs=300.0, later_fills=300.0, tried=TrialCount(2, 2.0))
    assert set(found(steady(), known)) <= {"BENCHMARK_BEATEN", "DEFLATED_SHARPE", "PROFIT_NEEDS_LOW_COSTS"}
