"""The agent bar by bar: what it says is what the strategy decides, and it touches nothing it is shown."""

from __future__ import annotations

import asyncio
import math
import threading
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import pytest

from strategies.agent import StrategyAgent, ask_all
from strategies.intraday_trend import IntradayTrend
from strategies.sma_crossover import SmaCrossover
from tests.strategies.test_known_crosses import prices
from tests.strategies.test_strategies import bars_of
from tradewright.backtest.decisions import replay
from tradewright.model.agent import Agent, AgentSnapshot
from tradewright.model.errors import DataError
from tradewright.model.secondary import SecondarySeries
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.research.strategy_check import trial_secondary

NAN = math.nan


class Fixed:
    """Always the same decision."""

    name = "fixed"

    def __init__(self, *action: float) -> None:
        self.generate_signal = lambda _i, _features, _params, _position: action

    def prepare_state(self):
        return ()

    def parameters(self):
        return ()

    def post_trade_update(self, fill):
        """Not interested."""


def ask(agent: StrategyAgent, snapshot: AgentSnapshot) -> list[SignalCandidate]:
    return asyncio.run(agent.generate_signals(snapshot))


def one_bar(price: float = 100.25) -> AgentSnapshot:
    return AgentSnapshot("SPY", bars_of(np.array([price])))


def test_it_decides_on_other_series_of_its_snapshot_as_the_replay_does():
    bars, strategy = bars_of(prices(4, 120)), IntradayTrend(channel=3, trend_days=2)
    others = trial_secondary(strategy, bars)
    actions = replay(strategy, bars, np.zeros(120), others)
    for count in (20, 57, 120):
        known = AgentSnapshot("SPY", bars.head(count), secondary=others.head(count))
        said, target = ask(StrategyAgent(strategy), known), actions[count - 1, 0]
        assert [signal.target for signal in said] == ([] if np.isnan(target) else [target])
    assert not np.isnan(actions[:, 0]).all()
    with pytest.raises(DataError, match="the bars of close on 1d were not read"):
        ask(StrategyAgent(strategy), AgentSnapshot("SPY", bars))


def test_bar_by_bar_it_says_what_the_replay_says():
    bars, agent = bars_of(prices(3, 80)), StrategyAgent(SmaCrossover(3, 7))
    actions, ids = replay(SmaCrossover(3, 7), bars, np.zeros(80)), []
    for count in range(1, 81):
        said = ask(agent, AgentSnapshot("SPY", bars.head(count)))
        target = actions[count - 1, 0]
        assert [signal.target for signal in said] == ([] if np.isnan(target) else [target])
        for signal in said:
            assert signal.bar_ts == datetime.fromtimestamp(int(bars.ts[count - 1]) // 10**9, UTC)
            assert signal.price == Decimal(repr(float(bars.close[count - 1])))
            ids.append(signal.signal_id)
    assert len(set(ids)) == len(ids) > 5


@pytest.mark.parametrize(
    ("target", "action", "size"),
    [
        (1.0, SignalAction.BUY, 0.04),
        (0.25, SignalAction.BUY, 0.01),
        (-1.0, SignalAction.SELL, 0.04),
        (-0.5, SignalAction.SELL, 0.02),
        (0.0, SignalAction.CLOSE, 0.0),
        (-0.0, SignalAction.CLOSE, 0.0),
    ],
)
def test_a_target_is_an_action_and_a_part_of_the_size(target, action, size):
    (signal,) = ask(StrategyAgent(Fixed(target, NAN, NAN, NAN), size_pct=0.04), one_bar())
    assert (signal.candidate_action, signal.target, signal.size_pct) == (action, target, size)


@pytest.mark.parametrize("part", [2, 3])
def test_guards_are_exact_decimals_or_none(part):
    action = [1.0, NAN, NAN, NAN]
    action[part] = 0.1 + 0.2
    (signal,) = ask(StrategyAgent(Fixed(*action)), one_bar())
    guards = [signal.stop, signal.take_profit]
    assert guards[part - 2] == Decimal("0.30000000000000004")
    assert guards[3 - part] is None


def test_no_target_is_no_signal_whatever_else_is_named():
    assert ask(StrategyAgent(Fixed(NAN, 1.0, 2.0, 3.0)), one_bar()) == []


@pytest.mark.parametrize(
    "changes", [{"instrument": "QQQ"}, {"data_hash": "d2"}, {"bars": bars_of(np.array([1.0, 2.0]))}]
)
def test_another_instrument_data_or_bar_is_another_signal(changes):
    agent, plain = StrategyAgent(Fixed(1.0, NAN, NAN, NAN)), one_bar()
    fields = {"instrument": plain.instrument, "bars": plain.bars, "data_hash": plain.data_hash}
    (one,), (other,) = ask(agent, plain), ask(agent, AgentSnapshot(**(fields | changes)))
    assert one.signal_id != other.signal_id


def test_another_identity_of_the_strategy_is_another_signal():
    one, other = (StrategyAgent(Fixed(1.0, NAN, NAN, NAN), strategy_hash=each) for each in ("s1", "s2"))
    assert ask(one, one_bar())[0].signal_id != ask(other, one_bar())[0].signal_id
    assert ask(other, one_bar())[0].strategy_hash == "s2"


def test_position_and_other_hashes_do_not_make_another_signal():
    agent, plain = StrategyAgent(Fixed(1.0, NAN, NAN, NAN)), one_bar()
    (one,) = ask(agent, plain)
    (other,) = ask(agent, AgentSnapshot("SPY", plain.bars, position=5.0, feature_hash="f", config_hash="c"))
    assert one.signal_id == other.signal_id
    assert (other.feature_hash, other.config_hash) == ("f", "c")


def test_what_it_is_shown_is_left_alone():
    bars = bars_of(prices(4, 60))
    kept = [column.copy() for column in bars]
    snapshot = AgentSnapshot("SPY", bars)
    for _ in range(2):
        ask(StrategyAgent(SmaCrossover(3, 7)), snapshot)
    for column, before in zip(bars, kept, strict=True):
        np.testing.assert_array_equal(column, before)
    with pytest.raises(AttributeError):
        snapshot.position = 3.0
    with pytest.raises(TypeError):
        snapshot.limits["max"] = 1.0


stop = threading.Event()


class Odd(StrategyAgent):
    """An agent that never answers, raises, gives up, or will not be told to stop."""

    def __init__(self, way: str) -> None:
        super().__init__(Fixed(1.0, NAN, NAN, NAN))
        self.way = way

    async def generate_signals(self, snapshot):
        if self.way == "raises":
            raise ZeroDivisionError("by its own mistake")
        if self.way == "gives up":
            raise asyncio.CancelledError
        while self.way != "answers":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if self.way != "stubborn" or stop.is_set():
                    raise
        return await super().generate_signals(snapshot)


def test_agents_asked_together_do_not_disturb_each_other():
    snapshot = AgentSnapshot("SPY", bars_of(prices(3, 80)))
    agents = {str(fast): StrategyAgent(SmaCrossover(fast, 12)) for fast in range(2, 10)}
    answers = asyncio.run(ask_all(agents, snapshot, patience=60))
    assert answers == ({name: ask(agent, snapshot) for name, agent in agents.items()}, {})
    assert asyncio.run(ask_all({}, snapshot, patience=60)) == ({}, {})


class Scribbler(StrategyAgent):
    """An agent that writes into what it is shown."""

    async def generate_signals(self, snapshot):
        for column in (*snapshot.bars, snapshot.secondary.closes):
            column[:] = 0
        return []


def test_an_agent_that_writes_into_its_bars_changes_nothing_for_the_others():
    bars = bars_of(prices(3, 80))
    snapshot = AgentSnapshot("SPY", bars, secondary=SecondarySeries(bars.ts.copy(), {}))
    honest = StrategyAgent(SmaCrossover(3, 12))
    alone = ask(honest, snapshot)
    answers = asyncio.run(ask_all({"first": Scribbler(honest.strategy), "second": honest}, snapshot, patience=60))
    assert answers == ({"first": [], "second": alone}, {})
    assert bars.close.all()
    assert snapshot.secondary.closes[-1] > 0


def test_an_agent_that_fails_or_hangs_stops_no_other():
    agents = {way: Odd(way) for way in ("hangs", "raises", "answers", "gives up", "stubborn")}

    async def round_of_questions():
        answers = await ask_all(agents, one_bar(), patience=0.05)
        stop.set()
        return answers

    answers = asyncio.run(round_of_questions())
    assert answers.signals == {"answers": ask(StrategyAgent(Fixed(1.0, NAN, NAN, NAN)), one_bar())}
    assert answers.failed == {
        "hangs": "no answer in 0.05 s",
        "raises": "ZeroDivisionError: by its own mistake",
        "gives up": "cancelled",
        "stubborn": "no answer in 0.05 s",
    }


def test_who_stops_asking_leaves_no_agent_running():
    async def stopped():
        asking = asyncio.create_task(ask_all({"hangs": Odd("hangs")}, one_bar(), patience=60))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.sleep(0)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(stopped()) == set()


def test_limits_are_a_copy_that_the_sender_cannot_reach():
    agent, limits = StrategyAgent(SmaCrossover()), {"max_notional": 5.0}
    assert dict(agent.limits) == {}
    asyncio.run(agent.on_limit_update(limits))
    limits["max_notional"] = 9.0
    assert dict(agent.limits) == {"max_notional": 5.0}
    assert dict(StrategyAgent(SmaCrossover()).limits) == {}


def test_half_an_agent_cannot_be_made():
    class Half(Agent):
        async def on_fill(self, fill):
            """Only this."""

    with pytest.raises(TypeError, match="abstract"):
        Half()
