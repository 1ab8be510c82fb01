"""The strategy of breakouts and trailing stops: trades on prices that are known, and the signals that carry it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from strategies.agent import StrategyAgent
from strategies.trailing_breakout import TrailingBreakout
from tests.backtest.conftest import random_bars
from tradewright.backtest.decisions import current_target, decide, replay
from tradewright.backtest.engine import run
from tradewright.backtest.result import FillReason
from tradewright.backtest.sizing import FixedUnits
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.agent import AgentSnapshot
from tradewright.model.bars import Bars
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import DAY, OrderRequest

SPEC = BacktestSpec(sizing=FixedUnits(10.0))
SHORT = TrailingBreakout(channel=2, atr_period=1, trail_atr=2.0, max_bars=4, stop_entry=1)
MARKET = TrailingBreakout(channel=2, atr_period=1, trail_atr=2.0)
HOUR = 3_600 * 10**9


def hourly(rows: list[tuple[float, float, float, float]], a_day: int = 24) -> Bars:
    """Bars of an hour, so many a day."""
    open_, high, low, close = (np.array(column, np.float64) for column in zip(*rows, strict=True))
    number = np.arange(len(rows), dtype=np.int64)
    ts = number // a_day * 24 * HOUR + number % a_day * HOUR
    return Bars(ts, open_, high, low, close, np.full(len(rows), 100.0), np.full(len(rows), np.nan))


CALM = (100.0, 101.0, 100.0, 100.5)
LOWER = (100.0, 100.9, 99.9, 100.5)
"""Bars with a true range of 1; the second one does not reach the high of the first."""


def told(bars: Bars, strategy: TrailingBreakout = SHORT) -> list[tuple[int, float, FillReason]]:
    return [(int(f["bar"]), float(f["price"]), FillReason(f["reason"])) for f in run(strategy, bars, SPEC).fills]


def test_it_buys_the_breakout_and_the_trailing_stop_sells() -> None:
    rise = (100.5, 104.0, 100.5, 103.5)
    fall = (103.0, 103.0, 98.0, 99.0)
    # entered at 101 inside the bar of the rise, whose close moves the stop to 103.5 - 2 x 1
    bought, sold = told(hourly([CALM, LOWER, rise, fall]))
    assert bought == (2, 101.0, FillReason.STOP_ENTRY)
    assert sold == (3, pytest.approx(101.5), FillReason.TRAILING_STOP)


def test_after_its_bars_the_position_is_closed_at_the_open() -> None:
    rise = (100.5, 104.0, 100.5, 103.5)
    quiet = (103.5, 103.6, 103.4, 103.5)
    assert told(hourly([CALM, LOWER, rise, *[quiet] * 5]))[:2] == [
        (2, 101.0, FillReason.STOP_ENTRY),
        (6, 103.5, FillReason.TIME_STOP),
    ]


def test_highs_that_fall_fill_nothing() -> None:
    assert told(hourly([(100.0, 101.0 - bar / 100, 99.0, 100.0) for bar in range(20)])) == []


def test_it_asks_while_it_is_flat_and_never_while_it_holds() -> None:
    bars = random_bars(7, 60)
    resting = TrailingBreakout(5, 5, max_bars=78, stop_entry=1)
    asked = [OrderRequest(*row) for row in replay(resting, bars, np.zeros(60)) if row[0] == row[0]]
    assert len(asked) == 55
    assert {(each.target, each.good_for, each.time_stop) for each in asked} == {(1.0, DAY, 78.0)}
    assert np.isnan(replay(resting, bars, np.full(60, 3.0))).all()


BREAK = [CALM, LOWER, (100.5, 104.0, 100.5, 103.5), (104.0, 105.0, 103.9, 105.0), (103.0, 103.0, 96.0, 99.0)]
"""The third bar closes above the highs of the first two, with a range of 3.5; the position is entered in the fourth."""


def test_at_the_market_it_buys_after_the_close_of_the_breakout() -> None:
    bought, sold = told(hourly(BREAK), MARKET)
    assert bought == (3, 104.0, FillReason.SIGNAL)
    # 2 x 3.5 below the best price, which was 105
    assert sold == (4, pytest.approx(98.0), FillReason.TRAILING_STOP)
    assert told(hourly(BREAK[:3]), MARKET) == []


def test_the_signal_carries_the_trailing_stop_to_the_agent_and_the_target() -> None:
    bars = hourly(BREAK[:3])
    target = current_target(MARKET, bars, SPEC)
    assert (target.target, target.since, target.trail) == (1.0, 2, pytest.approx(7.0))
    (signal,) = asyncio.run(StrategyAgent(MARKET).generate_signals(AgentSnapshot("SPY", bars)))
    assert (signal.trail, signal.trail_percent, signal.stop) == (Decimal("7.0"), None, None)
    assert current_target(MARKET, hourly(BREAK), SPEC)[:2] == (0.0, 4)


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [
        (TrailingBreakout(stop_entry=1), r"a stop entry \(stop_entry\) in bar 19"),
        (TrailingBreakout(channel=5, max_bars=78), r"a time stop \(time_stop\) in bar \d+"),
    ],
)
def test_what_no_signal_carries_is_refused_with_strategy_bar_and_kind(strategy: TrailingBreakout, kind: str) -> None:
    bars = random_bars(7, 60)
    with pytest.raises(StrategyError, match=f"trailing_breakout.*it asks for {kind}"):
        current_target(strategy, bars, replace(SPEC, bar_delay=1))
    if strategy.stop_entry:
        with pytest.raises(StrategyError, match="signals do not carry"):
            decide(strategy, bars, 0.0)
        with pytest.raises(StrategyError, match="trailing_breakout"):
            asyncio.run(StrategyAgent(strategy).generate_signals(AgentSnapshot("SPY", bars)))
