"""R5: what it takes to call an order unsent, and that each condition alone keeps it in doubt."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.execution.venue import ACCOUNT, _fill, _order
from tests.execution.world import World, run, violations
from tests.support.ledgers import START
from tradewright.execution.execution_reports import ReportHandler
from tradewright.execution.operator_actions import acknowledge
from tradewright.execution.reconciliation import Difference, confirmed
from tradewright.execution.types import SenderSettings, SendRefused
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.broker import BrokerEventKind
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError
from tradewright.model.mode import Mode
from tradewright.model.order import AttemptState, Leg, Position, Side

REF = "intent0001.1"


class HastyClock(ManualClock):
    """A clock whose waits end too soon, as when a machine wakes from sleep."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 2)


def in_doubt(world: World) -> None:
    """An order that never arrived, left in doubt by a sender that died at once."""
    world.proposer.order()
    world.venue.fault("swallow")

    async def story() -> None:
        sender = world.sender(checkpoint=die)
        with pytest.raises(SystemError):
            await sender.drain()

    def die(name: str) -> None:
        if name == "S5.placed":
            raise SystemError("dead")

    run(story())
    world.venue.sinks.clear()
    world.expire_lease()


def state(world: World) -> AttemptState:
    return world.ledger.attempts.get(REF).state


def test_absent_twice_a_minute_apart_is_unsent_on_paper(world: World) -> None:
    in_doubt(world)
    before = world.clock.monotonic()
    world.recover()
    assert state(world) is AttemptState.NOT_SENT
    assert world.clock.monotonic() - before >= 60
    absence = world.ledger.broker_journal.absence(REF)
    assert absence is not None
    assert (absence.second_at - absence.first_at).total_seconds() >= 60
    assert violations(world.ledger, world.venue) == []


def test_waits_that_end_too_soon_make_no_proof_earlier(tmp_path: Path) -> None:
    """The seconds between the snapshots are measured, not believed."""
    world = World(f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "venue.db", HastyClock(START))
    in_doubt(world)
    before = world.clock.monotonic()
    world.recover()
    assert state(world) is AttemptState.NOT_SENT
    assert world.clock.monotonic() - before >= 60
    world.close()


@pytest.mark.parametrize(("seconds", "expected"), [(59.9, "UNKNOWN"), (60.0, "NOT_SENT")])
def test_a_second_look_that_comes_too_soon_proves_nothing(world: World, seconds: float, expected: str) -> None:
    """Nothing waits for the evidence: whichever snapshot is old enough completes it."""
    in_doubt(world)

    async def story() -> None:
        sender = world.sender()
        await sender.ready()
        assert state(world) is AttemptState.UNKNOWN
        await world.clock.sleep(seconds - 5)
        await sender.tracker.query()
        await sender.close()

    run(story())
    assert state(world).value == expected


def test_a_position_that_moved_proves_the_contrary(world: World) -> None:
    in_doubt(world)
    world.venue.set(opening={"AAPL": "10"})
    world.recover()
    assert state(world) is AttemptState.UNKNOWN
    assert world.codes() == ["ORDER_UNKNOWN", "POSITION_DRIFT"]
    assert world.ledger.broker_journal.absence(REF) is None


def test_with_money_at_stake_the_evidence_is_waited_for_once(world: World) -> None:
    """Only a person's word is missing then; waiting for longer brings nothing."""
    in_doubt(world)
    world.mode = Mode.LIVE
    before = world.clock.monotonic()
    world.recover(world.sender(live_account=ACCOUNT))
    assert state(world) is AttemptState.UNKNOWN
    assert world.ledger.broker_journal.absence(REF) is not None
    assert 60 <= world.clock.monotonic() - before < 70


@pytest.mark.parametrize("filled", [False, True], ids=["open", "filled"])
@pytest.mark.parametrize(
    ("instrument", "side", "expected"),
    [("AAPL", Side.BUY, "UNKNOWN"), ("AAPL", Side.SELL, "NOT_SENT"), ("MSFT", Side.BUY, "NOT_SENT")],
)
def test_an_order_without_our_reference_since_the_write_ahead_may_be_ours(
    world: World, instrument: str, side: Side, expected: str, filled: bool
) -> None:
    """R5: the venue may have lost the reference, and then the position agrees with a fill that is taken for others'."""
    in_doubt(world)
    world.venue.external(instrument, "10", side=side, filled=filled)
    world.recover()
    assert state(world).value == expected
    assert (world.ledger.broker_journal.absence(REF) is not None) is (expected == "NOT_SENT")


def test_an_order_without_our_reference_before_the_write_ahead_is_somebody_elses(world: World) -> None:
    world.recover()
    world.venue.external("AAPL", "10", filled=True)
    world.recover()
    assert acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "mine") == 2
    world.clock.advance(1)  # type: ignore[attr-defined]
    in_doubt(world)
    world.recover()
    assert state(world) is AttemptState.NOT_SENT


def test_an_order_in_doubt_delays_no_other_instrument(world: World) -> None:
    """A9: a new sender that finds it sends in another instrument after the two looks of its recovery."""
    in_doubt(world)
    world.proposer.order("MSFT")
    world.proposer.order("AAPL", "3")
    before = world.clock.monotonic()
    outcomes = world.drain()
    assert [outcome.status.value for outcome in outcomes] == ["SENT", "REFUSED"]
    assert world.clock.monotonic() - before < 10
    assert state(world) is AttemptState.UNKNOWN


def test_an_order_that_gets_no_answer_delays_the_next_one_by_its_own_wait_alone(world: World) -> None:
    """A9 within one batch: 30 s for the answer, 5 s for the recovery, and not the minute of the evidence."""
    world.proposer.order("AAPL")
    world.proposer.order("MSFT")
    world.venue.fault("swallow")
    outcomes = world.drain()
    assert [outcome.status.value for outcome in outcomes] == ["NOT_SENT", "SENT"], "as it is known at the end"
    first, second = world.ledger.attempts.sent_at(ACCOUNT, START)
    assert 30 <= (second - first).total_seconds() < 40


def test_a_position_that_moved_elsewhere_does_not_matter(world: World) -> None:
    in_doubt(world)
    world.venue.set(opening={"MSFT": "10"})
    world.recover()
    assert state(world) is AttemptState.NOT_SENT


@pytest.mark.parametrize(("zone", "expected"), [("America/New_York", "UNKNOWN"), ("Asia/Tokyo", "NOT_SENT")])
def test_after_the_venues_midnight_absence_proves_nothing(world: World, zone: str, expected: str) -> None:
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(13.98 * 3600)
    in_doubt(world)
    world.clock.advance(120)
    world.recover(world.sender(broker_zone=zone))
    assert state(world).value == expected


def test_a_link_that_is_disturbed_between_the_snapshots_proves_nothing(world: World) -> None:
    in_doubt(world)
    take = world.venue.snapshot

    def disturbed() -> object:
        world.venue.tell(BrokerEventKind.LINK, link_up=True, code=1102)
        for sink in world.venue.sinks:
            sink._deliver()
        return take()

    world.venue.snapshot = disturbed  # type: ignore[method-assign,assignment]
    with pytest.raises(BrokerError, match="disturbed during 3 recoveries"):
        world.recover()
    assert state(world) is AttemptState.UNKNOWN


def overtaken(world: World, after: int, step: str, *, gone: bool) -> None:
    """After so many snapshots another sender takes the account over and comes to ``step`` with an order of its own."""
    take, left = world.venue.snapshot, [after]

    def snapshot() -> object:
        answer, left[0] = take(), left[0] - 1
        if left[0] == 0:
            world.expire_lease()
            assert world.ledger.leases.acquire(ACCOUNT, "other", 120)
            (row,) = world.ledger.outbox.sendable(ACCOUNT)
            order = world.ledger.outbox.get(row.decision_id)
            assert world.ledger.claims.claim(row.decision_id, order.payload_hash, "other")
            if step == "SENDING":
                world.ledger.claims.begin_sending(row.ref, "its session", {Leg.ENTRY: 7}, order.payload_hash, "other")
            if gone:
                world.ledger.leases.release(ACCOUNT, "other")
        return answer

    world.venue.snapshot = snapshot  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone again"])
@pytest.mark.parametrize("step", ["CLAIMED", "SENDING"])
@pytest.mark.parametrize("after", [1, 2])
def test_who_lost_the_account_during_a_recovery_judges_nobodys_orders(
    world: World, after: int, step: str, gone: bool
) -> None:
    """What another sender is sending is not in doubt, and its claim is not abandoned: only it may say so."""
    world.proposer.order()
    overtaken(world, after, step, gone=gone)
    reconciled = world.ledger.broker_journal.last_reconciliation(ACCOUNT)
    with pytest.raises(SendRefused, match="took the account over"):
        world.recover()
    assert state(world) == step
    assert world.codes() == []
    assert world.ledger.broker_journal.last_reconciliation(ACCOUNT) == reconciled


def test_who_lost_the_account_during_a_poll_learns_it(world: World) -> None:
    """Its view of the venue is older than what the other sender did since, and no base for another order."""
    world.proposer.order()

    async def story() -> None:
        sender = world.sender()
        await sender.recover()
        overtaken(world, 1, "SENDING", gone=True)
        with pytest.raises(SendRefused, match="took the account over"):
            await sender.tracker.poll()
        await sender.close()

    run(story())
    assert state(world) is AttemptState.SENDING
    assert world.codes() == []


def test_an_order_that_shows_in_the_second_snapshot_is_adopted(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    world.venue.fault("silent")
    world.venue.hide(REF, 3)
    world.drain()
    assert state(world) is AttemptState.WORKING
    assert world.ledger.broker_journal.absence(REF) is None


def test_a_recovery_tells_what_it_found(world: World) -> None:
    in_doubt(world)
    order = world.proposer.order("MSFT")
    world.ledger.leases.acquire(ACCOUNT, "dead", 60)
    world.ledger.claims.claim(order.decision_id, order.payload_hash, "dead")
    world.expire_lease()

    async def story() -> None:
        sender = world.sender()
        found = await sender.recover()
        assert (found.not_sent, found.released, found.unknown) == ((REF,), ("intent0002.1",), ())
        assert found.differences == found.adopted == ()
        await sender.close()

    run(story())


def test_a_dead_connection_is_replaced_once(world: World) -> None:
    async def story() -> None:
        sender = world.sender()
        await sender.recover()
        world.venue.cut()
        await sender.ready()
        assert world.broker.session == "file-2"
        world.venue.fault("fail_snapshot", times=3)
        world.venue.cut()
        with pytest.raises(BrokerError, match="before its end"):
            await sender.ready()
        await sender.close()

    run(story())


def test_a_query_that_fails_while_an_answer_is_awaited_leaves_the_order_in_doubt(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()

    def fail(name: str) -> None:
        if name == "S5.before_place":
            world.venue.fault("refuse")
            world.venue.fault("fail_snapshot")

    async def story() -> None:
        sender = world.sender(checkpoint=fail)
        assert [outcome.status.value for outcome in await sender.drain()] == ["REJECTED"]
        await sender.close()

    run(story())
    states = [event.state.value for event in world.ledger.attempts.events(REF)]
    assert states == ["CLAIMED", "SENDING", "UNKNOWN", "REJECTED"], "the recovery at the end of the drain found it"


def test_a_poll_that_sees_a_disturbed_link_is_followed_by_a_recovery(world: World) -> None:
    async def story() -> None:
        sender = world.sender()
        await sender.ready()
        take = world.venue.snapshot

        def once() -> object:
            world.venue.snapshot = take  # type: ignore[method-assign]
            world.venue.tell(BrokerEventKind.LINK, link_up=True, code=1102)
            for sink in world.venue.sinks:
                sink._deliver()
            return take()

        world.venue.snapshot = once  # type: ignore[method-assign,assignment]
        await world.clock.sleep(5)
        before = world.clock.monotonic()
        await sender.ready()
        assert world.clock.monotonic() - before == 5, "two snapshots five seconds apart"
        await sender.close()

    run(story())


def test_a_difference_must_be_found_twice_in_a_row() -> None:
    first = Difference(FreezeCode.POSITION_DRIFT, "AAPL", "", "+1")
    later = Difference(FreezeCode.POSITION_DRIFT, "AAPL", "", "+2")
    other = Difference(FreezeCode.POSITION_DRIFT, "MSFT", "", "+1")
    assert confirmed((first,), (other,)) == confirmed((), (first,)) == confirmed((first,), ()) == ()
    assert confirmed((first,), (later, other)) == (later,)


def test_a_position_that_lags_behind_a_fill_freezes_nothing(world: World) -> None:
    async def story() -> None:
        sender = world.sender()
        await sender.recover()
        take = world.venue.snapshot

        def lagging() -> object:
            world.venue.snapshot = take  # type: ignore[method-assign]
            found = take()
            held = Position(account=ACCOUNT, instrument="AAPL", quantity=Decimal(3))
            return found.model_copy(update={"positions": (held,)})

        world.venue.snapshot = lagging  # type: ignore[method-assign,assignment]
        assert await sender.tracker.poll() == ()
        await sender.close()

    run(story())
    assert world.codes() == []


def test_what_concerns_another_account_is_left_alone(world: World) -> None:

    world.venue.external(filled=True)
    intake = ReportHandler(world.ledger, "DU999")
    intake.statement(_fill(world.venue.state["fills"][0]))
    intake._order(_order(world.venue.state["orders"][0]), queried=True, opening=False)
    assert world.ledger.executions.all() == []
    assert world.ledger.broker_journal.external(ACCOUNT) == []


def test_a_fee_that_comes_with_the_fill_is_kept(world: World) -> None:

    world.venue.external(filled=True)
    fill = _fill(world.venue.state["fills"][0]).model_copy(update={"fee": Decimal(2)})
    ReportHandler(world.ledger, ACCOUNT).statement(fill)
    assert [execution.fee for execution in world.ledger.executions.all()] == [2]
    assert SenderSettings(ACCOUNT, "h").settles_alone
