"""The sender's own rules, on both engines: what must hold before an order may go out, and that it goes out once."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run, violations
from tests.support.ledgers import Proposer
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.types import Mode, ProtocolTimes, SenderSettings, SendRefused, SendStatus
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import BrokerEvent, BrokerEventKind, BrokerSnapshot
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Reason, Verdict
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.model.order import AttemptState

pytestmark = pytest.mark.parametrize(
    "engine", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def test_approved_orders_go_out_oldest_first_and_once(world: World) -> None:
    refs = [f"{world.proposer.order(name).intent_id}.1" for name in ("AAPL", "MSFT", "GOOG")]
    outcomes = world.drain()
    assert [(outcome.ref, outcome.status, outcome.state) for outcome in outcomes] == [
        (ref, SendStatus.SENT, AttemptState.FILLED) for ref in refs
    ]
    assert world.drain() == ()
    assert world.venue.state["placed"] == refs
    assert violations(world.ledger, world.venue) == []
    fees = [execution.fee for execution in world.ledger.executions.all()]
    assert fees == [Decimal(1)] * 3


def test_every_message_is_kept_raw(world: World) -> None:
    world.proposer.order()
    world.drain()
    kinds = [event.kind for event in world.ledger.broker_journal.events()]
    assert kinds == [BrokerEventKind.ORDER, BrokerEventKind.FILL, BrokerEventKind.FEE]


def test_chosen_decisions_alone_are_sent_and_the_missing_are_lost(world: World) -> None:
    first, second = world.proposer.order("AAPL"), world.proposer.order("MSFT")

    async def story() -> None:
        sender = world.sender()
        outcomes = await sender.drain({second.decision_id, "decision-99"})
        assert [(outcome.decision_id, outcome.status) for outcome in outcomes] == [
            ("decision-99", SendStatus.LOST),
            (second.decision_id, SendStatus.SENT),
        ]
        assert [outcome.status for outcome in await sender.drain([second.decision_id])] == [SendStatus.TAKEN]
        await sender.close()

    run(story())
    assert [row.decision_id for row in world.ledger.outbox.sendable(ACCOUNT)] == [first.decision_id]


def test_a_claim_that_another_wins_in_between_is_lost(world: World) -> None:
    order = world.proposer.order()

    def rival(name: str) -> None:
        if name == "S2.before_claim":
            lease = world.ledger.leases.get(ACCOUNT)
            assert lease is not None
            world.ledger.claims.claim(order.decision_id, order.payload_hash, lease.holder)

    async def story() -> None:
        sender = world.sender(checkpoint=rival)
        assert [outcome.status for outcome in await sender.drain()] == [SendStatus.LOST]
        await sender.close()

    run(story())
    assert world.venue.state["placed"] == []


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_gates_recheck_stops_an_order_by_a_reject_alone(world: World, verdict: Verdict) -> None:
    world.proposer.order()

    async def pre_send_check(order: ApprovedOrder, snapshot: BrokerSnapshot) -> Sequence[Reason]:
        assert snapshot.positions == ()
        return [Reason(code="STALE_DATA", verdict=verdict, text=f"{order.terms.instrument} is 31 s old")]

    async def story() -> None:
        sender = world.sender(pre_send_check)
        outcome = (await sender.drain())[0]
        if verdict is Verdict.REJECT:
            assert (outcome.status, outcome.state) == (SendStatus.REFUSED, AttemptState.NOT_SENT)
            assert [reason.code for reason in outcome.reasons] == ["STALE_DATA"]
        else:
            assert outcome.status is SendStatus.SENT
        await sender.close()

    run(story())
    assert world.ledger.outbox.sendable(ACCOUNT) == [], "the approval is spent either way"
    assert len(world.venue.state["placed"]) == (0 if verdict is Verdict.REJECT else 1)


def test_an_order_that_the_venue_cannot_hold_is_refused_before_anything_is_written_down(world: World) -> None:
    """A contract that is ambiguous is a refusal with a reason; it is never in doubt and freezes nothing (risk 6)."""
    world.proposer.order()
    world.venue.fault("not_accepted")
    (outcome,) = world.drain()
    assert outcome.status is SendStatus.REFUSED
    assert [reason.code for reason in outcome.reasons] == ["NOT_ACCEPTED"]
    assert world.states() == ["NOT_SENT"]
    assert world.ledger.attempts.all()[0].sending_at is None
    assert world.codes() == []


def test_a_recheck_that_cannot_be_made_leaves_the_order_approved(world: World) -> None:
    world.proposer.order()

    async def pre_send_check(_order: ApprovedOrder, _snapshot: BrokerSnapshot) -> Sequence[Reason]:
        raise BrokerError("no quote came")

    with pytest.raises(BrokerError, match="no quote"):
        world.drain(world.sender(pre_send_check))
    assert len(world.ledger.outbox.sendable(ACCOUNT)) == 1


def advancing(world: World, when: str, seconds: float) -> Callable[[str], None]:
    """A checkpoint at which time goes by, once."""
    left = [when]

    def advance(name: str) -> None:
        if name in left:
            left.remove(name)
            world.clock.advance(seconds)  # type: ignore[attr-defined]

    return advance


@pytest.mark.parametrize(("seconds", "claimed"), [(2.9, True), (3.0, False)])
def test_nothing_is_claimed_after_the_end_of_its_approval(world: World, seconds: float, claimed: bool) -> None:
    world.proposer.order(seconds=3)
    (outcome,) = world.drain(world.sender(checkpoint=advancing(world, "S2.before_claim", seconds)))
    if claimed:
        assert outcome.status is SendStatus.SENT, "the claim ended the approval's life"
        return
    assert (outcome.status, world.states()) == (SendStatus.REFUSED, [])
    assert [reason.code for reason in outcome.reasons] == ["APPROVAL_EXPIRED"]
    assert world.venue.state["placed"] == []


@pytest.mark.parametrize(
    ("when", "state"),
    [
        ("S2.claimed", AttemptState.EXPIRED),
        ("S3.reconciled", AttemptState.EXPIRED),
        ("S3.rechecked", AttemptState.NOT_SENT),
        ("S4.written", AttemptState.NOT_SENT),
        ("S4.read_back", AttemptState.NOT_SENT),
    ],
)
@pytest.mark.parametrize("seconds", [800, 900])
def test_nothing_is_sent_later_than_900_seconds_after_its_claim(
    world: World, when: str, state: AttemptState, seconds: int
) -> None:
    """M3, wherever the time went by; within the 900 seconds the approval's own end no longer matters."""
    world.times = ProtocolTimes(lease=3600)
    world.proposer.order(seconds=60)
    (outcome,) = world.drain(world.sender(checkpoint=advancing(world, when, seconds)))
    attempt = world.ledger.attempts.get(outcome.ref)
    if seconds < 900:
        assert outcome.status is SendStatus.SENT
        return
    assert (outcome.status, outcome.state) == (SendStatus.REFUSED, state)
    assert [reason.code for reason in outcome.reasons] == ["APPROVAL_EXPIRED"]
    assert world.venue.state["placed"] == []
    assert (world.clock.now() - attempt.claimed_at).total_seconds() >= 900


def test_a_batch_that_breaks_off_gives_its_claims_back(world: World) -> None:
    for name in ("AAPL", "MSFT", "GOOG"):
        world.proposer.order(name)

    async def pre_send_check(order: ApprovedOrder, _snapshot: BrokerSnapshot) -> Sequence[Reason]:
        if order.terms.instrument == "MSFT":
            raise BrokerError("no quote came")
        return ()

    with pytest.raises(BrokerError, match="no quote"):
        world.drain(world.sender(pre_send_check))
    assert world.states() == ["FILLED", "NOT_SENT", "NOT_SENT"]
    assert [row.ref for row in world.ledger.outbox.sendable(ACCOUNT)] == ["intent0002.2", "intent0003.2"]


def test_claims_that_a_broken_batch_could_not_give_back_are_given_back_by_the_next_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same sender, which still holds the account: no recovery releases its own claims."""
    world.proposer.order()

    def broken(*_arguments: object, **_named: object) -> None:
        raise LedgerError("the disk is full")

    async def pre_send_check(_order: ApprovedOrder, _snapshot: BrokerSnapshot) -> Sequence[Reason]:
        if world.ledger.attempts.all()[-1].number == 1:
            raise BrokerError("no quote came")
        return ()

    async def story() -> None:
        sender = world.sender(pre_send_check)
        with monkeypatch.context() as patch:
            patch.setattr(type(world.ledger.claims), "release", broken)
            with pytest.raises(LedgerError, match="disk is full"):
                await sender.drain()
        assert world.states() == ["CLAIMED"]
        assert [outcome.status for outcome in await sender.drain()] == [SendStatus.SENT]
        await sender.close()

    run(story())


@pytest.mark.parametrize("when", ["S2.claimed", "S4.read_back"])
@pytest.mark.parametrize("scope", ["everything", "strategy:trend", f"account:{ACCOUNT}"])
def test_the_kill_switch_is_read_twice(world: World, when: str, scope: str) -> None:
    world.proposer.order()

    def kill(name: str) -> None:
        if name == when:
            world.ledger.kill_switches.stop(scope, "ann", "test")

    outcome = world.drain(world.sender(checkpoint=kill))[0]
    assert (outcome.status, outcome.state) == (SendStatus.REFUSED, AttemptState.NOT_SENT)
    assert [reason.code for reason in outcome.reasons] == ["KILL_SWITCH"]
    assert world.venue.state["placed"] == []
    written = world.ledger.attempts.get(outcome.ref).sending_at is not None
    assert written is (when == "S4.read_back"), "the first look comes before the write-ahead"
    world.ledger.kill_switches.resume(scope, "ann", "over")
    world.proposer.order()
    assert [outcome.status for outcome in world.drain()] == [SendStatus.SENT]


def test_a_notice_of_the_link_before_the_send_stops_it(world: World) -> None:
    world.proposer.order()

    def disturb(name: str) -> None:
        if name == "S4.read_back":
            world.broker._sink(BrokerEvent(kind=BrokerEventKind.LINK, at=world.clock.now(), link_up=False, code=1100))

    outcome = world.drain(world.sender(checkpoint=disturb))[0]
    assert [reason.code for reason in outcome.reasons] == ["LINK_DISTURBED"]
    assert world.venue.state["placed"] == []


def test_cancel_all_cancels_the_open_orders_that_it_covers(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order("AAPL")
    world.proposer.order("MSFT", strategy="carry")

    async def story() -> None:
        sender = world.sender()
        await sender.drain()
        assert await sender.cancel_all(lambda _attempt: False, "ann", "test") == Cancelled()
        done = await sender.cancel_all(lambda attempt: attempt.strategy == "carry", "ann", "test")
        assert done == Cancelled(ended=("intent0002.1",))
        done = await sender.cancel_all(lambda _attempt: True, "ann", "test")
        assert done == Cancelled(ended=("intent0001.1",))
        await sender.close()

    run(story())
    assert world.states() == ["CANCELLED", "CANCELLED"]
    assert violations(world.ledger, world.venue) == []


def test_an_end_that_the_venue_reports_is_confirmed_at_once(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()

    async def story() -> None:
        sender = world.sender()
        await sender.drain()
        before = world.clock.monotonic()
        await sender.cancel("intent0001.1", "ann", "test")
        assert world.states() == ["CANCELLED"]
        assert world.clock.monotonic() - before < 1, "the message asked for the query, no time-out did"
        await sender.close()

    run(story())


def test_an_order_of_an_earlier_session_is_cancelled_by_its_number_in_this_one(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    world.drain()

    async def story() -> None:
        sender = world.sender()
        await sender.cancel("intent0001.1", "ann", "test")
        assert world.states() == ["CANCELLED"]
        await sender.close()

    run(story())
    assert world.venue.state["cancels"] == [["intent0001.1", 1]]


def test_a_cancel_that_breaks_the_link_is_settled_by_the_next_recovery(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()

    async def story() -> None:
        sender = world.sender()
        await sender.drain()
        world.venue.fault("cancel_drop")
        done = await sender.cancel("intent0001.1", "ann", "test")
        assert (done.ended, done.open) == ((), ("intent0001.1",))
        assert "the connection was reset" in done.problem
        assert world.states() == ["CANCEL_REQUESTED"]
        await sender.ready()
        await sender.close()

    run(story())
    assert world.states() == ["CANCELLED"]


def test_two_senders_on_one_account_second_is_refused_until_the_first_falls_silent(world: World) -> None:
    world.proposer.order()

    async def story() -> None:
        first, second = world.sender(), world.sender()
        await first.ready()
        with pytest.raises(SendRefused, match="another sender has the account"):
            await second.drain()
        assert isinstance(world.clock, ManualClock)
        world.clock.advance(120)
        assert [outcome.status for outcome in await second.drain()] == [SendStatus.SENT]
        with pytest.raises(SendRefused):
            await first.drain()
        await first.close()
        assert world.ledger.leases.get(ACCOUNT).holder != "sender", "closing the first does not take it from the second"  # type: ignore[union-attr]
        await second.close()

    run(story())
    assert violations(world.ledger, world.venue) == []


def test_a_claim_that_another_one_gave_back_meanwhile_does_not_hide_who_has_the_account(world: World) -> None:
    """A machine that slept over its lease: the other sender's recovery has settled the claim already."""
    world.proposer.order()

    def sleep(name: str) -> None:
        if name == "S2.claimed":
            world.clock.advance(200)  # type: ignore[attr-defined]
            assert world.ledger.leases.acquire(ACCOUNT, "other", 60)
            world.ledger.claims.release("intent0001.1", "recovered")

    with pytest.raises(SendRefused, match="another sender has the account: other"):
        world.drain(world.sender(checkpoint=sleep))
    assert world.states() == ["NOT_SENT"]
    assert world.venue.state["placed"] == []


def test_who_lost_a_claim_to_another_sender_that_is_gone_again_says_so(world: World) -> None:
    """The other one has sent the order already: the sleeper neither sends nor refuses it."""
    world.proposer.order()

    def sleep(name: str) -> None:
        if name == "S2.claimed":
            world.clock.advance(200)  # type: ignore[attr-defined]
            with concurrent.futures.ThreadPoolExecutor(1) as pool:
                pool.submit(world.drain, world.sender()).result()

    sleeper = world.sender(checkpoint=sleep)
    with pytest.raises(SendRefused, match="took the account over"):
        world.drain(sleeper)
    assert world.states() == ["NOT_SENT", "FILLED"]
    assert world.venue.state["placed"] == ["intent0001.2"]


@pytest.mark.parametrize("kind", [RuntimeError, asyncio.CancelledError])
def test_an_adapter_that_breaks_in_a_send_leaves_a_doubt_that_is_settled_before_the_next_one(
    world: World, kind: type[BaseException]
) -> None:
    """Whatever came out of the adapter, the venue may have the order; the same sender goes on only after a recovery."""
    world.proposer.order()
    world.venue.fault("silent")
    states: list[str] = []

    async def story() -> None:
        sender = world.sender(checkpoint=lambda name: states.extend(world.states()) if name == "S4.read_back" else None)
        place = world.broker.place

        async def broken(*order: Any) -> None:
            await place(*order)
            raise kind("in the middle of it")

        world.broker.place = broken  # type: ignore[method-assign]
        with pytest.raises(kind):
            await sender.drain()
        world.broker.place = place  # type: ignore[method-assign]
        world.proposer.order("MSFT")
        await sender.drain()
        await sender.close()

    run(story())
    assert states[0] == "SENDING"
    assert "SENDING" not in states[1:2], "the first order was looked for before the second one went out"
    assert world.venue.state["placed"] == ["intent0001.1", "intent0002.1"]
    assert violations(world.ledger, world.venue) == []


def test_a_write_ahead_that_cannot_be_read_back_is_settled_before_the_next_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing went out, but the ledger says SENDING: it is looked for before the same sender goes on."""
    world.proposer.order()

    async def story() -> None:
        sender = world.sender()
        with monkeypatch.context() as patch:
            patch.setattr(type(world.ledger.attempts), "read_back", lambda _attempts, _ref: [])
            with pytest.raises(LedgerError, match="read back"):
                await sender.drain()
        assert world.states() == ["SENDING"]
        world.proposer.order("MSFT")
        await sender.drain()
        assert world.states() == ["UNKNOWN", "FILLED"]
        await sender.recover()
        await sender.close()

    run(story())
    assert world.states()[0] == "NOT_SENT"
    assert "intent0001.1" not in world.venue.state["placed"]
    assert "intent0002.1" in world.venue.state["placed"]
    assert violations(world.ledger, world.venue) == []


def test_fault_31_two_senders_at_once_send_each_order_once(world: World) -> None:
    for _ in range(6):
        world.proposer.order()

    async def drain_until_empty(holder: str) -> None:
        with Ledger.open(world.url, world.clock) as own:
            sender = world.sender(holder=holder, ledger=own)
            while world.ledger.outbox.sendable(ACCOUNT):
                try:
                    await sender.drain()
                except SendRefused:
                    await asyncio.sleep(0)
            await sender.close()

    async def story() -> None:
        await asyncio.gather(drain_until_empty("one"), drain_until_empty("two"))

    run(story())
    assert sorted(world.venue.state["placed"]) == [f"intent{number:04d}.1" for number in range(1, 7)]
    assert violations(world.ledger, world.venue) == []


def test_the_pace_is_kept_across_senders(world: World) -> None:
    for _ in range(5):
        world.proposer.order()
    world.drain(per_second=1, per_minute=3)
    sent = world.ledger.attempts.sent_at(ACCOUNT, world.clock.now().replace(year=2000))
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(sent)]
    assert all(gap >= 1 for gap in gaps)
    assert (sent[3] - sent[0]).total_seconds() >= 60
    assert len(sent) == 5


def test_fault_36_a_clock_that_disagrees_with_the_venue_stops_everything(world: World) -> None:
    world.proposer.order()
    for skew in (2.5, -2.5, 3600.0, -3600.0):
        world.venue.set(skew=skew)
        with pytest.raises(BrokerError, match="clock"):
            world.drain()
    assert world.venue.state["placed"] == []
    world.venue.set(skew=1.9)
    assert [outcome.status for outcome in world.drain()] == [SendStatus.SENT]


def test_fault_36_a_clock_that_jumps_while_connected_is_noticed_before_the_next_order(world: World) -> None:
    async def story() -> None:
        sender = world.sender()
        await sender.ready()
        world.venue.set(skew=3600.0)
        await world.clock.sleep(5)
        world.proposer.order()
        with pytest.raises(BrokerError, match="clock"):
            await sender.drain()
        await sender.close()

    run(story())
    assert world.venue.state["placed"] == []


def test_following_ends_when_nothing_lives_or_time_is_over(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()

    async def story() -> None:
        sender = world.sender()
        await sender.drain()
        assert not await sender.tracker.follow(7)
        world.venue.fill("intent0001.1", tell=False)
        assert await sender.tracker.follow(7)
        assert await sender.tracker.follow(0)
        await sender.close()

    run(story())


def test_an_order_for_another_account_is_not_ours_to_send(world: World) -> None:
    Proposer(world.ledger, world.clock, "DU999").order(account="DU999")
    assert world.drain() == ()
    assert len(world.ledger.outbox.sendable("DU999")) == 1


def test_live_trading_starts_stopped(world: World) -> None:
    world.mode = Mode.LIVE
    world.proposer.order()
    outcome = world.drain(live_account=ACCOUNT)[0]
    assert [reason.code for reason in outcome.reasons] == ["KILL_SWITCH"]
    world.ledger.kill_switches.resume("everything", "ann", "begin")
    world.proposer.order()
    assert [outcome.status for outcome in world.drain(live_account=ACCOUNT)] == [SendStatus.SENT]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"account": "", "holder": "h"}, "needs an account"),
        ({"account": "A", "holder": ""}, "needs an account"),
        ({"account": "A", "holder": "h", "mode": Mode.LIVE}, "not confirmed"),
        ({"account": "A", "holder": "h", "mode": Mode.LIVE, "live_account": "B"}, "not confirmed"),
        ({"account": "A", "holder": "h", "mode": Mode.PAPER, "problems": ("port 7496",)}, "port 7496"),
    ],
)
def test_control_22_mode_account_and_port_must_agree(engine: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(SendRefused, match=message):
        SenderSettings(**settings).check(settings.get("mode", Mode.SIM))  # type: ignore[arg-type]
    SenderSettings("A", "h", Mode.LIVE, "A").check(Mode.LIVE)
    SenderSettings("A", "h", Mode.PAPER).check(Mode.PAPER)
    assert engine


def test_a_sender_whose_settings_contradict_each_other_does_not_come_to_be(world: World) -> None:
    world.mode = Mode.LIVE
    with pytest.raises(SendRefused, match="not confirmed"):
        world.sender()


def test_no_sender_comes_to_be_on_the_ledger_of_another_mode(world: World) -> None:
    """It would read the switches, freezes and commands of that other mode, and none of its own."""
    with pytest.raises(SendRefused, match="of mode live, its ledger was opened for mode sim"):
        world.sender(mode=Mode.LIVE, live_account=ACCOUNT)


def test_the_protocols_times_are_the_production_minimums(engine: str) -> None:
    times = ProtocolTimes()
    assert (times.acknowledge, times.settle, times.absence, times.poll) == (30, 5, 60, 5)
    assert times.lease > times.absence
    assert engine
