"""Where TA-Lib means the same, it must say the same. It differs in MACD (its fast mean is seeded late), in +DI and -DI
(one value less in the seed), in the RSI of a market without moves (0), and nothing is compared after a gap."""

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
    Feature("wma", (10,)): lambda b: talib.WMA(b.close, 10),
    Feature("kama", (10, 2, 30)): lambda b: talib.KAMA(b.close, 10),
    Feature("stddev", (20,)): lambda b: talib.STDDEV(b.close, 20),
    Feature("highest", (20,)): lambda b: talib.MAX(b.close, 20),
    Feature("lowest", (33,)): lambda b: talib.MIN(b.close, 33),
    Feature("donchian_upper", (20,)): lambda b: talib.MAX(b.high, 20),
    Feature("donchian_middle", (21,)): lambda b: talib.MIDPRICE(b.high, b.low, 21),
    Feature("sar", (0.02, 0.2)): lambda b: talib.SAR(b.high, b.low, 0.02, 0.2),
    Feature("aroon_down", (14,)): lambda b: talib.AROON(b.high, b.low, 14)[0],
    Feature("aroon_up", (14,)): lambda b: talib.AROON(b.high, b.low, 14)[1],
    Feature("aroon_osc", (25,)): lambda b: talib.AROONOSC(b.high, b.low, 25),
    Feature("stoch_fast_d", (14, 3)): lambda b: talib.STOCHF(b.high, b.low, b.close, 14, 3, 0)[1],
    Feature("stoch_d", (14, 3, 5)): lambda b: talib.STOCH(b.high, b.low, b.close, 14, 3, 0, 5, 0)[1],
    Feature("williams_r", (14,)): lambda b: talib.WILLR(b.high, b.low, b.close, 14),
    Feature("cci", (20,)): lambda b: talib.CCI(b.high, b.low, b.close, 20),
    Feature("momentum", (10,)): lambda b: talib.MOM(b.close, 10),
    Feature("roc", (10,)): lambda b: talib.ROC(b.close, 10),
    Feature("trix", (15,)): lambda b: talib.TRIX(b.close, 15),
    Feature("obv"): lambda b: talib.OBV(b.close, b.volume),
    Feature("mfi", (14,)): lambda b: talib.MFI(b.high, b.low, b.close, b.volume, 14),
}

LATER = {
    Feature("stoch_fast_k", (14,)): (lambda b: talib.STOCHF(b.high, b.low, b.close, 14, 3, 0)[0], 15),
    Feature("stoch_k", (14, 3)): (lambda b: talib.STOCH(b.high, b.low, b.close, 14, 3, 0, 5, 0)[0], 19),
    Feature("plus_di", (14,)): (lambda b: talib.PLUS_DI(b.high, b.low, b.close, 14), 500),
    Feature("minus_di", (14,)): (lambda b: talib.MINUS_DI(b.high, b.low, b.close, 14), 500),
    Feature("adx", (14,)): (lambda b: talib.ADX(b.high, b.low, b.close, 14), 600),
}
"""With the bar from which they agree: TA-Lib gives %K only where it has %D, and forgets its seed of +DI and -DI."""


@pytest.fixture(scope="module")
def bars():
    """Typical prices that are almost equal are left to ``test_derivations``: TA-Lib takes their rounding for a move."""
    noise = np.random.default_rng(2)
    close = walk(20_000, decimals=2)
    high, low = close + noise.random(20_000), close - noise.random(20_000)
    return make_bars(close, high=high, low=low, volume=noise.integers(1, 5_000, 20_000))


@pytest.mark.parametrize("feature", WITNESSES)
def test_equal_to_talib(feature, bars):
    assert_allclose(column(feature, bars), WITNESSES[feature](bars), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("feature", LATER)
def test_equal_to_talib_from_a_bar_on(feature, bars):
    witness, start = LATER[feature]
    theirs = witness(bars)
    assert_allclose(column(feature, bars)[start:], theirs[start:], rtol=1e-8, atol=1e-8)
    assert not np.isnan(theirs[start])
