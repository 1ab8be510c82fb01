import numpy as np
import pytest

from tradewright.indicators.catalogue import INDICATORS
from tradewright.model.bars import Bars
from tradewright.model.strategy import Feature

HOUR = 3_600_000_000_000

SHORT = {
    "n": 7, "fast": 5, "slow": 12, "signal": 4, "deviations": 1.5, "atr_window": 5, "rank_window": 30,
    "slope_window": 20, "reach": 3, "lookback": 25, "recent": 6, "usual": 40, "multiplier": 1.5, "tenkan": 4,
    "kijun": 9, "minutes": 90, "shift": 6, "smooth": 3, "step": 0.03, "maximum": 0.3,
}  # fmt: skip
"""An argument for each name of one: a new indicator with another one needs a line here."""

FEATURES = [Feature(name, tuple(float(SHORT[rule.name]) for rule in rules)) for name, rules in INDICATORS.items()]
"""Every registered indicator, with short windows, as floats: so they come from a configuration."""


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
