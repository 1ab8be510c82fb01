"""An account against another instrument: worked by hand, by known laws, and refused where they do not meet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.accounts import DAY, MINUTE, START, account, beside, curve
from tests.evaluation.test_findings import found
from tradewright.evaluation.benchmark import HELD, Benchmark, benchmark_equity, benchmark_metrics
from tradewright.evaluation.check_input import CheckInput
from tradewright.evaluation.checks import find
from tradewright.evaluation.metrics import evaluate
from tradewright.model.errors import DataError

R = np.array([0.02, -0.01, 0.03, 0.0])
M = np.array([0.01, -0.02, 0.02, 0.01])


def test_by_hand() -> None:
    """Means 0.01 and 0.005; deviations of M: 0.005 -0.025 0.015 0.005, of R: 0.01 -0.02 0.02 -0.01."""
    held = 1000 * np.cumprod(np.concatenate(([1.0], 1 + M)))
    known = benchmark_metrics("SPY", held, R, M, 4.0, 0.0)
    variance = (0.005**2 + 0.025**2 + 0.015**2 + 0.005**2) / 3
    covariance = (0.005 * 0.01 + 0.025 * 0.02 + 0.015 * 0.02 - 0.005 * 0.01) / 3
    beta = covariance / variance
    assert known.beta == pytest.approx(beta)
    assert known.alpha == pytest.approx((0.01 - beta * 0.005) * 4)
    assert known.treynor == pytest.approx(0.04 / beta)
    apart = (0.01, 0.01, 0.01, -0.01)
    error = (sum((each - 0.005) ** 2 for each in apart) / 3) ** 0.5
    assert known.tracking_error == pytest.approx(error * 2)
    assert known.information_ratio == pytest.approx(0.005 / error * 2)
    assert known.up_capture == pytest.approx((0.05 / 3) / (0.04 / 3))
    assert known.down_capture == pytest.approx(0.5)
    assert known.benchmark_return == pytest.approx(1.01 * 0.98 * 1.02 * 1.01 - 1)
    assert known.benchmark_drawdown == pytest.approx(-0.02)


def test_twice_the_market_has_a_beta_of_two_and_no_alpha() -> None:
    known = benchmark_metrics("SPY", np.ones(5), 2 * M, M, 252.0, 0.0)
    assert (known.beta, known.correlation) == pytest.approx((2.0, 1.0))
    assert known.alpha == pytest.approx(0.0, abs=1e-12)
    assert (known.up_capture, known.down_capture) == pytest.approx((2.0, 2.0))


def test_what_does_not_vary_has_figures_all_the_same() -> None:
    still = benchmark_metrics("SPY", np.ones(5), R, np.zeros(4), 252.0, 0.01)
    assert (still.beta, still.correlation, still.treynor, still.up_capture, still.down_capture) == (0, 0, 0, 0, 0)
    own = benchmark_metrics("SPY", np.ones(5), M, M, 252.0, 0.0)
    assert (own.tracking_error, own.information_ratio) == (0.0, 0.0)
    none = benchmark_metrics("SPY", np.ones(1), np.empty(0), np.empty(0), 252.0, 0.0)
    assert all(np.isfinite(value) for name, value in vars(none).items() if name != "benchmark")


def spy(closes: list[float], first: int = 0, days: bool = True) -> Benchmark:
    ts = START + DAY * np.arange(first, first + len(closes)) + 9 * 60 * MINUTE
    return Benchmark("SPY", ts, np.array(closes), ts // DAY if days else None)


def test_an_account_meets_the_benchmark_by_date_and_a_missing_day_keeps_the_close_before() -> None:
    name, held = benchmark_equity(curve([1000.0] * 4), spy([50.0, 60.0, 75.0]))
    assert name == "SPY"
    assert held.tolist() == [1000.0, 1200.0, 1500.0, 1500.0]
    by_time = benchmark_equity(curve([1000.0] * 3), replace(spy([50.0, 60.0, 75.0], first=-1), days=None))[1]
    assert by_time.tolist() == [1000.0, 1200.0, 1500.0]
    assert benchmark_equity(account([10, 20]), None) == (HELD, pytest.approx([1000.0, 2000.0]))


def test_a_benchmark_that_begins_too_late_is_refused() -> None:
    with pytest.raises(DataError, match="SPY has no bar at or before the first one") as refused:
        evaluate(curve([1000.0, 1100.0]), benchmark=spy([50.0], first=1))
    assert refused.value.where == "evaluation.benchmark"


def test_the_finding_compares_with_the_benchmark_that_was_named() -> None:
    result = beside([100.0, 50.0, 25.0], [10.0, 10.0, 10.0])
    assert "buy and hold -75.00%" in found(result)["BENCHMARK_BEATEN"].message
    case = CheckInput(result, evaluate(result, benchmark=spy([50.0, 40.0, 60.0])))
    (told,) = (each for each in find(case) if each.code == "BENCHMARK_NOT_BEATEN")
    assert "buy and hold of SPY 20.00% with -20.00%" in told.message
