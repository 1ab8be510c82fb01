"""The curves that fills make, against a plain loop over the bars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradewright.backtest.result import FILL, TRADE, BacktestResult, Curves
from tradewright.model.bars import Bars

CLOSES = (10.0, 11.0, 9.5, 12.0, 12.5, 8.0)


def bars(closes=CLOSES):
    close = np.array(closes, np.float64)
    ts = np.arange(len(close), dtype=np.int64) * 60 * 10**9
    return Bars(ts, close, close, close, close, np.ones(len(close)), np.full(len(close), np.nan))


def result(*after, closes=CLOSES, **more):
    """An account of 100 in cash; ``after`` are (bar, cash, position) of its fills."""
    fills = np.zeros(len(after), FILL)
    for name, values in zip(("bar", "cash", "position"), zip(*after, strict=True), strict=False):
        fills[name] = values
    return BacktestResult(bars(closes), 100.0, fills, np.zeros(0, TRADE), len(after), **more)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-500, 500), st.integers(-9, 9)), max_size=9))
def test_each_fill_holds_from_its_bar_to_the_next_one(after):
    account = result(*sorted(after, key=lambda fill: fill[0]), multiplier=5.0)
    cash, position = 100.0, 0.0
    for bar, close in enumerate(CLOSES):
        for fill in account.fills[account.fills["bar"] == bar]:
            cash, position = fill["cash"], fill["position"]
        assert (account.cash[bar], account.position[bar]) == (cash, position)
        assert account.equity[bar] == cash + position * 5.0 * close


def test_of_several_fills_in_one_bar_the_last_counts():
    account = result((2, 50.0, 3.0), (2, 140.0, -2.0), (5, 124.0, 0.0))
    assert account.cash.tolist() == [100.0, 100.0, 140.0, 140.0, 140.0, 124.0]
    assert account.position.tolist() == [0.0, 0.0, -2.0, -2.0, -2.0, 0.0]


@pytest.mark.parametrize("closes", [(), (7.0,)])
def test_without_a_fill_the_cash_stays(closes):
    account = result(closes=closes)
    assert account.equity.tolist() == [100.0] * len(closes)
    assert account.position.tolist() == [0.0] * len(closes)


def test_curves_that_are_given_are_not_drawn():
    given_ = Curves(*(np.full(6, value) for value in (3.0, 2.0, 1.0)))
    account = result((2, 50.0, 3.0), given=given_)
    assert account.curves is given_
    assert account.equity is given_.equity


def test_curves_are_drawn_once():
    account = result((2, 50.0, 3.0))
    assert account.equity is account.equity
