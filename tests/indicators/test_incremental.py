"""New bars alone give the bits of a computation over all: every indicator of the registry, every table."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from tests.indicators.conftest import FEATURES, make_bars, walk
from tradewright.indicators.feature_set import FeatureSet
from tradewright.indicators.features import FeatureSettings, feature_table
from tradewright.indicators.incremental import WHOLE, columns_from, look_back
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.session_hours import UTC_HOURS
from tradewright.model.strategy import Feature

SIZE = 420
SETTINGS = FeatureSettings(rank=60, slope=20, divergence_lookback=30, recent_volume=5, usual_volume=40)
SET = FeatureSet("all", "1", Timeframe.H1, tuple(FEATURES), fallback_spread_bps=2.0, hours=UTC_HOURS)


@st.composite
def markets(draw: st.DrawFn) -> Bars:
    """Bars of exact and of odd prices, with holes, spikes, flat stretches, and volumes that are known in part."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    close = walk(SIZE, seed=int(rng.integers(1000)), decimals=draw(st.sampled_from([None, 0, 2])))
    if draw(st.booleans()):
        close[int(rng.integers(SIZE)) :] *= np.pi
    if draw(st.booleans()):
        still = int(rng.integers(SIZE - 60))
        close[still : still + 60] = close[still]
    volume = rng.integers(0, 5000, SIZE).astype(float)
    volume[int(rng.integers(SIZE)) :] = draw(st.sampled_from([0.0, 7.0, np.nan]))
    bars = make_bars(close, high=close + rng.random(SIZE), low=close - rng.random(SIZE).round(2), volume=volume)
    for values in bars[1:]:
        values[rng.integers(0, SIZE, draw(st.integers(0, 2)))] = draw(st.sampled_from([np.nan, 1e6]))
    return bars


def same_bits(one: np.ndarray, other: np.ndarray, name: str) -> None:
    assert_array_equal(one.view(np.int64), other.view(np.int64), err_msg=name)


@settings(max_examples=25)
@given(markets(), st.integers(0, SIZE))
def test_new_bars_alone_give_the_bits_of_all(bars: Bars, first: int) -> None:
    for feature, whole, part in zip(
        FEATURES, columns(FEATURES, bars, hours=UTC_HOURS), columns_from(FEATURES, bars, first, UTC_HOURS), strict=True
    ):
        same_bits(np.ascontiguousarray(part), whole[first:], feature.label)


@settings(max_examples=10)
@given(markets(), st.lists(st.integers(0, SIZE), max_size=4).map(sorted))
def test_tables_grown_bar_by_bar_equal_the_whole(bars: Bars, cuts: list[int]) -> None:
    steps = [*cuts, SIZE]
    for make in (lambda known, first: feature_table(known, SETTINGS, first), SET.table):
        parts = (make(bars.head(stop), start) for start, stop in zip([0, *steps], steps, strict=False))
        grown = reduce(lambda one, other: pd.concat([one, other], ignore_index=True), parts)
        whole = make(bars, 0)
        assert list(grown.dtypes) == list(whole.dtypes)
        for name in whole.columns:
            if whole[name].dtype == np.float64:
                same_bits(grown[name].to_numpy(), whole[name].to_numpy(), name)
            else:
                assert grown[name].equals(whole[name]), name


def test_a_stream_of_single_bars_gives_the_column(market: Bars) -> None:
    features = [Feature("sma", (10,)), Feature("ema", (5,)), Feature("donchian_upper", (20,)), Feature("vwap_rth")]
    whole = columns(features, market, hours=UTC_HOURS)
    for count in range(1, 60):
        newest = columns_from(features, market.head(count), count - 1, UTC_HOURS)
        for feature, value, column in zip(features, newest, whole, strict=True):
            same_bits(value, column[count - 1 : count], feature.label)


@pytest.mark.parametrize(
    ("feature", "bars"),
    [(Feature("close"), 1), (Feature("sma", (10,)), 10), (Feature("sma", (5000,)), 5000), (Feature("ema", (3,)), None)],
)
def test_the_look_back_is_the_warm_up_and_one(feature: Feature, bars: int | None) -> None:
    assert look_back(feature) == bars
    assert feature.indicator not in WHOLE or bars is None


def test_a_windowed_indicator_is_computed_from_its_window_alone(market: Bars) -> None:
    """What is older is not looked at: other bars there give the same values, and are never read."""
    windows = [feature for feature in FEATURES if look_back(feature) is not None]
    assert len(windows) > 30
    oldest = 399 - max(look_back(feature) or 0 for feature in windows)
    other = market._replace(**{name: np.concatenate([values[:oldest] * 3, values[oldest:]]) for name, values in
                               zip(market._fields[1:], market[1:], strict=True)})  # fmt: skip
    for one, two in zip(columns_from(windows, market, 399), columns_from(windows, other, 399), strict=True):
        assert_array_equal(one, two)


def test_the_identity_of_a_set_follows_its_version_and_its_content() -> None:
    def of(version: str, *features: Feature, timeframe: Timeframe = Timeframe.H1) -> str:
        return FeatureSet("s", version, timeframe, features).identity

    plain = of("1", Feature("sma", (10,)))
    others = {
        of("2", Feature("sma", (10,))),
        of("1", Feature("sma", (11,))),
        of("1", Feature("sma", (10,)), timeframe=Timeframe.D1),
    }
    assert len({plain, *others}) == 4
    assert of("1", Feature("sma", (10,))) == plain
    assert plain.startswith("1-")
