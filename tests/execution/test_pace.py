"""The limit on the rate of orders (control 8): nothing is faster, and nothing is held up for longer than it demands."""

from __future__ import annotations

from datetime import timedelta

from tests.execution.venue import ACCOUNT
from tests.execution.world import World, violations
from tests.support.ledgers import START
from tradewright.execution.types import SendStatus


def test_a_hundred_orders_go_out_at_twenty_a_minute_although_each_approval_lives_a_minute(world: World) -> None:
    """Risk 16: an approval's life ends at its claim, and the limit on the rate comes after it."""
    orders = []
    for number in range(100):
        world.clock.advance(0.001)  # type: ignore[attr-defined]
        orders.append(world.proposer.order(("AAPL", "MSFT", "GOOG")[number % 3], str(number + 1), seconds=60))
    outcomes = world.drain(per_second=1, per_minute=20)
    assert [(outcome.decision_id, outcome.status) for outcome in outcomes] == [
        (order.decision_id, SendStatus.SENT) for order in orders
    ]
    sent = world.ledger.attempts.sent_at(ACCOUNT, START)
    assert len(sent) == 100
    assert all((later - earlier).total_seconds() >= 60 for earlier, later in zip(sent, sent[20:], strict=False))
    assert (sent[-1] - sent[0]).total_seconds() < 270, "and no slower than the limit demands"
    assert violations(world.ledger, world.venue) == []


def test_a_clock_that_was_set_back_holds_the_orders_up_for_a_minute_at_the_most(world: World) -> None:
    """Risk 10: the orders of the hour that is not yet over are none of the last minute."""
    for _ in range(3):
        world.proposer.order()
    world.drain()
    world.clock._now -= timedelta(hours=1)  # type: ignore[attr-defined]
    world.expire_lease()
    for _ in range(6):
        world.proposer.order()
    before = world.clock.monotonic()
    assert [outcome.status for outcome in world.drain(per_second=1000, per_minute=3)] == [SendStatus.SENT] * 6
    assert 120 <= world.clock.monotonic() - before < 150
