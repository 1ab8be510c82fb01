"""The reference accounts on real prices: their drawdowns and figures, to the printed digits."""

from __future__ import annotations

import pytest

from tests.evaluation.reference import hold_spy, macd_spy, sma_goog
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import evaluate

pytestmark = pytest.mark.real_data


def test_spy_bought_and_held(real_data):
    metrics = evaluate(hold_spy(real_data), Sampling.CALENDAR_DAY, 365)
    assert round(metrics.final_equity, 2) == 104_486.22
    assert round(metrics.max_drawdown, 4) == -0.0077
    assert (metrics.trades, round(metrics.fees, 3), metrics.periods) == (0, 3.485, 10)


def test_spy_macd_trend(real_data):
    metrics = evaluate(macd_spy(real_data), Sampling.CALENDAR_DAY, 365)
    assert round(metrics.final_equity, 2) == 137_751.04
    assert round(metrics.max_drawdown, 4) == -0.3489
    assert (metrics.fills, metrics.trades, round(metrics.fees, 2)) == (84, 42, 468.54)


def test_goog_moving_averages(real_data):
    metrics = evaluate(sma_goog(real_data))
    assert round(metrics.final_equity, 2) == 56_263.52
    assert round(metrics.max_drawdown, 5) == -0.33932
    assert (metrics.trades, round(metrics.win_rate, 5), round(metrics.fees, 2)) == (93, 0.52688, 10_660.86)
