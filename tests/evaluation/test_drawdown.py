"""Falls and recoveries, against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.evaluation.equity_curve import drawdown_metrics, longest_span, underwater


def figures(values):
    path = np.array(values, dtype=np.float64)
    return drawdown_metrics(path, path, np.arange(1, len(path)))


@pytest.mark.parametrize(
    ("values", "deepest", "longest", "recovery", "recovered"),
    [
        ([100], 0, 0, 0, True),
        ([100, 110, 120], 0, 0, 0, True),
        ([100, 90, 100], -0.1, 1, 2, True),
        ([100, 90, 95], -0.1, 2, 2, False),
        ([100, 80, 100, 99, 98, 97, 101], -0.2, 3, 2, True),
        ([100, 120, 120, 60, 119], -0.5, 2, 2, False),
        ([100, -20, 50], -1.2, 2, 2, False),
    ],
)
def test_by_hand(values, deepest, longest, recovery, recovered):
    found = figures(values)
    assert found.max_drawdown == pytest.approx(deepest, abs=1e-15)
    assert (found.drawdown_bars, found.recovery_bars, found.recovered) == (longest, recovery, recovered)


@settings(max_examples=200)
@given(st.lists(st.integers(min_value=1, max_value=30), min_size=1, max_size=40))
def test_against_a_plain_loop(values):
    peak, peak_at, deepest, deepest_from, trough = values[0], 0, 0.0, 0, 0
    run = longest = 0
    for i, value in enumerate(values):
        if value >= peak:
            peak, peak_at = value, i
        run = run + 1 if value < peak else 0
        longest = max(longest, run)
        if value / peak - 1 < deepest:
            deepest, deepest_from, trough = value / peak - 1, peak_at, i
    back = next((i for i in range(trough, len(values)) if values[i] >= values[deepest_from]), None)
    found = figures(values)
    assert found.max_drawdown == pytest.approx(deepest, abs=1e-15)
    assert found.drawdown_bars == longest
    assert found.recovered == (back is not None)
    assert found.recovery_bars == ((len(values) - 1 if back is None else back) - deepest_from if deepest else 0)


def test_underwater_leaves_its_input_alone():
    values = np.array([100.0, 50.0, 200.0, 150.0])
    assert underwater(values).tolist() == [0, -0.5, 0, -0.25]
    assert values.tolist() == [100, 50, 200, 150]


def test_the_first_of_the_longest_spans():
    assert longest_span(np.array([0, 1, 1, 0, 1, 1], dtype=bool)) == (1, 3)
    assert longest_span(np.array([0, 0], dtype=bool)) == (0, 0)
    assert longest_span(np.zeros(0, dtype=bool)) == (0, 0)


def test_its_length_is_told_in_days_however_many_rows_a_day_has():
    """An account of several instruments has a row for each moment at which one of them has a bar."""
    path = np.array([100.0, 90.0, 95.0, 92.0, 100.0, 99.0, 98.0])
    found = drawdown_metrics(path, path, np.array([10, 10, 10, 13, 20, 45]))
    assert (found.drawdown_bars, found.drawdown_days) == (3, 32)
    assert (found.recovery_bars, found.recovery_days) == (4, 3)
    assert (found.average_drawdown_days, found.average_recovery_days) == ((3 + 32) / 2, 3)
    never = drawdown_metrics(path[:1], path[:1], np.array([], np.int64))
    assert (never.drawdown_days, never.recovery_days, never.average_drawdown_days) == (0, 0, 0.0)
