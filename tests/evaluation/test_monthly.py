"""The monthly table, the exposure series and the benchmark."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.evaluation.accounts import Fill, account, curve
from tradewright.evaluation.equity_curve import buy_and_hold, monthly_table
from tradewright.evaluation.metrics import exposure_series


def stamps(*dates):
    return [int(np.datetime64(date, "ns").astype(np.int64)) for date in dates]


def test_months_by_hand():
    ts = stamps("2020-11-30", "2020-12-01", "2020-12-31T23:59", "2021-01-04", "2021-03-01")
    rows = monthly_table(curve([1100, 1000, 1210, 605, 726], ts=ts))
    assert [row.year for row in rows] == [2020, 2021]
    assert rows[0].months[:10] == (None,) * 10
    assert rows[0].months[10:] == pytest.approx((0.1, 0.1))
    assert rows[0].total == pytest.approx(0.21)
    assert rows[1].months[:3] == (pytest.approx(-0.5), None, pytest.approx(0.2))
    assert rows[1].total == pytest.approx(-0.4)


def test_months_compound_to_the_year_and_years_to_the_whole():
    path = (1000 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, 900)))).tolist()
    rows = monthly_table(curve(path))
    for row in rows:
        assert math.prod(1 + each for each in row.months if each is not None) == pytest.approx(1 + row.total, rel=1e-12)
    assert math.prod(1 + row.total for row in rows) == pytest.approx(path[-1] / 1000, rel=1e-12)


def test_no_bars_have_no_months():
    assert monthly_table(curve([])) == ()


def test_exposure_is_signed_and_never_leaves_the_finite():
    result = account([10, 10, 20, 20], [Fill(0, 50, 10), Fill(1, -50, 10), Fill(2, -10, 20)])
    assert exposure_series(result) == pytest.approx([0.5, 0, -0.2, -0.2])
    broke = account([10, 1000], [Fill(0, -50, 10)])
    assert exposure_series(broke).tolist() == [-0.5, 0.0]
    assert exposure_series(curve([])).tolist() == []


def test_exposure_leaves_the_result_alone():
    result = account([10, 11], [Fill(0, 1, 10)])
    before = result.equity.copy(), result.cash.copy()
    exposure_series(result)
    assert (result.equity.tolist(), result.cash.tolist()) == (before[0].tolist(), before[1].tolist())


def test_the_benchmark_holds_from_the_first_close():
    assert buy_and_hold(account([10, 15, 5])).tolist() == [1000, 1500, 500]
    assert buy_and_hold(account([10, -1, 5])).tolist() == [1000, 1000, 1000]
    assert buy_and_hold(account([])).tolist() == []
