"""One test per row of the fault catalogue, part A: what venues and their links do."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run, settled, violations
from tradewright.execution.operator_actions import acknowledge, adopt_position, confirm_not_sent, settle_by_statement
from tradewright.execution.sender import Sender
from tradewright.execution.types import Mode, SendStatus
from tradewright.model.broker import BrokerEventKind, VenueOrder, VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.model.order import AttemptState, Fill, OrderType, Side

REF = "intent0001.1"


def clean(world: World) -> None:
    assert violations(world.ledger, world.venue) == []


def passed(world: World) -> list[str]:
    """The states that the first order passed through."""
    return [event.state.value for event in world.ledger.attempts.events(REF)]


async def working(world: World, fault: str = "", status: SendStatus = SendStatus.SENT) -> Sender:
    """A sender with one order resting at the venue, or refused by it."""
    world.venue.set(mode="rest")
    world.proposer.order()
    if fault:
        world.venue.fault(fault)
    sender = world.sender()
    outcomes = await sender.drain()
    assert [outcome.status for outcome in outcomes] == [status]
    return sender


def test_fault_01_a_fill_during_a_lost_link_is_taken_and_the_return_is_followed_by_a_full_recovery(
    world: World,
) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.tell(BrokerEventKind.LINK, link_up=False, code=1100)
        world.venue.fill(REF, "4")
        world.venue.tell(BrokerEventKind.LINK, link_up=True, code=1102)
        await settled()
        assert world.ledger.executions.filled(REF) == 4
        world.venue.fill(REF, tell=False)
        await sender.ready()
        await sender.close()

    run(story())
    assert world.states() == ["FILLED"]
    clean(world)


def test_fault_02_an_instant_fill_without_any_order_status(world: World) -> None:
    world.proposer.order()
    world.venue.fault("silent")

    async def story() -> None:
        sender = world.sender()
        world.venue.set(mode="rest")
        sending = [await sender.recover()]
        take = world.venue.take

        def fill_only(*arguments: object) -> object:
            answer = take(*arguments)  # type: ignore[arg-type]
            world.venue.fill(REF, tell=False)
            world.venue.tell(
                BrokerEventKind.FILL, fill=Fill.model_validate(world.venue.state["fills"][0] | {"account": ACCOUNT})
            )
            return answer

        world.venue.take = fill_only  # type: ignore[method-assign,assignment]
        outcomes = await sender.drain()
        assert [outcome.state for outcome in outcomes] == [AttemptState.FILLED], sending
        await sender.close()

    run(story())
    clean(world)


def test_fault_03_no_answer_ever_is_unknown_frozen_and_never_resent(world: World) -> None:
    world.mode = Mode.LIVE
    world.ledger.kill_switches.resume("everything", "ann", "begin")
    world.proposer.order()
    world.proposer.order("AAPL", "3")
    world.proposer.order("MSFT", "2")
    world.venue.fault("swallow")
    before = world.clock.monotonic()
    outcomes = world.drain(live_account=ACCOUNT)
    assert [outcome.status.value for outcome in outcomes] == ["UNKNOWN", "REFUSED", "SENT"]
    assert world.clock.monotonic() - before >= 30
    assert world.codes() == ["ORDER_UNKNOWN"]
    assert outcomes[1].reasons[0].code == "INSTRUMENT_FROZEN"
    for _ in range(3):
        world.drain(live_account=ACCOUNT)
    assert world.venue.state["placed"] == [REF, "intent0003.1"]
    assert world.ledger.attempts.get(REF).state is AttemptState.UNKNOWN, "with money at stake a person must confirm"
    clean(world)


def test_a_cancelled_order_whose_filled_quantity_is_not_told_is_no_end(world: World) -> None:
    """Its executions may be missing too; a statement settles it."""
    world.venue.set(mode="rest")
    world.proposer.order()
    sender = world.sender()

    async def story() -> None:
        await sender.drain()
        with world.venue.change() as state:
            state["orders"][0] |= {"status": "CANCELLED", "filled": None}
        await sender.recover()
        await sender.close()

    run(story())
    assert world.states() == ["WORKING"]
    assert world.codes() == ["FILLS_MISSING"]


def test_recovery_5_a_person_confirms_only_fresh_evidence_of_an_order_in_doubt(world: World) -> None:
    world.mode = Mode.LIVE
    world.ledger.kill_switches.resume("everything", "ann", "begin")
    world.proposer.order()
    world.venue.fault("swallow")
    with pytest.raises(LedgerError, match="no such attempt"):
        confirm_not_sent(world.ledger, REF, "ann", "called the desk")
    world.drain(live_account=ACCOUNT)
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(3600)
    with pytest.raises(LedgerError, match="no fresh evidence"):
        confirm_not_sent(world.ledger, REF, "ann", "called the desk")
    world.recover(world.sender(live_account=ACCOUNT))
    confirm_not_sent(world.ledger, REF, "ann", "called the desk")
    assert world.states() == ["NOT_SENT"]
    assert world.codes() == []
    with pytest.raises(LedgerError, match="not in doubt"):
        confirm_not_sent(world.ledger, REF, "ann", "again")


def test_fault_03_a_status_without_permanent_id_is_the_librarys_own_and_no_answer(world: World) -> None:
    world.proposer.order()
    world.venue.fault("swallow")

    def local_status(name: str) -> None:
        if name == "S5.placed":
            order = VenueOrder(
                ref=REF, perm_id=0, order_id=1, client_id=1, account=ACCOUNT, instrument="AAPL", side=Side.BUY,
                order_type=OrderType.MARKET, quantity=Decimal(10), filled=Decimal(0), status=VenueStatus.PENDING,
            )  # fmt: skip
            world.venue.tell(BrokerEventKind.ORDER, order=order)

    assert [outcome.status for outcome in world.drain(world.sender(checkpoint=local_status))] == [SendStatus.NOT_SENT]
    assert passed(world) == ["CLAIMED", "SENDING", "UNKNOWN", "NOT_SENT"], "never ACKED"
    clean(world)


@pytest.mark.parametrize(
    ("fault", "status", "state"), [("drop_before", "NOT_SENT", "NOT_SENT"), ("drop_after", "SENT", "FILLED")]
)
def test_fault_04_the_socket_dies_with_the_send(world: World, fault: str, status: str, state: str) -> None:
    """The result tells the outcome as it is known after the order was looked for."""
    world.proposer.order()
    world.venue.fault(fault)
    assert [(outcome.status, outcome.state) for outcome in world.drain()] == [(status, state)]
    assert "UNKNOWN" in passed(world)
    assert world.states() == [state]
    world.drain()
    assert world.venue.state["placed"] == [REF]
    clean(world)


def test_fault_05_order_ids_that_roll_back_never_mix_two_orders(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.restart(next_order_id=1)
        world.proposer.order("MSFT", "7")
        await sender.drain()
        world.venue.fill("intent0002.1")
        await settled()
        await sender.close()

    run(story())
    first, second = (world.ledger.attempts.get(ref) for ref in (REF, "intent0002.1"))
    assert first.order_id == second.order_id == 1
    assert first.session != second.session
    assert (first.state.value, second.state.value) == ("WORKING", "FILLED")
    clean(world)


def test_fault_06_two_live_permanent_ids_freeze_the_instrument(world: World) -> None:
    async def story() -> None:
        sender = await working(world, "twice")
        await sender.tracker.poll()
        await sender.close()

    run(story())
    assert world.codes() == ["TWO_PERM_IDS"]
    assert len(world.ledger.attempts.perm_ids(REF)) == 2
    assert violations(world.ledger, world.venue) == []


def test_fault_07_a_false_cancel_message_is_not_believed(world: World) -> None:
    async def story() -> None:
        sender = await working(world, "false_cancel")
        assert world.states() == ["WORKING"]
        world.venue.tell_order(REF, VenueStatus.CANCELLED)
        await settled()
        assert world.states() == ["WORKING"]
        world.venue.fill(REF)
        assert await sender.tracker.follow(60)
        await sender.close()

    run(story())
    assert world.states() == ["FILLED"]
    clean(world)


def test_fault_08_a_start_that_cannot_read_everything_sends_nothing(world: World) -> None:
    world.proposer.order()
    world.venue.fault("fail_snapshot", times=2)
    with pytest.raises(BrokerError, match="before its end"):
        world.drain()
    assert world.venue.state["placed"] == []
    assert [row.ref for row in world.ledger.outbox.sendable(ACCOUNT)] == ["intent0001.2"]


def test_fault_09_a_failed_query_is_not_an_empty_one(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.fault("fail_snapshot")
        with pytest.raises(BrokerError):
            await sender.tracker.poll()
        assert world.states() == ["WORKING"]
        assert world.codes() == []
        world.proposer.order("MSFT")
        assert [outcome.status.value for outcome in await sender.drain()] == ["SENT"], "after a new recovery"
        await sender.close()

    run(story())
    clean(world)


def test_fault_10_nothing_is_sent_while_messages_wait_in_the_library(world: World) -> None:
    async def story() -> None:
        sender = world.sender()
        world.broker.waiting = 3
        world.proposer.order()
        outcome = (await sender.drain())[0]
        assert (outcome.status, outcome.state) == (SendStatus.REFUSED, AttemptState.NOT_SENT)
        assert [reason.code for reason in outcome.reasons] == ["SENDS_PENDING"]
        await sender.close()

    run(story())
    assert world.venue.state["placed"] == []


def test_fault_12_a_fill_between_two_sessions_is_found(world: World) -> None:
    async def story() -> None:
        await (await working(world)).close()

    run(story())
    world.venue.fill(REF)
    world.recover()
    assert world.states() == ["FILLED"]
    clean(world)


@pytest.mark.parametrize("corrected", ["4", "10", "12"])
def test_fault_13_a_correction_is_held_back_until_the_position_shows_what_it_means(
    world: World, corrected: str
) -> None:
    async def story() -> None:
        sender = await working(world)
        exec_id = world.venue.fill(REF)
        world.venue.correct(exec_id, corrected, price="99")
        await settled()
        assert world.ledger.executions.position(ACCOUNT, "AAPL") == 10
        assert world.codes() == ["CORRECTION"]
        await sender.tracker.poll()
        await sender.close()

    run(story())
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == Decimal(corrected)
    assert world.ledger.executions.positions(ACCOUNT)[0].average_price == 99
    assert world.codes() == (["OVERFILL"] if corrected == "12" else []), "the ruling is followed by its consequences"
    clean(world)


def test_fault_13_a_correction_that_completes_an_order_ends_it(world: World) -> None:
    """M1: the ruling on it computes the order's state again, also when the venue has told nothing else since."""
    world.venue.set(mode="rest")
    world.proposer.order()
    world.drain()
    exec_id = world.venue.fill(REF, "5", tell=False)
    world.recover()
    assert world.states() == ["PARTIAL"]
    with world.venue.change() as state:
        original = next(fill for fill in state["fills"] if fill["exec_id"] == exec_id)
        state["fills"].append(original | {"exec_id": exec_id[:-2] + "02", "quantity": "10"})
        state["orders"][-1] |= {"status": "FILLED", "filled": "10"}
    world.recover()
    assert (world.states(), world.codes()) == (["FILLED"], [])
    assert world.ledger.executions.filled(REF) == 10
    clean(world)


def test_fault_13_a_correction_may_also_turn_out_to_add_or_to_mean_nothing_known(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        exec_id = world.venue.fill(REF)
        world.venue.correct(exec_id, "4")
        world.venue.set(opening={"AAPL": "10"})
        await sender.tracker.poll()
        assert world.ledger.executions.position(ACCOUNT, "AAPL") == 14
        assert world.codes() == ["OVERFILL"], "14 of 10 filled"
        world.venue.correct(exec_id[:-2] + "02", "3")
        world.venue.set(opening={"AAPL": "50"})
        await sender.tracker.poll()
        assert world.codes() == ["CORRECTION", "OVERFILL", "POSITION_DRIFT"]
        await sender.close()

    run(story())


def test_fault_14_the_same_execution_again_and_again_counts_once(world: World) -> None:
    world.proposer.order()
    world.venue.fault("duplicate")
    world.drain()
    for _ in range(3):
        world.recover()
    assert [execution.quantity for execution in world.ledger.executions.all()] == [10]
    assert world.ledger.executions.all()[0].fee == 1
    clean(world)


def test_fault_15_an_order_in_doubt_across_midnight_is_settled_by_the_statement_alone(world: World) -> None:
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(14 * 3600 - 30)  # half a minute before the venue's midnight
    world.proposer.order()
    world.venue.fault("drop_after")
    world.venue.hide(REF, 1000)
    assert [outcome.status.value for outcome in world.drain()] == ["UNKNOWN"]
    world.clock.advance(3600)
    world.venue.set(hidden={})
    world.recover()
    assert world.states() == ["UNKNOWN"], "yesterday's fills are not listed today, and absence proves nothing"
    assert world.codes() == ["ORDER_UNKNOWN", "POSITION_DRIFT"]
    fill = Fill.model_validate(world.venue.state["fills"][0] | {"account": ACCOUNT})
    with pytest.raises(LedgerError, match="is not NOT_SENT"):
        settle_by_statement(world.ledger, REF, [fill], AttemptState.NOT_SENT, "ann", "statement of the 20th")
    with pytest.raises(LedgerError, match="for good"):
        settle_by_statement(world.ledger, REF, [], AttemptState.WORKING, "ann", "statement")
    with pytest.raises(LedgerError, match="another order"):
        settle_by_statement(world.ledger, "x.1", [fill], AttemptState.FILLED, "ann", "statement")
    settle_by_statement(world.ledger, REF, [fill], AttemptState.FILLED, "ann", "statement of the 20th")
    acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "settled")
    world.recover()
    assert world.codes() == []
    clean(world)


def test_fault_16_completed_orders_without_order_id_are_matched_by_reference(world: World) -> None:
    async def story() -> None:
        await (await working(world)).close()

    run(story())
    world.venue.end(REF)
    world.venue.restart()
    world.recover()
    assert world.states() == ["CANCELLED"]
    clean(world)


def test_fault_17_a_client_id_that_is_taken_refuses_and_loses_nothing(world: World) -> None:
    world.proposer.order()
    world.venue.fault("refuse_connect")
    with pytest.raises(BrokerError, match="326"):
        world.drain()
    assert [outcome.status.value for outcome in world.drain()] == ["SENT"]
    clean(world)


def test_fault_18_a_flap_of_the_data_farm_is_no_matter_of_orders(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        for code in (2103, 2105) * 25:
            world.venue.tell(BrokerEventKind.ERROR, code=code, order_id=-1, text="farm connection is broken")
        await settled()
        assert sender._connection.trusted
        await sender.close()

    run(story())
    assert world.states() == ["WORKING"]


@pytest.mark.parametrize("fault", ["cancel_silent", "cancel_unknown"])
def test_fault_20_a_cancel_without_a_clear_answer_stays_requested_until_a_query(world: World, fault: str) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.fault(fault)
        done = await sender.cancel(REF, "ann", "test")
        assert (done.ended, done.open, done.problem) == ((), (REF,), "")
        assert world.ledger.attempts.get(REF).state is AttemptState.CANCEL_REQUESTED
        await world.clock.sleep(12 * 3600 if fault == "cancel_silent" else 1)
        assert world.states() == ["CANCEL_REQUESTED"]
        world.venue.end(REF, tell=False)
        await sender.tracker.poll()
        await sender.close()

    run(story())
    assert world.states() == ["CANCELLED"]
    clean(world)


def test_fault_21_a_warning_about_an_order_is_no_rejection(world: World) -> None:
    world.proposer.order()
    world.venue.fault("noise")
    assert [outcome.state for outcome in world.drain()] == [AttemptState.FILLED]
    clean(world)


def test_fault_22_a_duplicate_id_error_proves_nothing(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        order_id = world.ledger.attempts.get(REF).order_id
        world.venue.tell(BrokerEventKind.ERROR, code=103, order_id=order_id, text="duplicate order id")
        world.venue.tell(BrokerEventKind.ERROR, code=103, order_id=4711, text="duplicate order id")
        await sender.tracker.poll()
        await sender.close()

    run(story())
    assert world.states() == ["WORKING"]
    world.proposer.order("MSFT")
    world.venue.fault("refuse")
    assert [outcome.state for outcome in world.drain()] == [AttemptState.REJECTED], "the query lists it as rejected"
    clean(world)


def test_fault_24_a_manual_order_is_adopted_and_blocks_its_symbol_until_acknowledged(world: World) -> None:
    world.recover()
    world.venue.external("AAPL")
    world.proposer.order("AAPL")
    world.proposer.order("MSFT")
    assert [outcome.status.value for outcome in world.drain()] == ["REFUSED", "SENT"]
    assert world.codes() == ["EXTERNAL_ORDER"]
    assert [order.quantity for order in world.ledger.broker_journal.external(ACCOUNT)] == [5]
    assert acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "mine") == 1
    world.proposer.order("AAPL")
    assert [outcome.status.value for outcome in world.drain()] == ["SENT"]
    clean(world)


def test_fault_24_a_manual_fill_counts_in_the_position_and_blocks(world: World) -> None:
    async def story() -> None:
        sender = world.sender()
        await sender.recover()
        world.venue.external("AAPL", filled=True)
        await settled()
        await sender.close()

    run(story())
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == 5
    assert world.codes() == ["EXTERNAL_FILL", "EXTERNAL_ORDER"]
    clean(world)


def test_fault_25_a_position_that_differs_freezes_until_a_person_adopts_it(world: World) -> None:
    world.recover()
    world.venue.set(opening={"AAPL": "7"})
    world.proposer.order("AAPL")
    assert [outcome.status.value for outcome in world.drain()] == ["REFUSED"]
    assert world.codes() == ["POSITION_DRIFT"]
    assert world.ledger.broker_journal.last_reconciliation(ACCOUNT).differences == (  # type: ignore[union-attr]
        "POSITION_DRIFT AAPL : the venue holds +7 against the ledger",
    )
    world.recover()
    assert world.codes() == ["POSITION_DRIFT"], "it is not forgotten"
    moved = adopt_position(world.ledger, ACCOUNT, "AAPL", Decimal(7), Decimal(100), "ann", "transferred in")
    assert moved == 7
    world.recover()
    assert world.codes() == []
    clean(world)


def test_fault_26_a_rejected_order_that_fills_all_the_same(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        order_id = world.ledger.attempts.get(REF).order_id
        world.venue.tell(BrokerEventKind.ERROR, code=201, order_id=order_id, text="rejected")
        world.venue.tell_order(REF, VenueStatus.REJECTED)
        world.venue.fill(REF)
        await sender.tracker.poll()
        await sender.close()

    run(story())
    assert world.states() == ["FILLED"]
    clean(world)


def test_fault_26_a_fill_after_a_confirmed_rejection_counts_and_raises_the_alarm(world: World) -> None:
    async def story() -> None:
        sender = await working(world, "reject", SendStatus.REJECTED)
        assert world.states() == ["REJECTED"]
        world.venue.fill(REF)
        await sender.tracker.poll()
        await sender.close()

    run(story())
    assert world.codes() == ["FILL_AFTER_END"]
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == 10
    clean(world)


def test_fault_34_a_hidden_order_stays_in_doubt_until_it_shows(world: World) -> None:
    world.mode = Mode.LIVE
    world.ledger.kill_switches.resume("everything", "ann", "begin")
    world.venue.set(mode="rest")
    world.proposer.order()
    world.venue.fault("silent")
    world.venue.hide(REF, 1000)
    world.drain(live_account=ACCOUNT)
    for _ in range(9):
        world.recover(world.sender(live_account=ACCOUNT))
        assert world.states() == ["UNKNOWN"]
    world.venue.set(hidden={})
    world.recover(world.sender(live_account=ACCOUNT))
    assert world.states() == ["WORKING"]
    clean(world)


def test_fault_34_an_order_settled_as_unsent_that_shows_all_the_same_is_open_again_and_raises_the_alarm(
    world: World,
) -> None:
    world.venue.set(mode="rest")
    world.proposer.order()
    world.venue.fault("silent")
    world.venue.hide(REF, 1000)
    world.drain()
    assert world.states() == ["NOT_SENT"]
    world.venue.set(hidden={})
    world.recover()
    assert (world.states(), world.codes()) == (["WORKING"], ["FILL_AFTER_END"])
    world.venue.fill(REF)
    world.recover()
    assert (world.states(), world.codes()) == (["FILLED"], ["FILL_AFTER_END"])
    assert acknowledge(world.ledger, ACCOUNT, "AAPL", "ann", "seen") == 1
    world.recover()
    assert world.codes() == []
    clean(world)


def test_fault_35_two_identical_orders_never_take_each_others_fills(world: World) -> None:
    async def story() -> None:
        world.venue.set(mode="rest")
        world.proposer.order("AAPL", "10")
        world.proposer.order("AAPL", "10")
        sender = world.sender()
        await sender.drain()
        await sender.close()

    run(story())
    world.venue.fill("intent0002.1")
    world.recover()
    assert world.states() == ["WORKING", "FILLED"]
    assert [execution.ref for execution in world.ledger.executions.all()] == ["intent0002.1"]
    clean(world)


def test_fills_beyond_the_order_raise_the_alarm(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.fill(REF)
        world.venue.fill(REF, "3")
        await sender.tracker.poll()
        await sender.close()

    run(story())
    assert world.codes() == ["OVERFILL"]
    assert world.ledger.executions.position(ACCOUNT, "AAPL") == 13


def test_an_order_that_the_venue_no_longer_lists_freezes_until_it_does(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.hide(REF, 3)  # a difference with what is new is looked for in everything, twice
        await sender.tracker.poll()
        assert world.codes() == ["MISSING_AT_VENUE"]
        await sender.tracker.poll()
        assert world.codes() == []
        await sender.close()

    run(story())


def test_a_filled_order_without_executions_is_not_believed(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.end(REF, VenueStatus.FILLED)
        await sender.tracker.poll()
        assert world.states() == ["WORKING"]
        assert world.codes() == ["FILLS_MISSING"]
        world.venue.fill(REF, tell=False)
        await sender.tracker.poll()
        assert world.codes() == []
        await sender.close()

    run(story())
    assert world.states() == ["FILLED"]
    clean(world)


def test_a_cancelled_order_is_not_closed_before_its_fills_have_come(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.fill(REF, "4", tell=False)
        world.venue.end(REF, tell=False)
        take = world.venue.snapshot
        world.venue.snapshot = lambda: take().model_copy(update={"fills": ()})  # type: ignore[method-assign]
        await sender.tracker.poll()
        assert world.states() == ["WORKING"]
        assert world.codes() == ["FILLS_MISSING", "POSITION_DRIFT"]
        world.venue.snapshot = take  # type: ignore[method-assign]
        await sender.tracker.poll()
        assert world.codes() == [], "the newest answers explain both"
        await sender.close()

    run(story())
    assert world.states() == ["CANCELLED"]
    assert world.ledger.executions.filled(REF) == 4
    clean(world)


def test_a_partly_filled_order_that_is_cancelled_keeps_its_fills(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        world.venue.fill(REF, "4")
        await sender.cancel(REF, "ann", "enough")
        assert world.ledger.attempts.get(REF).state is AttemptState.CANCELLED
        with pytest.raises(LedgerError, match="nothing is left to cancel"):
            await sender.cancel(REF, "ann", "again")
        await sender.close()

    run(story())
    assert world.ledger.executions.filled(REF) == 4
    clean(world)


def test_the_books_open_with_what_the_account_holds(world: World) -> None:
    world.venue.set(opening={"AAPL": "-7", "MSFT": "3"})
    world.venue.external("GOOG", filled=True)
    world.recover()
    held = {position.instrument: position.quantity for position in world.ledger.executions.positions(ACCOUNT)}
    assert held == {"AAPL": -7, "MSFT": 3, "GOOG": 5}
    assert world.codes() == world.codes("GOOG") == []
    assert [entry.action for entry in world.ledger.audit.entries("AAPL")] == ["OPEN_BOOKS"]
    clean(world)


def test_a_sell_and_a_buy_leave_nothing(world: World) -> None:
    world.proposer.order("AAPL", "10")
    world.proposer.order("AAPL", "10", side=Side.SELL)
    world.drain()
    assert world.ledger.executions.positions(ACCOUNT) == []
    clean(world)


def test_orders_left_open_at_the_end_of_the_day_block_the_next(world: World) -> None:
    async def story() -> None:
        sender = await working(world)
        found = await sender.tracker.end_of_day()
        assert [difference.code.value for difference in found] == ["OPEN_OVERNIGHT"]
        await sender.close()

    run(story())
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(timedelta(hours=20).total_seconds())
    assert "OPEN_OVERNIGHT" in world.codes()
    world.venue.end(REF, tell=False)
    world.recover()
    assert (world.states(), world.codes()) == (["CANCELLED"], []), "lifted when the order has ended"
