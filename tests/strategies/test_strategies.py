"""The built-in strategies: conformance to the port, golden targets, discovery, the agent."""

from __future__ import annotations

import asyncio
import inspect
import math
import types
from decimal import Decimal

import numpy as np
import pytest
from numba import njit

from conf.strategy_kinds import build, kinds, parameters_of
from strategies.agent import StrategyAgent
from strategies.buy_and_hold import BuyAndHold
from strategies.ema_crossover import EmaCrossover
from strategies.ema_crossover import generate_signal as ema_signal
from strategies.macd_trend import generate_signal as macd_signal
from strategies.sma_crossover import SmaCrossover
from strategies.sma_crossover import generate_signal as sma_signal
from tradewright.backtest.decisions import replay
from tradewright.indicators.registry import columns
from tradewright.model.agent import Agent, AgentSnapshot
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.signal import SignalAction
from tradewright.model.strategy import HOLD, order
from tradewright.research.strategy_check import trial_secondary

NAN = math.nan


def bars_of(close: np.ndarray) -> Bars:
    count = len(close)
    high, low = close * 1.01, close * 0.99
    return Bars(np.arange(count) * 86_400 * 10**9, close, high, low, close, np.ones(count), np.full(count, NAN))


def waves(count: int = 200) -> Bars:
    steps = np.random.default_rng(3).normal(0, 0.01, count)
    return bars_of(100 * np.exp(np.cumsum(steps) + 0.1 * np.sin(np.arange(count) / 8)))


def same(action, expected):
    return np.array_equal(action, expected, equal_nan=True)


@pytest.mark.parametrize("kind", list(kinds().per_instrument))
def test_each_strategy_keeps_the_port(kind):
    strategy, bars = kinds().per_instrument[kind](), waves()
    assert strategy.name == kind
    assert next(iter(inspect.signature(strategy.generate_signal).parameters)) == "i"
    found = columns(strategy.prepare_state(), bars, trial_secondary(strategy, bars))
    assert len(found) == len(strategy.prepare_state())
    assert len(strategy.parameters()) == len(parameters_of(kind))
    assert strategy.post_trade_update(None) is None
    assert hash(strategy) == hash(kinds().per_instrument[kind]())


@pytest.mark.parametrize("kind", list(kinds().per_instrument))
@pytest.mark.parametrize("position", [0.0, 5.0, -5.0])
def test_compiled_and_plain_decisions_are_the_same(kind, position):
    strategy, bars = kinds().per_instrument[kind](), waves()
    others = trial_secondary(strategy, bars)
    features = columns(strategy.prepare_state(), bars, others) or (bars.close,)
    decision = strategy.generate_signal
    scope = {**decision.__globals__, "order": njit(order)}
    compiled = njit(types.FunctionType(decision.__code__, scope))
    parameters = strategy.parameters() or (0.0,)
    found = [compiled(i, features, parameters, position) for i in range(len(bars.ts))]
    np.testing.assert_array_equal(found, replay(strategy, bars, np.full(len(bars.ts), position), others))


@pytest.mark.parametrize(
    ("fast", "slow", "target"),
    [
        ([1.0, 3.0], [2.0, 2.0], 1.0),
        ([2.0, 3.0], [2.0, 2.0], 1.0),
        ([3.0, 1.0], [2.0, 2.0], -1.0),
        ([1.0, 2.0], [2.0, 2.0], NAN),
        ([3.0, 4.0], [2.0, 2.0], NAN),
        ([NAN, 3.0], [2.0, 2.0], NAN),
        ([1.0, 3.0], [NAN, 2.0], NAN),
    ],
)
def test_a_cross_needs_both_averages_on_both_bars_and_a_strict_inequality(fast, slow, target):
    features = np.array(fast), np.array(slow)
    assert same(sma_signal(1, features, (), 0.0), (target, NAN, NAN, NAN))
    assert same(sma_signal(0, features, (), 0.0), HOLD)
    atr, close = np.array([2.0, 2.0]), np.array([10.0, 10.0])
    action = ema_signal(1, (*features, atr, close), (0.0, 0.0, 2.0, 3.0, 14.0), 0.0)
    side = target
    assert same(action, (side, NAN, 10.0 - side * 4.0, 10.0 + side * 6.0))
    bare = ema_signal(1, (*features, atr, close), (0.0, 0.0, 0.0, 0.0, 14.0), 0.0)
    assert same(bare, (side, NAN, NAN, NAN))


def test_no_cross_is_traded_before_the_range_is_known():
    features = np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([NAN, NAN]), np.array([10.0, 10.0])
    assert same(ema_signal(1, features, (0.0, 0.0, 2.0, 3.0, 14.0), 0.0), HOLD)


def test_stop_and_target_lie_on_their_side_of_the_price():
    bars, strategy = waves(), EmaCrossover(5, 12)
    actions = replay(strategy, bars, np.zeros(len(bars.ts)))
    decided = ~np.isnan(actions[:, 0])
    side, stop, target = actions[decided, 0], actions[decided, 2], actions[decided, 3]
    assert decided.sum() > 4
    assert np.all(side * (bars.close[decided] - stop) > 0)
    assert np.all(side * (target - bars.close[decided]) > 0)


@pytest.mark.parametrize(
    ("macd", "position", "target"),
    [(1.3, 0.0, 1.0), (1.3, 5.0, NAN), (0.7, 5.0, 0.0), (0.7, 0.0, NAN), (1.2, 0.0, NAN), (NAN, 0.0, NAN)],
)
def test_macd_trend_acts_beyond_the_threshold_only(macd, position, target):
    features = np.array([macd]), np.array([1.0]), np.array([100.0])
    assert same(macd_signal(0, features, (12.0, 26.0, 9.0, 0.0025), position), (target, NAN, NAN, NAN))


def test_discovery_builds_by_name_and_names_the_nearest():
    assert build("sma_crossover", {"fast": 5}) == SmaCrossover(5, 20)
    assert parameters_of("macd_trend")["threshold"].default == 0.0025
    assert not parameters_of("macd_trend")["threshold"].whole
    assert kinds().strategy_class("buy_and_hold") is BuyAndHold
    with pytest.raises(ConfigError, match="did you mean 'sma_crossover'"):
        build("sma_crosover", {})
    with pytest.raises(ConfigError, match="did you mean 'fast'"):
        build("sma_crossover", {"fasst": 5})
    with pytest.raises(ConfigError, match="known: none"):
        build("buy_and_hold", {"zzz": 5})


@pytest.mark.parametrize(
    ("values", "what"),
    [
        ({"fast": 30}, "fast = 30, slow = 20"),
        ({"fast": 0}, "fast = 0"),
        ({"fast": 2.5}, "fast = 2.5"),
        ({"slow": NAN}, "slow = nan"),
        ({"slow": True}, "slow = True"),
        ({"slow": "20"}, "slow = '20'"),
    ],
)
def test_parameters_out_of_bounds_are_refused(values, what):
    with pytest.raises(ConfigError, match=what):
        build("sma_crossover", values)


def test_the_agent_contract_is_frozen():
    wanted = {"generate_signals": ["self", "snapshot"], "on_fill": ["self", "fill"]}
    wanted["on_limit_update"] = ["self", "limits"]
    for kind in (Agent, StrategyAgent):
        for name, parameters in wanted.items():
            method = getattr(kind, name)
            assert inspect.iscoroutinefunction(method)
            assert list(inspect.signature(method).parameters) == parameters
    assert Agent.__abstractmethods__ == set(wanted)


def ask(agent: StrategyAgent, snapshot: AgentSnapshot):
    return asyncio.run(agent.generate_signals(snapshot))


def test_an_agent_turns_a_decision_into_one_signal_that_is_always_the_same():
    bars = waves()
    actions = replay(EmaCrossover(5, 12), bars, np.zeros(len(bars.ts)))
    last = int(np.flatnonzero(~np.isnan(actions[:, 0]))[0])
    agent = StrategyAgent(EmaCrossover(5, 12), confidence=0.7, size_pct=0.05)
    snapshot = AgentSnapshot("SPY", bars.head(last + 1), data_hash="d", config_hash="c")
    (signal,), (again,) = ask(agent, snapshot), ask(agent, snapshot)
    assert signal == again
    assert signal.candidate_action == (SignalAction.BUY if actions[last, 0] > 0 else SignalAction.SELL)
    assert (signal.confidence, signal.size_pct, signal.data_hash) == (0.7, 0.05, "d")
    assert signal.price == Decimal(repr(float(bars.close[last])))
    assert signal.stop is not None
    assert ask(agent, AgentSnapshot("QQQ", bars.head(last + 1)))[0].signal_id != signal.signal_id
    assert ask(agent, AgentSnapshot("SPY", bars.head(last))) == []


def test_a_target_to_be_flat_is_a_close():
    close = np.concatenate([np.linspace(100, 130, 60), np.linspace(130, 90, 12)])
    agent = StrategyAgent(kinds().per_instrument["macd_trend"]())
    (signal,) = ask(agent, AgentSnapshot("SPY", bars_of(close), position=10.0))
    assert (signal.candidate_action, signal.target, signal.stop) == (SignalAction.CLOSE, 0.0, None)


def test_without_bars_there_is_nothing_to_decide():
    with pytest.raises(DataError, match="SPY: no bars"):
        ask(StrategyAgent(BuyAndHold()), AgentSnapshot("SPY", waves().head(0)))


def test_fills_reach_the_strategy_and_limits_are_read_only():
    class Spy(SmaCrossover):
        def post_trade_update(self, fill):
            seen.append(fill)

    seen: list[object] = []
    agent = StrategyAgent(Spy())
    asyncio.run(agent.on_fill("a fill"))
    asyncio.run(agent.on_limit_update({"max_notional": 5.0}))
    assert (seen, agent.limits["max_notional"]) == (["a fill"], 5.0)
    with pytest.raises(TypeError):
        agent.limits["max_notional"] = 9.0
