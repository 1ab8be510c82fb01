"""Several accounts as one."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.accounts import DAY, START, Fill, account, curve
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.metrics import evaluate

DAYS = [START + day * DAY for day in range(6)]


@pytest.fixture
def whole():
    """A stock on the first four days, a future (20 a point) on the last four, each with 1000."""
    stock = account([10, 11, 12, 13], [Fill(1, 10, 11, 1), Fill(3, -10, 13, 1)], ts=DAYS[:4])
    future = account([50, 51, 49, 50], [Fill(1, -1, 51, 2), Fill(2, 1, 49, 2)], ts=DAYS[2:], multiplier=20)
    return pooled({"STOCK": stock, "FUTURE": future})


def test_equity_by_hand(whole):
    assert whole.bars.ts.tolist() == DAYS
    assert whole.initial_cash == 2000
    assert whole.equity.tolist() == [2000, 1999, 2009, 2016, 2054, 2054]
    assert whole.cash.tolist() == [2000, 1889, 1889, 3036, 2054, 2054]


def test_the_books_of_the_pool_balance(whole):
    assert np.allclose(whole.cash + whole.position * whole.bars.close, whole.equity, rtol=1e-12)
    assert (whole.position == 0).tolist() == [True, False, False, False, True, True]
    assert whole.bars.close.tolist() == pytest.approx([2000, 2100, 2200, 2320, 2280, 2300])


def test_fills_and_trades_move_to_the_common_bars(whole):
    assert whole.fills["bar"].tolist() == [1, 3, 3, 4]
    assert whole.fills["price"].tolist() == [11, 13, 1020, 980]
    assert whole.trades[["entry_bar", "exit_bar"]].tolist() == [(1, 3), (3, 4)]
    assert whole.trades["profit"].tolist() == [18, 36]
    assert whole.orders == 4


def test_figures_of_the_pool(whole):
    metrics = evaluate(whole)
    assert metrics.net_profit == 54 == metrics.expectancy * metrics.trades
    assert metrics.fees == 6
    assert metrics.exposure == 0.5
    assert metrics.turnover == pytest.approx((110 + 130 + 1020 + 980) / np.mean(whole.equity))


def test_one_account_pools_to_itself():
    alone = account([10, 12, 11], [Fill(0, 5, 10, 1)])
    same = pooled({"A": alone})
    assert same.equity.tolist() == alone.equity.tolist()
    assert evaluate(same).as_dict() == evaluate(alone).as_dict()


def test_accounts_without_bars_only_bring_their_cash():
    assert pooled({"A": curve([]), "B": curve([1100.0])}).equity.tolist() == [2100]
    assert evaluate(pooled({"A": curve([]), "B": curve([])})).final_equity == 2000
