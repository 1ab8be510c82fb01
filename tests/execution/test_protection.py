"""Protective legs and what is held: no leg outlives its holding, and the list of problems is right."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.execution.counter import Counter
from tests.execution.test_actor import ask, codes, decided, intended, sent, signal
from tests.execution.venue import ACCOUNT
from tests.execution.world import World, violations
from tradewright.execution.health import problems
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.errors import OrderNotAccepted
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalAction
from tradewright.policy.gate import rule_set_hash

ENTRY, STOP, TARGET = "intent0001.1", "intent0001.1.sl", "intent0001.1.tp"
SELL_TEN = OrderTerms(instrument="AAPL", side=Side.SELL, quantity=Decimal(10))


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    """The world with the real gate."""
    made = Counter(world, tmp_path / "store")
    made.ready()
    world.proposer.rule_set_hash = rule_set_hash(made.limits)
    return made


def found(world: World) -> list[tuple[str, str]]:
    return [(problem.code, problem.ref) for problem in problems(world.ledger, ACCOUNT)]


def states(world: World) -> dict[str, str]:
    return {attempt.ref: attempt.state.value for attempt in world.ledger.attempts.all()}


def held(world: World) -> list[Decimal]:
    return [row.quantity for row in world.ledger.executions.positions(ACCOUNT)]


def close(counter: Counter, strategy: str = "trend") -> list[object]:
    """The strategy says CLOSE; everything that follows is carried out."""
    at = counter.clock.now()
    exits = {"signal_id": "s-close", "strategy": strategy, "candidate_action": SignalAction.CLOSE, "target": 0.0}
    made = ask(counter, lambda decider: decider.propose([(signal(**exits), at)])).intents
    decided(counter, *made)
    return list(sent(counter))


def test_an_exit_never_sells_what_another_strategy_holds(counter: Counter) -> None:
    """The stop fills while it is cancelled: the account holds ten, but the exit's strategy holds none."""
    world = counter.world
    world.proposer.bracket()
    world.proposer.bracket(strategy="other")
    world.drain()
    world.proposer.order("AAPL", "10", side=Side.SELL, reduce_only=True)
    world.venue.fill(STOP, price="95", tell=False)
    (result,) = sent(counter)
    assert codes(result.reasons) == {"NOT_REDUCING"}
    assert held(world) == [10]
    assert world.ledger.executions.units_of(ACCOUNT, "other") == {"AAPL": 10}


@pytest.mark.parametrize("hand", ["flatten", "manual", ""])
def test_what_a_person_closes_is_closed_for_its_strategy(world: World, hand: str) -> None:
    world.proposer.bracket()
    world.drain()
    if hand:
        world.proposer.order("AAPL", "10", side=Side.SELL, strategy=hand, reduce_only=True)
        world.drain()
    else:
        world.venue.external(quantity="10", filled=True, side=Side.SELL)
        world.recover()
        world.ledger.freezes.lift(ACCOUNT, "AAPL", "ann", "it was me", FreezeCode.EXTERNAL_FILL)
    assert held(world) == []
    assert world.ledger.executions.units_of(ACCOUNT, "trend") == {}
    codes_now = {code for code, _ref in found(world)}
    assert ("PROTECTION_TOO_LARGE" in codes_now) is not bool(hand), "legs that are left alone are told"


def test_a_persons_own_units_are_sold_before_those_of_strategies(world: World) -> None:
    world.proposer.bracket()
    world.proposer.order("AAPL", "5", strategy="manual")
    world.drain()
    world.proposer.order("AAPL", "5", side=Side.SELL, strategy="manual")
    world.drain()
    assert world.ledger.executions.units_of(ACCOUNT, "trend") == {"AAPL": 10}
    assert (world.venue.state["cancels"], found(world)) == ([], [])


def test_protection_of_an_order_that_closes_is_refused(counter: Counter) -> None:
    """Its legs would be purchases of a flat account."""
    counter.world.venue.set(opening={"AAPL": "10"})
    with pytest.raises(OrderNotAccepted, match="closes a holding"):
        ask(counter, lambda decider: decider.submit_intent("k1", SELL_TEN, stop=Decimal(105)))
    order = counter.world.proposer.bracket(strategy="trend")
    sent(counter)
    assert counter.world.ledger.outbox.get(order.decision_id).protective
    back = {"side": Side.SELL, "stop": Decimal(110), "take_profit": Decimal(90)}
    counter.clock.advance(120)
    counter.world.proposer.bracket(strategy="trend", **back)
    (result,) = sent(counter)
    assert "LEGS_ON_CLOSING" in codes(result.reasons)


def test_a_close_ends_the_entry_that_still_works_as_well(counter: Counter) -> None:
    world = counter.world
    world.venue.set(mode="rest")
    world.proposer.bracket(limit="100")
    world.drain()
    world.venue.fill(ENTRY, "4")
    world.recover()
    counter.clock.advance(120)
    world.venue.set(mode="fill")
    close(counter)
    assert [states(world)[ref] for ref in (ENTRY, STOP, TARGET)] == ["CANCELLED"] * 3
    assert (held(world), found(world)) == ([], [])


def test_a_persons_order_that_rests_strips_no_protection(counter: Counter) -> None:
    world = counter.world
    world.proposer.bracket()
    world.drain()
    counter.clock.advance(120)
    order = OrderTerms.model_validate(SELL_TEN.model_dump() | {"order": {"kind": "LIMIT", "limit_price": "101"}})
    intended(counter, "k1", order, reduce_only=True)
    (result,) = sent(counter)
    assert codes(result.reasons) == {"PROTECTION_OPEN"}
    assert [states(world)[ref] for ref in (STOP, TARGET)] == ["WORKING", "WORKING"]


def test_a_leg_that_ends_before_its_cancel_breaks_no_batch_off(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.proposer.order("AAPL", "10", side=Side.SELL, reduce_only=True)
    world.proposer.order("MSFT")
    world.venue.fill(STOP, price="95", tell=False)
    world.clock.advance(60)
    results = world.drain()
    assert [result.ref.partition(".")[0] for result in results] == ["intent0002", "intent0003"]
    assert states(world)["intent0003.1"] == "FILLED"
    assert violations(world.ledger, world.venue) == []


def test_the_stop_of_each_holding_is_counted_by_quantity(world: World) -> None:
    world.proposer.bracket()
    world.proposer.bracket()
    world.drain()
    world.venue.end(STOP)
    world.recover()
    (problem,) = problems(world.ledger, ACCOUNT)
    assert (problem.code, problem.text[:14]) == ("UNPROTECTED", "10 of 20 held ")


def test_a_refused_or_unfilled_entry_covers_nothing(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.venue.end(STOP)
    world.venue.set(mode="rest")
    world.proposer.bracket(limit="90")
    world.drain()
    world.venue.fault("not_accepted")
    world.proposer.bracket(limit="90")
    world.drain()
    world.recover()
    assert found(world) == [("UNPROTECTED", STOP)]


def test_a_stop_placed_by_hand_protects(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.venue.end(STOP)
    world.venue.end(TARGET)
    world.recover()
    world.venue.set(mode="rest")
    world.proposer.order("AAPL", "10", side=Side.SELL, strategy="manual", stop_price="95")
    world.drain()
    assert found(world) == []


def test_legs_that_closed_more_than_was_held_are_told(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.venue.held = []
    world.venue.fill(STOP, "10", price="95")
    with world.venue.change() as state:
        order = next(row for row in state["orders"] if row["ref"] == TARGET)
        order |= {"status": "WORKING", "quantity": "10"}
    world.venue.fill(TARGET, "4", price="110")
    world.venue.held = None
    world.recover()
    assert ("PROTECTION_TOO_LARGE", ENTRY) in found(world)


def test_only_a_leg_of_an_incomplete_group_counts_as_held_back(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    world.drain()
    with world.venue.change() as state:
        state["orders"][0]["held_back"] = True
    world.recover()
    assert world.venue.state["cancels"] == []
    assert states(world)["intent0001.1"] == "WORKING"


def test_orders_sent_alone_cost_no_reading_of_their_groups(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy that has bought and sold for long is asked about as soon as one that has just begun."""
    for _ in range(4):
        world.proposer.order("AAPL", "1")
        world.drain()
        world.proposer.order("AAPL", "1", side=Side.SELL)
        world.drain()
    world.proposer.bracket()
    world.drain()
    read: list[str] = []
    group = world.ledger.attempts.group
    monkeypatch.setattr(world.ledger.attempts, "group", lambda ref: read.append(ref) or group(ref))
    assert found(world) == []
    bracket = world.ledger.attempts.newest(1)[0].entry_ref
    assert set(read) == {bracket}
