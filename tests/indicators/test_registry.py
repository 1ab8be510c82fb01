"""Every registered indicator: this file covers a new one without a change, or fails until it has arguments here."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.indicators.conftest import FEATURES
from tradewright.indicators.arrays import IndicatorArguments, UnknownIndicator
from tradewright.indicators.catalogue import ALIASES, INDICATORS, PRICES, resolve
from tradewright.indicators.moving import macd
from tradewright.indicators.page import DESCRIPTIONS, OPENING
from tradewright.indicators.registry import COMPUTATIONS, OF_OWN_SESSIONS, column, columns
from tradewright.indicators.volatility import bbands
from tradewright.model.bars import Bars
from tradewright.model.session_hours import UTC_HOURS
from tradewright.model.strategy import Feature


def identify(feature):
    return feature.indicator


@pytest.fixture(scope="module")
def bars(market):
    """The market with a hole in every column, one after another."""
    columns = [np.array(values) for values in market]
    for row, values in enumerate(columns[1:]):
        values[150 + 10 * row] = np.nan
    return Bars(*columns)


@pytest.mark.parametrize("feature", FEATURES, ids=identify)
def test_shape_type_and_degenerate_series(feature, bars):
    for count in (0, 1, 2, 400):
        result = column(feature, bars.head(count), hours=UTC_HOURS)
        assert result.dtype == np.float64
        assert result.shape == (count,)
        assert not np.isinf(result).any()
    if DESCRIPTIONS[feature.indicator].first not in ("0", OPENING):
        assert np.isnan(column(feature, bars.head(1), hours=UTC_HOURS)).all()


@pytest.mark.parametrize("feature", FEATURES, ids=identify)
def test_a_hole_does_not_poison_the_rest(feature, bars):
    assert not np.isnan(column(feature, bars, hours=UTC_HOURS)[-100:]).any()


@pytest.mark.parametrize("feature", FEATURES, ids=identify)
def test_the_inputs_are_left_alone(feature, market):
    before = [values.copy() for values in market]
    column(feature, market, hours=UTC_HOURS)
    for values, original in zip(market, before, strict=True):
        assert_array_equal(values, original)


@pytest.mark.parametrize("feature", [f for f in FEATURES if f.arguments], ids=identify)
def test_every_argument_is_counted_and_checked(feature, market):
    for arguments in (feature.arguments[:-1], (*feature.arguments, 1.0)):
        with pytest.raises(IndicatorArguments, match=rf"{feature.indicator}: {len(arguments)} arguments \(it takes: "):
            column(feature._replace(arguments=arguments), market, hours=UTC_HOURS)
    for place, rule in enumerate(INDICATORS[feature.indicator]):
        for bad in (rule.least - 1, np.nan, np.inf, *([rule.least + 0.5] if rule.whole else [])):
            arguments = (*feature.arguments[:place], bad, *feature.arguments[place + 1 :])
            with pytest.raises(IndicatorArguments, match=rf"{feature.indicator}: {rule.name} = .* >= {rule.least:g}"):
                column(feature._replace(arguments=arguments), market, hours=UTC_HOURS)


def test_the_catalogue_and_the_computations_have_the_same_names():
    assert set(INDICATORS) == set(COMPUTATIONS) | set(OF_OWN_SESSIONS) | set(PRICES)


@pytest.mark.parametrize(
    ("wrong", "hint"), [("smaa", "did you mean sma?"), ("MACD_sig", "did you mean macd_signal?"), ("??", "known: open")]
)
def test_an_unknown_name_is_refused_with_the_nearest(wrong, hint, market):
    with pytest.raises(UnknownIndicator) as caught:
        column(Feature(wrong, (3,)), market)
    assert wrong in str(caught.value)
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["SMA", "ma", "MA", *ALIASES])
def test_other_names_mean_the_same(name):
    assert resolve(Feature(name, (5,))) == Feature("sma", (5,))


@pytest.mark.parametrize(
    ("feature", "rule"),
    [
        (Feature("macd", (12, 12, 9)), "slow = 12"),
        (Feature("rsi_divergence", (14, 5, 11)), "lookback = 11"),
        (Feature("sar", (0.2, 0.1)), "maximum = 0.1"),
    ],
)
def test_arguments_that_do_not_go_together(feature, rule):
    with pytest.raises(IndicatorArguments, match=rule):
        resolve(feature)


def test_columns_come_in_order_and_equal_features_are_computed_once(market):
    wanted = (
        Feature("macd_hist", (5, 12, 4)),
        Feature("close"),
        Feature("bbands_lower", (7, 1.5)),
        Feature("macd", (5, 12, 4)),
    )
    histogram, close, lower, line = columns(wanted, market)
    expected = macd(market.close, 5, 12, 4)
    assert_array_equal(histogram, expected.histogram)
    assert_array_equal(line, expected.line)
    assert_array_equal(column(Feature("macd_signal", (5, 12, 4)), market), expected.signal)
    assert_array_equal(lower, bbands(market.close, 7, 1.5).lower)
    assert_array_equal(close, market.close)
    first, second = columns((Feature("sma", (5,)), Feature("MA", (5.0,))), market)
    assert first is second
    assert columns((), market) == ()
