"""The target of a strategy after the newest close, and the bar since which it is in force."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

from strategies.buy_and_hold import BuyAndHold
from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tests.backtest.reference import run_reference
from tradewright.backtest.decisions import current_target, target_changes
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import DataError
from tradewright.model.strategy import HOLD, NAN, NO_ORDER, Action, Feature, OrderRequest, order

SPEC = BacktestSpec(allow_short=True)


def scripted(i: int, features: tuple[Floats, ...], params: tuple[float, ...], _position: float) -> Action:
    """Five numbers per decision: bar, target, limit, stop, take-profit. The close only has to be there."""
    for row in range(len(params) // 5):
        if int(params[5 * row]) == i and features[0][i] > 0:
            return (params[5 * row + 1], params[5 * row + 2], params[5 * row + 3], params[5 * row + 4])
    return HOLD


@dataclass(frozen=True)
class Script:
    """Decisions by bar, padded to four so that one compilation serves every test."""

    decisions: tuple[tuple[float, float, float, float, float], ...] = ()

    name = "script"
    generate_signal = staticmethod(scripted)

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        padded = [*self.decisions, *[(-1.0, NAN, NAN, NAN, NAN)] * (4 - len(self.decisions))]
        return tuple(value for decision in padded for value in decision)


def test_a_share_of_the_volume_is_a_caution_of_backtests_alone() -> None:
    bars = random_bars(5, 80)
    careful = replace(SPEC, volume_share=0.001)
    for count in (20, 50, 80):
        seen = select(bars, slice(0, count))
        found = current_target(SmaCrossover(3, 8), seen, careful)
        assert found == pytest.approx(current_target(SmaCrossover(3, 8), seen, SPEC), nan_ok=True)


def act(bar: int, target: float, limit: float = NAN, stop: float = NAN, profit: float = NAN) -> tuple[float, ...]:
    return (float(bar), target, limit, stop, profit)


def script(*decisions: tuple[float, ...]) -> Script:
    return Script(decisions)  # type: ignore[arg-type]


def flat_bars(closes: list[float]) -> Bars:
    close = np.array(closes)
    ts = np.arange(len(closes), dtype=np.int64) * 60 * 10**9
    return Bars(ts, close, close.copy(), close.copy(), close.copy(), np.full(len(closes), 1e6), np.ones(len(closes)))


def test_without_a_bar_there_is_nothing_to_decide_on() -> None:
    with pytest.raises(DataError, match="no bars to decide on"):
        current_target(BuyAndHold(), select(random_bars(1, 3), slice(0, 0)), SPEC)


def test_a_strategy_that_never_decided_is_flat_since_the_beginning() -> None:
    assert current_target(script(), flat_bars([100.0] * 5), SPEC)[:2] == (0.0, 0)


@pytest.mark.parametrize("count", [1, 2, 50])
def test_buy_and_hold_wants_the_same_since_its_first_bar(count: int) -> None:
    target, since, stop, profit = current_target(BuyAndHold(), random_bars(2, count), SPEC)[:4]
    assert (target, since) == (1.0, 0)
    assert math.isnan(stop)
    assert math.isnan(profit)


def test_a_decision_keeps_its_bar_its_share_and_its_protective_exits() -> None:
    strategy = script(act(3, 0.5, stop=90.0, profit=120.0), act(6, 1.0, stop=95.0))
    for count in (4, 5, 7, 20):
        assert current_target(strategy, flat_bars([100.0] * count), SPEC)[:4] == (0.5, 3, 90.0, 120.0)


def test_a_reversal_is_a_new_decision_and_flat_where_shorts_are_not_allowed() -> None:
    strategy, bars = script(act(1, 1.0), act(4, -2.0)), flat_bars([100.0] * 8)
    assert current_target(strategy, bars, SPEC)[:2] == (-1.0, 4)
    assert current_target(strategy, bars, replace(SPEC, allow_short=False))[:2] == (0.0, 4)


@pytest.mark.parametrize(("price", "guards"), [(80.0, {"stop": 90.0}), (130.0, {"profit": 120.0})])
def test_a_stop_or_target_ends_the_decision_in_the_bar_that_reached_it(price: float, guards: dict[str, float]) -> None:
    strategy = script(act(1, 1.0, **guards))
    closes = [100.0] * 5 + [price] * 3
    assert current_target(strategy, flat_bars(closes[:5]), SPEC)[:2] == (1.0, 1)
    for count in (6, 8):
        assert current_target(strategy, flat_bars(closes[:count]), SPEC)[:2] == (0.0, 5)


def test_a_decision_on_the_close_of_the_bar_that_stopped_it_is_new() -> None:
    strategy = script(act(1, 1.0, stop=90.0), act(5, 1.0, stop=70.0))
    assert current_target(strategy, flat_bars([100.0] * 5 + [80.0]), SPEC)[:3] == (1.0, 5, 70.0)


def test_a_limit_stands_once_it_is_reached() -> None:
    strategy, closes = script(act(1, 1.0, limit=95.0)), [100.0, 100.0, 100.0, 94.0, 100.0]
    assert [current_target(strategy, flat_bars(closes[:n]), SPEC)[:2] for n in (2, 3, 4, 5)] == [
        (0.0, 0), (0.0, 0), (1.0, 3), (1.0, 3),
    ]  # fmt: skip


def test_a_limit_that_is_reached_stands_with_its_exits() -> None:
    strategy, closes = script(act(1, 1.0, limit=95.0, stop=80.0, profit=120.0)), [100.0, 100.0, 100.0, 94.0, 100.0]
    assert current_target(strategy, flat_bars(closes), SPEC)[:4] == (1.0, 3, 80.0, 120.0)


def trailing(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> OrderRequest:
    """At bar 1 long with a trailing stop: an amount, or percent; then nothing."""
    if i != 1 or position != 0.0 or not features[0][i] > 0:
        return NO_ORDER
    return order(1.0, limit=params[2], stop=params[3], trail=params[0], trail_percent=params[1])


@dataclass(frozen=True)
class Trailing:
    """One entry with a trailing stop."""

    trail: float = NAN
    percent: float = NAN
    limit: float = NAN
    stop: float = NAN

    name = "trailing"
    generate_signal = staticmethod(trailing)

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        return self.trail, self.percent, self.limit, self.stop


@pytest.mark.parametrize("strategy", [Trailing(trail=5.0), Trailing(percent=5.0), Trailing(trail=5.0, stop=80.0)])
def test_a_target_carries_its_trailing_stop_which_ends_it_in_the_bar_that_reaches_it(strategy: Trailing) -> None:
    closes = [100.0, 100.0, 100.0, 110.0, 105.1, 104.0, 104.0]
    want = (1.0, 1, strategy.stop, NAN, strategy.trail, strategy.percent)
    for count in (2, 4):
        assert current_target(strategy, flat_bars(closes[:count]), SPEC) == pytest.approx(want, nan_ok=True)
    assert current_target(strategy, flat_bars(closes[:5]), SPEC)[:2] == (1.0, 1), "5 below 110 is 105, 5 % are 104.5"
    assert current_target(strategy, flat_bars(closes), SPEC)[:2] == (0.0, 5)


def test_a_limit_with_a_trailing_stop_carries_it_once_it_is_reached() -> None:
    strategy, closes = Trailing(trail=5.0, limit=95.0), [100.0, 100.0, 100.0, 94.0, 94.0]
    assert current_target(strategy, flat_bars(closes), SPEC)[:5] == pytest.approx((1.0, 3, NAN, NAN, 5.0), nan_ok=True)


def test_a_limit_the_other_way_closes_at_once() -> None:
    strategy = script(act(1, 1.0), act(4, -1.0, limit=110.0))
    assert current_target(strategy, flat_bars([100.0] * 6), SPEC)[:2] == (0.0, 4)


def test_a_longer_delay_does_not_make_the_decision_flicker() -> None:
    strategy, slow = script(act(3, 1.0)), replace(SPEC, bar_delay=3)
    assert [current_target(strategy, flat_bars([100.0] * n), slow)[0] for n in range(1, 9)] == [0.0] * 3 + [1.0] * 5


def test_closing_at_the_end_is_the_backtests_business() -> None:
    assert current_target(BuyAndHold(), random_bars(3, 20), replace(SPEC, close_at_end=True)).target == 1.0


@dataclass(frozen=True)
class Unlimited:
    """Pseudo-random decisions with stops and targets, and without limits."""

    seed: float

    name = "unlimited"

    @staticmethod
    def generate_signal(i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float) -> Action:
        """A decision in every third bar or so, which depends on the position too."""
        draw = (i * 7919 + int(params[0]) * 104729 + (17 if position > 0 else 5)) % 9973 % 11
        close = features[0][i]
        if draw > 4:
            return HOLD
        target = (1.0, -1.0, 0.5, -0.5, 0.0)[draw]
        side = 1.0 if target >= 0.0 else -1.0
        return (target, NAN, close * (1.0 - side * 0.03), close * (1.0 + side * 0.04))

    def prepare_state(self) -> tuple[Feature, ...]:
        return (Feature("close"),)

    def parameters(self) -> tuple[float, ...]:
        return (self.seed,)


@pytest.mark.parametrize("allow_short", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_it_is_what_the_reference_holds_one_quiet_bar_later(seed: int, allow_short: bool) -> None:
    """The witness: the plain-Python engine, given one more bar in which nothing moves."""
    spec, strategy, bars = BacktestSpec(allow_short=allow_short), Unlimited(float(seed)), random_bars(seed, 80)
    for count in range(1, 80, 3):
        seen = select(bars, slice(0, count))
        close = seen.close[-1:]
        quiet = Bars(seen.ts[-1:] + 86_400 * 10**9, close, close, close, close, np.array([1e6]), np.array([1.0]))
        longer = Bars(*(np.concatenate(pair) for pair in zip(seen, quiet, strict=True)))
        held = run_reference(strategy, longer, spec).position[-1]
        found = current_target(strategy, seen, spec)
        assert np.sign(found.target) == np.sign(held)
        assert 0 <= found.since < count


def test_the_bar_does_not_move_while_the_target_is_in_force() -> None:
    bars, strategy = random_bars(7, 120), SmaCrossover(fast=3, slow=8)
    births: dict[int, set[float]] = {}
    last = 0
    for count in range(1, 120):
        found = current_target(strategy, select(bars, slice(0, count)), SPEC)
        births.setdefault(found.since, set()).add(found.target)
        assert found.since >= last
        last = found.since
    assert len(births) > 5
    assert all(len(targets) == 1 for targets in births.values())


@pytest.mark.parametrize("allow_short", [True, False])
def test_the_changes_up_to_a_bar_are_those_that_were_known_at_its_close(allow_short: bool) -> None:
    """A replay takes the target at each bar out of one run over all bars; live trading has the bars so far alone."""
    spec, strategy = replace(SPEC, allow_short=allow_short), SmaCrossover(fast=3, slow=7)
    bars = random_bars(11, 120)
    changes = target_changes(strategy, bars, spec)
    assert len(changes) > 8
    for bar in range(len(bars.ts)):
        known = [change for change in changes if change.since <= bar][-1]
        assert known == pytest.approx(current_target(strategy, select(bars, slice(0, bar + 1)), spec), nan_ok=True)
