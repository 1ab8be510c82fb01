"""Bars and strategies that the tests of the engine share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from tradewright.backtest import first_bars
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import HOLD, NAN, Action, Feature

MakeBars = Callable[..., Bars]


@pytest.fixture(autouse=True, scope="module")
def machine_code() -> Iterator[None]:
    """Every bar runs machine code here; the first bars, which Python runs, have a test (``test_first_bars``)."""
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(first_bars, "PLAIN_BARS", 0)
        yield


def random_bars(seed: int, count: int = 60, *, gap: float = 0.02, price: float = 100.0) -> Bars:
    """A walk whose opens gap away from the close before; volumes from 0, spreads partly unknown."""
    rng = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(rng.normal(0, 0.02, count)))
    open_ = np.concatenate(([price], close[:-1])) * np.exp(rng.normal(0, gap, count))
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.01, count)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.01, count)))
    spread = np.where(rng.random(count) < 0.2, np.nan, rng.uniform(0, 20, count))
    volume = np.floor(rng.uniform(0, 1000, count)) * (rng.random(count) < 0.9)
    return Bars(np.arange(count, dtype=np.int64) * 86_400 * 10**9, open_, high, low, close, volume, spread)


@pytest.fixture
def make_bars() -> MakeBars:
    return random_bars


def noisy_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> Action:
    """Pseudo-random decisions out of the bar's number, the seed and the position, in whole-number arithmetic."""
    mixed = (i * 7919 + int(params[0]) * 104729 + int(abs(position)) * 31 + 17) % 99991
    mixed = (mixed * 48271) % 99991
    if mixed % 100 >= int(params[1]):
        return HOLD
    draw = (mixed * 7 + 3) % 97
    share = (1.0, -1.0, 0.5, -0.5, 0.0)[draw % 5]
    side = 1.0 if share >= 0.0 else -1.0
    close = features[0][i]
    limit = close * (1.0 + 0.01 * ((draw % 7) - 3)) if draw % 3 == 0 else NAN
    stop = close * (1.0 - side * 0.01 * (1 + draw % 4)) if draw % 4 != 1 else NAN
    profit = close * (1.0 + side * 0.015 * (1 + draw % 3)) if draw % 5 < 3 else NAN
    return (share, limit, stop, profit)


@dataclass(frozen=True)
class Noisy:
    """Decisions in ``busy`` percent of the bars."""

    seed: int = 1
    busy: int = 40

    name = "noisy"
    generate_signal = staticmethod(noisy_signal)

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        return float(self.seed), float(self.busy)


@pytest.fixture
def noisy() -> type[Noisy]:
    return Noisy
