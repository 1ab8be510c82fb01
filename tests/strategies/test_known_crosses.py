"""Strategies on series whose crosses are known, by hand or from averages that are computed here a second time."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from conf.strategy_kinds import build, kinds, parameters_of
from strategies.buy_and_hold import BuyAndHold
from strategies.ema_crossover import EmaCrossover
from strategies.macd_trend import MacdTrend
from strategies.sma_crossover import SmaCrossover
from tests.strategies.test_strategies import bars_of
from tradewright.backtest.code import answers_with_requests
from tradewright.backtest.decisions import decide, replay
from tradewright.model.errors import ConfigError
from tradewright.model.secondary import SecondaryBars, SecondarySeries
from tradewright.model.strategy import OrderRequest
from tradewright.research.strategy_check import trial_secondary

NAN = math.nan


FOUR_NUMBERS = [
    kind for kind, made in kinds().per_instrument.items() if not answers_with_requests(made.generate_signal)
]
"""The strategies that answer with four numbers."""

PRICES = OrderRequest._fields.index("trail_percent")
"""The columns of a request before this one are a target and prices."""


def targets(strategy, close, position: float = 0.0) -> dict[int, float]:
    """Bar -> target of every decision."""
    close = np.asarray(close, np.float64)
    bars = bars_of(close)
    actions = replay(strategy, bars, np.full(len(close), position), beside(strategy, bars))
    return {int(bar): float(actions[bar, 0]) for bar in np.flatnonzero(~np.isnan(actions[:, 0]))}


def beside(strategy, bars) -> SecondarySeries | None:
    """Every other instrument as a copy of this one, every longer bar of five."""
    found = trial_secondary(strategy, bars)
    if found is None:
        return None
    copy = SecondaryBars(bars, found.closes, found.closes)
    return replace(found, series={name: copy if name.of else each for name, each in found.series.items()})


def prices(seed: int, count: int = 160) -> np.ndarray:
    """A walk in cents, which averages of whole numbers can follow exactly."""
    return np.round(100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.02, count))), 2)


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        ([10] * 5 + [11], {5: 1.0}),
        ([10] * 5 + [9], {5: -1.0}),
        ([10] * 20, {}),
        ([10] * 4, {}),
        ([10] * 5 + [11, 11, 11, 11, 11], {5: 1.0}),
        ([10] * 5 + [12, 12, 8, 8, 8, 8], {5: 1.0, 7: -1.0}),
        ([10, 11, 12, 13, 14, 15, 16], {}),
        ([10, 10, 10, 10, 11, 9, 10, 10, 10, 10], {4: 1.0, 6: -1.0, 8: 1.0}),
        ([14, 13, 12, 11, 12, 13, 14], {5: 1.0}),
    ],
)
def test_sma_two_and_four_by_hand(close, expected):
    """The mean of two against the mean of four: a series that climbs from its first bar on has no cross."""
    assert targets(SmaCrossover(2, 4), close) == expected


def exact_mean(close, i: int, n: int) -> Fraction | None:
    if i < n - 1:
        return None
    return sum(Fraction(str(value)) for value in close[i - n + 1 : i + 1]) / n


@pytest.mark.parametrize(("fast", "slow"), [(2, 5), (3, 10), (7, 8), (1, 20)])
@pytest.mark.parametrize("seed", range(3))
def test_sma_crosses_are_those_of_exact_averages(seed, fast, slow):
    close, expected = prices(seed), {}
    for i in range(1, len(close)):
        now, before = ((exact_mean(close, k, fast), exact_mean(close, k, slow)) for k in (i, i - 1))
        if None in (*now, *before):
            continue
        if now[0] > now[1] and before[0] <= before[1]:
            expected[i] = 1.0
        if now[0] < now[1] and before[0] >= before[1]:
            expected[i] = -1.0
    assert targets(SmaCrossover(fast, slow), close) == expected
    assert len(expected) > 3


def plain_ema(values: list[float], n: int) -> list[float]:
    """Seeded with the mean of the first n known values."""
    known = [i for i, value in enumerate(values) if value == value]
    out = [NAN] * len(values)
    if len(known) < n:
        return out
    mean = sum(values[i] for i in known[:n]) / n
    out[known[n - 1]] = mean
    for i in known[n:]:
        mean += (values[i] - mean) * 2 / (n + 1)
        out[i] = mean
    return out


def plain_atr(close: list[float], n: int) -> list[float]:
    """The bars of ``bars_of`` reach one per cent above and below their close."""
    ranges = [NAN] + [max(now * 1.01, before) - min(now * 0.99, before) for before, now in pairwise(close)]
    out = [NAN] * len(close)
    mean = sum(ranges[1 : n + 1]) / n
    out[n] = mean
    for i in range(n + 1, len(close)):
        mean += (ranges[i] - mean) / n
        out[i] = mean
    return out


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("stop", "target"), [(2.0, 4.0), (0.5, 0.0), (0.0, 1.5), (0.0, 0.0)])
def test_ema_crosses_with_their_guards(seed, stop, target):
    close = prices(seed).tolist()
    fast, slow, atr = plain_ema(close, 4), plain_ema(close, 9), plain_atr(close, 6)
    strategy = EmaCrossover(4, 9, stop_atr=stop, target_atr=target, atr_period=6)
    actions = replay(strategy, bars_of(np.array(close)), np.zeros(len(close)))
    seen = 0
    for i in range(1, len(close)):
        up = fast[i] > slow[i] and fast[i - 1] <= slow[i - 1]
        down = fast[i] < slow[i] and fast[i - 1] >= slow[i - 1]
        if not (up or down) or not atr[i] > 0:
            assert np.isnan(actions[i]).all()
            continue
        side, seen = (1.0 if up else -1.0), seen + 1
        expected = [side, NAN]
        expected += [
            close[i] - side * stop * atr[i] if stop else NAN,
            close[i] + side * target * atr[i] if target else NAN,
        ]
        assert actions[i].tolist() == pytest.approx(expected, rel=1e-9, nan_ok=True)
    assert seen > 3


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("threshold", [0.0, 0.001, 0.004])
def test_macd_rides_from_above_the_threshold_to_below_its_mirror(seed, threshold):
    close = prices(seed).tolist()
    fast, slow = plain_ema(close, 5), plain_ema(close, 11)
    line = [one - other for one, other in zip(fast, slow, strict=True)]
    signal = plain_ema(line, 4)
    strategy = MacdTrend(5, 11, 4, threshold)
    flat, long = (targets(strategy, close, position) for position in (0.0, 10.0))
    gap = {i: (line[i] - signal[i]) / fast[i] for i in range(len(close)) if signal[i] == signal[i]}
    assert flat == dict.fromkeys((i for i, value in gap.items() if value > threshold), 1.0)
    assert long == dict.fromkeys((i for i, value in gap.items() if value < -threshold), 0.0)
    assert flat
    assert targets(strategy, close, -10.0) == {}, "it never goes short, and does not know what to do with one"


@pytest.mark.parametrize("count", [1, 2, 50])
@pytest.mark.parametrize("position", [0.0, 7.0, -7.0])
def test_buy_and_hold_decides_once(count, position):
    assert targets(BuyAndHold(), [10.0] * count, position) == {0: 1.0}


@pytest.mark.parametrize("kind", [kind for kind in FOUR_NUMBERS if kind != "buy_and_hold"])
def test_a_market_that_does_not_move_is_left_alone(kind):
    assert targets(kinds().per_instrument[kind](), [100.0] * 120) == {}
    assert targets(kinds().per_instrument[kind](), [100.0]) == {}


@pytest.mark.parametrize("kind", list(kinds().per_instrument))
@pytest.mark.parametrize("factor", [0.125, 4.0, 512.0])
def test_a_market_in_another_currency_has_the_same_decisions(kind, factor):
    close = prices(5)
    strategy, tables = kinds().per_instrument[kind](), [bars_of(each) for each in (close, close * factor)]
    plain, scaled = (replay(strategy, bars, np.zeros(160), trial_secondary(strategy, bars)) for bars in tables)
    np.testing.assert_array_equal(scaled[:, 0], plain[:, 0])
    np.testing.assert_allclose(scaled[:, 1:PRICES], plain[:, 1:PRICES] * factor, rtol=1e-12)
    np.testing.assert_array_equal(scaled[:, PRICES:], plain[:, PRICES:])


@pytest.mark.parametrize("kind", FOUR_NUMBERS)
def test_the_decision_of_now_is_that_of_the_replay(kind):
    strategy, bars = kinds().per_instrument[kind](), bars_of(prices(6, 60))
    others = trial_secondary(strategy, bars)
    actions = replay(strategy, bars, np.zeros(60), others)
    for count in range(1, 61):
        known = others and others.head(count)
        np.testing.assert_array_equal(decide(strategy, bars.head(count), 0.0, known), actions[count - 1])


def test_without_a_bar_there_is_no_decision():
    with pytest.raises(IndexError):
        decide(SmaCrossover(2, 4), bars_of(prices(1)).head(0), 0.0)


def edges() -> list[tuple[str, str, float, bool]]:
    """(kind, parameter, value, admitted) at and just beyond both bounds of every parameter."""
    found = []
    for kind in kinds().per_instrument:
        for name, rule in parameters_of(kind).items():
            step = 1 if rule.whole else 1e-6
            found += [(kind, name, rule.least - step, False), (kind, name, rule.most + step, False)]
            if name not in ("fast", "slow"):
                found += [(kind, name, rule.least, True), (kind, name, rule.most, True)]
            if rule.whole:
                found.append((kind, name, rule.default + 0.5, False))
    return found


@pytest.mark.parametrize(("kind", "name", "value", "admitted"), edges())
def test_every_bound_of_every_parameter(kind, name, value, admitted):
    if admitted:
        assert getattr(build(kind, {name: value}), name) == value
        return
    with pytest.raises(ConfigError) as caught:
        build(kind, {name: value})
    assert caught.value.what == f"{name} = {value!r}"
    assert caught.value.where == f"strategy {kind}"
    assert "is needed" in caught.value.remedy


@pytest.mark.parametrize("kind", [kind for kind in kinds().per_instrument if "fast" in parameters_of(kind)])
def test_fast_is_below_slow(kind):
    assert build(kind, {"fast": 9_999, "slow": 10_000}).parameters()[:2] == (9_999.0, 10_000.0)
    for fast in (20, 21):
        with pytest.raises(ConfigError, match="fast < slow is needed"):
            build(kind, {"fast": fast, "slow": 20})


@pytest.mark.parametrize("kind", list(kinds().per_instrument))
def test_a_strategy_cannot_be_changed_and_equal_ones_are_one(kind):
    one, other = build(kind, {}), build(kind, {})
    assert one == other
    assert len({one, other}) == 1
    for name in parameters_of(kind):
        with pytest.raises(AttributeError):
            setattr(one, name, 1)
