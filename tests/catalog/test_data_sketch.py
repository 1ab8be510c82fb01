"""Bars are recognised by what they are, not by what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from tradewright.catalog.data_sketch import SIZE, share_bars, sketch_of
from tradewright.model.bars import Bars

DAY = 86_400 * 10**9


def walk(seed: int, count: int = 2_000, step: int = DAY) -> Bars:
    close = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, count)))
    ts = np.arange(count, dtype=np.int64) * step
    return Bars(ts, close, close, close, close, np.ones(count), np.ones(count))


def cut(bars: Bars, start: int, stop: int | None = None) -> Bars:
    return Bars(*(column[start:stop] for column in bars))


def scaled(bars: Bars, factor: float, until: int) -> Bars:
    """As after a split: every close before a bar is multiplied."""
    close = np.where(np.arange(len(bars.ts)) < until, bars.close * factor, bars.close)
    return bars._replace(close=close)


SAME = {
    "themselves": lambda bars: bars,
    "a bar more": lambda bars: cut(bars, 0, -1),
    "the last two years": lambda bars: cut(bars, -500),
    "three percent of them": lambda bars: cut(bars, 700, 760),
    "adjusted for a split": lambda bars: scaled(bars, 0.5, 900),
    "in cents": lambda bars: scaled(bars, 100.0, len(bars.ts)),
}
OTHER = {
    "another walk": lambda _bars: walk(2),
    "the same moves at other times": lambda bars: bars._replace(ts=bars.ts + 60 * 10**9),
    "every fifth bar": lambda bars: Bars(*(column[::5] for column in bars)),
}


@pytest.mark.parametrize("name", SAME)
def test_bars_that_are_in_both_are_found(name: str) -> None:
    bars = walk(1)
    assert share_bars(sketch_of([bars]), sketch_of([SAME[name](bars)]))


@pytest.mark.parametrize("name", OTHER)
def test_other_bars_are_told_apart(name: str) -> None:
    bars = walk(1)
    assert not share_bars(sketch_of([bars]), sketch_of([OTHER[name](bars)]))


def test_one_of_several_instruments_is_enough() -> None:
    several = sketch_of([walk(seed) for seed in range(20)])
    assert share_bars(several, sketch_of([walk(7)]))
    assert not share_bars(several, sketch_of([walk(99)]))
    assert len(several) == SIZE


def test_hardly_any_two_of_many_walks_share_bars() -> None:
    sketches = [sketch_of([walk(seed, 300)]) for seed in range(60)]
    pairs = [(one, other) for place, one in enumerate(sketches) for other in sketches[:place]]
    assert not any(share_bars(*pair) for pair in pairs)


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_bars_are_like_no_others(count: int) -> None:
    few = sketch_of([cut(walk(1), 0, count)])
    assert len(few) == 0
    assert not share_bars(few, few)


def test_prices_at_zero_are_no_obstacle() -> None:
    bars = walk(1, 40)
    worthless = bars._replace(close=np.where(np.arange(40) == 20, 0.0, bars.close))
    assert share_bars(sketch_of([worthless]), sketch_of([bars]))
