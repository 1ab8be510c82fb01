"""Where each finding begins to speak: at the limit itself, just before it, and where it says nothing at all."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.evaluation.accounts import DAY, Fill, account, curve
from tests.evaluation.test_findings import CLEAN, found, round_trips, steady
from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.check_input import CheckInput, FindingLimits
from tradewright.evaluation.checks import CHECKS, MIN_MONTHS, MIN_YEARS, TWO_SIDED_95, find
from tradewright.evaluation.finding import Severity, ValidityEvidence, pooled_validity_evidence
from tradewright.evaluation.metrics import Metrics, evaluate
from tradewright.evaluation.trial_count import TrialCount


def with_figures(result: BacktestResult, evidence: ValidityEvidence = CLEAN, **figures: Any) -> dict[str, Severity]:
    """The findings of an account some of whose figures are made up, so that a limit can be met exactly."""
    metrics: Metrics = replace(evaluate(result), **figures)
    return {each.code: each.severity for each in find(CheckInput(result, metrics, evidence))}


def trip(profit: float, fee: float = 0.0) -> BacktestResult:
    return round_trips([profit] * 40, fee=fee)


LIMITS = FindingLimits()


@pytest.mark.parametrize(
    ("code", "at", "beyond"),
    [
        ("SHARPE_TOO_GOOD", {"sharpe": 3.0}, {"sharpe": math.nextafter(3.0, 0.0)}),
        ("DEEP_DRAWDOWN", {"bar_drawdown": -0.25}, {"bar_drawdown": math.nextafter(-0.25, 0.0)}),
        ("FEW_TRADES", {"trades": 29}, {"trades": 30}),
        ("LOW_EXPOSURE", {"exposure": math.nextafter(0.05, 0.0)}, {"exposure": 0.05}),
        ("LOSS", {"net_profit": -0.01}, {"net_profit": 0.0}),
        ("NO_TRADES", {"fills": 0}, {"fills": 1}),
        ("RUINED", {"ruined": True}, {"ruined": False}),
    ],
)
def test_a_figure_at_its_limit_and_the_next_one(code: str, at: dict[str, Any], beyond: dict[str, Any]) -> None:
    assert code in with_figures(steady(), **at)
    assert code not in with_figures(steady(), **beyond)


@pytest.mark.parametrize(
    ("missing", "severity"),
    [(None, None), (0, None), (1, Severity.INFO), (9, Severity.INFO), (10, Severity.WARNING)],
)
def test_missing_bars_are_a_warning_from_one_in_a_hundred(missing: int | None, severity: Severity | None) -> None:
    result = curve([1000.0 + day for day in range(990)])
    heard = found(result, replace(CLEAN, missing_bars=missing, longest_gap_bars=1))
    assert (heard["DATA_GAPS"].severity if "DATA_GAPS" in heard else None) is severity


@pytest.mark.parametrize(
    ("net", "paid", "severity"),
    [
        (74.0, 26.0, Severity.WARNING),
        (75.0, 25.0, Severity.WARNING),
        (75.1, 24.9, None),
        (0.0, 25.0, Severity.CRITICAL),
        (-1.0, 25.0, Severity.CRITICAL),
        (-25.0, 25.0, None),
        (-30.0, 25.0, None),
        (10.0, 0.0, None),
        (10.0, -5.0, None),
    ],
)
def test_fees_that_eat_a_quarter_or_all_of_the_profit(net: float, paid: float, severity: Severity | None) -> None:
    assert with_figures(steady(), net_profit=net, fees=paid).get("FEES_EAT_PROFIT") is severity


@pytest.mark.parametrize(
    ("profit", "fee", "speaks"),
    [(4.0, 1.0, True), (3.0, 1.0, True), (4.01, 1.0, False), (2.0, 1.0, False), (5.0, 0.0, False)],
)
def test_twice_the_fees(profit: float, fee: float, speaks: bool) -> None:
    """A trip earns the profit less two fees; with four of them nothing or less is left."""
    assert ("PROFIT_NEEDS_LOW_FEES" in found(trip(profit, fee))) is speaks


@pytest.mark.parametrize(
    ("profits", "speaks"),
    [
        ([5.0, 5.0], True),
        ([5.0, 3.0, 2.01], False),
        ([5.0, 3.0, 2.0], True),
        ([5.0], False),
        ([5.0, -5.0], False),
        ([5.0, -6.0], False),
        ([9.0, -1.0, -1.0], True),
    ],
)
def test_one_trade_carries_from_half_of_all_on(profits: list[float], speaks: bool) -> None:
    assert ("ONE_TRADE_CARRIES" in found(round_trips(profits))) is speaks


def months(gains: list[float]) -> BacktestResult:
    """One bar a month, on its 15th, so that a month gains what is asked for."""
    stamps = [int(np.datetime64(f"2020-{month + 1:02d}-15", "ns").astype(np.int64)) for month in range(len(gains))]
    return curve((1000.0 + np.cumsum(gains)).tolist(), ts=stamps)


@pytest.mark.parametrize(
    ("gains", "speaks"),
    [
        ([50.0, 10.0, 10.0, 10.0, 10.0, 10.0], True),
        ([49.0, 11.0, 10.0, 10.0, 10.0, 10.0], False),
        ([50.0, 12.5, 12.5, 12.5, 12.5], False),
        ([50.0, -20.0, -20.0, -20.0, 5.0, 5.0], False),
        ([200.0, -20.0, -20.0, -20.0, -20.0, -20.0], True),
    ],
)
def test_one_month_carries_from_half_on_and_from_six_months_on(gains: list[float], speaks: bool) -> None:
    assert (len(gains) >= MIN_MONTHS) or not speaks
    assert ("ONE_MONTH_CARRIES" in found(months(gains))) is speaks


def years(gains: list[float]) -> BacktestResult:
    stamps = [int(np.datetime64(f"{2015 + year}-06-30", "ns").astype(np.int64)) for year in range(len(gains))]
    return curve((1000.0 + np.cumsum(gains)).tolist(), ts=stamps)


@pytest.mark.parametrize(
    ("gains", "speaks"),
    [([75.0, 15.0, 10.0], True), ([74.0, 16.0, 10.0], False), ([75.0, 25.0], False), ([90.0, 5.0, -95.0], False)],
)
def test_one_year_carries_from_three_quarters_on_and_from_three_years_on(gains: list[float], speaks: bool) -> None:
    assert (len(gains) >= MIN_YEARS) or not speaks
    assert ("ONE_YEAR_CARRIES" in found(years(gains))) is speaks


@pytest.mark.parametrize(("days", "speaks"), [(364, False), (365, True)])
@pytest.mark.parametrize("back", [True, False])
def test_a_year_under_water(days: int, speaks: bool, back: bool) -> None:
    path = [1000.0, 1100.0, *[1050.0] * days, *([1200.0] if back else [1050.0])]
    heard = found(curve(path))
    assert ("LONG_DRAWDOWN" in heard) is speaks
    if speaks:
        words = "before it came back" if back else "and had not come back at the end"
        assert words in heard["LONG_DRAWDOWN"].message


def test_the_first_bar_can_be_under_water_already() -> None:
    heard = found(curve([999.0] * 400))
    assert "400 days" not in heard["LONG_DRAWDOWN"].message
    assert "399 days from 2020-01-01" in heard["LONG_DRAWDOWN"].message


@pytest.mark.parametrize(("flat", "speaks"), [(49, False), (50, True)])
def test_half_of_the_bars_in_a_row_without_a_position(flat: int, speaks: bool) -> None:
    held = 100 - flat
    heard = found(account([10.0] * 100, [Fill(0, 1, 10), Fill(held, -1, 10)]))
    assert ("LONG_FLAT_STRETCH" in heard) is speaks


def test_two_halves_of_a_stretch_are_not_one() -> None:
    fills = [Fill(0, 1, 10), Fill(20, -1, 10), Fill(50, 1, 10), Fill(51, -1, 10)]
    assert "LONG_FLAT_STRETCH" not in found(account([10.0] * 100, fills))


@pytest.mark.parametrize(
    ("closes", "code"),
    [
        ([10.0, 20.0, 20.0], "BENCHMARK_NOT_BEATEN"),
        ([10.0, 10.0, 10.0], "BENCHMARK_NOT_BEATEN"),
        ([10.0, 9.99, 9.99], "BENCHMARK_BEATEN"),
    ],
)
def test_equal_to_the_benchmark_is_not_better(closes: list[float], code: str) -> None:
    heard = set(found(account(closes)))
    assert heard & {"BENCHMARK_BEATEN", "BENCHMARK_NOT_BEATEN"} == {code}


def test_of_one_bar_there_is_no_benchmark() -> None:
    assert not set(found(account([10.0]))) & {"BENCHMARK_BEATEN", "BENCHMARK_NOT_BEATEN"}


def test_luck_is_ruled_out_where_zero_lies_outside_the_interval() -> None:
    periods, per_year = 1000, 252.0
    for sharpe in np.linspace(0.01, 2.5, 80):
        daily = sharpe / math.sqrt(per_year)
        margin = TWO_SIDED_95 * math.sqrt((1 + daily**2 / 2) / periods) * math.sqrt(per_year)
        figures = {"sharpe": float(sharpe), "periods": periods, "periods_per_year": per_year}
        assert ("SHARPE_MAY_BE_LUCK" in with_figures(steady(), **figures)) == (sharpe <= margin)
        assert ("SHARPE_MAY_BE_LUCK" in with_figures(steady(), **(figures | {"sharpe": -float(sharpe)}))) == (
            sharpe <= margin
        )


@pytest.mark.parametrize("figures", [{"sharpe": 0.0}, {"sharpe": 0.1, "periods": 1}])
def test_no_ratio_and_no_periods_are_no_matter_of_luck(figures: dict[str, Any]) -> None:
    assert "SHARPE_MAY_BE_LUCK" not in with_figures(steady(), **figures)


@pytest.mark.parametrize(("trials", "gain", "speaks"), [(1, 1.0, False), (2, 1.0, True), (2, -1.0, False)])
def test_the_best_of_one_is_not_deflated_and_neither_is_what_adds_nothing(
    trials: int, gain: float, speaks: bool
) -> None:
    known = replace(CLEAN, tried=TrialCount(trials, float(trials)))
    assert ("DEFLATED_SHARPE" in with_figures(round_trips([gain, gain / 2] * 20), known)) is speaks


def test_a_probability_at_the_limit_is_enough() -> None:
    result, evidence = steady(), replace(CLEAN, tried=TrialCount(10, 10.0))
    case = CheckInput(result, evaluate(result), evidence)
    (finding,) = (each for each in find(case) if each.code == "DEFLATED_SHARPE")
    chance = float(finding.message.split("probability of ")[1].rstrip("%.")) / 100
    for limit, severity in ((chance - 0.01, Severity.INFO), (chance + 0.01, Severity.WARNING)):
        again = find(replace(case, limits=FindingLimits(deflated_probability=limit)))
        assert next(each.severity for each in again if each.code == "DEFLATED_SHARPE") is severity


@pytest.mark.parametrize(
    ("fall", "cure"), [(-0.5, "a gain of 100%"), (-0.25, "a gain of 33%"), (-0.9, "a gain of 900%"), (-1.0, None)]
)
def test_what_it_takes_to_come_back(fall: float, cure: str | None) -> None:
    metrics = replace(evaluate(steady()), bar_drawdown=fall)
    (finding,) = (each for each in find(CheckInput(steady(), metrics, CLEAN)) if each.code == "DEEP_DRAWDOWN")
    assert (cure is None) == ("it takes" not in finding.message)
    assert cure is None or cure in finding.message


def test_what_is_on_paper_is_the_profit_that_no_trade_closed() -> None:
    fills = [Fill(0, 10, 10), Fill(1, -10, 12), Fill(2, 10, 12)]
    (finding,) = (
        each for each in found(account([10, 12, 12, 15], fills)).values() if each.code == "POSITION_LEFT_OPEN"
    )
    assert "worth 150.00" in finding.message
    assert "30.00 of the net profit of 50.00 is on paper" in finding.message


@pytest.mark.parametrize("days", [19, 20])
def test_nineteen_days_are_few_and_twenty_are_not(days: int) -> None:
    step = DAY // 4
    path = [1000.0 + bar % 5 for bar in range(4 * days)]
    assert ("FEW_DAYS" in found(curve(path, step=step))) is (days < 20)


def test_within_one_severity_the_order_of_the_checks_decides() -> None:
    result = curve([900.0, -50.0, 100.0])
    case = CheckInput(result, evaluate(result), ValidityEvidence(look_ahead_free=False, missing_bars=9))
    spoken = [(each.code, place) for place, check in enumerate(CHECKS) for each in check(case)]
    heard, places, gravity = find(case), dict(spoken), list(Severity)
    keys = [(gravity.index(each.severity), places[each.code]) for each in heard]
    assert keys == sorted(keys)
    assert len(heard) == len(spoken) > 5
    assert [each.rank for each in heard] == list(range(1, len(heard) + 1))


@pytest.mark.parametrize(
    ("parts", "free", "missing", "longest", "trials"),
    [
        ([ValidityEvidence()], None, None, 0, 1),
        ([ValidityEvidence(True), ValidityEvidence(True)], True, None, 0, 1),
        ([ValidityEvidence(True), ValidityEvidence(None)], None, None, 0, 1),
        ([ValidityEvidence(None), ValidityEvidence(False), ValidityEvidence(True)], False, None, 0, 1),
        ([ValidityEvidence(missing_bars=0), ValidityEvidence()], None, 0, 0, 1),
        (
            [
                ValidityEvidence(missing_bars=3, longest_gap_bars=2),
                ValidityEvidence(missing_bars=4, longest_gap_bars=1),
            ],
            None,
            7,
            2,
            1,
        ),
        ([ValidityEvidence(tried=TrialCount(9, 5.0)), ValidityEvidence(tried=TrialCount(50, 7.0))], None, None, 0, 50),
    ],
)
def test_what_is_known_of_several_accounts(
    parts: list[ValidityEvidence], free: bool | None, missing: int | None, longest: int, trials: int
) -> None:
    together = pooled_validity_evidence(parts)
    assert (together.look_ahead_free, together.missing_bars) == (free, missing)
    assert (together.longest_gap_bars, together.tried.trials) == (longest, trials)
