"""The three reference accounts on real prices, by plain loops that share nothing with the engine."""

from __future__ import annotations

import csv
import io
import math
import zipfile
from bisect import bisect_left
from datetime import UTC, datetime
from pathlib import Path

from tests.evaluation.accounts import Fill, account
from tradewright.backtest.result import BacktestResult

Day = tuple[int, float, float]
"""Start in ns, open, close."""


def spy(root: Path, first: str, last: str) -> list[Day]:
    """SPY daily bars from ``first`` up to and including ``last`` (YYYYMMDD), adjusted by the factors of the file."""
    equity = root / "lean/Data/equity/usa"
    with open(equity / "factor_files/spy.csv") as file:
        factors = [(row[0], float(row[1]) * float(row[2])) for row in csv.reader(file)]
    dates = [date for date, _ in factors]
    with zipfile.ZipFile(equity / "daily/spy.zip") as archive:
        rows = list(csv.reader(io.TextIOWrapper(archive.open(archive.namelist()[0]))))
    days = []
    for stamp, open_, _, _, close, _ in rows:
        date = stamp[:8]
        if first <= date <= last:
            factor = factors[bisect_left(dates, date)][1] / 10000
            days.append((_stamp(date), float(open_) * factor, float(close) * factor))
    return days


def goog(root: Path) -> list[Day]:
    """GOOG daily bars of the backtesting.py file."""
    with open(root / "backtesting_py/backtesting/test/GOOG.csv") as file:
        rows = list(csv.reader(file))[1:]
    return [(_stamp(row[0].replace("-", "")), float(row[1]), float(row[4])) for row in rows]


def ibkr_fixed(quantity: float, price: float) -> float:
    """0.005 a share, at least 1, at most 0.5 % of the value."""
    return min(max(1.0, 0.005 * abs(quantity)), 0.005 * abs(quantity) * price)


def hold_spy(root: Path) -> BacktestResult:
    """Target 100 % less a 0.25 % buffer, decided on the first close, filled at the next open."""
    days = spy(root, "20131008", "20131017")
    quantity = _target(100_000.0, days[0][2])
    fill = Fill(1, quantity, days[1][1], ibkr_fixed(quantity, days[1][1]))
    return _account(days, [fill], 100_000.0)


def macd_spy(root: Path) -> BacktestResult:
    """MACD(12, 26, 9) trend: in above 0.0025 of the fast average, out below minus that."""
    days = spy(root, "20040101", "20141231")
    closes = [close for _, _, close in days]
    fast, slow = _ema(closes, 12, 0), _ema(closes, 26, 0)
    macd = [quick - late for quick, late in zip(fast, slow, strict=True)]
    signal = _ema(macd, 9, 25)
    money, units, fills = 100_000.0, 0.0, []
    for bar in range(33, len(days) - 1):
        ratio, price = (macd[bar] - signal[bar]) / fast[bar], days[bar + 1][1]
        change = 0.0
        if units == 0 and ratio > 0.0025:
            change = _target(money, closes[bar])
        elif units > 0 and ratio < -0.0025:
            change = -units
        if change:
            fills.append(Fill(bar + 1, change, price, ibkr_fixed(change, price)))
            money -= change * price + fills[-1].fee
            units += change
    return _account(days, fills, 100_000.0)


def sma_goog(root: Path) -> BacktestResult:
    """SMA 10/20 cross, long and short, whole shares for all cash, 0.2 % a side."""
    days = goog(root)
    closes = [close for _, _, close in days]
    fast, slow = ([math.fsum(closes[max(0, i + 1 - n) : i + 1]) / n for i in range(len(closes))] for n in (10, 20))
    money, units, fills = 10_000.0, 0.0, []
    for bar in range(20, len(days) - 1):
        side = (fast[bar] > slow[bar]) - (fast[bar] < slow[bar])
        before = (fast[bar - 1] > slow[bar - 1]) - (fast[bar - 1] < slow[bar - 1])
        if side == 0 or side == before or units * side > 0:
            continue
        price = days[bar + 1][1]
        for change in (-units, None):
            quantity = side * math.floor(money / (price * 1.002)) if change is None else change
            if quantity:
                fills.append(Fill(bar + 1, quantity, price, abs(quantity) * price * 0.002))
                money -= quantity * price + fills[-1].fee
                units += quantity
    return _account(days, fills, 10_000.0)


def _target(equity: float, close: float) -> float:
    wanted = 0.9975 * equity
    quantity = math.floor(wanted / close)
    while quantity * close + ibkr_fixed(quantity, close) > wanted:
        quantity -= 1
    return quantity


def _ema(values: list[float], length: int, start: int) -> list[float]:
    averages = [math.nan] * len(values)
    averages[start + length - 1] = math.fsum(values[start : start + length]) / length
    for i in range(start + length, len(values)):
        averages[i] = averages[i - 1] + (values[i] - averages[i - 1]) * 2 / (length + 1)
    return averages


def _account(days: list[Day], fills: list[Fill], cash: float) -> BacktestResult:
    return account([close for _, _, close in days], fills, cash=cash, ts=[ts for ts, _, _ in days])


def _stamp(date: str) -> int:
    return int(datetime.strptime(date, "%Y%m%d").replace(tzinfo=UTC).timestamp()) * 1_000_000_000
