"""Bars in other orders keep their moves; a strategy that lives on the order is told from one that does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.buy_and_hold import BuyAndHold
from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tradewright.backtest.engine import run
from tradewright.backtest.sizing import PercentEquity
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.bar_permutation import can_be_permuted, permuted_bars
from tradewright.evaluation.metrics import evaluate
from tradewright.model.bars import Bars, Floats
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.research.permutation_test import PermutationTest, permutation_test

SPEC = BacktestSpec(cash=50_000.0, sizing=PercentEquity(0.9), lot_size=1e-6)


def item(bars: Bars, symbol: str = "BTC") -> InstrumentBars:
    return InstrumentBars(Instrument(symbol=symbol, asset_class=AssetClass.CRYPTO, calendar="24/7"), bars)


def shapes(bars: Bars) -> list[tuple[float, ...]]:
    columns = (bars.high / bars.open, bars.low / bars.open, bars.close / bars.open, bars.volume)
    return sorted(tuple(row) for row in np.round(np.column_stack(columns), 9).tolist())


def gaps(bars: Bars, kind: np.ndarray) -> Floats:
    return np.sort((bars.open[1:] / bars.close[:-1])[kind])


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 120), st.integers(1, 9))
def test_every_move_is_kept_and_only_the_order_changes(seed: int, count: int, per_session: int) -> None:
    bars = random_bars(seed, count)
    days = np.arange(count) // per_session
    other = permuted_bars(bars, days, (seed, 1))
    assert np.array_equal(other.ts, bars.ts)
    np.testing.assert_allclose(shapes(other), shapes(bars), rtol=1e-6)
    begins = np.diff(days) != 0
    for kind in (begins, ~begins):
        np.testing.assert_allclose(gaps(other, kind), gaps(bars, kind), rtol=1e-9)
    assert other.open[0] == bars.open[0]
    assert other.close[-1] == pytest.approx(bars.close[-1])
    assert (other.high >= np.maximum(other.open, other.close)).all()
    assert (other.low <= np.minimum(other.open, other.close)).all()


def test_orders_differ_by_seed_and_equal_series_move_together() -> None:
    bars = random_bars(1, 60)
    days = np.arange(60)
    one, again, two = (permuted_bars(bars, days, seed) for seed in ((3, 1), (3, 1), (3, 2)))
    assert np.array_equal(one.close, again.close)
    assert not np.array_equal(one.close, two.close)
    dearer = bars._replace(open=2 * bars.open, high=2 * bars.high, low=2 * bars.low, close=2 * bars.close)
    twice = permuted_bars(dearer, days, (3, 1))
    np.testing.assert_allclose(twice.close, 2 * one.close)


def test_bars_without_a_price_above_zero_cannot_be_permuted() -> None:
    bars = random_bars(1, 60)
    assert can_be_permuted(bars)
    assert not can_be_permuted(bars.head(1))
    wrong = item(bars._replace(low=np.where(np.arange(60) == 7, 0.0, bars.low)))
    result = run(BuyAndHold(), bars, SPEC)
    assert permutation_test(BuyAndHold(), result, {"BTC": wrong}, {"BTC": SPEC}, 365, 5, 0) is None
    assert permutation_test(BuyAndHold(), result, {"BTC": item(bars)}, {"BTC": SPEC}, 365, 0, 0) is None


def on_permuted(made: Strategy, bars: Bars, permutations: int = 99) -> PermutationTest:
    result = run(made, bars, SPEC)
    found = permutation_test(made, result, {"BTC": item(bars)}, {"BTC": SPEC}, 365, permutations, 7)
    assert found is not None
    return found


def walk(moves: Floats) -> Bars:
    close = 100 * np.exp(np.cumsum(moves))
    opens = np.concatenate(([100.0], close[:-1]))
    bars = random_bars(1, len(moves))
    return bars._replace(open=opens, high=np.maximum(opens, close), low=np.minimum(opens, close), close=close)


def test_the_p_value_is_that_of_runs_that_are_written_out() -> None:
    bars = random_bars(5, 150)
    known = on_permuted(SmaCrossover(3, 9), bars, 20)
    days = bars.ts // 86_400_000_000_000
    others = []
    for number in range(20):
        result = run(SmaCrossover(3, 9), permuted_bars(bars, days, (7, number)), SPEC)
        others.append(evaluate(result, "bar", 365).sharpe)
    own = evaluate(run(SmaCrossover(3, 9), bars, SPEC), "bar", 365).sharpe
    assert known.observed == pytest.approx(own)
    assert known.sharpe.median == pytest.approx(np.median(others))
    assert known.p_value == (1 + sum(each >= own for each in others)) / 21
    assert known.permutations == 20


def test_trends_are_found_in_the_order_and_a_random_walk_has_none() -> None:
    noise = np.random.default_rng(4).normal(0, 0.01, 800)
    trends = noise + np.where(np.arange(800) // 40 % 2 == 0, 0.006, -0.006)
    assert on_permuted(SmaCrossover(5, 20), walk(trends)).p_value <= 0.02
    assert on_permuted(SmaCrossover(5, 20), walk(noise)).p_value > 0.1


def test_holding_in_a_rising_market_finds_nothing_in_the_order() -> None:
    rising = np.random.default_rng(2).normal(0.002, 0.01, 500)
    known = on_permuted(BuyAndHold(), walk(rising))
    assert known.observed > 1.5
    assert known.p_value > 0.05


def test_several_instruments_are_one_account() -> None:
    tables = {"BTC": item(random_bars(1, 120)), "ETH": item(random_bars(2, 120), "ETH")}
    half = replace(SPEC, cash=25_000.0)
    account = pooled({name: run(SmaCrossover(3, 9), each.bars, half) for name, each in tables.items()})
    known = permutation_test(SmaCrossover(3, 9), account, tables, dict.fromkeys(tables, SPEC), 365, 3, 1)
    assert known is not None
    assert known.observed == pytest.approx(evaluate(account, "bar", 365).sharpe)
    assert known.p_value in (0.25, 0.5, 0.75, 1.0)
