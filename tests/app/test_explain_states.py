"""``explain`` at each state of an order's life, under each of its names, for people and for scripts."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.operations import monitor_view as monitor
from app.operations import trading
from app.operations.explanation import explanation
from app.operations.formatting import document
from conf.schema.settings import Settings
from tests.app.conftest import NOW
from tests.support.ledgers import Proposer
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.order import AttemptState, Fill, Leg, Side

S = AttemptState
HOLDER = "counter"
WAYS = {
    S.CLAIMED: (),
    S.SENDING: (S.SENDING,),
    S.UNKNOWN: (S.SENDING, S.UNKNOWN),
    S.ACKED: (S.SENDING, S.ACKED),
    S.WORKING: (S.SENDING, S.ACKED, S.WORKING),
    S.PARTIAL: (S.SENDING, S.ACKED, S.WORKING, S.PARTIAL),
    S.CANCEL_REQUESTED: (S.SENDING, S.ACKED, S.CANCEL_REQUESTED),
    S.FILLED: (S.SENDING, S.ACKED, S.WORKING, S.FILLED),
    S.CANCELLED: (S.SENDING, S.ACKED, S.CANCELLED),
    S.REJECTED: (S.SENDING, S.REJECTED),
    S.EXPIRED: (S.EXPIRED,),
    S.NOT_SENT: (S.SENDING, S.UNKNOWN, S.NOT_SENT),
}
FILLED = {S.PARTIAL: "4", S.FILLED: "10"}


def order_in(ledger: Ledger, state: AttemptState) -> str:
    """The reference of an order of ten AAPL in a state, with the fills that belong to it."""
    order = Proposer(ledger, ledger.clock, "SIM").order()
    assert ledger.leases.acquire("SIM", HOLDER, 60)
    claimed = ledger.claims.claim(order.decision_id, order.payload_hash, HOLDER)
    assert claimed is not None
    for step in WAYS[state]:
        if step is S.SENDING:
            ledger.claims.begin_sending(claimed.ref, "s1", {Leg.ENTRY: 7}, order.payload_hash, HOLDER)
        else:
            ledger.attempts.move(claimed.ref, step, f"came to {step}")
    if state in FILLED:
        fill = Fill(
            exec_id="e1.01", perm_id=5, account="SIM", instrument="AAPL", side=Side.BUY,
            quantity=Decimal(FILLED[state]), price=Decimal("101.5"), time=NOW, ref=claimed.ref,
        )  # fmt: skip
        ledger.executions.record(fill, claimed.ref)
    ledger.leases.release("SIM", HOLDER)
    return claimed.ref


def test_every_state_is_told() -> None:
    assert set(WAYS) == set(AttemptState)


@pytest.mark.parametrize("state", AttemptState)
def test_the_story_of_an_order_in_each_state(settings: Settings, ledger: Ledger, state: AttemptState) -> None:
    ref = order_in(ledger, state)
    (walk,) = trading.explain(settings, ref).rows
    told = list(explanation(walk, "UTC"))
    at = " at 101.5" if state in FILLED else ""
    assert told[0] == f"order {ref}: {state}, filled {FILLED.get(state, '0')} of 10{at}"
    steps = [line.split()[2] for line in told if line.startswith("    2026-11-20")]
    assert steps == ["CLAIMED", *WAYS[state]]
    assert told[-1].startswith("    ")
    assert {f"    data_hash {'d' * 64}", f"    config_hash {'c' * 64}"} <= set(told)
    assert "intent intent0001: BUY 10 AAPL by trend" in told
    order = document(walk)["orders"][0]  # type: ignore[index]
    assert (order["state"], order["events"][-1]["state"]) == (state, state)
    assert monitor.order_history(settings, ref).events[-1]["state"] == state


@pytest.mark.parametrize("name", ["ref", "decision-1", "intent0001", "signal-1", "e1.01"])
def test_every_name_leads_to_the_same_walk(settings: Settings, ledger: Ledger, name: str) -> None:
    ref = order_in(ledger, S.FILLED)
    assert trading.explain(settings, ref if name == "ref" else name).rows == trading.explain(settings, ref).rows


@pytest.mark.parametrize("name", ["", "nothing", "intent0001.2", "decision-", "INTENT0001", "e1", "%"])
def test_a_name_that_nobody_has_is_refused(settings: Settings, ledger: Ledger, name: str) -> None:
    order_in(ledger, S.FILLED)
    with pytest.raises(LedgerError, match="has this id") as caught:
        trading.explain(settings, name)
    assert (caught.value.where, caught.value.remedy) == (name, "tradewright orders")


def test_the_newest_order_of_a_ledger_without_one_is_refused_with_what_makes_one(settings: Settings) -> None:
    with pytest.raises(LedgerError, match="there is no order yet") as caught:
        trading.explain(settings, "newest")
    assert "tradewright trade --once" in caught.value.remedy


@pytest.mark.parametrize("verdict", [Verdict.REVIEW, Verdict.REJECT])
@pytest.mark.parametrize("said", [None, False])
def test_before_there_is_an_order_the_decision_is_told(
    settings: Settings, ledger: Ledger, verdict: Verdict, said: bool | None
) -> None:
    proposer = Proposer(ledger, ledger.clock, "SIM")
    decision = proposer.decide(proposer.intent(), verdict)
    if said is not None:
        ledger.decisions.record_approval(decision.decision_id, said, "ann", "not today")
    (walk,) = trading.explain(settings, decision.decision_id).rows
    told = list(explanation(walk, "UTC"))
    assert not [line for line in told if line.startswith("order ")]
    assert ("person ann said no: not today" in told) is (said is False)
    assert f"decision {decision.decision_id}: {verdict}, {decision.approved_quantity} approved" in told
    assert "    LOW_CONFIDENCE: 0.5" in told


@pytest.mark.parametrize(
    ("at_venue", "watched"),
    [(True, "protective orders at the venue"), (False, "watched on the strategy's bars only")],
)
def test_a_stop_says_who_watches_it(settings: Settings, ledger: Ledger, at_venue: bool, watched: str) -> None:
    intent = Proposer(ledger, ledger.clock, "SIM").intent(
        stop=Decimal(95), take_profit=Decimal(110), protective_orders=at_venue
    )
    (walk,) = trading.explain(settings, intent.intent_id).rows
    assert f"    stop 95, take-profit 110: {watched}" in list(explanation(walk, "UTC"))


def test_an_intent_that_the_gate_has_not_seen_is_told_as_such(settings: Settings, ledger: Ledger) -> None:
    intent = Proposer(ledger, ledger.clock, "SIM").intent()
    (walk,) = trading.explain(settings, intent.intent_id).rows
    assert next(explanation(walk, "UTC")).startswith("intent intent0001")
    (view,) = trading.intents(settings).rows
    assert (view.decision, view.waits, view.orders) == (None, False, ())
