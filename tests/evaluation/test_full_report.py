"""vectorbt's report of our fills: it must agree with our own result, and say so when it does not."""

from __future__ import annotations

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from tests.evaluation.accounts import Fill, account, curve
from tests.support.quick_compiler import compiling_quickly
from tradewright.backtest.report import RefereeDisagrees, VectorbtMissing, full_report
from tradewright.evaluation.metrics import evaluate
from tradewright.model.errors import DataError

pytestmark = [
    pytest.mark.slow,  # vectorbt is loaded by the tests alone: it takes seconds, and every worker collects this file
    pytest.mark.skipif(find_spec("vectorbt") is None, reason="the report extra is not installed"),
]


@pytest.fixture(scope="module")
def traded():
    """Long, short, a reversal with two fills on one bar, an overdraft, an open end."""
    closes = (100 + np.random.default_rng(9).normal(0, 1, 120).cumsum()).tolist()
    fills = [Fill(3, 8, closes[3], 1), Fill(20, -8, closes[20], 1), Fill(20, -6, closes[20], 1)]
    fills += [Fill(50, 6, closes[50], 1), Fill(50, 12, closes[50], 1), Fill(90, -12, closes[90], 1)]
    return account(closes, [*fills, Fill(100, 4, closes[100], 0.5)], cash=1000)


@pytest.fixture(scope="module")
def report(traded):
    with compiling_quickly():
        return full_report(traded, "X")


def test_both_books_agree_on_every_bar(report, traded):
    assert report.largest_difference < 1e-9
    assert report.stats["End Value"] == pytest.approx(traded.equity[-1], abs=1e-9)
    assert (traded.cash < 0).any()


def test_vectorbt_is_a_witness_of_our_metrics(report, traded):
    ours = evaluate(traded)
    theirs = report.stats
    assert ours.sharpe == pytest.approx(theirs["Sharpe Ratio"], rel=1e-9)
    assert ours.sortino == pytest.approx(theirs["Sortino Ratio"], rel=1e-9)
    assert ours.max_drawdown == pytest.approx(-theirs["Max Drawdown [%]"] / 100, rel=1e-9)
    assert ours.win_rate == pytest.approx(theirs["Win Rate [%]"] / 100, rel=1e-9)
    assert ours.profit_factor == pytest.approx(theirs["Profit Factor"], rel=1e-9)
    assert ours.expectancy == pytest.approx(theirs["Expectancy"], rel=1e-9)
    assert ours.fees == pytest.approx(theirs["Total Fees Paid"], rel=1e-9)
    assert 0 < ours.win_rate < 1
    assert ours.trades == theirs["Total Closed Trades"]


def test_tables_and_plots_are_whole(report):
    assert len(report.orders) == 7
    assert report.trades["Status"].value_counts().to_dict() == {"Closed": 3, "Open": 1}
    assert report.plots.startswith("<!doctype html>")
    assert 'src="http' not in report.plots


def test_a_wrong_book_is_caught(traded):
    equity = traded.equity.copy()
    equity[40] += 0.01
    with pytest.raises(RefereeDisagrees, match="X, bar 40: equity is"):
        full_report(replace(traded, given=traded.curves._replace(equity=equity)), "X")
    fills = traded.fills.copy()
    fills["fee"][2] = 0
    with pytest.raises(RefereeDisagrees):
        full_report(replace(traded, fills=fills), "X")
    equity[40] = np.nan
    with pytest.raises(RefereeDisagrees):
        full_report(replace(traded, given=traded.curves._replace(equity=equity)), "X")


def test_a_future_is_worth_its_multiplier():
    result = account([50, 52, 51], [Fill(0, 2, 50, 1), Fill(2, -2, 51, 1)], multiplier=20)
    assert full_report(result, "ES").stats["End Value"] == pytest.approx(1000 + 40 - 2)


@pytest.mark.parametrize("closes", [[10.0], [10.0, 11.0, 12.0]])
def test_an_idle_account_has_a_report_without_figures(closes):
    stats = full_report(account(closes), "X").stats
    assert stats["Total Trades"] == 0
    assert stats["Sharpe Ratio"] is None
    assert stats["Avg Winning Trade Duration"] is None


def test_no_bars_are_refused():
    with pytest.raises(DataError, match="no bars"):
        full_report(curve([]), "X")


def test_a_missing_vectorbt_names_the_extra(traded, monkeypatch):
    monkeypatch.setitem(sys.modules, "vectorbt", None)
    with pytest.raises(VectorbtMissing, match=r"pip install -e '\.\[report\]'"):
        full_report(traded, "X")
