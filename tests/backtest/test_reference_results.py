"""Three published results on real data, to the printed digits."""

from __future__ import annotations

import csv
import io
import os
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest

from strategies.buy_and_hold import BuyAndHold
from strategies.macd_trend import MacdTrend
from strategies.sma_crossover import SmaCrossover
from tests.support.price_lists import IBKR_FIXED
from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.sizing import MaxSize, TargetPercent
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import PercentCosts
from tradewright.model.bars import Bars

pytestmark = pytest.mark.real_data

SPY_SPEC = BacktestSpec(
    cash=100_000.0, costs=IBKR_FIXED, sizing=TargetPercent(target=1.0, cash_buffer=0.0025), allow_overdraft=True
)


@pytest.fixture(scope="module")
def real() -> Path:
    folder = os.environ.get("TRADEWRIGHT_REAL_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("TRADEWRIGHT_REAL_DATA does not name the folder of the real data")
    return Path(folder)


def bars_of(rows: list[tuple[date, float, float, float, float, float]]) -> Bars:
    stamps = [int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9 for day, *_ in rows]
    table = np.array([row[1:] for row in rows])
    return Bars(np.array(stamps, np.int64), *table.T.copy(), np.full(len(rows), np.nan))


def factors(path: Path) -> list[tuple[str, float]]:
    with path.open() as file:
        return [(row[0], float(row[1]) * float(row[2])) for row in csv.reader(file) if row]


def lean_total_return(data: Path, symbol: str, first: str, last: str) -> Bars:
    """Daily bars ``first <= day < last``; the first factor row dated on or after the day applies, as it stands."""
    table = factors(data / f"equity/usa/factor_files/{symbol}.csv")
    rows = []
    with zipfile.ZipFile(data / f"equity/usa/daily/{symbol}.zip") as archive:
        text = archive.read(f"{symbol}.csv").decode()
    for stamp, *values in csv.reader(io.StringIO(text)):
        day = stamp[:8]
        if first <= day < last:
            factor = next(factor for until, factor in table if until >= day)
            prices = [float(value) / 10_000 * factor for value in values[:4]]
            rows.append((datetime.strptime(day, "%Y%m%d").replace(tzinfo=UTC).date(), *prices, float(values[4])))
    return bars_of(rows)


def google(data: Path) -> Bars:
    with (data / "backtesting_py/backtesting/test/GOOG.csv").open() as file:
        rows = [(date.fromisoformat(row[0]), *map(float, row[1:6])) for row in list(csv.reader(file))[1:]]
    return bars_of(rows)


def drawdown(result: BacktestResult) -> float:
    peak = np.maximum.accumulate(np.r_[result.initial_cash, result.equity])[1:]
    return float((result.equity / peak - 1).min())


def test_spy_eight_days(real: Path) -> None:
    bars = lean_total_return(real / "lean/Data", "spy", "20131008", "20131018")
    result = run(BuyAndHold(), bars, SPY_SPEC)
    fill = result.fills[0]
    assert (len(bars.ts), len(result.fills), result.orders) == (8, 1, 1)
    assert (fill["bar"], fill["quantity"]) == (1, 697)
    assert (round(fill["price"], 6), round(fill["fee"], 3)) == (143.372383, 3.485)
    assert round(result.equity[-1], 2) == 104_486.22
    assert result.cash[1] < 1000
    assert round(drawdown(result), 4) == -0.0077


def test_spy_macd_trend(real: Path) -> None:
    bars = lean_total_return(real / "lean/Data", "spy", "20040101", "20150101")
    result = run(MacdTrend(12, 26, 9, 0.0025), bars, SPY_SPEC)
    assert (result.orders, len(result.fills)) == (84, 84)
    assert round(result.fills["fee"].sum(), 2) == 468.54
    assert round(result.equity[-1], 2) == 137_751.04
    assert round(drawdown(result), 4) == -0.3489


def test_google_sma_cross_long_and_short(real: Path) -> None:
    spec = BacktestSpec(cash=10_000.0, costs=PercentCosts(0.002), sizing=MaxSize(), allow_short=True)
    result = run(SmaCrossover(10, 20), google(real), spec)
    assert len(result.trades) == 93
    assert round(result.equity[-1], 2) == 56_263.52
    assert round(float((result.trades["profit"] > 0).mean()), 5) == 0.52688
    assert round(drawdown(result), 5) == -0.33932
    assert round(result.fills["fee"].sum(), 2) == 10_660.86
    closed = result.trades["entry_fee"].sum() + result.trades["exit_fee"].sum()
    assert round(closed, 2) == 10_563.95
