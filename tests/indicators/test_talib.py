"""Where TA-Lib means the same, it must say the same. It differs in MACD (its fast mean is seeded late), in the RSI of
a market without moves (0), and nothing is compared after a gap."""

import numpy as np
import pytest
import talib
from numpy.testing import assert_allclose

from tests.indicators.conftest import make_bars, walk
from tradewright.indicators.registry import column
from tradewright.model.strategy import Feature

WITNESSES = {
    Feature("sma", (10,)): lambda b: talib.SMA(b.close, 10),
    Feature("ema", (18,)): lambda b: talib.EMA(b.close, 18),
    Feature("rsi", (14,)): lambda b: talib.RSI(b.close, 14),
    Feature("atr", (14,)): lambda b: talib.ATR(b.high, b.low, b.close, 14),
    Feature("bbands_upper", (20, 2)): lambda b: talib.BBANDS(b.close, 20, 2, 2)[0],
    Feature("bbands_middle", (20, 2)): lambda b: talib.BBANDS(b.close, 20, 2, 2)[1],
    Feature("bbands_lower", (20, 2)): lambda b: talib.BBANDS(b.close, 20, 2, 2)[2],
    Feature("slope", (50,)): lambda b: talib.LINEARREG_SLOPE(b.close, 50),
    Feature("returns"): lambda b: talib.ROCP(b.close, 1),
}


@pytest.mark.parametrize("feature", WITNESSES)
def test_equal_to_talib(feature):
    noise = np.random.default_rng(2)
    close = walk(20_000, decimals=2)
    bars = make_bars(close, high=close + noise.random(20_000), low=close - noise.random(20_000))
    assert_allclose(column(feature, bars), WITNESSES[feature](bars), rtol=1e-8, atol=1e-8)
