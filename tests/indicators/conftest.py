import numpy as np
import pytest

from tradewright.model.bars import Bars

HOUR = 3_600_000_000_000


def make_bars(close, *, high=None, low=None, volume=None, spread=None, start=0, step=HOUR):
    """Bars around the given closes."""
    close = np.asarray(close, dtype=np.float64)
    size = len(close)
    filled = (
        close + 0.5 if high is None else high,
        close - 0.5 if low is None else low,
        np.full(size, 1000.0) if volume is None else volume,
        np.full(size, 10.0) if spread is None else spread,
    )
    highs, lows, volumes, spreads = (np.asarray(values, dtype=np.float64) for values in filled)
    return Bars(start + step * np.arange(size, dtype=np.int64), close, highs, lows, close, volumes, spreads)


def walk(size, seed=7, decimals=None):
    """A positive random walk around 100."""
    prices = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, size)))
    return prices if decimals is None else np.round(prices, decimals)


@pytest.fixture(scope="session")
def market():
    """400 bars with random ranges, volumes and spreads."""
    close = walk(400, decimals=2)
    noise = np.random.default_rng(11)
    return make_bars(
        close,
        high=close + noise.random(400).round(2),
        low=close - noise.random(400).round(2),
        volume=noise.integers(0, 5000, 400),
        spread=noise.random(400) * 80,
    )
