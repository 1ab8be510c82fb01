"""Series of rates: the newest that was known, the other way round, crossed, and refused where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewright.backtest.rates import OLDEST_DAYS, conversion
from tradewright.model.currency import RateSeries
from tradewright.model.errors import DataError

DAY = 86_400 * 10**9


def series(known: list[int], rates: list[float], pair: str = "EURUSD") -> RateSeries:
    return RateSeries(pair[:3], pair[3:], np.array(known, np.int64) * DAY, np.array(rates), pair)


def test_a_rate_counts_from_the_moment_it_is_known():
    moments = np.array([DAY - 1, DAY, 2 * DAY, 3 * DAY - 1, 3 * DAY])
    found, age = series([1, 3], [1.1, 1.3]).at(moments)
    np.testing.assert_array_equal(found, [np.nan, 1.1, 1.1, 1.1, 1.3])
    np.testing.assert_allclose(age, [np.nan, 0, 1, 2, 0], atol=1e-9)


TIMES = st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True).map(sorted)


@settings(max_examples=60)
@given(one=TIMES, two=TIMES, seed=st.integers(0, 99))
def test_a_crossed_rate_is_the_product_of_the_newest_two(one, two, seed):
    rng = np.random.default_rng(seed)
    left = series(one, rng.uniform(0.5, 2, len(one)).tolist(), "JPYUSD")
    right = series(two, rng.uniform(0.5, 2, len(two)).tolist(), "USDEUR")
    crossed, moments = left.through(right), np.arange(45) * DAY
    assert (crossed.source, crossed.target) == ("JPY", "EUR")
    np.testing.assert_array_equal(crossed.at(moments)[0], left.at(moments)[0] * right.at(moments)[0])
    np.testing.assert_array_equal(crossed.at(moments)[1], np.maximum(left.at(moments)[1], right.at(moments)[1]))
    np.testing.assert_array_equal(crossed.inverse().at(moments)[1], crossed.at(moments)[1])
    known = slice(max(one[0], two[0]), None)
    np.testing.assert_allclose((crossed.inverse().at(moments)[0] * crossed.at(moments)[0])[known], 1.0)


def test_rates_of_bars():
    opens, closes = np.array([2, 3, 4]) * DAY, np.array([3, 4, 5]) * DAY - 1
    made = conversion(series([1, 3, 4], [1.1, 1.3, 1.4]), opens, closes, paid_in_full=True, name="SAP")
    assert made.open.tolist() == [1.1, 1.3, 1.4]
    assert made.close.tolist() == [1.1, 1.3, 1.4]
    assert (made.account, made.quote, made.origin) == ("USD", "EUR", "EURUSD")
    assert made.stated() == "EUR to USD by EURUSD, purchases paid in full"


def test_nothing_fills_at_the_first_open_so_its_rate_may_be_unknown():
    made = conversion(series([2], [1.2]), np.array([1]) * DAY, np.array([2]) * DAY, paid_in_full=True, name="SAP")
    assert (made.open.tolist(), made.close.tolist()) == ([1.2], [1.2])


def test_bars_before_the_first_rate_are_refused():
    with pytest.raises(
        DataError, match=r"no rate from EUR to USD .* 1970-01-03 00:00 UTC: the first one is of 1970-01-06"
    ):
        conversion(series([5], [1.1]), np.array([1]) * DAY, np.array([2]) * DAY, paid_in_full=True, name="SAP")


def test_an_old_rate_is_refused():
    known, late = series([1], [1.1]), np.array([2, 2 + OLDEST_DAYS]) * DAY
    with pytest.raises(DataError, match=r"at 1970-01-13 00:00 UTC the newest rate from EUR to USD is 11\.0 days old"):
        conversion(known, late, late, paid_in_full=True, name="SAP")
    assert len(conversion(known, late, late - DAY, paid_in_full=True, name="SAP").close) == 2, (
        "ten days are not too old"
    )


def test_decisions_take_what_there_is():
    late = np.array([0, 50]) * DAY
    made = conversion(series([1], [1.1]), late, late, paid_in_full=True, name="SAP", lenient=True)
    assert (made.open.tolist(), made.close.tolist()) == ([1.1, 1.1], [1.1, 1.1])


@pytest.mark.parametrize(
    ("known", "rates", "said"),
    [
        ([], [], "there is no rate"),
        ([2, 1], [1.0, 1.0], "do not ascend"),
        ([1, 1], [1.0, 1.0], "do not ascend"),
        ([1, 2], [1.0, 0.0], "the rate of 1970-01-03 00:00 UTC is 0.0"),
        ([1, 2], [1.0, float("nan")], "is nan"),
        ([1, 2], [float("inf"), 1.0], "is inf"),
    ],
)
def test_what_is_no_series_of_rates_is_refused(known, rates, said):
    with pytest.raises(DataError, match=said):
        series(known, rates)


def test_a_crossed_rate_is_as_old_as_its_older_price():
    ended, late = series([1], [1.1], "JPYUSD"), np.array([2, 2 + OLDEST_DAYS]) * DAY
    crossed = ended.through(series(list(range(1, 20)), [0.9] * 19, "USDEUR"))
    with pytest.raises(DataError, match=r"the newest rate from JPY to EUR is 11\.0 days old"):
        conversion(crossed, late, late, paid_in_full=True, name="TOPIX")
