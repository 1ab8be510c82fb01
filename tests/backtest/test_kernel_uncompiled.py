"""The kernel as the plain Python that it is: the same numbers as its machine code."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.support.price_lists import IBKR_FIXED
from tradewright.backtest import kernel, sizing
from tradewright.backtest.account import FillLog
from tradewright.backtest.engine import inputs_of, market_of, run, workspace_of
from tradewright.backtest.kernel import SUMMARY_SLOTS
from tradewright.backtest.result import FILL, TRADE
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills import costs, slippage

FEES = [IBKR_FIXED, costs.MakerTaker(0.0002, 0.0005), costs.NoCosts()]
SIZES = [sizing.MaxSize(), sizing.RiskPerTrade(0.05), sizing.FixedUnits(200.0), sizing.FixedCash(9_000.0)]
TIMES = [("next_open", 1, True), ("next_close", 2, False), ("next_close", 0, True)]


@pytest.mark.parametrize(("market", "delay", "short"), TIMES)
def test_plain_and_compiled_are_one(make_bars, noisy, monkeypatch, market, delay, short):
    monkeypatch.setattr(kernel, "generate_signal", noisy.generate_signal)
    for seed, (fees, size) in enumerate(itertools.product(FEES, SIZES)):
        spec = BacktestSpec(
            cash=5_000.0, costs=fees, sizing=size, fill_market=market, bar_delay=delay, allow_short=short,
            slippage=slippage.SpreadImpact(0.01), close_at_end=seed % 2 == 0, allow_overdraft=seed % 3 == 0,
        )  # fmt: skip
        bars, strategy, rules = make_bars(seed), noisy(seed), spec.rules()
        totals = np.empty((2, SUMMARY_SLOTS))
        inputs = inputs_of(strategy, bars, spec.secondary)
        table, values = np.array(inputs.features), np.array([inputs.params] * 2)
        log = FillLog(np.empty(500, FILL).view(np.recarray), np.empty(500, TRADE).view(np.recarray))
        which = np.zeros((2, 1), np.int64)
        kernel.simulate_sets(
            *inputs, table, which, values, market_of(bars, spec, requests=True), rules, workspace_of(rules), log, totals
        )
        result = run(strategy, bars, spec)
        np.testing.assert_array_equal(log.fills[: len(result.fills)], result.fills)
        np.testing.assert_array_equal(log.trades[: len(result.trades)], result.trades)
        np.testing.assert_array_equal(totals[0], totals[1])
        assert totals[0][kernel.ALL_FILLS] == len(result.fills)
