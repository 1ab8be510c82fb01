"""An order judged not sent that the venue has after all: an intent never becomes two orders (H0)."""

from __future__ import annotations

from tests.execution.venue import ACCOUNT
from tests.execution.world import World, violations
from tradewright.execution.operator_actions import acknowledge
from tradewright.execution.types import SendStatus
from tradewright.model.approved import ApprovedOrder
from tradewright.policy.approval import approve

REF, AGAIN = "intent0001.1", "intent0001.2"


def judged_not_sent(world: World) -> ApprovedOrder:
    """An order that rests at the venue and is in none of its lists for longer than the evidence takes."""
    world.venue.set(mode="rest")
    order = world.proposer.order()
    world.venue.fault("silent")
    world.venue.hide(REF, 1000)
    assert [outcome.status for outcome in world.drain()] == [SendStatus.NOT_SENT]
    return order


def decide_again(world: World, order: ApprovedOrder) -> None:
    """Whatever lets the same intent into the outbox again."""
    intent = world.proposer.ledger.decisions.intent(order.intent_id)
    world.ledger.outbox.put(approve(intent, world.proposer.decide(intent), ACCOUNT))


def test_an_order_that_filled_after_it_was_judged_not_sent_is_never_sent_again(world: World) -> None:
    order = judged_not_sent(world)
    world.venue.set(hidden={})
    world.venue.fill(REF, tell=False)
    world.recover()
    assert (world.states(), world.codes()) == (["FILLED"], ["FILL_AFTER_END"])
    acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "seen it")
    decide_again(world, order)
    world.venue.set(mode="fill")
    assert world.drain() == ()
    assert world.venue.positions() == {"AAPL": 10}
    assert violations(world.ledger, world.venue) == []


def test_an_order_that_is_open_after_it_was_judged_not_sent_is_never_sent_again(world: World) -> None:
    order = judged_not_sent(world)
    world.venue.set(hidden={})
    world.recover()
    assert (world.states(), world.codes()) == (["WORKING"], ["FILL_AFTER_END"])
    acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "seen it")
    decide_again(world, order)
    assert world.drain() == ()
    assert world.venue.state["placed"] == [REF]
    assert violations(world.ledger, world.venue) == []


def test_an_order_that_shows_while_its_successor_waits_stops_the_successor(world: World) -> None:
    """The successor is claimed and not yet sent: the checks before the send find the first one."""
    order = judged_not_sent(world)
    decide_again(world, order)

    def show(name: str) -> None:
        if name == "S2.claimed":
            world.venue.set(hidden={})
            world.venue.fill(REF, tell=False)

    (outcome,) = world.drain(world.sender(checkpoint=show))
    assert (outcome.ref, outcome.status) == (AGAIN, SendStatus.REFUSED)
    assert {reason.code for reason in outcome.reasons} == {"INSTRUMENT_FROZEN", "INTENT_AT_VENUE"}
    acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "seen it")
    decide_again(world, order)
    assert [row.status for row in world.drain()] in ([], [SendStatus.REFUSED])
    world.recover()
    assert world.states()[0] == "FILLED", "reopened as soon as no other attempt is live"
    assert world.venue.positions() == {"AAPL": 10}
    assert violations(world.ledger, world.venue) == []


def test_an_order_that_fills_while_its_successor_is_open_counts_and_is_settled_after_it(world: World) -> None:
    """Two orders are at the venue then, which the evidence could not exclude; there is never a third."""
    order = judged_not_sent(world)
    decide_again(world, order)
    assert [outcome.ref for outcome in world.drain()] == [AGAIN]
    world.venue.set(hidden={})
    world.venue.fill(REF, tell=False)
    world.recover()
    assert (world.states(), world.codes()) == (["NOT_SENT", "WORKING"], ["FILL_AFTER_END"])
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == 10
    world.venue.end(AGAIN, tell=False)
    world.recover()
    world.recover()
    assert world.states() == ["FILLED", "CANCELLED"]
    acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "seen it")
    decide_again(world, order)
    assert world.drain() == ()
    assert world.venue.positions() == {"AAPL": 10}


def test_the_first_of_two_is_acknowledged_for_good_once_it_works_no_more(world: World) -> None:
    """The successor rests for weeks; while both work, the freeze comes back with every comparison."""
    order = judged_not_sent(world)
    decide_again(world, order)
    assert [outcome.ref for outcome in world.drain()] == [AGAIN]
    world.venue.set(hidden={})
    for _ in range(2):
        world.recover()
        assert world.codes() == ["FILL_AFTER_END", "LIVE_AFTER_END"]
        acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "seen it")
    world.venue.end(REF, tell=False)
    world.recover()
    acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "cancelled by hand")
    world.recover()
    assert (world.states(), world.codes()) == (["NOT_SENT", "WORKING"], [])
