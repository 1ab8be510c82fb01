"""Orders of every kind: the kernel against the plain-Python engine, and what must hold of every run."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backtest.conftest import Noisy, noisy_signal, random_bars
from tests.backtest.reference import run_reference
from tests.backtest.test_engine_equals_reference import SPECS, assert_equal
from tradewright.backtest.engine import run
from tradewright.backtest.lookahead import look_ahead
from tradewright.backtest.result import FillReason
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.slippage import NoSlippage
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import NAN, NO_ORDER, Action, Feature, OrderRequest, order

RUNS = settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])


def draw(i: int, params: tuple[float, ...], position: float, n: int) -> int:
    """A number from 0 to 96 out of the bar's number, the seed, the position and ``n``."""
    mixed = (i * 7919 + int(params[0]) * 104729 + int(abs(position)) * 31 + n * 65537 + 17) % 99991
    return int((mixed * 48271) % 99991 % 97)


def any_order(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> OrderRequest:
    """Pseudo-random requests of every kind, alone and together."""
    if draw(i, params, position, 0) >= params[1]:
        return NO_ORDER
    share = (1.0, -1.0, 0.5, -0.5, 0.0)[draw(i, params, position, 1) % 5]
    side = 1.0 if share >= 0.0 else -1.0
    close = features[0][i]
    step = 0.005 * close
    kind = draw(i, params, position, 2) % 4
    trigger = close + side * step * (draw(i, params, position, 3) % 4 - 1) if kind >= 2 else NAN
    limit = close + side * step * (draw(i, params, position, 4) % 7 - 3) if kind % 2 == 1 else NAN
    stop = close - side * step * (1 + draw(i, params, position, 5) % 8)
    profit = close + side * step * (1 + draw(i, params, position, 6) % 8)
    trail = draw(i, params, position, 7) % 4
    days = draw(i, params, position, 8)
    works = draw(i, params, position, 9) % 4
    moment = draw(i, params, position, 10) % 3
    return order(
        share,
        limit=limit,
        stop=stop if days % 2 else NAN,
        take_profit=profit if days % 3 else NAN,
        stop_entry=trigger,
        trail=step * (1 + days % 5) if trail == 1 else NAN,
        trail_percent=0.5 * (1 + days % 5) if trail == 2 else NAN,
        time_stop=1 + days % 6 if days % 4 == 0 else NAN,
        good_for=(NAN, 0.0, np.inf, 2.0)[works],
        fill_at=(NAN, 0.0, 1.0)[moment],
    )


class AnyOrder(Noisy):
    """Requests in about ``busy`` percent of the bars."""

    name = "any order"
    generate_signal = staticmethod(any_order)  # type: ignore[assignment]


def hourly(seed: int, count: int = 60) -> Bars:
    """Random bars of which five make a day."""
    bars = random_bars(seed, count, gap=0.01)
    return bars._replace(ts=bars.ts // 5)


@RUNS
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([5, 30, 97]), spec=SPECS, delay=st.sampled_from([0, 1, 2]))
def test_kernel_equals_reference(seed: int, busy: int, spec: BacktestSpec, delay: int) -> None:
    spec = replace(spec, bar_delay=max(delay, 1 if spec.fill_market == "next_open" else 0))
    bars = hourly(seed)
    assert_equal(run(AnyOrder(seed, busy), bars, spec), run_reference(AnyOrder(seed, busy), bars, spec))


@RUNS
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([30, 97]), spec=SPECS)
def test_accounts_balance(seed: int, busy: int, spec: BacktestSpec) -> None:
    bars = hourly(seed)
    result = run(AnyOrder(seed, busy), bars, spec)
    fills = result.fills
    worth = result.cash + result.position * spec.multiplier * bars.close
    np.testing.assert_allclose(worth, result.equity, rtol=1e-12, atol=1e-6)
    spent = fills["side"] * fills["quantity"] * fills["price"] * spec.multiplier
    assert result.cash[-1] == pytest.approx(spec.cash - spent.sum() - fills["fee"].sum(), abs=1e-6)
    assert np.all(fills["quantity"] > 0)
    assert np.all(np.diff(fills["bar"]) >= 0)
    if not spec.allow_short:
        assert np.all(result.position >= 0)
    if not spec.allow_overdraft:
        assert np.all(result.cash >= -1e-7)
    if result.position[-1] == 0:
        assert result.trades["profit"].sum() == pytest.approx(result.equity[-1] - spec.cash, abs=1e-6)


@RUNS
@given(seed=st.integers(0, 10_000), busy=st.sampled_from([30, 97]), spec=SPECS)
def test_nothing_fills_outside_of_its_bar(seed: int, busy: int, spec: BacktestSpec) -> None:
    bars = hourly(seed)
    result = run(AnyOrder(seed, busy), bars, replace(spec, slippage=NoSlippage(), quoted_spread=None))
    for fill in result.fills:
        bar, price = fill["bar"], fill["price"]
        assert bars.low[bar] <= price <= bars.high[bar]
        if fill["reason"] == FillReason.MARKET_ON_OPEN:
            assert price == bars.open[bar]
        if fill["reason"] == FillReason.MARKET_ON_CLOSE:
            assert price == bars.close[bar]


@RUNS
@given(seed=st.integers(0, 10_000), spec=SPECS, share=st.sampled_from([0.01, 0.2, 1.0]))
def test_no_order_fills_more_than_its_share_of_the_volume(seed: int, spec: BacktestSpec, share: float) -> None:
    bars = hourly(seed)
    result = run(AnyOrder(seed, 30), bars, replace(spec, volume_share=share))
    fills = result.fills[result.fills["reason"] != FillReason.END]
    assert np.all(fills["quantity"] <= share * bars.volume[fills["bar"]] + 1e-6)


def test_every_cause_of_a_fill_occurs_in_these_runs() -> None:
    seen = set()
    for seed in range(30):
        for market in ("next_open", "next_close"):
            spec = BacktestSpec(fill_market=market, allow_short=True, close_at_end=True)  # type: ignore[arg-type]
            for share in (None, 0.3):
                fills = run(AnyOrder(seed, 30), hourly(seed), replace(spec, volume_share=share)).fills
                seen |= set(fills["reason"].tolist())
    assert seen == {int(reason) for reason in FillReason if reason < FillReason.SPLIT}


def four_numbers_as_request(
    i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float
) -> OrderRequest:
    """The decisions of ``Noisy`` as requests."""
    action: Action = noisy_signal(i, features, params, position)
    return order(action[0], action[1], action[2], action[3])


@dataclass(frozen=True)
class Widened(Noisy):
    """The decisions of ``Noisy``, answered with requests."""

    generate_signal = staticmethod(four_numbers_as_request)  # type: ignore[assignment]

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), spec=SPECS)
def test_four_numbers_and_the_same_request_are_one(seed: int, spec: BacktestSpec) -> None:
    bars = random_bars(seed)
    ours, theirs = run(Noisy(seed), bars, spec), run(Widened(seed), bars, spec)
    assert ours.fills.tobytes() == theirs.fills.tobytes()
    assert ours.trades.tobytes() == theirs.trades.tobytes()
    assert ours.orders == theirs.orders


def test_the_look_ahead_test_reads_requests() -> None:
    assert look_ahead(AnyOrder(1, 30), hourly(1)) == ()
