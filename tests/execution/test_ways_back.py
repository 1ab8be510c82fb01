"""From every state in which nothing is sent, a sequence of commands leads back to trading (A3), through one inbox."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.execution.counter import Counter
from tests.execution.test_actor import ask as ask_decider
from tests.execution.test_actor import decided, intent, proposed, signal
from tests.execution.venue import ACCOUNT, _fill
from tests.execution.world import World, run
from tradewright.execution import operator_actions
from tradewright.execution.health import problems
from tradewright.execution.inbox import CommandPending, CommandRefused, Inbox
from tradewright.ledger.errors import IdempotencyConflict
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.broker import AccountState
from tradewright.model.command import CommandKind, CommandState
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.mode import Mode
from tradewright.model.order import AttemptState, OrderTerms, Side
from tradewright.policy.limits import Limits


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


def asked(counter: Counter, ask: Callable[[Inbox], Awaitable[Any]]) -> Any:
    """Ask through an inbox of its own, as a command of the command line does."""

    async def work() -> Any:
        actor = counter.actor()
        try:
            return await ask(Inbox(counter.ledger, actor, ACCOUNT, counter.clock))
        finally:
            await actor.close()

    return run(work())


def way_back(counter: Counter, kind: CommandKind, **payload: object) -> Any:
    return asked(counter, lambda inbox: inbox.ask(kind, "ann", "looked at it", payload))


def reconciled(counter: Counter) -> None:
    asked(counter, lambda inbox: inbox.reconcile("ann", "test"))


def codes(counter: Counter) -> list[str]:
    return sorted({problem.code for problem in problems(counter.ledger, ACCOUNT)})


def trades(counter: Counter) -> bool:
    """Whether a new order of another strategy goes out in the instrument."""
    counter.clock.advance(120)
    now = counter.clock.now().replace(second=0, microsecond=0)
    counter.stock("AAPL", until=now)
    counter.feature("AAPL", 0.5, now - timedelta(seconds=60))
    counter.checked("bars.AAPL.1m")
    terms = OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(3))
    key = f"key-{counter.clock.monotonic()}"
    made = ask_decider(counter, lambda decider: decider.submit_intent(key, terms))
    assert made.verdict is Verdict.APPROVE, made.reasons
    counter.world.venue.set(mode="fill")
    results = asked(counter, lambda inbox: inbox.send("ann", "test"))
    return [row.status for row in results] == ["SENT"]


def sent(counter: Counter) -> str:
    decided(counter, intent(counter))
    asked(counter, lambda inbox: inbox.send("ann", "test"))
    return str(counter.ledger.attempts.all()[-1].ref)


def test_a_healthy_account_has_no_problems(counter: Counter) -> None:
    assert codes(counter) == ["NOT_RECONCILED"]
    reconciled(counter)
    assert codes(counter) == []
    assert trades(counter)


def test_an_order_in_doubt_is_confirmed_not_sent_in_live_mode(counter: Counter) -> None:
    counter.world.mode = Mode.LIVE
    counter.ledger.kill_switches.resume("everything", "ann", "go")
    counter.world.venue.fault("swallow")
    live = {"live_account": ACCOUNT}
    decided(counter, intent(counter, confidence=0.9))
    for decision in counter.ledger.decisions.waiting():
        operator_actions.approve(counter.ledger, decision.decision_id, ACCOUNT, "ann", "yes", 600)

    async def work(kind: CommandKind, payload: dict[str, object]) -> Any:
        actor = counter.actor(**live)
        try:
            return await Inbox(counter.ledger, actor, ACCOUNT, counter.clock).ask(kind, "ann", "test", payload)
        finally:
            await actor.close()

    run(work(CommandKind.SEND, {}))
    (attempt,) = counter.ledger.attempts.all()
    assert attempt.state is AttemptState.UNKNOWN
    assert "ORDER_UNKNOWN" in codes(counter)
    run(work(CommandKind.CONFIRM_NOT_SENT, {"ref": attempt.ref}))
    assert counter.ledger.attempts.get(attempt.ref).state is AttemptState.NOT_SENT
    assert "ORDER_UNKNOWN" not in codes(counter)


def test_a_position_that_drifted_is_adopted_as_the_venue_says(counter: Counter) -> None:
    reconciled(counter)
    counter.world.venue.set(opening={"AAPL": "7"})
    reconciled(counter)
    assert codes(counter) == ["POSITION_DRIFT"]
    assert way_back(counter, CommandKind.ADOPT_POSITION, instrument="AAPL") == "7"
    reconciled(counter)
    assert codes(counter) == []
    assert counter.ledger.executions.position(ACCOUNT, "AAPL") == 7
    assert trades(counter)


@pytest.mark.parametrize("code", [FreezeCode.EXTERNAL_FILL, FreezeCode.OVERFILL, FreezeCode.FILL_AFTER_END])
def test_an_alarm_is_acknowledged_once_and_trading_goes_on(counter: Counter, code: FreezeCode) -> None:
    reconciled(counter)
    counter.ledger.freezes.freeze(ACCOUNT, "AAPL", code, "test")
    assert codes(counter) == [code.value]
    assert way_back(counter, CommandKind.ACKNOWLEDGE, instrument="AAPL") == 1
    assert codes(counter) == []
    with pytest.raises(CommandRefused, match="nothing freezes AAPL"):
        way_back(counter, CommandKind.ACKNOWLEDGE, instrument="AAPL")
    assert trades(counter)


def test_an_order_that_is_missing_at_the_venue_is_settled_by_its_statement(counter: Counter) -> None:
    counter.world.venue.set(mode="rest")
    ref = sent(counter)
    with counter.world.venue.change() as state:
        state["orders"] = []
    reconciled(counter)
    assert codes(counter) == ["MISSING_AT_VENUE"]
    assert way_back(counter, CommandKind.SETTLE, ref=ref, state="CANCELLED", fills=[]) == "CANCELLED"
    reconciled(counter)
    assert codes(counter) == []
    assert trades(counter)


def test_fills_of_a_statement_are_taken_with_the_settlement(counter: Counter) -> None:
    counter.world.venue.set(mode="rest")
    ref = sent(counter)
    exec_id = counter.world.venue.fill(ref, tell=False)
    (fill,) = [_fill(row) for row in counter.world.venue.state["fills"]]
    with counter.world.venue.change() as state:
        state["orders"], state["fills"], state["opening"] = [], [], {"AAPL": str(fill.quantity)}
    reconciled(counter)
    assert "MISSING_AT_VENUE" in codes(counter)
    rows = [{"exec_id": exec_id, "quantity": str(fill.quantity), "price": "100"}]
    assert way_back(counter, CommandKind.SETTLE, ref=ref, state="FILLED", fills=rows) == "FILLED"
    reconciled(counter)
    assert codes(counter) == []


def test_a_stopped_account_is_flattened_under_the_stop_and_then_resumed(counter: Counter) -> None:
    ref = sent(counter)
    assert counter.ledger.attempts.get(ref).state is AttemptState.FILLED
    counter.ledger.kill_switches.stop("everything", "ann", "something is wrong")
    assert "STOPPED" in codes(counter)
    (made,) = ask_decider(counter, lambda decider: decider.flatten("ann", "out of it", "k1"))
    assert made.verdict is Verdict.APPROVE, made.reasons
    written = counter.ledger.decisions.intent(made.intent_id)
    assert (written.reduce_only, written.strategy) == (True, "flatten")
    assert "something is wrong" in written.provenance["stopped"]
    (result,) = asked(counter, lambda inbox: inbox.send("ann", "flatten"))
    assert result.status == "SENT"
    assert counter.world.venue.positions() == {}
    assert ask_decider(counter, lambda decider: decider.flatten("ann", "again", "k2")) == []
    counter.ledger.kill_switches.resume("everything", "ann", "understood")
    assert codes(counter) == []


def test_under_a_stop_nothing_but_a_flattening_order_goes_out(counter: Counter) -> None:
    decided(counter, intent(counter))
    counter.ledger.kill_switches.stop("everything", "ann", "test")
    (result,) = asked(counter, lambda inbox: inbox.send("ann", "test"))
    assert result.status == "REFUSED"
    assert {reason.code for reason in result.reasons} >= {"KILL_SWITCH"}
    assert counter.world.venue.state["placed"] == []


def test_a_command_for_an_unknown_order_says_so(counter: Counter) -> None:
    with pytest.raises(CommandRefused, match="no such attempt"):
        way_back(counter, CommandKind.CONFIRM_NOT_SENT, ref="nothing.1")
    (command,) = counter.ledger.commands.newest(1)
    assert command.state is CommandState.REFUSED


def test_the_same_key_is_the_same_command_and_another_request_is_a_conflict(counter: Counter) -> None:
    reconciled(counter)
    counter.ledger.freezes.freeze(ACCOUNT, "AAPL", FreezeCode.OVERFILL, "test")
    payload = {"instrument": "AAPL"}
    first = asked(counter, lambda inbox: inbox.ask(CommandKind.ACKNOWLEDGE, "ann", "x", payload, "k"))
    again = asked(counter, lambda inbox: inbox.ask(CommandKind.ACKNOWLEDGE, "ann", "x", payload, "k"))
    assert first == again == 1
    with pytest.raises(IdempotencyConflict):
        asked(counter, lambda inbox: inbox.ask(CommandKind.ACKNOWLEDGE, "ann", "x", {"instrument": "MSFT"}, "k"))


def test_the_actor_that_works_carries_out_what_another_process_asks_for(counter: Counter) -> None:
    """A kill of a second process: the first one holds the account, is in the middle of a wait, and cancels at once."""
    counter.world.venue.set(mode="rest")
    ref = sent(counter)

    async def story() -> None:
        first, second = counter.actor(), counter.actor()
        box, other = (Inbox(counter.ledger, each, ACCOUNT, counter.clock) for each in (first, second))
        await box.reconcile("ann", "takes the account")
        counter.ledger.kill_switches.stop("everything", "bob", "stop!")
        before = counter.clock.monotonic()
        asking = asyncio.create_task(other.cancel_all("bob", "stop!", stopped_only=True))
        while not counter.ledger.commands.unfinished(ACCOUNT):
            await asyncio.sleep(0)
        await first.work()
        done = await asking
        assert done.ended == (ref,)
        assert counter.clock.monotonic() - before < 30
        await first.close()
        await second.close()

    run(story())
    assert counter.ledger.attempts.get(ref).state is AttemptState.CANCELLED


def test_a_cancel_is_served_in_the_middle_of_a_wait(counter: Counter) -> None:
    """The actor waits for an order that the venue never answers; a kill comes meanwhile and waits a second at most."""
    counter.world.venue.set(mode="rest")
    ref = sent(counter)
    counter.clock.advance(2)
    counter.stock("MSFT")
    counter.feature("MSFT", 0.5)
    counter.checked("bars.MSFT.1m", "bars.MSFT.1d", "features.MSFT")
    counter.world.venue.fault("swallow")
    decided(counter, intent(counter, instrument="MSFT", signal_id="sig-9"))
    served: list[float] = []

    async def story() -> None:
        actor = counter.actor()
        inbox = Inbox(counter.ledger, actor, ACCOUNT, counter.clock)
        sending = asyncio.create_task(inbox.send("ann", "test"))
        while len(counter.world.venue.state["placed"]) < 2 and not sending.done():
            await asyncio.sleep(0)
        counter.ledger.commands.enqueue(CommandKind.CANCEL, ACCOUNT, {"ref": ref}, "bob", "now")
        asked_at = counter.clock.monotonic()
        while counter.ledger.attempts.get(ref).state is not AttemptState.CANCELLED and not sending.done():
            await asyncio.sleep(0)
        served.append(counter.clock.monotonic() - asked_at)
        await sending
        await actor.close()

    run(story())
    assert counter.ledger.attempts.get(ref).state is AttemptState.CANCELLED
    assert served[0] <= 3


def test_a_pending_command_is_told_and_not_lost(counter: Counter) -> None:
    assert counter.ledger.leases.acquire(ACCOUNT, "another", 10_000)
    with pytest.raises(CommandPending, match="is QUEUED in the inbox"):
        asked(counter, lambda inbox: replace(inbox, patience=10.0).reconcile("ann", "test"))
    counter.ledger.leases.release(ACCOUNT, "another")
    reconciled(counter)
    assert {row.state for row in counter.ledger.commands.newest(5)} == {CommandState.DONE}


def test_a_yes_to_another_decision_than_the_one_shown_is_refused(counter: Counter) -> None:
    (made,) = decided(counter, intent(counter, confidence=0.2))
    assert made.verdict is Verdict.REVIEW
    with pytest.raises(LedgerError, match="shown"):
        operator_actions.approve(counter.ledger, made.decision_id, ACCOUNT, "ann", "ok", 60, shown="0" * 64)
    assert counter.ledger.outbox.sendable(ACCOUNT) == []
    operator_actions.approve(
        counter.ledger, made.decision_id, ACCOUNT, "ann", "ok", 60, shown=operator_actions.shown_hash(made)
    )
    assert len(counter.ledger.outbox.sendable(ACCOUNT)) == 1


def test_two_purchases_that_cash_allows_only_one_of_are_not_both_approved(counter: Counter) -> None:
    """A batch is decided at once, with what it has approved so far as reservations (M2)."""
    counter.limits = Limits(allowlist=frozenset({"AAPL", "MSFT"}), max_size_pct=Decimal("0.02"))
    counter.money = AccountState(account=ACCOUNT, equity=Decimal(100_000), cash=Decimal(1_000), currency="USD")
    counter.stock("MSFT")
    counter.feature("MSFT", 0.5)
    counter.checked("bars.MSFT.1m", "bars.MSFT.1d", "features.MSFT", "lookahead.trend")
    wanted = proposed(counter, signal(size_pct=0.009), signal(instrument="MSFT", signal_id="sig-2", size_pct=0.009))
    found = decided(counter, *wanted)
    assert sum(made.approved_quantity * 100 for made in found) <= 1_000
