"""Compact tables: what each figure is, and that no number of strategies takes more room than there is."""

from __future__ import annotations

import numpy as np
import pytest

from strategies.ema_crossover import EmaCrossover
from tests.backtest.conftest import random_bars
from tradewright.backtest.engine import run
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.compact_tables import HEADERS, MOST_BYTES, CompactRow, compact_row, compact_tables
from tradewright.evaluation.equity_curve import Sampling
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.skill import active_returns
from tradewright.evaluation.trial_count import TrialCount
from tradewright.evaluation.verdict import verdict_of
from tradewright.fills.costs import PercentCosts


def test_the_figures_are_those_of_the_account() -> None:
    account = run(EmaCrossover(3, 9), random_bars(6, 300), BacktestSpec(costs=PercentCosts(0.001), allow_short=True))
    metrics = evaluate(account, Sampling.SESSION, 365, 0.0)
    judged = verdict_of(active_returns(account, 365), TrialCount(7, 3.0), metrics.trades)
    row = compact_row("ema", account, metrics, judged)
    assert row.metrics[:2] == ("ema", judged.code.value)
    assert float(row.metrics[5]) == pytest.approx(metrics.total_return, rel=0.01)
    assert float(row.drawdown[1]) == pytest.approx(metrics.max_drawdown, rel=0.01)
    shares = np.abs((account.equity - account.cash) / account.equity)
    assert float(row.exposure[2]) == pytest.approx(shares.max(), rel=0.01)
    assert float(row.slippage[2]) == pytest.approx(account.fills["fee"].sum() / account.initial_cash, rel=0.01)
    assert {name: len(getattr(row, name)) for name in HEADERS} == {name: len(each) for name, each in HEADERS.items()}


@pytest.mark.parametrize("strategies", [0, 1, 12, 500])
def test_they_take_no_more_room_than_there_is(strategies: int) -> None:
    rows = [
        CompactRow(*(tuple([f"strategy_{place}"] + ["-0.123"] * (len(each) - 1)) for each in HEADERS.values()))
        for place in range(strategies)
    ]
    text = compact_tables(rows)
    shown = text.count("\nstrategy_") // len(HEADERS)
    assert len(text.encode()) <= MOST_BYTES
    assert text.count("\nstrategy_") == shown * len(HEADERS)
    assert (f"{strategies - shown} more strategies are left out" in text) == (shown < strategies)
    assert (shown < strategies) == (strategies == 500)
