"""Cancels: all at once, confirmed by queries alone, and what could not be cancelled is said."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import pytest

from brokers.ibkr.gateway.connection import HANDLERS
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from tests.execution.kill_driver import allow
from tests.execution.test_messages import commits
from tests.execution.venue import FileBroker
from tests.execution.world import World, run, violations
from tests.support.extent import runs
from tests.support.gateway_broker import ACCOUNT, INSTRUMENTS, broker
from tests.support.ledgers import Proposer
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.sender import Sender
from tradewright.execution.types import ProtocolTimes, SenderSettings, SendStatus
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.errors import BrokerError
from tradewright.model.order import AttemptState

COMPLETED_ORDERS = 99
"""The number of the request."""
REFS = ("intent0001.1", "intent0002.1", "intent0003.1")


def everything(_attempt: Attempt) -> bool:
    return True


async def three_resting(world: World) -> Sender:
    """A sender with three orders at the venue."""
    world.venue.set(mode="rest")
    for name in ("AAPL", "MSFT", "GOOG"):
        world.proposer.order(name)
    sender = world.sender()
    await sender.drain()
    return sender


def test_three_orders_that_get_no_answer_take_the_time_of_one(world: World) -> None:
    """H5c: 30 s for all of them, not for each."""

    async def story() -> None:
        sender = await three_resting(world)
        world.venue.fault("cancel_silent", 3)
        before = world.clock.monotonic()
        done = await sender.cancel_all(everything, "ann", "stop")
        assert 30 <= world.clock.monotonic() - before < 31
        assert done == Cancelled(open=REFS)
        await sender.close()

    run(story())
    assert sorted(ref for ref, _ in world.venue.state["cancels"]) == list(REFS)
    assert world.states() == ["CANCEL_REQUESTED"] * 3


def test_all_requests_are_written_down_at_once_before_the_first_goes_out(world: World) -> None:
    async def story() -> None:
        sender = await three_resting(world)
        found = commits(world.ledger)
        cancel, seen = world.broker.cancel, []

        async def noted(*request: Any) -> None:
            seen.append((len(found), world.states()))
            await cancel(*request)

        world.broker.cancel = noted  # type: ignore[method-assign]
        await sender.cancel_all(everything, "ann", "stop")
        assert len({number for number, _ in seen}) == 1, "no commit between the requests"
        assert [states for _, states in seen] == [["CANCEL_REQUESTED"] * 3] * 3
        await sender.close()

    run(story())
    assert world.states() == ["CANCELLED"] * 3


def test_a_request_that_fails_keeps_no_other_order_from_being_cancelled(world: World) -> None:
    async def story() -> None:
        sender = await three_resting(world)
        cancel = world.broker.cancel

        async def refusing(ref: str, order_id: int) -> None:
            if ref == REFS[0]:
                raise BrokerError("no order is known by this number")
            await cancel(ref, order_id)

        world.broker.cancel = refusing  # type: ignore[method-assign]
        done = await sender.cancel_all(everything, "ann", "stop")
        assert (done.ended, done.open) == (REFS[1:], REFS[:1])
        assert "no order is known by this number" in done.problem
        assert not sender._connection.trusted, "what became of it is found by a recovery"
        await sender.close()

    run(story())
    assert world.states() == ["CANCEL_REQUESTED", "CANCELLED", "CANCELLED"]


def test_a_link_that_breaks_leaves_every_order_open(world: World) -> None:
    async def story() -> None:
        sender = await three_resting(world)
        world.venue.fault("cancel_drop")
        done = await sender.cancel_all(everything, "ann", "stop")
        assert (done.ended, done.open) == ((), REFS)
        assert "the connection was reset" in done.problem
        await sender.close()

    run(story())


def test_an_order_in_doubt_counts_as_open_and_delays_nothing(world: World) -> None:
    """It cannot be cancelled while the venue does not list it, and no recovery is waited for."""

    async def story() -> None:
        sender = await three_resting(world)
        world.venue.fault("silent")
        world.proposer.order("IBM")
        world.venue.hide("intent0004.1", 1000)
        with pytest.raises(SystemError):
            await world_dies(sender)
        before = world.clock.monotonic()
        done = await sender.cancel_all(everything, "ann", "stop")
        assert (done.ended, done.open) == (REFS, ("intent0004.1",))
        assert world.clock.monotonic() - before < 1
        await sender.close()

    async def world_dies(sender: Sender) -> None:
        place = world.broker.place

        async def dying(*order: Any) -> None:
            await place(*order)
            raise SystemError("in the middle of it")

        world.broker.place = dying  # type: ignore[method-assign]
        await sender.drain()

    run(story())


def test_an_order_that_fills_before_its_cancel_has_ended(world: World) -> None:
    async def story() -> None:
        sender = await three_resting(world)
        cancel = world.broker.cancel

        async def late(ref: str, order_id: int) -> None:
            if ref == REFS[0]:
                world.venue.fill(ref, tell=False)
            await cancel(ref, order_id)

        world.broker.cancel = late  # type: ignore[method-assign]
        assert await sender.cancel_all(everything, "ann", "stop") == Cancelled(ended=REFS)
        await sender.close()

    run(story())
    assert world.states() == ["FILLED", "CANCELLED", "CANCELLED"]
    assert violations(world.ledger, world.venue) == []


@pytest.mark.parametrize("others", [False, True])
def test_the_orders_of_other_programs_end_where_the_whole_account_is_meant(world: World, others: bool) -> None:
    """As after a lost ledger: an order that is open at the venue and that nobody here knows."""

    async def story() -> Cancelled:
        sender = await three_resting(world)
        world.venue.external("AAPL")
        try:
            return await sender.cancel_all(everything, "ann", "stop", others=others)
        finally:
            await sender.close()

    done = run(story())
    external = world.venue.state["orders"][-1]
    assert (external["status"] == "CANCELLED") is others
    assert done.ended == (*REFS, *([f"perm:{external['perm_id']}"] if others else []))
    assert (done.open, done.problem) == ((), "")
    if others:
        assert "DU100" in [row.subject for row in world.ledger.audit.entries() if row.action == "CANCEL"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_stop_tells_the_orders_of_a_lost_ledger(world: World, whole: bool) -> None:
    """A ledger that was deleted knows none of the orders that it sent; "cancelled: none" would say that all is well."""
    lost, foreign = "7f64fde8893c4aa48a2e6dc8.1.sl", "my order"

    async def story() -> Cancelled:
        sender = await three_resting(world)
        for ref in (lost, foreign):
            world.venue.external("AAPL")
            orders = world.venue.state["orders"]
            world.venue.set(orders=[*orders[:-1], {**orders[-1], "ref": ref}])
        try:
            return await sender.cancel_all(everything, "ann", "stop", whole_account=whole)
        finally:
            await sender.close()

    done = run(story())
    assert done.ended == REFS
    assert done.open == ((lost,) if whole else ())
    assert ("tradewright cancel-all" in done.problem) is whole


def test_an_order_of_another_program_that_stays_open_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_answer(_self: FileBroker) -> None:
        """The venue does nothing."""

    monkeypatch.setattr(FileBroker, "cancel_all", no_answer)

    async def story() -> Cancelled:
        sender = world.sender()
        world.venue.external("AAPL")
        try:
            return await sender.cancel_all(everything, "ann", "stop", others=True)
        finally:
            await sender.close()

    done = run(story())
    assert (done.ended, done.open) == ((), (f"perm:{world.venue.state['orders'][-1]['perm_id']}",))


@pytest.mark.parametrize("fault", ["fail_snapshot", "fail_complete"])
def test_a_venue_that_cannot_be_read_is_asked_for_cancels_all_the_same(world: World, fault: str) -> None:
    """A kill waits for no complete answer; what became of the orders is left to the next complete view."""

    async def story() -> None:
        sender = await three_resting(world)
        if fault == "fail_complete":
            await sender.close()
        world.venue.fault(fault)
        done = await sender.cancel_all(everything, "ann", "stop")
        assert (done.ended, done.open) == ((), REFS)
        assert "could not be read" in done.problem
        assert sorted(ref for ref, _ in world.venue.state["cancels"]) == list(REFS)
        assert world.states() == ["CANCEL_REQUESTED"] * 3, "nothing is concluded"
        again = await sender.cancel_all(everything, "ann", "stop")
        assert (again.ended, again.open, again.problem) == ((), (), "")
        await sender.close()

    run(story())
    assert world.states() == ["CANCELLED"] * 3
    assert violations(world.ledger, world.venue) == []


def test_an_order_that_filled_meanwhile_keeps_no_other_from_being_cancelled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection takes a while; the unseen cancels are asked for by what the ledger knows after it."""

    async def story() -> Cancelled:
        sender = await three_resting(world)
        plain = FileBroker.connect

        async def slow(self: FileBroker, *args: Any, **more: Any) -> None:
            await plain(self, *args, **more)
            world.venue.fill(REFS[0])
            while not world.ledger.attempts.get(REFS[0]).state.terminal:
                await asyncio.sleep(0)

        monkeypatch.setattr(FileBroker, "connect", slow)
        world.venue.fault("fail_snapshot")
        try:
            return await sender.cancel_all(everything, "ann", "stop")
        finally:
            await sender.close()

    done = run(story())
    assert sorted(ref for ref, _ in world.venue.state["cancels"]) == list(REFS[1:])
    assert done.open == REFS[1:]
    assert world.ledger.attempts.get(REFS[0]).state is AttemptState.FILLED


def test_a_second_kill_without_a_view_ends_nobody_elses_orders(world: World) -> None:
    """Its cancels were asked for already: an order that cannot be named any more has ended, or goes on being asked."""

    async def story() -> None:
        sender = await three_resting(world)
        world.venue.external("AAPL")
        for fault in ("cancel_silent", "cancel_drop"):
            world.venue.fault("fail_snapshot")
            world.venue.fault(fault, 3)
            done = await sender.cancel_all(everything, "ann", "stop", whole_account=True)
        assert "the connection was reset" in done.problem, "an order could not be named"
        await sender.close()

    run(story())
    assert world.venue.state["orders"][3]["status"] == "WORKING"


def test_without_any_connection_nothing_is_asked_and_the_reason_is_told(world: World) -> None:
    async def story() -> None:
        sender = await three_resting(world)
        await sender.close()
        world.venue.fault("refuse_connect", 2)
        with pytest.raises(BrokerError, match="in use"):
            await sender.cancel_all(everything, "ann", "stop")

    run(story())
    assert world.states() == ["WORKING"] * 3
    assert world.venue.state["cancels"] == []


@pytest.mark.parametrize("whole", [False, True])
def test_an_order_that_cannot_be_named_ends_with_all_others_where_all_are_meant(world: World, whole: bool) -> None:
    async def story() -> None:
        sender = await three_resting(world)
        world.venue.external("AAPL")
        world.venue.fault("fail_snapshot")
        world.venue.fault("cancel_drop")
        done = await sender.cancel_all(everything, "ann", "stop", whole_account=whole)
        assert ("every order of the account" in done.problem) is whole
        await sender.close()

    run(story())
    statuses = [order["status"] for order in world.venue.state["orders"]]
    assert (statuses[-1] == "CANCELLED") is whole, "the order of another program"


@pytest.fixture
def gateway() -> Iterator[GatewayThread]:
    venue = Gateway(INSTRUMENTS, SystemClock(), cash={ACCOUNT: Decimal(1_000_000)}, seed=7)
    with GatewayThread(venue) as running:
        running.do("quote", symbol="AAPL", last="200")
        running.do("quote", symbol="MSFT", last="400")
        yield running


def test_fifty_open_orders_are_cancelled_within_ten_seconds_over_the_real_wire(
    gateway: GatewayThread, tmp_path: Path
) -> None:
    """With the production times, but for the pause between the two looks of the first recovery.

    Fifty in ``make verify``; in ``make test`` fewer, within their share of the time.

    The ten seconds are those of the processor, for sender and gateway together: other programs on the machine count in
    no bound. That it waits for nothing else is bounded a good deal more loosely.
    """
    clock, times, count = SystemClock(), replace(ProtocolTimes(), settle=0.05), runs(15, 50)
    with Ledger.create(f"sqlite:///{tmp_path / 'ledger.db'}", clock) as ledger:
        proposer = Proposer(ledger, clock)
        for number in range(count):
            proposer.order(("AAPL", "MSFT")[number % 2], str(number + 1), limit=Decimal(100))
        settings = SenderSettings(ACCOUNT, "cancels", per_second=1000, per_minute=1000)

        async def story() -> tuple[Cancelled, float, float]:
            sender = Sender(ledger, broker(str(gateway.gateway.port)), clock, allow, settings, times)
            try:
                assert [row.status for row in await sender.drain()] == [SendStatus.SENT] * count
                before, worked = monotonic(), process_time()
                done = await sender.cancel_all(everything, "ann", "stop")
                return done, process_time() - worked, monotonic() - before
            finally:
                await sender.close()

        done, worked, passed = run(story())
        assert (len(done.ended), done.open, done.problem) == (count, (), "")
        assert worked < 10 * count / 50
        assert passed < 90
    assert [order["status"] for order in gateway.do("status")["orders"]] == ["CANCELLED"] * count


def test_a_start_up_answer_without_its_end_keeps_no_order_from_being_cancelled(
    gateway: GatewayThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the wire: the list of completed orders never ends, so that no complete connection is to be had."""
    clock, times = SystemClock(), replace(ProtocolTimes(), settle=0.05)
    with Ledger.create(f"sqlite:///{tmp_path / 'ledger.db'}", clock) as ledger:
        Proposer(ledger, clock).order("AAPL", "5", limit=Decimal(100))
        settings = SenderSettings(ACCOUNT, "cancels", per_second=1000, per_minute=1000)

        def sender() -> Sender:
            return Sender(ledger, broker(str(gateway.gateway.port), timeout=1), clock, allow, settings, times)

        async def story(act: Callable[[Sender], Awaitable[Any]]) -> Any:
            used = sender()
            try:
                return await act(used)
            finally:
                await used.close()

        run(story(lambda used: used.drain()))
        with monkeypatch.context() as patch:
            patch.setitem(HANDLERS, COMPLETED_ORDERS, lambda *_: None)
            with pytest.raises(BrokerError):
                run(story(lambda used: used.ready()))
            done = run(story(lambda used: used.cancel_all(everything, "ann", "stop")))
        assert (done.ended, len(done.open)) == ((), 1)
        assert "completed orders" in done.problem
        assert [order["status"] for order in gateway.do("status")["orders"]] == ["CANCELLED"]
        run(story(lambda used: used.recover()))
        assert [attempt.state for attempt in ledger.attempts.all()] == [AttemptState.CANCELLED]
