"""Lengths of records against the figures of the papers, and against the ratio that they are the inverse of."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewright.evaluation.significance import ReturnShape, probabilistic_sharpe
from tradewright.evaluation.track_record import minimum_backtest_years, minimum_track_record
from tradewright.model.errors import DataError


@pytest.mark.parametrize(("per_year", "years"), [(252, 2.73), (52, 2.83), (12, 3.24)])
def test_a_sharpe_ratio_of_two_against_one_as_published(per_year, years):
    """Bailey and Lopez de Prado 2012: a yearly 2 is above a yearly 1 at 95 % after 2.73 years of daily returns."""
    scale = math.sqrt(per_year)
    length = minimum_track_record(ReturnShape(0, 2 / scale, 0.0, 3.0), 1 / scale)
    assert length is not None
    assert round(length / per_year, 2) == years


@given(st.floats(0.02, 0.3), st.floats(-1.5, 1.0), st.floats(2.0, 12.0), st.floats(-0.1, 0.015), st.floats(0.6, 0.99))
def test_the_probabilistic_sharpe_reaches_the_confidence_there(sharpe, skewness, kurtosis, threshold, confidence):
    shape = ReturnShape(10, sharpe, skewness, max(kurtosis, 1 + skewness**2))
    length = minimum_track_record(shape, threshold, confidence)
    assert length is not None
    assert probabilistic_sharpe(replace(shape, periods=math.ceil(length) + 1), threshold) >= confidence
    if length > 3:
        assert probabilistic_sharpe(replace(shape, periods=math.floor(length)), threshold) <= confidence + 1e-12


@pytest.mark.parametrize(
    "shape",
    [ReturnShape(0, 0.0, 0.0, 3.0), ReturnShape(10, 0.1, 0.0, 3.0), ReturnShape(9, math.nan, 0.0, 3.0)],
)
def test_no_length_is_enough_without_an_edge(shape):
    assert minimum_track_record(shape, 0.1) is None


def test_no_length_without_positive_variance():
    assert minimum_track_record(ReturnShape(100, 1.0, 2.0, 1.0)) is None


@pytest.mark.parametrize("confidence", [0.5, 1.0, 0.0, math.nan])
def test_a_confidence_out_of_range_is_refused(confidence):
    with pytest.raises(DataError, match="no confidence"):
        minimum_track_record(ReturnShape(10, 0.1, 0.0, 3.0), confidence=confidence)


def test_five_years_carry_forty_five_trials_as_published():
    """Bailey et al. 2014: with five years of data, no more than 45 independent trials, or a yearly 1 is luck."""
    assert minimum_backtest_years(45) == pytest.approx(5.0, abs=0.02)
    assert minimum_backtest_years(46) > 5.0


def test_the_best_after_that_time_as_simulated():
    trials, sharpe = 30, 1.5
    periods = round(minimum_backtest_years(trials, sharpe) * 252)
    draws = np.random.default_rng(3).normal(0, 1, (400, periods, trials))
    yearly = draws.mean(axis=1) / draws.std(axis=1, ddof=1) * math.sqrt(252)
    assert yearly.max(axis=1).mean() == pytest.approx(sharpe, rel=0.04)


@given(st.integers(2, 100_000), st.floats(0.1, 4.0))
def test_below_its_bound_and_growing(trials, sharpe):
    years = minimum_backtest_years(trials, sharpe)
    assert 0 < years < 2 * math.log(trials) / sharpe**2
    assert minimum_backtest_years(trials + 1, sharpe) > years
    assert minimum_backtest_years(1, sharpe) == 0


@pytest.mark.parametrize(("trials", "sharpe"), [(0, 1.0), (5, 0.0), (5, -1.0), (5, math.nan)])
def test_wrong_questions_are_refused(trials, sharpe):
    with pytest.raises(DataError):
        minimum_backtest_years(trials, sharpe)
