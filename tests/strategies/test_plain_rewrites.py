"""Each built-in strategy against a second one, written in plain Python from its description, on any bars."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from strategies.base import BaseStrategy
from strategies.buy_and_hold import BuyAndHold
from strategies.ema_crossover import EmaCrossover
from strategies.macd_trend import MacdTrend
from strategies.sma_crossover import SmaCrossover
from tests.indicators import naive
from tradewright.backtest.decisions import replay
from tradewright.model.bars import Bars

NAN = math.nan
Action = tuple[float, float, float, float]
HOLD: Action = (NAN, NAN, NAN, NAN)
bounded = settings(max_examples=60)

steps = st.one_of(
    st.lists(st.integers(-300, 300), min_size=25, max_size=60),
    st.lists(st.sampled_from([-100, 0, 100]), min_size=25, max_size=60),
)
"""Moves in cents; those of whole units make means that touch without a cross."""
windows = st.integers(1, 8)


@st.composite
def markets(draw: st.DrawFn) -> Bars:
    """Bars on cents, of any direction and range, now and then the same price again."""
    moves = draw(steps)
    close = np.maximum(1.0, 100.0 + np.cumsum(moves) / 100.0).round(2)
    opened = np.concatenate((close[:1], close[:-1]))
    widest = draw(st.sampled_from([0, 200]))
    reach = st.lists(st.integers(0, widest), min_size=len(close), max_size=len(close))
    above, below = (np.array(draw(reach)) / 100 for _ in range(2))
    high, low = np.maximum(opened, close) + above, np.maximum(0.01, np.minimum(opened, close) - below)
    ts = np.arange(len(close), dtype=np.int64) * 60_000_000_000
    return Bars(ts, opened, high.round(2), low.round(2), close, np.ones(len(close)), np.full(len(close), NAN))


pairs = st.tuples(windows, windows).filter(lambda pair: pair[0] < pair[1])


def crossed(fast: Sequence[float], slow: Sequence[float], i: int) -> float:
    """1 on a cross upwards, -1 on one downwards, else 0; comparisons with NaN are never true."""
    if i == 0:
        return 0.0
    if fast[i - 1] <= slow[i - 1] and fast[i] > slow[i]:
        return 1.0
    return -1.0 if fast[i - 1] >= slow[i - 1] and fast[i] < slow[i] else 0.0


def told(strategy: BaseStrategy, bars: Bars, position: float) -> list[Action]:
    return [tuple(row) for row in replay(strategy, bars, np.full(len(bars.ts), position)).tolist()]  # type: ignore[misc]


def same(ours: Sequence[Action], theirs: Sequence[Action]) -> None:
    np.testing.assert_allclose(np.array(ours), np.array(theirs), rtol=1e-9)


positions = st.sampled_from([0.0, 3.0, -3.0])


@bounded
@given(markets(), positions)
def test_buy_and_hold(bars: Bars, position: float) -> None:
    same(told(BuyAndHold(), bars, position), [(1.0, NAN, NAN, NAN), *[HOLD] * (len(bars.ts) - 1)])


@bounded
@given(markets(), pairs, positions)
def test_sma_crossover(bars: Bars, pair: tuple[int, int], position: float) -> None:
    fast, slow = (naive.sma(bars.close.tolist(), n) for n in pair)
    sides = [crossed(fast, slow, i) for i in range(len(bars.ts))]
    same(told(SmaCrossover(*pair), bars, position), [(side, NAN, NAN, NAN) if side else HOLD for side in sides])


def decided_by_a_hair(fast: Sequence[float], slow: Sequence[float]) -> bool:
    """Whether two recursive means come so near each other that rounding decides."""
    return any(abs(one - other) < 1e-9 for one, other in zip(fast, slow, strict=True))


@bounded
@given(markets(), pairs, windows, st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([0.0, 1.5]), positions)
def test_ema_crossover(bars: Bars, pair: tuple[int, int], n: int, stop: float, target: float, position: float) -> None:
    close = bars.close.tolist()
    fast, slow = (naive.ema(close, length) for length in pair)
    assume(not decided_by_a_hair(fast, slow))
    atr = naive.atr(bars.high.tolist(), bars.low.tolist(), close, n)
    expected = []
    for i, price in enumerate(close):
        side = crossed(fast, slow, i)
        if side == 0.0 or not atr[i] > 0.0:
            expected.append(HOLD)
            continue
        guards = (price - side * stop * atr[i] if stop else NAN, price + side * target * atr[i] if target else NAN)
        expected.append((side, NAN, *guards))
    same(told(EmaCrossover(*pair, stop, target, n), bars, position), expected)


@bounded
@given(markets(), pairs, windows, st.sampled_from([0.0, 0.001, 0.01]), positions)
def test_macd_trend(bars: Bars, pair: tuple[int, int], signal: int, threshold: float, position: float) -> None:
    close = bars.close.tolist()
    line, smooth, _ = naive.macd(close, *pair, signal)
    base = naive.ema(close, pair[0])
    distance = [(one - other) / mean for one, other, mean in zip(line, smooth, base, strict=True)]
    assume(all(math.isnan(r) or abs(abs(r) - threshold) > 1e-9 for r in distance))
    expected = []
    for r in distance:
        goes_long, leaves = position == 0.0 and r > threshold, position > 0.0 and r < -threshold
        expected.append((1.0, NAN, NAN, NAN) if goes_long else (0.0, NAN, NAN, NAN) if leaves else HOLD)
    same(told(MacdTrend(*pair, signal, threshold), bars, position), expected)


FIRST: dict[str, tuple[BaseStrategy, int]] = {
    "sma": (SmaCrossover(3, 8), 8),
    "ema": (EmaCrossover(3, 8, atr_period=4), 8),
    "ema, slow range": (EmaCrossover(3, 8, atr_period=20), 20),
    "macd": (MacdTrend(3, 8, 5, 0.0), 11),
}
"""Strategy -> the first bar on which it can decide: a cross needs one bar more than its slow mean."""


def zigzag(count: int) -> Bars:
    close = 100.0 + 5.0 * np.where(np.arange(count) // 2 % 2 == 0, 1.0, -1.0) + np.arange(count) % 3
    ts = np.arange(count, dtype=np.int64) * 60_000_000_000
    return Bars(ts, close, close + 1, close - 1, close, np.ones(count), np.full(count, NAN))


@pytest.mark.parametrize("name", FIRST)
def test_the_warm_up_is_as_long_as_the_description_says(name: str) -> None:
    strategy, first = FIRST[name]
    bars = zigzag(80)
    decided = [i for i, row in enumerate(told(strategy, bars, 0.0)) if not math.isnan(row[0])]
    assert decided
    assert decided[0] >= first
    shorter = told(strategy, bars.head(first), 0.0)
    assert shorter == [] or all(math.isnan(row[0]) for row in shorter)
    earliest = min(
        next(i for i, row in enumerate(told(strategy, moved(bars, shift), 0.0)) if not math.isnan(row[0]))
        for shift in range(12)
    )
    assert earliest == first, "some market makes it decide at once"


def moved(bars: Bars, shift: int) -> Bars:
    """The same market met some bars later."""
    rolled = [np.concatenate((column[shift:], column[:shift])) for column in bars[1:]]
    return Bars(bars.ts, *rolled)


ALL: list[BaseStrategy] = [BuyAndHold(), *(strategy for strategy, _ in FIRST.values())]


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("hole", [0, 5, 30, 79])
def test_an_unknown_price_is_never_a_reason_to_trade(strategy: BaseStrategy, hole: int) -> None:
    """On the bar itself nothing is decided (buy and hold looks at no price), and the past stays as it was decided."""
    bars = zigzag(80)
    close = bars.close.copy()
    close[hole] = NAN
    plain, holed = (told(strategy, each, 0.0) for each in (bars, bars._replace(close=close)))
    if hole:
        same(holed[:hole], plain[:hole])
    if not isinstance(strategy, BuyAndHold):
        assert math.isnan(holed[hole][0])
    for row in holed:
        assert not any(math.isinf(value) for value in row)


@pytest.mark.parametrize("strategy", ALL)
@bounded
@given(bars=markets(), cut=st.integers(0, 60))
def test_a_decision_needs_nothing_that_comes_later(strategy: BaseStrategy, bars: Bars, cut: int) -> None:
    count = min(cut, len(bars.ts))
    assume(count > 0)
    assert np.array_equal(
        np.array(told(strategy, bars.head(count), 0.0)), np.array(told(strategy, bars, 0.0)[:count]), equal_nan=True
    )
