"""Every act of the monitor on the simulated venue: what it says, and what it has written into the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from app.commands.order_args import parse_order_terms
from app.operations import monitor_acts, trading
from app.operations import monitor_view as monitor
from app.operations.monitor_selection import Selection
from app.operations.monitor_view import Row
from conf.compose import compose
from conf.schema.settings import Settings
from tests.app.test_explain_states import order_in
from tests.support.desk_store import copied, prepare
from tradewright.execution.types import SenderSettings
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Verdict
from tradewright.model.order import AttemptState

REASON = "looked at it"
NO_STATEMENT = monitor_acts.Statement("", "")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return prepare(tmp_path_factory.mktemp("prepared") / "store")


@pytest.fixture
def desk(prepared: tuple[str, ...], tmp_path: Path) -> Settings:
    """A copy of the prepared store: 0.2 ETH held, one decision in review, bars of BTC and ETH."""
    return compose((*copied(prepared, tmp_path / "copy"), "execution.absence=0.05", "execution.acknowledge=0.5"))


@pytest.fixture
def ledger(desk: Settings) -> Iterator[Ledger]:
    with trading.opened_ledger(desk) as opened:
        yield opened


def resting(desk: Settings, instrument: str = "ETH", limit: str = "1850") -> str:
    """The reference of a limit order that the venue keeps open."""
    made = trading.submit_intent(desk, parse_order_terms(instrument, "BUY", "0.01", "LMT", limit))
    if made.verdict is Verdict.REVIEW:
        trading.approve(desk, made.decision_id, REASON)
    (sent,) = trading.send(desk)
    assert (sent.decision_id, sent.state) == (made.decision_id, "WORKING"), sent
    assert sent.ref
    return sent.ref


def state(ledger: Ledger, ref: str) -> AttemptState:
    return ledger.attempts.get(ref).state


def problem(settings: Settings, code: str) -> list[Row]:
    """The row of a problem, chosen as a person does it."""
    return [row for row in monitor.monitor_view(settings).problems if row["problem"] == code]


def helped(
    settings: Settings, code: str, act: str, reason: str = REASON, statement: monitor_acts.Statement = NO_STATEMENT
) -> str:
    rows = problem(settings, code)
    assert len(rows) == 1, rows
    assert act in monitor_acts.fitting(rows)
    return monitor_acts.help_with(settings, rows, {"reconcile": False, act: True}, reason, statement)


def test_one_order_is_cancelled_once(desk: Settings, ledger: Ledger) -> None:
    ref, other = resting(desk), resting(desk, "BTC", "32000")
    row = [{"ref": ref}]
    assert monitor_acts.cancel(desk, row, " ").startswith("refused: ")
    assert state(ledger, ref) is AttemptState.WORKING
    assert monitor_acts.cancel(desk, row, REASON) == f"ended at the venue: {ref}"
    assert (state(ledger, ref), state(ledger, other)) == (AttemptState.CANCELLED, AttemptState.WORKING)
    assert "cannot be cancelled" in monitor_acts.cancel(desk, row, REASON)
    assert monitor_acts.cancel(desk, [], REASON) == monitor_acts.NOTHING_CHOSEN
    cancels = [entry for entry in ledger.audit.entries() if entry.action == "CANCEL"]
    assert [(entry.subject, entry.detail) for entry in cancels] == [(ref, {"reason": REASON})]


def test_all_orders_are_cancelled(desk: Settings, ledger: Ledger) -> None:
    refs = {resting(desk), resting(desk, "BTC", "32000")}
    assert monitor_acts.cancel_all(desk, "").startswith("refused: ")
    said = monitor_acts.cancel_all(desk, REASON)
    assert set(said.removeprefix("ended at the venue: ").split(", ")) == refs
    assert {state(ledger, ref) for ref in refs} == {AttemptState.CANCELLED}
    assert monitor_acts.cancel_all(desk, REASON) == "ended at the venue: none"


def test_flatten_decides_and_send_approved_sends(desk: Settings, ledger: Ledger) -> None:
    assert monitor_acts.flatten(desk, "").startswith("refused: ")
    assert ledger.outbox.sendable() == []
    said = monitor_acts.flatten(desk, REASON)
    assert said.startswith("APPROVE: SELL 0.2 ETH")
    assert "1 order approved, in the outbox and not sent yet" in said
    assert "Send approved" in said
    assert len(ledger.outbox.sendable()) == 1
    assert ledger.executions.position("SIM", "ETH") == Decimal("0.2"), "nothing is sent by the decision"
    sent = monitor_acts.send_approved(desk)
    assert sent.startswith("sent: ")
    assert "FILLED" in sent
    assert ledger.executions.position("SIM", "ETH") == 0
    assert monitor_acts.send_approved(desk) == "nothing is in the outbox"
    assert monitor_acts.flatten(desk, REASON) == "nothing is held"


def test_flatten_works_while_everything_is_stopped(desk: Settings, ledger: Ledger) -> None:
    monitor_acts.stop(desk, "everything", REASON)
    assert "still not well: STOPPED" in monitor_acts.flatten(desk, REASON)
    assert "stopped: everything" in monitor_acts.send_approved(desk)
    assert ledger.executions.position("SIM", "ETH") == 0
    assert helped(desk, "STOPPED", "resume") == "resumed: everything"
    assert problem(desk, "STOPPED") == []


def test_a_freeze_is_acknowledged(desk: Settings, ledger: Ledger) -> None:
    ledger.freezes.freeze("SIM", "BTC", FreezeCode.EXTERNAL_ORDER, "an order that is none of ours")
    ledger.freezes.freeze("SIM", "ETH", FreezeCode.CORRECTION, "corrected")
    assert helped(desk, "EXTERNAL_ORDER", "acknowledge", "").startswith("refused: ")
    assert len(ledger.freezes.of("SIM", "BTC")) == 1
    said = helped(desk, "EXTERNAL_ORDER", "acknowledge")
    assert said == "acknowledged BTC, freezes lifted: 1; still not well: CORRECTION ETH"
    assert ledger.freezes.of("SIM", "BTC") == []
    assert len(ledger.freezes.of("SIM", "ETH")) == 1


def test_the_position_of_the_venue_is_adopted(desk: Settings, ledger: Ledger) -> None:
    ledger.executions.adjust("SIM", "ETH", Decimal("0.1"), Decimal(1800), "test", "a ledger that is wrong")
    assert "still not well: POSITION_DRIFT ETH" in monitor_acts.reconcile(desk)
    assert helped(desk, "POSITION_DRIFT", "adopt", "").startswith("refused: ")
    assert ledger.executions.position("SIM", "ETH") == Decimal("0.3")
    assert helped(desk, "POSITION_DRIFT", "adopt").startswith("adopted ETH, position moved by: -0.1")
    assert ledger.executions.position("SIM", "ETH") == Decimal("0.2")
    assert monitor_acts.reconcile(desk).endswith("no differences")


def test_an_order_in_doubt_is_confirmed_not_sent(desk: Settings, ledger: Ledger) -> None:
    """On a simulated account the evidence that the act gathers is enough; the person's word then comes late."""
    ref = order_in(ledger, AttemptState.UNKNOWN)
    assert helped(desk, "ORDER_UNKNOWN", "confirm-not-sent", "").startswith("refused: ")
    assert state(ledger, ref) is AttemptState.UNKNOWN
    assert "it is NOT_SENT, not in doubt" in helped(desk, "ORDER_UNKNOWN", "confirm-not-sent")
    assert state(ledger, ref) is AttemptState.NOT_SENT
    assert problem(desk, "ORDER_UNKNOWN") == []


def test_where_a_person_must_confirm_the_word_settles_it(
    desk: Settings, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with money at stake: the evidence is recorded, and the order stays in doubt until a person speaks."""
    monkeypatch.setattr(SenderSettings, "settles_alone", False)
    ref = order_in(ledger, AttemptState.UNKNOWN)
    assert helped(desk, "ORDER_UNKNOWN", "confirm-not-sent") == f"confirmed not sent: {ref}"
    assert state(ledger, ref) is AttemptState.NOT_SENT
    assert REASON in ledger.attempts.events(ref)[-1].reason


def test_an_order_is_settled_by_the_statement(desk: Settings, ledger: Ledger) -> None:
    ref = order_in(ledger, AttemptState.UNKNOWN)
    short = monitor_acts.Statement("FILLED", "0001.01=4@99.5")
    assert "4 of 10 filled is not FILLED" in helped(desk, "ORDER_UNKNOWN", "settle", REASON, short)
    for wrong in ("0001.01", "0001.01=4", "0001.01=x@1", "0001.01=-4@1"):
        broken = monitor_acts.Statement("FILLED", wrong)
        assert "--fill" in helped(desk, "ORDER_UNKNOWN", "settle", REASON, broken)
    assert "ends no order" in helped(desk, "ORDER_UNKNOWN", "settle", REASON, NO_STATEMENT)
    assert state(ledger, ref) is AttemptState.UNKNOWN
    assert ledger.executions.filled(ref) == 0
    whole = monitor_acts.Statement("FILLED", " 0001.01=4@99.5  0002.01=6@99.7 ")
    assert helped(desk, "ORDER_UNKNOWN", "settle", "", whole).startswith("refused: ")
    assert helped(desk, "ORDER_UNKNOWN", "settle", REASON, whole).startswith(f"settled {ref} as: FILLED")
    assert state(ledger, ref) is AttemptState.FILLED
    assert [(row.exec_id, row.quantity, row.price) for row in ledger.executions.of_attempt(ref)] == [
        ("0001.01", Decimal(4), Decimal("99.5")),
        ("0002.01", Decimal(6), Decimal("99.7")),
    ]


def test_the_order_of_a_problem_is_cancelled(desk: Settings, ledger: Ledger) -> None:
    ref = resting(desk)
    said = monitor_acts.end_of_day(desk, "")
    assert said.startswith("refused: ")
    said = monitor_acts.end_of_day(desk, REASON)
    assert said.startswith("end of day: ")
    assert f"still not well: OPEN_OVERNIGHT ETH {ref}" in said
    assert helped(desk, "OPEN_OVERNIGHT", "cancel").startswith(f"ended at the venue: {ref}")
    assert state(ledger, ref) is AttemptState.CANCELLED


def test_an_act_that_does_not_help_with_the_chosen_problem_is_refused(desk: Settings, ledger: Ledger) -> None:
    """The list may have changed between the click and its arrival."""
    ledger.freezes.freeze("SIM", "BTC", FreezeCode.EXTERNAL_ORDER, "an order that is none of ours")
    row = problem(desk, "EXTERNAL_ORDER")
    said = monitor_acts.help_with(desk, row, {"adopt": True}, REASON, NO_STATEMENT)
    assert said == "refused: adopt does not help with EXTERNAL_ORDER"
    assert monitor_acts.help_with(desk, [], {"adopt": True}, REASON, NO_STATEMENT) == monitor_acts.NOTHING_CHOSEN
    assert len(ledger.freezes.of("SIM", "BTC")) == 1


def test_every_freeze_has_a_button(desk: Settings, ledger: Ledger) -> None:
    """A problem whose remedy names no command with a button would leave a person alone."""
    order_in(ledger, AttemptState.UNKNOWN)
    for code in set(FreezeCode) - {FreezeCode.ORDER_UNKNOWN}:
        ledger.freezes.freeze("SIM", "ETH", code, "found", "ref.1")
    rows = monitor.monitor_view(desk).problems
    assert {row["problem"] for row in rows} == {code.value for code in FreezeCode}
    assert [row for row in rows if not monitor_acts.fitting([row])] == []


def test_a_holding_whose_stop_was_cancelled_is_listed_and_can_be_flattened(desk: Settings, ledger: Ledger) -> None:
    terms = parse_order_terms("ETH", "BUY", "0.05")
    assert trading.submit_intent(desk, terms, stop=Decimal(1700)).verdict is Verdict.APPROVE
    trading.send(desk)
    assert "still not well: UNPROTECTED ETH" in monitor_acts.cancel_all(desk, REASON)
    assert helped(desk, "UNPROTECTED", "flatten").startswith("APPROVE: SELL 0.25 ETH")
    monitor_acts.send_approved(desk)
    assert ledger.executions.position("SIM", "ETH") == 0
    assert problem(desk, "UNPROTECTED") == []


ROWS: list[Row] = [{"ref": "a", "state": "WORKING"}, {"ref": "b", "state": "WORKING"}]


def test_a_selection_stays_with_its_row_when_the_table_changes() -> None:
    chosen = Selection("ref")
    assert chosen.index(ROWS) == [0], "the first is chosen once"
    newer = [{"ref": "c", "state": "ACKED"}, *ROWS]
    assert chosen.index(newer) == [1], "and not the one that has come before it"
    chosen.remember([ROWS[1]])
    assert chosen.index([{"ref": "c", "state": "FILLED"}, {"ref": "b", "state": "CANCELLED"}]) == [1]


def test_a_selection_never_moves_to_another_row() -> None:
    chosen = Selection("ref")
    assert chosen.index(ROWS) == [0]
    assert chosen.index(ROWS[1:]) == []
    chosen.remember([])
    assert chosen.index(ROWS) == []
    assert chosen.index([]) == []
    assert chosen.index(ROWS) == [0], "an empty table begins anew"


def test_the_chosen_row_is_told() -> None:
    assert monitor_acts.chosen_text([], ROWS) == "Choose a row."
    assert monitor_acts.chosen_text([], []) == "Nothing is listed."
    assert monitor_acts.chosen_text(ROWS, ROWS) == "Chosen: a WORKING"
    row = {"problem": "CORRECTION", "instrument": "ETH", "order": "", "text": "corrected", "what helps": "look"}
    assert monitor_acts.chosen_text([row], [row]) == "Chosen: CORRECTION ETH. corrected. look"


def test_live_trading_that_nobody_has_resumed_is_shown_as_stopped(tmp_path: Path) -> None:
    """No switch is on then: the stop in which live trading starts is no recorded one."""
    live = ("mode=live", "stage=live_small", "broker=ibkr", "broker.account=U1", "broker.port=4001")
    view = monitor.monitor_view(compose((*live, f"storage.root={tmp_path}")))
    assert view.status.startswith("STOPPED: everything stopped by program")
    assert view.alarm == "danger"
    assert {tile.label: tile.text for tile in view.tiles}["Trading"] == "STOPPED"
