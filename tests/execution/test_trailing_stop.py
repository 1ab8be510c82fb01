"""A trailing stop as the stop loss of a group: sent, moved by the venue, compared, recovered and ended as a stop is."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.execution.counter import Counter
from tests.execution.test_actor import ask, decided, sent, signal
from tests.execution.venue import ACCOUNT, FileBroker
from tests.execution.world import World, run, violations
from tradewright.execution.health import problems
from tradewright.execution.protection import live_protections
from tradewright.execution.types import SendStatus
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.approved import ApprovedOrder
from tradewright.model.order import Leg, OrderType, Side, TrailingStopOrder
from tradewright.policy.approval import restore

ENTRY, STOP, TARGET = "intent0001.1", "intent0001.1.sl", "intent0001.1.tp"
AMOUNT, PERCENT = {"trail": Decimal("2.5")}, {"trail_percent": Decimal("1.25")}


def bracket(world: World, **asked: object) -> ApprovedOrder:
    """A purchase whose stop loss trails, with a take profit at 110."""
    return world.proposer.bracket(**{"stop": None, **(asked or AMOUNT)})


def found(world: World) -> list[tuple[str, str]]:
    return [(problem.code, problem.ref) for problem in problems(world.ledger, ACCOUNT)]


def states(world: World) -> dict[str, str]:
    return {attempt.ref: attempt.state.value for attempt in world.ledger.attempts.all()}


def told(world: World, ref: str = STOP) -> dict[str, object]:
    (order,) = (row for row in world.venue.snapshot().open_orders if row.ref == ref)
    return {"kind": order.order_type, "stop": order.stop_price, "amount": order.trail, "percent": order.trail_percent}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        (AMOUNT, {"stop": None, "amount": Decimal("2.5"), "percent": None}),
        (PERCENT, {"stop": None, "amount": None, "percent": Decimal("1.25")}),
        (AMOUNT | {"stop": Decimal(95)}, {"stop": 95, "amount": Decimal("2.5"), "percent": None}),
    ],
)
def test_the_leg_goes_out_as_it_was_approved(world: World, asked: dict[str, object], kept: dict[str, object]) -> None:
    order = bracket(world, **asked)
    (result,) = world.drain()
    assert (result.status, world.venue.state["placed"]) == (SendStatus.SENT, [ENTRY, STOP, TARGET])
    assert told(world) == {"kind": OrderType.TRAILING_STOP} | kept
    row = world.ledger.outbox.get(order.decision_id)
    assert row.protective == order.protective
    assert restore(**{name: getattr(row, name) for name in row.__slots__}) == order, "the hash covers the distance"
    assert (found(world), violations(world.ledger, world.venue)) == ([], [])


@pytest.mark.parametrize("asked", [AMOUNT, PERCENT])
def test_a_stop_that_has_moved_is_no_difference_after_restarts_and_reconnections(
    world: World, asked: dict[str, Decimal]
) -> None:
    bracket(world, **asked)
    world.drain()
    for stop in ("97.5", "101.25", "104"):
        world.venue.alter(STOP, stop_price=stop)
        world.expire_lease()
        world.recover()
        assert (world.codes(), found(world), states(world)[STOP]) == ([], [], "WORKING")
    world.venue.alter(STOP, trail_percent="1.254") if asked is PERCENT else None
    world.recover()
    assert world.codes() == [], "a venue may round a percentage"


@pytest.mark.parametrize(
    ("asked", "altered", "text"),
    [
        (AMOUNT, {"trail": "25"}, "the venue has a distance of 25"),
        (AMOUNT, {"trail": None, "trail_percent": "2.5"}, "the venue has a distance of 2.5 %"),
        (PERCENT, {"trail_percent": "12.5"}, "the venue has a distance of 12.5 %"),
        (PERCENT, {"trail_percent": None, "trail": "1.25"}, "the venue has a distance of 1.25"),
        (AMOUNT, {"quantity": "11"}, "sent for 10, the venue has it for 11"),
        (AMOUNT, {"order_type": "LIMIT"}, "the venue has a LIMIT order"),
    ],
)
def test_another_distance_kind_or_a_larger_size_freezes_until_it_is_put_right(
    world: World, asked: dict[str, Decimal], altered: dict[str, str | None], text: str
) -> None:
    bracket(world, **asked)
    world.drain()
    (before,) = (row for row in world.venue.state["orders"] if row["ref"] == STOP)
    world.venue.alter(STOP, **altered)
    world.recover()
    assert world.codes() == [FreezeCode.TERMS_DIFFER]
    (problem,) = (each for each in problems(world.ledger, ACCOUNT) if each.ref == STOP)
    assert (problem.code, text in problem.text) == ("TERMS_DIFFER", True), problem.text
    assert f"tradewright cancel {STOP}" in problem.remedy
    world.venue.alter(STOP, **{name: before.get(name) for name in altered})
    world.recover()
    assert (world.codes(), found(world)) == ([], [])


def test_what_the_venue_does_not_tell_is_not_compared(world: World) -> None:
    bracket(world)
    world.drain()
    world.venue.alter(STOP, trail=None)
    world.recover()
    assert world.codes() == []


def test_a_leg_that_the_venue_made_smaller_is_no_difference(world: World) -> None:
    bracket(world)
    world.drain()
    world.venue.fill(TARGET, "4", price="110")
    world.recover()
    assert (world.codes(), found(world)) == ([], [])
    world.venue.fill(STOP, "6", price="101")
    world.recover()
    assert states(world) == {ENTRY: "FILLED", STOP: "FILLED", TARGET: "FILLED"}
    assert (found(world), violations(world.ledger, world.venue)) == ([], [])


def test_it_protects_while_it_works_and_its_end_is_told(world: World) -> None:
    bracket(world, take_profit=None, **AMOUNT)
    world.drain()
    assert [group.stop.ref for group in live_protections(world.ledger, ACCOUNT) if group.stop] == [STOP]
    assert found(world) == []
    world.venue.end(STOP)
    world.recover()
    assert found(world) == [("UNPROTECTED", STOP)]
    world.venue.set(mode="rest")
    trail = TrailingStopOrder(amount=Decimal(3))
    world.proposer.order("AAPL", "10", side=Side.SELL, strategy="manual", reduce_only=True, trailing_order=trail)
    world.drain()
    assert found(world) == [], "a trailing stop that a person has placed protects as well"


def test_of_an_entry_that_ended_partly_filled_it_covers_what_was_filled(world: World) -> None:
    world.venue.set(mode="rest")
    bracket(world)
    world.drain()
    world.venue.fill(ENTRY, "4")
    world.venue.end(ENTRY)
    world.recover()
    assert [group.uncovered for group in live_protections(world.ledger, ACCOUNT)] == [4]
    assert (world.codes(), found(world)) == ([], [])
    world.venue.fill(STOP, price="97")
    world.recover()
    assert states(world) == {ENTRY: "CANCELLED", STOP: "FILLED", TARGET: "CANCELLED"}
    assert violations(world.ledger, world.venue) == []


@pytest.mark.parametrize("strategy", ["trend", "manual", "flatten"])
def test_what_closes_the_holding_ends_it_first(world: World, strategy: str) -> None:
    bracket(world)
    world.drain()
    world.proposer.order("AAPL", "10", side=Side.SELL, strategy=strategy, reduce_only=True)
    world.drain()
    assert sorted(ref for ref, _number in world.venue.state["cancels"]) == [STOP, TARGET]
    assert (states(world)[STOP], world.ledger.executions.positions(ACCOUNT)) == ("CANCELLED", [])
    assert violations(world.ledger, world.venue) == []


def test_a_kill_ends_it_and_says_that_the_holding_is_unprotected(world: World) -> None:
    bracket(world)
    world.drain()

    async def kill() -> tuple[str, ...]:
        sender = world.sender()
        try:
            return (await sender.cancel_all(lambda _attempt: True, "ann", "kill")).ended
        finally:
            await sender.close()

    assert sorted(run(kill())) == [STOP, TARGET]
    assert found(world) == [("UNPROTECTED", STOP)]


@pytest.mark.parametrize("number", [1, 2])
def test_a_link_that_breaks_between_two_legs_leaves_nothing_behind(world: World, number: int) -> None:
    bracket(world)
    world.venue.fault(f"drop_after_leg_{number}")
    world.drain()
    world.recover()
    world.recover()
    sent_refs = [ENTRY, STOP, TARGET][:number]
    assert states(world) == {ref: "CANCELLED" if ref in sent_refs else "NOT_SENT" for ref in (ENTRY, STOP, TARGET)}
    assert (world.venue.state["placed"], world.drain()) == (sent_refs, ())
    assert violations(world.ledger, world.venue) == []


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ({"trail": Decimal(3)}, TrailingStopOrder(amount=Decimal(3))),
        ({"trail_percent": Decimal("2.5")}, TrailingStopOrder(percent=Decimal("2.5"))),
        ({"trail": Decimal(3), "stop": Decimal(99)}, TrailingStopOrder(amount=Decimal(3), stop_price=Decimal(99))),
    ],
)
def test_from_the_signal_to_the_venue_by_the_real_gate(
    world: World, tmp_path: Path, asked: dict[str, Decimal], order: TrailingStopOrder
) -> None:
    counter = Counter(world, tmp_path / "store")
    counter.ready()
    at = counter.clock.now()
    (intent,) = ask(counter, lambda decider: decider.propose([(signal(**asked), at)])).intents
    assert (intent.trailing_stop, intent.protective_orders) == (order, True)
    decided(counter, intent)
    (result,) = sent(counter)
    stop = world.ledger.attempts.group(result.ref)[1]
    assert (stop.leg, stop.state.value) == (Leg.STOP_LOSS, "WORKING")
    shown = told(world, stop.ref)
    assert (shown["kind"], shown["amount"], shown["percent"], shown["stop"]) == (
        OrderType.TRAILING_STOP, order.amount, order.percent, order.stop_price,
    )  # fmt: skip
    assert found(world) == []


def test_a_venue_without_trailing_stops_leaves_it_to_the_bars_of_the_strategy(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = Counter(world, tmp_path / "store")
    counter.ready()
    held = FileBroker.capabilities
    kinds = held.kinds - {OrderType.TRAILING_STOP}
    monkeypatch.setattr(FileBroker, "capabilities", held.model_copy(update={"kinds": kinds}))
    at = counter.clock.now()
    (intent,) = ask(counter, lambda decider: decider.propose([(signal(trail=Decimal(3)), at)])).intents
    assert (intent.protective_orders, intent.trail) == (False, 3)
