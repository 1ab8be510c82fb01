"""The three published results through the installed command, to the printed digits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conf.environment import SOURCE
from tests.conftest import REAL_DATA

pytestmark = [pytest.mark.real_data, pytest.mark.slow]

SPY = """backtest.instruments=[SPY] backtest.timeframe=1d backtest.prices=total_return backtest.cash=100000
    backtest/costs=ibkr_fixed backtest/slippage=none backtest/sizing=target_percent backtest.sizing.target=1.0
    backtest.sizing.cash_buffer=0.0025 backtest.allow_overdraft=true evaluation.sampling=calendar_day --json"""
GOOG = """strategy=sma_crossover strategy.fast=10 strategy.slow=20 backtest.allow_short=true backtest.close_at_end=false
    backtest/costs=percent backtest.costs.rate=0.002 backtest/sizing=max backtest.cash=10000 backtest.prices=raw
    backtest.instruments=[GOOG] backtest.timeframe=1d --json"""


def tradewright(*words: str) -> str:
    command = str(Path(sys.executable).with_name("tradewright"))
    done = subprocess.run([command, *words], cwd=SOURCE, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with both imports."""
    named = os.environ.get(REAL_DATA, "")
    if not named or not Path(named).is_dir():
        pytest.skip(f"{REAL_DATA} names no folder of real market data (it is {named!r})")
    where = f"storage.root={tmp_path_factory.mktemp('reference')}"
    tradewright("import", "lean", f"{named}/lean/Data", "--instruments", "SPY", "--timeframe", "1d", where)
    file = f"{named}/backtesting_py/backtesting/test/GOOG.csv"
    tradewright("import", "csv", file, "--instrument", "GOOG", "--timeframe", "1d", where)
    return where


def backtest(root: str, words: str) -> Mapping[str, Any]:
    reply: Mapping[str, Any] = json.loads(tradewright("backtest", *words.split(), root))
    return reply


def test_spy_held_for_eight_days(root: str) -> None:
    span = "strategy=buy_and_hold backtest.start=2013-10-08 backtest.end=2013-10-17 backtest.close_at_end=false"
    reply = backtest(root, f"{span} {SPY}")
    (fill,) = reply["fills"]
    assert (fill["qty"], round(fill["price"], 6), round(fill["fee"], 3)) == (697, 143.372383, 3.485)
    assert round(reply["final_equity"], 2) == 104_486.22
    assert round(reply["max_drawdown"], 4) == -0.0077


def test_spy_macd_over_eleven_years(root: str) -> None:
    span = "strategy=macd_trend strategy.threshold=0.0025 backtest.start=2004-01-01 backtest.end=2015-01-01"
    reply = backtest(root, f"{span} {SPY}")
    assert (reply["orders"], len(reply["fills"])) == (84, 84)
    assert round(reply["fees"], 2) == 468.54
    assert round(reply["final_equity"], 2) == 137_751.04
    assert round(reply["max_drawdown"], 4) == -0.3489


def test_goog_long_and_short(root: str) -> None:
    reply = backtest(root, GOOG)
    assert reply["trades"] == 93
    assert round(reply["final_equity"], 2) == 56_263.52
    assert round(reply["win_rate"], 5) == 0.52688
    assert round(reply["max_drawdown"], 5) == -0.33932
    assert round(reply["fees"], 2) == 10_660.86
    closed = reply["fees"] - reply["fills"][-1]["fee"]
    assert round(closed, 2) == 10_563.95
