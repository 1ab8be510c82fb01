"""Laws of every registered indicator, read from its row of ``docs/indicators.md``: a new one has them by its row."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from tests.indicators.conftest import FEATURES, HOUR, make_bars, walk
from tradewright.indicators.page import DESCRIPTIONS, RECURSIVE
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.session_hours import UTC_HOURS
from tradewright.model.strategy import Feature

PRICES = ("open", "high", "low", "close")
CLOCK = re.compile("session_|weekday_|minute_of_day_|opening_|vwap_|pivot_")
"""What the time of day decides on."""
COMPOSED = {"volatility_rank", "regime", "rsi_divergence"}
"""Windows of recursive values: a NaN bar is absent below, and a hole above."""


def table(bars: Bars, features: list[Feature] = FEATURES) -> dict[str, Floats]:
    return dict(zip((each.indicator for each in features), columns(features, bars, hours=UTC_HOURS), strict=True))


def unit(name: str) -> str:
    return DESCRIPTIONS[name].unit


def scaled(bars: Bars, names: tuple[str, ...], factor: float) -> Bars:
    return bars._replace(**{name: getattr(bars, name) * factor for name in names})


def same_past(part: dict[str, Floats], whole: dict[str, Floats]) -> None:
    for name, values in part.items():
        assert_array_equal(values, whole[name][: len(values)], err_msg=name)


@pytest.fixture(scope="module")
def holed(market: Bars) -> Bars:
    """The market with a hole in every column, one after another."""
    rows = [np.array(values) for values in market]
    for row, values in enumerate(rows[1:]):
        values[150 + 10 * row] = np.nan
    return Bars(*rows)


def test_cutting_off_the_future_changes_no_past_value(holed: Bars) -> None:
    whole = table(holed)
    for count in range(0, 400, 7):
        same_past(table(holed.head(count)), whole)


def test_cutting_between_tiles_changes_no_past_value() -> None:
    close = walk(36_000, decimals=2)
    close[18_000:] *= np.pi
    long = make_bars(close)
    whole = table(long)
    for count in (16_383, 16_384, 16_400, 18_000, 32_768, 35_999):
        same_past(table(long.head(count)), whole)


@st.composite
def any_bars(draw: st.DrawFn) -> Bars:
    """Up to 60 bars of few prices (many ties), some of them flat, some without volume, some of unknown volume."""
    size = draw(st.integers(0, 60))
    rows = st.lists(st.integers(0, 9), min_size=size, max_size=size).map(np.array)
    close, up, down, start = (draw(rows) for _ in range(4))
    volume = np.where(draw(rows) == 9, np.nan, np.maximum(draw(rows) - 4.0, 0.0))
    low, high = 100.0 + close / 10.0 - down / 20.0, 100.0 + close / 10.0 + up / 20.0
    bars = make_bars(100.0 + close / 10.0, high=high, low=low, volume=volume, start=draw(st.integers(0, 90)) * HOUR)
    return bars._replace(open=low + (high - low) * start.astype(float) / 9.0)


@settings(max_examples=50)
@given(any_bars(), st.integers(0, 60))
def test_any_bars_keep_their_past_their_length_and_the_bounds_of_the_page(bars: Bars, count: int) -> None:
    whole = table(bars)
    same_past(table(bars.head(count)), whole)
    for name, values in whole.items():
        assert values.shape == bars.ts.shape
        assert not np.isinf(values).any(), name
        bounds = re.fullmatch("(-?[0-9]+) to ([0-9]+)", unit(name))
        if bounds:
            known = values[~np.isnan(values)]
            assert np.all((known >= float(bounds[1]) - 1e-9) & (known <= float(bounds[2]) + 1e-9)), name


@pytest.mark.parametrize("factor", [0.25, 16.0])
def test_prices_scale_what_is_counted_in_prices_and_nothing_else(market: Bars, factor: float) -> None:
    here, there = table(market), table(scaled(market, PRICES, factor))
    for name, values in here.items():
        expected = values * factor if unit(name).startswith("price") else values
        assert_allclose(there[name], expected, rtol=1e-6, atol=1e-9, err_msg=name)


def test_volumes_scale_what_is_counted_in_units_and_nothing_else(market: Bars) -> None:
    here, there = table(market), table(scaled(market, ("volume",), 4.0))
    for name, values in here.items():
        expected = values * 4.0 if unit(name) == "units" else values
        assert_allclose(there[name], expected, rtol=1e-12, atol=0.0, err_msg=name)


def test_another_time_changes_nothing_but_what_the_clock_decides(market: Bars) -> None:
    features = [each for each in FEATURES if not CLOCK.match(each.indicator)]
    here, there = table(market, features), table(market._replace(ts=market.ts * 2 + 12345), features)
    for name, values in here.items():
        assert_array_equal(there[name], values, err_msg=name)


def test_a_market_that_stands_still_has_constant_indicators() -> None:
    price, volume = np.full(300, 33.123456789012345), np.full(300, 250.0)
    for name, values in table(make_bars(price, high=price, low=price, volume=volume)).items():
        if not name.startswith(("session_", "weekday_", "minute_of_day_")):
            known = values[np.argmax(~np.isnan(values)) :]
            assert len(known) > 200
            assert_allclose(known, known[0], rtol=1e-12, atol=1e-12, err_msg=name)


def test_unknown_volumes_leave_what_does_not_read_them_alone(market: Bars) -> None:
    here, there = table(market), table(market._replace(volume=np.full(400, np.nan)))
    readers = {name for name, values in there.items() if np.isnan(values).all()}
    assert {name for name in readers if not name.startswith("vwap")} == {
        "volume", "vwma", "obv", "mfi", "cmf"
    }  # fmt: skip
    for name in here.keys() - readers - {"liquidity_score"}:
        assert_array_equal(there[name], here[name], err_msg=name)


@pytest.mark.parametrize("gap", [0, 1, 9, 130, 399])
def test_a_bar_of_nan_is_absent_for_recursive_indicators(market: Bars, gap: int) -> None:
    features = [each for each in FEATURES if each.indicator in RECURSIVE]
    without = table(Bars(*(np.delete(values, gap) for values in market)), features)
    for name, values in table(_with_hole(market, gap), features).items():
        assert np.isnan(values[gap]), name
        assert_array_equal(np.delete(values, gap), without[name], err_msg=name)


@pytest.mark.parametrize("gap", [0, 1, 9, 130, 399])
def test_the_others_forget_a_bar_of_nan_as_soon_as_it_leaves_their_window(market: Bars, gap: int) -> None:
    features = [
        each for each in FEATURES if each.indicator not in {*RECURSIVE, *COMPOSED} and not CLOCK.match(each.indicator)
    ]
    whole, holes = table(market, features), table(_with_hole(market, gap), features)
    for name, values in holes.items():
        window = np.arange(gap, min(gap + 1 + int(np.argmax(~np.isnan(whole[name]))), 400))
        assert np.isnan(values[window[-1] if "senkou" in name else gap]) or gap == 399, name
        assert_array_equal(np.delete(values, window), np.delete(whole[name], window), err_msg=name)


@pytest.mark.parametrize("each", [each for each in FEATURES if CLOCK.match(each.indicator)], ids=str)
def test_a_session_forgets_the_nan_of_another(market: Bars, each: Feature) -> None:
    feature, name = [each], each.indicator
    whole, holes = table(market, feature)[name], table(_with_hole(market, 130), feature)[name]
    assert_array_equal(holes[:130], whole[:130])
    assert_array_equal(holes[250:], whole[250:])


def _with_hole(bars: Bars, gap: int) -> Bars:
    rows = [np.array(values) for values in bars]
    for values in rows[1:]:
        values[gap] = np.nan
    return Bars(*rows)
