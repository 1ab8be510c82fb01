"""Propose, decide, check before sending, send: each intent at most once, and nothing on stale knowledge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.execution.counter import EVERY_CHECK, Counter, ask, money
from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run
from tests.support.ledgers import START
from tradewright.execution import operator_actions as desk
from tradewright.execution.inbox import Inbox
from tradewright.execution.input_checks import checks_of
from tradewright.execution.types import ProtocolTimes, SendResult
from tradewright.ledger.errors import IdempotencyConflict
from tradewright.model.bars import Timeframe
from tradewright.model.broker import AccountState
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import BrokerError, ConfigError, OrderNotAccepted
from tradewright.model.intent import Intent
from tradewright.model.order import AttemptState, OrderTerms, Side
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.policy.approval import approve
from tradewright.policy.gate import decide

Result = TypeVar("Result")
TTL, REVIEW_TTL = 60, 600


@pytest.fixture
def counter(world: World, tmp_path: Path) -> Counter:
    made = Counter(world, tmp_path / "store")
    made.ready()
    return made


def asked(counter: Counter, request: Callable[[Inbox], Awaitable[Result]]) -> Result:
    """Ask through the inbox of an actor of its own, as a run does."""

    async def work() -> Result:
        actor = counter.actor()
        try:
            return await request(Inbox(counter.ledger, actor, ACCOUNT, counter.clock))
        finally:
            await actor.close()

    return run(work())  # type: ignore[no-any-return]


def decided(counter: Counter, *intents: Intent) -> list[Decision]:
    return ask(counter, lambda decider: decider.decide(intents))


def sent(counter: Counter) -> tuple[SendResult, ...]:
    return asked(counter, lambda inbox: inbox.send("ann", "test"))


def signal(**changes: Any) -> SignalCandidate:
    values: dict[str, Any] = {
        "signal_id": "sig-1",
        "strategy": "trend",
        "instrument": "AAPL",
        "candidate_action": SignalAction.BUY,
        "target": 1.0,
        "confidence": 0.7,
        "size_pct": 0.01,
        "bar_ts": START - timedelta(seconds=60),
        "price": 100,
    }
    return SignalCandidate.model_validate(values | changes)


def proposed(counter: Counter, *signals: SignalCandidate) -> list[Intent]:
    pairs = [(each, START) for each in signals or (signal(),)]
    return ask(counter, lambda decider: decider.propose(pairs)).intents


def intent(counter: Counter, **changes: Any) -> Intent:
    """An intent as a strategy makes it, not on record yet."""
    made = proposed(counter, signal(**changes))
    return made[0]


def codes(reasons: Any) -> set[str]:
    return {reason.code for reason in reasons}


# propose ---------------------------------------------------------------------------------------------------------


def test_a_signal_becomes_an_intent_of_the_wanted_size(counter: Counter) -> None:
    (made,) = proposed(counter)
    assert (made.strategy, made.terms.side, made.terms.quantity) == ("trend", Side.BUY, 10)
    assert (made.account, made.decided_at) == (ACCOUNT, START)


def test_what_is_on_record_comes_back_as_it_was(counter: Counter) -> None:
    (first,) = proposed(counter)
    decided(counter, first)
    counter.money = money(200_000)
    counter.ledger.kill_switches.stop("everything", "ann", "so that nothing is on its way")
    counter.clock.advance(TTL)
    (again,) = proposed(counter)
    assert again == first


@pytest.mark.parametrize("stage", ["approved", "working", "filled"])
def test_what_is_on_its_way_is_not_asked_for_again(counter: Counter, stage: str) -> None:
    counter.world.venue.set(mode="fill" if stage == "filled" else "rest")
    decided(counter, *proposed(counter))
    if stage != "approved":
        assert [outcome.status for outcome in sent(counter)] == ["SENT"]
    assert proposed(counter) == []


def test_each_strategy_acts_on_its_own_orders(counter: Counter) -> None:
    counter.checked("lookahead.other")
    decided(counter, *proposed(counter))
    sent(counter)
    (other,) = proposed(counter, signal(strategy="other"))
    assert other.terms.side is Side.BUY
    (closing,) = proposed(counter, signal(candidate_action=SignalAction.CLOSE, target=0.0, bar_ts=START))
    assert (closing.reduce_only, closing.terms.side, closing.terms.quantity) == (True, Side.SELL, 10)
    assert proposed(counter, signal(strategy="other", candidate_action=SignalAction.CLOSE, target=0.0)) == []


def test_an_undefined_instrument_is_refused_by_name(counter: Counter) -> None:
    with pytest.raises(ConfigError, match="TSLA"):
        proposed(counter, signal(instrument="TSLA"))


# decide ----------------------------------------------------------------------------------------------------------


def test_deciding_twice_decides_once(counter: Counter) -> None:
    made = intent(counter)
    (first,), (second,) = decided(counter, made), decided(counter, made)
    assert first == second
    assert first.verdict is Verdict.APPROVE
    assert len(counter.ledger.decisions.all()) == len(counter.ledger.outbox.sendable(ACCOUNT)) == 1


def test_an_expired_approval_is_decided_again_on_the_state_of_then(counter: Counter) -> None:
    made = intent(counter)
    (first,) = decided(counter, made)
    counter.clock.advance(TTL)
    (second,) = decided(counter, made)
    assert (first.verdict, second.verdict) == (Verdict.APPROVE, Verdict.APPROVE)
    assert first.decision_id != second.decision_id
    assert [row.decision_id for row in counter.ledger.outbox.sendable(ACCOUNT)] == [second.decision_id]
    assert [outcome.status for outcome in sent(counter)] == ["SENT"]
    counter.clock.advance(TTL)
    assert decided(counter, made) == [second], "it has become an order; nothing is decided any more"
    assert sent(counter) == ()


def test_a_review_nobody_answered_is_decided_again_and_a_no_never(counter: Counter) -> None:
    made = intent(counter, confidence=0.5)
    (first,) = decided(counter, made)
    assert first.verdict is Verdict.REVIEW
    counter.clock.advance(REVIEW_TTL)
    (second,) = decided(counter, made)
    assert second.decision_id != first.decision_id
    desk.reject(counter.ledger, second.decision_id, "ann", "no")
    counter.clock.advance(REVIEW_TTL)
    assert decided(counter, made) == [second]
    assert counter.ledger.outbox.sendable(ACCOUNT) == []


def test_a_no_to_an_approval_of_the_gate_is_final_too(counter: Counter) -> None:
    made = intent(counter)
    (first,) = decided(counter, made)
    desk.reject(counter.ledger, first.decision_id, "ann", "no")
    counter.clock.advance(TTL)
    assert decided(counter, made) == [first]
    assert sent(counter) == ()


def test_a_refusal_of_the_gate_stands_for_its_time_and_is_asked_again_after_it(counter: Counter) -> None:
    """A signal of the evening must be able to trade in the morning, when the market is open."""
    counter.checked("bars.AAPL.1m", passed=False)
    made = intent(counter)
    (first,) = decided(counter, made)
    counter.checked("bars.AAPL.1m")
    assert (first.verdict, decided(counter, made)) == (Verdict.REJECT, [first])
    counter.clock.advance(TTL)
    (second,) = decided(counter, made)
    assert second.verdict is Verdict.APPROVE
    assert [row.decision_id for row in counter.ledger.outbox.sendable(ACCOUNT)] == [second.decision_id]


def test_the_second_of_one_batch_sees_the_first(counter: Counter) -> None:
    counter.checked("lookahead.other")
    twins = (intent(counter), intent(counter, strategy="other"))
    first, second = decided(counter, *twins)
    assert first.verdict is Verdict.APPROVE
    assert "DUPLICATE" in codes(second.reasons)
    assert second.verdict is Verdict.REJECT


@pytest.mark.parametrize("together", [True, False], ids=["one batch", "two batches"])
def test_of_two_wishes_that_the_caps_make_alike_the_gate_refuses_the_second(counter: Counter, together: bool) -> None:
    """Control 7 compares orders, and an order has the size that the caps leave."""
    intents = [counter.world.proposer.intent(quantity=quantity) for quantity in ("15", "12")]
    first, second = decided(counter, *intents) if together else [decided(counter, intent)[0] for intent in intents]
    assert (first.verdict, first.approved_quantity) == (Verdict.APPROVE, 10)
    assert (second.verdict, codes(second.reasons) & {"DUPLICATE"}) == (Verdict.REJECT, {"DUPLICATE"})
    assert [outcome.status for outcome in sent(counter)] == ["SENT"]
    counter.clock.advance(TTL)
    (later,) = decided(counter, intents[1])
    assert "DUPLICATE" not in codes(later.reasons), "the window is over, and the order still stands"


def test_the_gate_knows_what_the_sender_will_compare_with(counter: Counter) -> None:
    """A decision of a minute ago is forgotten; the order that it became was sent since."""
    first, second = (counter.world.proposer.intent(quantity=quantity) for quantity in ("15", "12"))
    (earlier,) = decided(counter, first)
    counter.clock.advance(TTL / 2)
    sent(counter)
    counter.clock.advance(TTL / 2)
    (late,) = decided(counter, second)
    assert late.decided_at - earlier.decided_at > timedelta(seconds=TTL)
    assert (late.verdict, codes(late.reasons) & {"DUPLICATE"}) == (Verdict.REJECT, {"DUPLICATE"})


def test_nothing_is_decided_when_the_venue_cannot_be_read(counter: Counter) -> None:
    made = intent(counter)
    counter.world.venue.fault("fail_snapshot", 9)
    with pytest.raises(BrokerError):
        decided(counter, made)
    assert counter.ledger.decisions.intents() == []


def test_a_decision_that_cannot_be_written_leaves_nothing_behind(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = intent(counter)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(counter.ledger.outbox, "put", full)
        with pytest.raises(OSError, match="No space"):
            decided(counter, made)
    assert counter.ledger.decisions.intents() == []
    assert counter.ledger.decisions.all() == []


def test_the_books_of_another_account_are_not_used(counter: Counter) -> None:
    counter.money = AccountState(account="DU999", equity=Decimal(1), cash=Decimal(1))
    with pytest.raises(BrokerError, match="answers for account 'DU999', not for 'DU100'"):
        proposed(counter)


# intend ----------------------------------------------------------------------------------------------------------

BUY_TEN = OrderTerms(instrument="AAPL", side=Side.BUY, quantity=Decimal(10))


def intended(counter: Counter, key: str, terms: OrderTerms = BUY_TEN, *, reduce_only: bool = False) -> Decision:
    return ask(counter, lambda decider: decider.submit_intent(key, terms, reduce_only=reduce_only))


def test_the_same_key_is_the_same_wish(counter: Counter) -> None:
    first = intended(counter, "k1")
    assert first.verdict is Verdict.APPROVE
    counter.clock.advance(10 * TTL)
    assert intended(counter, "k1") == first
    assert len(counter.ledger.decisions.intents()) == 1
    with pytest.raises(IdempotencyConflict):
        intended(counter, "k1", reduce_only=True)


def test_a_persons_intent_needs_no_strategys_checks_but_the_bars_one(counter: Counter) -> None:
    read = (Timeframe.M1, Timeframe.D1)
    assert checks_of("manual", "AAPL", read) == ("bars.AAPL.1m", "bars.AAPL.1d")
    assert checks_of("trend", "AAPL", read) == EVERY_CHECK
    assert checks_of("flatten", "AAPL", read) == ()
    counter.checked("bars.AAPL.1m", passed=False)
    assert "CHECK_FAILED" in codes(intended(counter, "k1").reasons)


def test_a_person_may_only_close_what_the_account_holds(counter: Counter) -> None:
    sell = OrderTerms(instrument="AAPL", side=Side.SELL, quantity=Decimal(10))
    counter.world.venue.set(opening={"AAPL": "4"})
    closing = intended(counter, "k1", sell, reduce_only=True)
    assert (closing.verdict, closing.approved_quantity) == (Verdict.APPROVE, 4)
    sent(counter)
    again = intended(counter, "k2", sell, reduce_only=True)
    assert (again.verdict, again.approved_quantity) == (Verdict.REJECT, 0)


def test_a_person_can_have_the_venue_protect_what_is_opened(counter: Counter) -> None:
    prices = {"stop": Decimal(95), "take_profit": Decimal(110)}
    made = ask(counter, lambda decider: decider.submit_intent("k1", BUY_TEN, **prices))
    assert made.verdict is Verdict.APPROVE, made
    legs = counter.ledger.outbox.get(made.decision_id).protective
    assert [(leg.leg.value, leg.terms.side, leg.terms.quantity) for leg in legs] == [
        ("sl", Side.SELL, made.approved_quantity),
        ("tp", Side.SELL, made.approved_quantity),
    ]
    sent(counter)
    assert len(counter.ledger.attempts.group(f"{made.intent_id}.1")) == 3
    with pytest.raises(IdempotencyConflict):
        ask(counter, lambda decider: decider.submit_intent("k1", BUY_TEN, stop=Decimal(94)))


@pytest.mark.parametrize(
    ("terms", "reduce_only", "problem"),
    [
        (OrderTerms(instrument="ES", side=Side.BUY, quantity=Decimal(1)), False, "no protective legs for ES"),
        (OrderTerms(instrument="AAPL", side=Side.SELL, quantity=Decimal(1)), True, "opens nothing to protect"),
    ],
)
def test_protection_that_cannot_be_had_is_refused(
    counter: Counter, terms: OrderTerms, reduce_only: bool, problem: str
) -> None:
    with pytest.raises(OrderNotAccepted, match=problem):
        ask(counter, lambda decider: decider.submit_intent("k1", terms, reduce_only=reduce_only, stop=Decimal(95)))
    assert counter.ledger.decisions.intents() == []


@pytest.mark.parametrize(("stop", "code"), [("95.001", "OFF_TICK"), ("105", "GUARD_ON_WRONG_SIDE")])
def test_the_gate_refuses_a_stop_that_the_venue_could_not_hold(counter: Counter, stop: str, code: str) -> None:
    made = ask(counter, lambda decider: decider.submit_intent("k1", BUY_TEN, stop=Decimal(stop)))
    assert (made.verdict, code in codes(made.reasons)) == (Verdict.REJECT, True)


def test_a_signals_stop_and_target_become_protective_legs_where_the_venue_holds_them(counter: Counter) -> None:
    guards = {"stop": Decimal(95), "take_profit": Decimal(110)}
    made = proposed(counter, signal(**guards))
    assert [row.protective_orders for row in made] == [True]
    elsewhere = proposed(counter, signal(instrument="ES", **guards))
    assert [row.protective_orders for row in elsewhere] == [False], "the strategy's bars watch it"


def test_an_order_that_only_reduces_is_refused_when_nothing_is_left_to_close(counter: Counter) -> None:
    sell = OrderTerms(instrument="AAPL", side=Side.SELL, quantity=Decimal(4))
    counter.world.venue.set(opening={"AAPL": "4"})
    made = intended(counter, "k1", sell, reduce_only=True)
    assert made.verdict is Verdict.APPROVE
    counter.world.venue.set(opening={})
    (result,) = sent(counter)
    assert "NOT_REDUCING" in codes(result.reasons)
    assert counter.world.venue.state["placed"] == []


def test_no_price_at_all_is_said_and_an_old_one_is_refused(counter: Counter) -> None:
    msft = OrderTerms(instrument="MSFT", side=Side.BUY, quantity=Decimal(1))
    counter.prices["MSFT"] = None  # type: ignore[assignment]
    with pytest.raises(BrokerError, match="no price of MSFT"):
        intended(counter, "k1", msft)
    counter.prices["AAPL"] = None  # type: ignore[assignment]
    counter.clock.advance(200)
    decision = intended(counter, "k2")
    assert "DATA_STALE" in codes(decision.reasons)


# pre-send check ------------------------------------------------------------------------------------------------


def approve_one(counter: Counter) -> Decision:
    (decision,) = decided(counter, intent(counter))
    assert decision.verdict is Verdict.APPROVE
    return decision


def test_an_approved_order_goes_out_once(counter: Counter) -> None:
    approve_one(counter)
    assert [outcome.status for outcome in sent(counter)] == ["SENT"]
    assert sent(counter) == ()
    assert len(counter.world.venue.state["placed"]) == 1


def test_a_decision_waits_for_no_order_of_a_moment_ago(counter: Counter) -> None:
    """Pacing is the sender's: a decision that it refused would lose the signal of that bar."""
    approve_one(counter)
    assert [outcome.status for outcome in sent(counter)] == ["SENT"]
    (second,) = decided(counter, counter.world.proposer.intent("MSFT", quantity="1"))
    assert not {"RATE_PER_SECOND", "RATE_PER_MINUTE"} & set(codes(second.reasons))


def _killed(counter: Counter) -> None:
    counter.ledger.kill_switches.stop("everything", "ann", "test")


def _failed(counter: Counter) -> None:
    counter.checked("lookahead.trend", passed=False)


def _edited(counter: Counter) -> None:
    """The strategy was edited after the signal: the evidence is of other code."""
    counter.checked("lookahead.trend", detail={"strategy": "the identity of other code"})


def _moved(counter: Counter) -> None:
    counter.prices["AAPL"] = Decimal(104)


def _lost(counter: Counter) -> None:
    counter.money = money(90_000)


def _poor(counter: Counter) -> None:
    counter.money = counter.money.model_copy(update={"cash": Decimal(10)})


def _crowded(counter: Counter) -> None:
    counter.world.venue.set(opening={"AAPL": "99"})
    counter.prices["AAPL"] = Decimal(100)


def _foreign(counter: Counter) -> None:
    counter.world.venue.set(opening={"SONY": "1"})


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_killed, "KILLED"),
        (_failed, "CHECK_FAILED"),
        (_edited, "CHECK_MISSING"),
        (_moved, "OUTSIDE_COLLAR"),
        (_lost, "DAILY_DRAWDOWN"),
        (_poor, "CASH"),
        (_crowded, "MAX_POSITION"),
        (_foreign, "GROSS_EXPOSURE_UNKNOWN"),
    ],
)
def test_what_changed_since_the_approval_stops_the_order(
    counter: Counter, change: Callable[[Counter], None], code: str
) -> None:
    """R-RISK-39: the hard rules are asked again on the state of the moment of sending."""
    approve_one(counter)
    change(counter)
    (outcome,) = sent(counter)
    assert outcome.status == "REFUSED"
    assert code in codes(outcome.reasons)
    assert counter.world.venue.state["placed"] == []
    assert sent(counter) == (), "a refusal at send time spends the approval"


@pytest.mark.parametrize("told", ["", "this", "other"])
def test_evidence_of_other_code_decides_nothing(counter: Counter, told: str) -> None:
    """H7: the look-ahead test of the strategy as it was, or one that names no code, is none of the strategy that is."""
    made = intent(counter).model_copy(update={"provenance": {"strategy_hash": "this"}})
    counter.checked("lookahead.trend", detail={"strategy": told} if told else None)
    (decision,) = decided(counter, made)
    assert ("CHECK_MISSING" in codes(decision.reasons)) == (told != "this")
    assert decision.verdict is (Verdict.APPROVE if told == "this" else Verdict.REJECT)
    if told != "this":
        assert any("lookahead.trend for this version of the strategy" in row.text for row in decision.reasons)


def test_a_stale_check_stops_the_order(counter: Counter) -> None:
    """P2: the check was fresh enough at the decision and is not at the sending."""
    made = intent(counter)
    counter.clock.advance(3590)
    (decision,) = decided(counter, made)
    assert decision.verdict is Verdict.APPROVE
    counter.clock.advance(20)
    (outcome,) = sent(counter)
    assert "CHECK_STALE" in codes(outcome.reasons)
    assert counter.world.venue.state["placed"] == []


def test_the_second_order_of_a_drain_sees_the_fill_of_the_first(counter: Counter) -> None:
    """Its pre_send_check uses a snapshot of before that fill, so the fill counts by the ledger's word."""
    counter.limits = counter.limits.model_copy(update={"max_position": Decimal("0.015"), "recheck_drift": Decimal(0)})
    wanted = [counter.world.proposer.intent(quantity=quantity) for quantity in ("10", "5")]
    assert [decision.approved_quantity for decision in decided(counter, *wanted)] == [10, 5]

    async def send_while_the_price_rises(inbox: Inbox) -> tuple[SendResult, ...]:
        broker = inbox.actor._sender._broker
        place = broker.place

        async def placed(*order: Any) -> None:
            await place(*order)
            counter.prices["AAPL"] = Decimal("100.5")

        broker.place = placed  # type: ignore[method-assign]
        return await inbox.send("ann", "test")

    outcomes = asked(counter, send_while_the_price_rises)
    assert [outcome.status for outcome in outcomes] == ["SENT", "REFUSED"]
    assert "MAX_POSITION" in codes(outcomes[1].reasons)


def test_the_sender_compares_orders_sent_and_not_wishes(counter: Counter) -> None:
    approve_one(counter)
    counter.world.proposer.decide(counter.world.proposer.intent(quantity="10"))
    (outcome,) = sent(counter)
    assert (outcome.status, outcome.reasons) == ("SENT", ())


def test_the_sender_compares_sizes_by_itself(counter: Counter) -> None:
    """Whatever let two orders of one size into the outbox, one goes out (control 7, asked again)."""
    intents = [counter.world.proposer.intent(quantity=quantity) for quantity in ("15", "12")]
    decisions = [decide(intent, counter.snapshot(intent_id=intent.intent_id), counter.limits) for intent in intents]
    for intent, decision in zip(intents, decisions, strict=True):
        counter.ledger.decisions.record_decision(decision)
        counter.ledger.outbox.put(approve(intent, decision, ACCOUNT))
    first, second = sent(counter)
    assert (first.status, second.status) == ("SENT", "REFUSED")
    assert "DUPLICATE" in codes(second.reasons)


def test_an_approval_that_ran_out_is_not_sent(counter: Counter) -> None:
    approve_one(counter)
    counter.clock.advance(TTL)
    assert sent(counter) == ()
    assert counter.world.venue.state["placed"] == []


# reconcile -------------------------------------------------------------------------------------------------------


def test_reconciling_says_what_is_held_and_what_differs(counter: Counter) -> None:
    approve_one(counter)
    sent(counter)
    found = asked(counter, lambda inbox: inbox.reconcile("ann", "test"))
    assert (found.equity, found.positions, found.differences) == (100_000, {"AAPL": 10}, ())
    assert counter.ledger.equity.marks(ACCOUNT)[-1].at == found.at
    counter.world.venue.external("AAPL", "5", filled=True)
    asked(counter, lambda inbox: inbox.reconcile("ann", "test"))
    assert "EXTERNAL_FILL" in counter.world.codes()
    counter.world.venue.set(opening={"AAPL": "3"})
    (difference,) = asked(counter, lambda inbox: inbox.reconcile("ann", "test")).differences
    assert "POSITION_DRIFT AAPL" in difference


def test_a_kill_switch_cancels_what_is_open(counter: Counter) -> None:
    counter.world.venue.set(mode="rest")
    approve_one(counter)
    sent(counter)
    _killed(counter)
    ref = counter.ledger.attempts.all()[0].ref
    assert asked(counter, lambda inbox: inbox.cancel_all("ann", "test", stopped_only=True)).ended == (ref,)
    assert counter.world.venue.state["cancels"]
    assert counter.ledger.attempts.get(ref).state in (AttemptState.CANCELLED, AttemptState.CANCEL_REQUESTED)


def test_a_person_may_cancel_one_order(counter: Counter) -> None:
    counter.world.venue.set(mode="rest")
    approve_one(counter)
    sent(counter)
    ref = counter.ledger.attempts.all()[0].ref
    asked(counter, lambda inbox: inbox.cancel(ref, "ann", "changed my mind"))
    assert [cancel[0] for cancel in counter.world.venue.state["cancels"]] == [ref]


def test_an_intent_waits_for_nothing_and_its_send_settles_once(counter: Counter) -> None:
    """Only what sends may need two views of the venue ``settle`` seconds apart; a second wait would prove no more."""
    began = counter.clock.monotonic()
    assert intended(counter, "k1").verdict is Verdict.APPROVE
    assert counter.clock.monotonic() == began
    sent(counter)
    settle = ProtocolTimes().settle
    assert settle <= counter.clock.monotonic() - began < 2 * settle
