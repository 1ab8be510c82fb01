"""Indicators of whole bars against slow plain Python, from the first value on, at prices with many ties."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.indicators import naive, naive_bars
from tests.indicators.conftest import HOUR, make_bars, walk
from tradewright.indicators.arrays import IndicatorArguments
from tradewright.indicators.candles import heikin_ashi
from tradewright.indicators.catalogue import PIVOTS
from tradewright.indicators.extremes import donchian, midpoint
from tradewright.indicators.moving import hma, wma
from tradewright.indicators.registry import column, columns
from tradewright.indicators.sessions import ANCHORS, CLOCKS
from tradewright.indicators.trend import parabolic_sar, supertrend
from tradewright.indicators.volatility import keltner
from tradewright.indicators.volume import money_flow_index
from tradewright.model.bars import Bars
from tradewright.model.strategy import Feature

MINUTE = HOUR // 60

SIZE = 600


def tied_bars(seed: int) -> Bars:
    """Prices in tenths, so that extremes and typical prices are often equal; some bars have no range, some no volume.

    Hours over both changes to summer time of 2025 in London and New York.
    """
    noise = np.random.default_rng(seed)
    close = walk(SIZE, seed=seed, decimals=1)
    high, low = (close + side * noise.integers(0, 8, SIZE) / 10.0 for side in (1, -1))
    volume = np.maximum(noise.integers(-300, 3000, SIZE), 0.0)
    start = 1_741_305_600_000_000_000  # 2025-03-07 00:00 UTC
    bars = make_bars(close, high=high.round(1), low=low.round(1), volume=volume, start=start, step=HOUR)
    return bars._replace(open=(low + (high - low) * noise.random(SIZE)).round(2))


BARS = tied_bars(21)
CLOSE, VOLUME, HLC = (
    BARS.close.tolist(),
    BARS.volume.tolist(),
    [getattr(BARS, name).tolist() for name in ("high", "low", "close")],
)
MEAN, ATR = naive.ema(CLOSE, 20), naive.atr(*HLC, 10)
PLUS, MINUS, ADX = naive_bars.directional(BARS, 14)
LINE, DIRECTION = naive_bars.supertrend(BARS, 10, 1.5)
TENKAN, KIJUN = naive_bars.middle(BARS, 9), naive_bars.middle(BARS, 26)
DEVIATION = naive.deviation(CLOSE, 20, 0)

EXPECTED = {
    Feature("wma", (9,)): naive_bars.wma(CLOSE, 9),
    Feature("hma", (20,)): naive_bars.hma(CLOSE, 20),
    Feature("vwma", (3,)): naive_bars.by_volume(CLOSE, VOLUME, 3),
    Feature("vwap", (20,)): naive_bars.by_volume(naive_bars.typical(BARS), VOLUME, 20),
    Feature("zscore", (20,)): (CLOSE - np.array(naive.sma(CLOSE, 20))) / DEVIATION,
    Feature("keltner_upper", (20, 10, 2)): np.array(MEAN) + 2 * np.array(ATR),
    Feature("keltner_middle", (20, 10, 2)): MEAN,
    Feature("keltner_lower", (20, 10, 2)): np.array(MEAN) - 2 * np.array(ATR),
    Feature("donchian_lower", (5,)): naive_bars.over(HLC[1], 5, min),
    Feature("ichimoku_tenkan", (9,)): TENKAN,
    Feature("ichimoku_kijun", (26,)): KIJUN,
    Feature("ichimoku_senkou_a", (9, 26, 26)): naive_bars.late(np.add(TENKAN, KIJUN) / 2, 26),
    Feature("ichimoku_senkou_b", (52, 26)): naive_bars.late(naive_bars.middle(BARS, 52), 26),
    Feature("supertrend", (10, 1.5)): LINE,
    Feature("supertrend_direction", (10, 1.5)): DIRECTION,
    Feature("plus_di", (14,)): PLUS,
    Feature("minus_di", (14,)): MINUS,
    Feature("adx", (14,)): ADX,
    Feature("aroon_up", (14,)): naive_bars.aroon_up(HLC[0], 14),
    Feature("aroon_down", (14,)): naive_bars.aroon_up([-low for low in HLC[1]], 14),
    Feature("stoch_fast_k", (3,)): naive_bars.stochastic(BARS, 3),
    Feature("stoch_fast_d", (5, 3)): naive_bars.stochastic(BARS, 5, 1, 3),
    Feature("stoch_k", (14, 3)): naive_bars.stochastic(BARS, 14, 3),
    Feature("stoch_d", (14, 3, 3)): naive_bars.stochastic(BARS, 14, 3, 3),
    Feature("williams_r", (3,)): np.array(naive_bars.stochastic(BARS, 3)) - 100,
    Feature("cci", (4,)): naive_bars.cci(BARS, 4),
    Feature("tsi", (25, 13)): naive_bars.tsi(CLOSE, 25, 13),
    Feature("mfi", (3,)): naive_bars.mfi(BARS, 3),
    Feature("cmf", (3,)): naive_bars.cmf(BARS, 3),
    **{
        Feature(f"ha_{name}"): row
        for name, row in zip(("open", "high", "low", "close"), naive_bars.heikin_ashi(BARS), strict=True)
    },
}


@pytest.mark.parametrize("feature", EXPECTED, ids=str)
def test_equal_to_plain_python(feature: Feature) -> None:
    assert_allclose(column(feature, BARS), EXPECTED[feature], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("session", ANCHORS, ids=lambda session: session.name)
def test_what_is_anchored_is_equal_to_plain_python(session) -> None:
    names = [f"vwap_{session.name}", *(f"{level}_{session.name}" for level in PIVOTS)]
    lines = columns([Feature(name) for name in names], BARS)
    expected = [naive_bars.session_vwap(BARS, session), *naive_bars.pivots(BARS, session)]
    for name, line, row in zip(names, lines, expected, strict=True):
        assert_allclose(line, row, rtol=1e-9, err_msg=name)
        assert len(set(line[~np.isnan(line)].tolist())) > 10


@pytest.mark.parametrize("session", CLOCKS, ids=lambda session: session.name)
def test_the_clock_is_that_of_plain_python(session) -> None:
    """Over both changes of the clocks of a year, in steps that meet every minute of an hour."""
    bars = make_bars(walk(9_000), step=61 * MINUTE, start=1_704_067_200_000_000_000)
    lines = columns([Feature(f"{word}_{session.name}") for word in ("weekday", "minute_of_day")], bars)
    for line, row in zip(lines, naive_bars.clock(bars, session), strict=True):
        np.testing.assert_array_equal(line, row)


@pytest.mark.parametrize("session", ANCHORS, ids=lambda session: session.name)
def test_the_opening_range_is_that_of_plain_python(session) -> None:
    bars = make_bars(walk(500, decimals=2), step=25 * MINUTE, start=1_709_888_400_000_000_000)
    lines = columns([Feature(f"opening_{line}_{session.name}", (90,)) for line in ("high", "low")], bars)
    for line, row in zip(lines, naive_bars.opening_range(bars, 90, session), strict=True):
        np.testing.assert_array_equal(line, row)
        assert len(set(line[~np.isnan(line)].tolist())) > 4


def test_an_opening_without_bars_or_with_an_unknown_price_has_no_range_until_the_next_one() -> None:
    high = np.full(72, 11.0)
    high[24] = np.nan
    bars = make_bars(np.full(72, 10.0), high=high)
    (line,) = columns([Feature("opening_high_utc", (60,))], bars)
    assert np.isnan(line).tolist() == [24 <= hour < 48 for hour in range(72)]
    late = Bars(*(np.delete(each, 48) for each in bars))
    (line,) = columns([Feature("opening_high_utc", (60,))], late)
    assert np.isnan(line).tolist() == [hour >= 24 for hour in range(71)]


def test_the_market_of_these_tests_has_what_is_rare() -> None:
    """Windows without range, windows without flow, both directions, equal extremes."""
    assert 50.0 in EXPECTED[Feature("stoch_fast_k", (3,))]
    assert 50.0 in EXPECTED[Feature("mfi", (3,))]
    assert set(DIRECTION[10:]) == {-1, 1}
    assert np.isnan(EXPECTED[Feature("vwma", (3,))][2:]).any()
    assert (np.diff(naive_bars.typical(BARS)) == 0.0).any()


def test_pivot_points_by_hand() -> None:
    """Daily bars in UTC: the levels of today are those of yesterday's 12, 6, 9."""
    bars = make_bars([9.0, 10.0], high=[12.0, 11.0], low=[6.0, 8.0], step=24 * HOUR)
    levels = columns([Feature(f"{level}_utc") for level in PIVOTS], bars)
    assert [line[1] for line in levels] == [9.0, 12.0, 6.0, 15.0, 3.0, 18.0, 0.0]


def test_a_price_that_is_unknown_within_the_session_before_leaves_no_pivots() -> None:
    high = np.array([12.0, np.nan, 11.0, 11.0])
    bars = make_bars([9.0, 10.0, 10.0, 10.0], high=high, low=[6.0] * 4, step=24 * HOUR)
    (line,) = columns([Feature("pivot_r1_utc")], bars)
    assert np.isnan(line).tolist() == [True, False, True, False]


def test_a_session_of_unknown_volume_has_no_vwap_until_the_next_one() -> None:
    volume = np.full(60, 100.0)
    volume[10] = np.nan
    (line,) = columns([Feature("vwap_utc")], make_bars(walk(60), volume=volume))
    assert np.isnan(line).tolist() == [10 <= hour < 24 for hour in range(60)]


def test_on_balance_volume_goes_on_after_an_unknown_volume() -> None:
    bars = make_bars([10.0, 11.0, 12.0, 11.5, 11.5], volume=[5.0, 7.0, np.nan, 4.0, 9.0])
    assert_allclose(column(Feature("obv"), bars), [5.0, 12.0, np.nan, 16.0, 16.0])


@pytest.mark.parametrize("price", [33.123456789012345, 100.01, 1e9 / 7])
def test_rounding_is_no_distance_from_the_mean(price: float) -> None:
    flat = np.full(120, price)
    for n in (5, 7, 20, 50, 111):
        for name in ("cci", "zscore"):
            known = column(Feature(name, (n,)), make_bars(flat, high=flat, low=flat))[n - 1 :]
            assert known.tolist() == [0.0] * len(known)


WRONG: list[tuple[Callable[[], object], str]] = [
    (lambda: supertrend(BARS.high, BARS.low, BARS.close, 10, -1.0), "-1.0 ranges"),
    (lambda: keltner(BARS.high, BARS.low, BARS.close, 20, 10, math.inf), "inf ranges"),
    (lambda: parabolic_sar(BARS.high, BARS.low, 0.3, 0.2), "step 0.3, maximum 0.2"),
    (lambda: hma(BARS.close, 1), "a window of 1 bars"),
    (lambda: midpoint(BARS.high, BARS.low, 9, -1), "a window of -1 bars"),
    (lambda: donchian(BARS.high[1:], BARS.low, 9), "one length"),
    (lambda: money_flow_index(BARS.high, BARS.low, BARS.close, BARS.volume[1:], 3), "one length"),
    (lambda: heikin_ashi(BARS.open, BARS.high, BARS.low[1:], BARS.close), "one length"),
]


@pytest.mark.parametrize(("call", "told"), WRONG, ids=[told for _, told in WRONG])
def test_wrong_arguments_are_refused(call: Callable[[], object], told: str) -> None:
    with pytest.raises(IndicatorArguments, match=told):
        call()


def test_a_weighted_mean_of_one_is_the_value() -> None:
    assert wma(BARS.close, 1).tolist() == CLOSE
