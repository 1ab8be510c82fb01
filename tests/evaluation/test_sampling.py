"""Where equity is read, and how many such readings make a year."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.accounts import DAY, MINUTE, START, curve
from tradewright.evaluation.equity_curve import (
    Sampling,
    elapsed_years,
    levels,
    periods_per_year,
    returns_of,
    sample_indices,
)

WEEK = [START + day * DAY + 14 * 60 * MINUTE for day in (0, 1, 2, 5, 6)]
"""Three days, a weekend, two days; the session opens at 14:00 UTC."""


def sampled(result, sampling):
    return levels(result.bars.ts, result.equity, result.initial_cash, sampling).tolist()


def test_the_starting_cash_comes_first_on_every_sampling():
    result = curve([990, 1010, 1005, 1002, 1004], ts=WEEK)
    assert sampled(result, Sampling.BAR) == [1000, 990, 1010, 1005, 1002, 1004]
    assert sampled(result, Sampling.SESSION) == [1000, 990, 1010, 1005, 1002, 1004]
    assert sampled(result, Sampling.CALENDAR_DAY) == [1000, 990, 1010, 1005, 1005, 1005, 1002, 1004]


def test_a_session_is_read_at_its_last_bar():
    ts = [START, START + MINUTE, START + DAY - 1, START + DAY, START + 3 * DAY + MINUTE]
    result = curve([1, 2, 3, 4, 5], ts=ts)
    assert sampled(result, Sampling.SESSION) == [1000, 3, 4, 5]
    assert sampled(result, Sampling.CALENDAR_DAY) == [1000, 3, 4, 4, 5]


def test_days_before_1970_are_days_too():
    assert sample_indices(np.array([-DAY - 1, -DAY, -1, 0]), Sampling.SESSION).tolist() == [0, 2, 3]


@pytest.mark.parametrize("sampling", Sampling)
def test_no_bars_leave_the_starting_cash(sampling):
    result = curve([])
    assert sampled(result, sampling) == [1000]
    assert periods_per_year(result.bars.ts, sampling, 252) == 252
    assert elapsed_years(result.bars.ts) == 0


@pytest.mark.parametrize(
    ("bars_of_days", "expected"),
    [((390, 390, 210), 390), ((100, 1440, 1440, 30), 770), ((1, 1, 1), 1), ((7,), 7)],
)
def test_bars_per_year_follow_the_median_day(bars_of_days, expected):
    ts = np.array([START + day * DAY + bar * MINUTE for day, bars in enumerate(bars_of_days) for bar in range(bars)])
    assert periods_per_year(ts, Sampling.BAR, 252) == 252 * expected
    assert periods_per_year(ts, Sampling.SESSION, 252) == 252
    assert periods_per_year(ts, Sampling.CALENDAR_DAY, 365) == 365


def test_bars_longer_than_a_day_are_fewer_a_year():
    """Weeks with a holiday at their begin, months, weeks of two markets, and days with a pause of half a year."""
    weeks = START + DAY * (7 * np.arange(80) + (np.arange(80) % 9 == 0))
    months = np.arange("2015-01", "2025-01", dtype="datetime64[M]").astype("datetime64[ns]").astype(np.int64)
    both = np.sort(np.concatenate((weeks, weeks + 3 * DAY)))
    daily = START + DAY * np.concatenate((np.arange(100), np.arange(280, 380)))
    for sampling in (Sampling.BAR, Sampling.SESSION):
        assert periods_per_year(weeks, sampling, 252) == pytest.approx(365.25 / 7, rel=0.01)
        assert periods_per_year(weeks, sampling, 50) == 50, "as evaluation.days_per_year says"
        assert periods_per_year(months, sampling, 365) == pytest.approx(12, rel=0.01)
        assert periods_per_year(both, sampling, 252) == pytest.approx(2 * 365.25 / 7, rel=0.02)
        assert periods_per_year(daily, sampling, 252) == 252
    assert periods_per_year(weeks, Sampling.CALENDAR_DAY, 365) == 365


def test_returns_of_a_ruined_account_are_zero_and_extremes_are_clipped():
    values = np.array([100.0, 110.0, -10.0, -20.0, 5.0, 10.0, 0.0, 3.0])
    assert returns_of(values) == pytest.approx([0.1, -1 - 10 / 110, 0, 0, 1, -1, 0], abs=1e-15)
    assert returns_of(np.array([1e-300, 1e300, 1.0])).tolist() == [1e6, -1.0]


def test_the_last_bar_counts_as_elapsed_time():
    assert elapsed_years(START + DAY * np.arange(1461)) == pytest.approx(4.0, abs=1e-12)
    assert elapsed_years(np.array([START])) == 0
