"""Apple's splits and dividends, raw in the account and adjusted in the prices, from import to backtest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.operations.research import adjustment_lines
from conf.compose import compose
from runtime.container import Container
from runtime.study import run_study
from tests.app.test_examples_on_real_bars import bring
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.evaluation.equity_curve import buy_and_hold
from tradewright.evaluation.study import StudyResult

pytestmark = pytest.mark.real_data


def held(root: Path, view: str, *more: str) -> StudyResult:
    """Apple bought in January 2012 and held until March 2021, without costs."""
    words = (
        "strategy=buy_and_hold", "backtest.instruments=[AAPL]", "backtest.timeframe=1d", f"backtest.prices={view}",
        "backtest.start=2012-01-03", "backtest.end=2021-03-31", "feed=files", f"storage.root={root}",
        "backtest/costs=none", "backtest/slippage=none", "backtest.close_at_end=false",
        "backtest/sizing=fixed_units", "backtest.sizing.units=100", *more,
    )  # fmt: skip
    with Container(compose(words)) as house:
        return run_study(house)


def growth(result: BacktestResult) -> float:
    """What the money that was paid for the position has become."""
    paid = float(result.fills["quantity"][0] * result.fills["price"][0])
    return float(result.equity[-1] - result.initial_cash + paid) / paid


def test_raw_and_total_return_differ_by_the_reinvestment_of_dividends_alone(real_data: Path, tmp_path: Path) -> None:
    bring(real_data, tmp_path, "AAPL", "1d")
    study = held(tmp_path, "raw")
    raw, split, total = study.results["AAPL"], *(
        held(tmp_path, view).results["AAPL"] for view in ("split_adjusted", "total_return")
    )  # fmt: skip
    assert "AAPL: 2 splits, 35 dividends" in study.report.html()
    causes = [FillReason(row["reason"]) for row in raw.adjustments]
    assert causes.count(FillReason.SPLIT) == 2
    assert FillReason.CASH_IN_LIEU not in causes, "7:1 and 4:1 leave no fraction"
    assert raw.position[-1] == 100 * 7 * 4
    lines = adjustment_lines("AAPL", raw)
    assert {line.cause for line in lines} == {"SPLIT", "DIVIDEND"}
    assert [line.qty for line in lines if line.cause == "SPLIT"] == [600.0, 2_100.0]
    paid = raw.adjustments[[each is FillReason.DIVIDEND for each in causes]]
    gained = float((paid["quantity"] * paid["price"]).sum())
    assert sum(line.cash for line in lines) == pytest.approx(gained)
    bought = float(raw.fills["price"][0] * 100)
    assert growth(raw) == pytest.approx(growth(split) + gained / bought, rel=1e-4)
    units = 100.0
    for row in paid:
        rate = row["price"] * row["quantity"] / (raw.position[row["bar"] - 1] * raw.bars.close[row["bar"] - 1])
        units /= 1.0 - rate
    reinvested = units / 100.0 * growth(split)
    assert growth(total) == pytest.approx(reinvested, rel=1e-3), "each dividend buys at the close before its ex-date"
    assert growth(split) < growth(raw) < growth(total)
    np.testing.assert_allclose(buy_and_hold(raw), buy_and_hold(replace(total, initial_cash=raw.initial_cash)))
    shared = held(tmp_path, "raw", "backtest.account=shared").results["AAPL"]
    np.testing.assert_allclose(shared.equity, raw.equity)
    assert len(shared.adjustments) == len(raw.adjustments)
