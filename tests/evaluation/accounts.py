"""Small accounts made by hand: prices and fills in, a backtest result out, by a plain loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tradewright.backtest.result import FILL, TRADE, BacktestResult, Curves, FillReason
from tradewright.model.bars import Bars

DAY = 86_400_000_000_000
MINUTE = 60_000_000_000
START = int(np.datetime64("2020-01-01", "ns").astype(np.int64))


class Fill(NamedTuple):
    """One fill: bar, signed quantity, price, fee."""

    bar: int
    quantity: float
    price: float
    fee: float = 0.0


def bars(closes: Sequence[float], ts: Iterable[int] | None = None, step: int = DAY) -> Bars:
    """Bars that open, trade and close at one price; daily from 2020-01-01 unless told."""
    close = np.array(closes, dtype=np.float64)
    times = START + step * np.arange(len(close)) if ts is None else np.array(list(ts), dtype=np.int64)
    return Bars(times, close, close, close, close, np.full(len(close), 1e6), np.full(len(close), np.nan))


def account(
    closes: Sequence[float],
    fills: Sequence[Fill] = (),
    *,
    cash: float = 1000.0,
    ts: Iterable[int] | None = None,
    step: int = DAY,
    multiplier: float = 1.0,
) -> BacktestResult:
    """The account that made these fills; a fill against the position closes it wholly, with one trade."""
    series = bars(closes, ts, step)
    money, units, opened = cash, 0.0, None
    cash_path, unit_path, trades = [], [], []
    for bar in range(len(closes)):
        for fill in (each for each in fills if each.bar == bar):
            money -= fill.quantity * fill.price * multiplier + fill.fee
            if opened is None:
                opened = fill
            elif units + fill.quantity == 0:
                trades.append(_trade(opened, fill, multiplier))
                opened = None
            units += fill.quantity
        cash_path.append(money)
        unit_path.append(units)
    held, position = np.array(cash_path), np.array(unit_path)
    records = [
        (
            fill.bar,
            np.sign(fill.quantity),
            abs(fill.quantity),
            fill.price,
            fill.fee,
            0.0,
            FillReason.SIGNAL,
            0.0,
            0.0,
            0.0,
            1.0,
        )
        for fill in fills
    ]
    return BacktestResult(
        bars=series,
        initial_cash=cash,
        fills=np.array(records, dtype=FILL),
        trades=np.array(trades, dtype=TRADE),
        orders=len(fills),
        multiplier=multiplier,
        given=Curves(held + position * multiplier * series.close, held, position),
    )


def _trade(opened: Fill, closed: Fill, multiplier: float) -> tuple[float, ...]:
    gross = opened.quantity * (closed.price - opened.price) * multiplier
    return (
        opened.bar,
        closed.bar,
        np.sign(opened.quantity),
        abs(opened.quantity),
        opened.price,
        closed.price,
        opened.fee,
        closed.fee,
        gross - opened.fee - closed.fee,
        1.0,
        1.0,
    )


def curve(
    equity: Sequence[float], *, cash: float = 1000.0, step: int = DAY, ts: Iterable[int] | None = None
) -> BacktestResult:
    """An account of which only the equity is known; it holds one unit of its own equity all the time."""
    path = np.array(equity, dtype=np.float64)
    return BacktestResult(
        bars=bars(equity, ts, step),
        initial_cash=cash,
        fills=np.zeros(0, dtype=FILL),
        trades=np.zeros(0, dtype=TRADE),
        orders=0,
        given=Curves(path, np.zeros(len(path)), np.ones(len(path))),
    )


def beside(marks: Sequence[float], gains: Sequence[float], *, cash: float = 1000.0) -> BacktestResult:
    """An account that earns what it is told, a session at a time, in a market in which it holds nothing."""
    equity = cash + np.cumsum(np.asarray(gains, dtype=np.float64))
    result = curve(equity.tolist(), cash=cash)
    still = np.zeros(len(equity))
    price = np.asarray(marks, dtype=np.float64)
    return replace(result, bars=result.bars._replace(close=price), given=Curves(equity, equity, still))
