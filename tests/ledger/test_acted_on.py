"""An altered, moved or removed row is found by the reading that acts on it, before anything follows from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.ledger.filled import fill
from tests.support.forger import forge
from tests.support.ledgers import ACCOUNT, START, Proposer, new_url
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.facts import TOPICS_OF_TABLE
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.schema import fact_tables
from tradewright.model.approved import ApprovedOrder
from tradewright.model.clock import ManualClock
from tradewright.model.command import CommandKind
from tradewright.model.errors import LedgerError
from tradewright.model.mode import Mode
from tradewright.model.order import AttemptState, Fill, Leg, Side

REF, INTENT, HOLDER = "intent0001.1", "intent0001", "h"
S = AttemptState
Act = Callable[[Ledger], object]

ACTS: dict[str, list[Act]] = {
    "switches": [lambda it: it.kill_switches.stopping("trend", ACCOUNT), lambda it: it.kill_switches.present()],
    "freezes": [
        lambda it: it.freezes.of(ACCOUNT, "AAPL"),
        lambda it: it.freezes.lift(ACCOUNT, "AAPL", "ann", "ok"),
        lambda it: it.freezes.freeze_once(ACCOUNT, "AAPL", FreezeCode.FILL_DIFFERS, "other content"),
    ],
    "checks": [lambda it: it.checks.newest(), lambda it: it.checks.newest(["bars"])],
    "adjustments": [lambda it: it.executions.positions(ACCOUNT), lambda it: it.executions.units_of(ACCOUNT, "trend")],
    "executions": [
        lambda it: it.executions.positions(ACCOUNT),
        lambda it: it.executions.units_of(ACCOUNT, "trend"),
        lambda it: it.executions.filled(REF),
        lambda it: it.executions.all(ACCOUNT),
        lambda it: it.executions.all(),
        lambda it: it.executions.recorded_since(ACCOUNT, START),
        lambda it: it.executions.traded_since(ACCOUNT, START),
    ],
    "rulings": [lambda it: it.executions.positions(ACCOUNT), lambda it: it.executions.of_attempt(REF)],
    "fees": [lambda it: it.executions.find("e.01"), lambda it: it.executions.all(ACCOUNT)],
    "equity_marks": [
        lambda it: it.equity.marks(ACCOUNT, START),
        lambda it: it.equity.marks(ACCOUNT),
        lambda it: it.equity.drawdown(ACCOUNT, START),
    ],
    "sessions": [lambda it: it.broker_journal.last_account("file")],
    "reconciliations": [lambda it: it.broker_journal.last_reconciliation(ACCOUNT)],
    "absences": [lambda it: it.broker_journal.absence(REF)],
    "external_orders": [
        lambda it: it.broker_journal.external(ACCOUNT),
        lambda it: it.broker_journal.external_since(ACCOUNT, START),
    ],
    "perm_ids": [lambda it: it.attempts.perm_ids(REF)],
    "decisions": [lambda it: it.decisions.of_intent(INTENT), lambda it: it.decisions.decisions_alive(START)],
    "attempt_events": [lambda it: it.attempts.events(REF)],
    "attempts": [
        lambda it: it.attempts.find(REF),
        lambda it: it.attempts.all(INTENT),
        lambda it: it.attempts.live(ACCOUNT),
        lambda it: it.attempts.group(REF),
        lambda it: it.attempts.in_state(ACCOUNT, S.UNKNOWN),
        lambda it: it.attempts.sent_at(ACCOUNT, START - timedelta(seconds=1)),
        lambda it: it.attempts.sent_in(ACCOUNT, ["AAPL"]),
    ],
}
"""How each table is read by whatever acts on it."""

EDITS = [
    ("switches", "stopped = NOT stopped"), ("switches", "mode = 'live'"), ("switches", "scope = 'strategy:other'"),
    ("switches", "reason = 'x'"), ("freezes", "frozen = NOT frozen"), ("freezes", "account = 'other'"),
    ("freezes", "instrument = 'MSFT'"), ("freezes", "mode = 'live'"), ("freezes", "code = 'CORRECTION'"),
    ("checks", "passed = NOT passed"), ("checks", "input = 'other'"), ("checks", "at = '2027' || substr(at, 5)"),
    ("adjustments", "quantity = '7'"), ("adjustments", "account = 'other'"), ("adjustments", "instrument = 'MSFT'"),
    ("executions", "quantity = '7'"), ("executions", "account = 'other'"), ("executions", "ref = NULL"),
    ("executions", "side = 'SELL'"), ("executions", "price = '1'"), ("executions", "quarantined = NOT quarantined"),
    ("rulings", "counts = NOT counts"), ("rulings", "exec_id = 'other'"), ("fees", "fee = '7'"),
    ("fees", "exec_id = 'other'"), ("equity_marks", "equity = '7'"), ("equity_marks", "account = 'other'"),
    ("equity_marks", "at = '2025' || substr(at, 5)"), ("equity_marks", "mode = 'live'"),
    ("reconciliations", "clean = NOT clean"), ("reconciliations", "account = 'other'"),
    ("sessions", "account = 'other'"), ("sessions", "venue = 'other'"), ("sessions", "account = ''"),
    ("absences", "second_at = '2027' || substr(second_at, 5)"), ("absences", "ref = 'other'"),
    ("external_orders", "payload = '{}'"), ("external_orders", "instrument = 'MSFT'"),
    ("external_orders", "account = 'other'"), ("perm_ids", "perm_id = 7"), ("perm_ids", "ref = 'other'"),
    ("decisions", "payload = replace(payload, '\"10\"', '\"9000\"')"), ("decisions", "intent_id = 'other'"),
    ("decisions", "expires_at = '2025' || substr(expires_at, 5)"), ("attempt_events", "reason = 'x'"),
    ("attempt_events", "at = '2025' || substr(at, 5)"), ("attempts", "state = 'NOT_SENT'"),
    ("attempts", "spent = NOT spent"), ("attempts", "sending_at = NULL"), ("attempts", "account = 'other'"),
    ("attempts", "quantity = '7'"), ("attempts", "intent_id = 'other'"), ("attempts", "instrument = 'MSFT'"),
]  # fmt: skip


def claimed(ledger: Ledger, order: ApprovedOrder) -> str | None:
    ledger.leases.acquire(ACCOUNT, HOLDER, 60)
    attempt = ledger.claims.claim(order.decision_id, order.payload_hash, HOLDER)
    return attempt and attempt.ref


def written(ledger: Ledger, order: ApprovedOrder, ref: str) -> None:
    ledger.claims.begin_sending(ref, "s", {Leg.ENTRY: 1}, order.payload_hash, HOLDER)


def in_doubt(ledger: Ledger) -> None:
    """A row in every table; its one order was sent and is in doubt."""
    fill(ledger, ledger.clock)
    order = ledger.outbox.get("decision-1")
    ledger.claims.begin_sending(REF, "s", {Leg.ENTRY: 1}, order.payload_hash, HOLDER)
    ledger.attempts.move(REF, S.UNKNOWN, "silence")


@pytest.fixture
def full_url(engine: str, tmp_path: Path) -> str:
    return new_url(engine, tmp_path, prepare=in_doubt)


@pytest.fixture
def full(full_url: str, clock: ManualClock) -> Iterator[Ledger]:
    with Ledger.open(full_url, clock, busy_seconds=1) as opened:
        yield opened


@pytest.mark.parametrize(("table", "edit"), EDITS, ids=[f"{table}: {edit}" for table, edit in EDITS])
def test_an_edited_row_is_found_by_every_reading_of_it(full: Ledger, full_url: str, table: str, edit: str) -> None:
    for act in ACTS[table]:
        if table != "freezes":
            act(full)
    forge(full_url, f"UPDATE {table} SET {edit}")
    for act in ACTS[table]:
        with pytest.raises(LedgerTampered, match=rf"table {table}, .*recorded was") as caught:
            act(full)
        assert "keep the database as evidence" in caught.value.remedy


@pytest.mark.parametrize("table", sorted(ACTS))
def test_a_removed_row_is_found_by_every_reading_of_it(full: Ledger, full_url: str, table: str) -> None:
    forge(full_url, f"DELETE FROM {table}")
    for act in ACTS[table]:
        with pytest.raises(LedgerTampered, match=f"table {table}, "):
            act(full)


@pytest.mark.parametrize("table", sorted(set(ACTS) - {"attempts"}))
def test_an_edit_is_found_by_a_process_that_read_nothing_before(
    full: Ledger, full_url: str, clock: ManualClock, table: str
) -> None:
    assert full.events.last_seq()
    edit = next(edit for name, edit in EDITS if name == table)
    forge(full_url, f"UPDATE {table} SET {edit}")
    with Ledger.open(full_url, clock) as other, pytest.raises(LedgerTampered, match=table):
        ACTS[table][0](other)


def test_each_table_of_facts_has_the_topics_of_its_events() -> None:
    assert set(TOPICS_OF_TABLE) == set(fact_tables())


def test_an_unaltered_ledger_is_read_without_complaint(full: Ledger, clock: ManualClock) -> None:
    for acts in ACTS.values():
        for act in acts:
            act(full)
    clock.advance(86400 * 30)
    for acts in ACTS.values():
        for act in acts:
            act(full)
    assert full.events.verify_chain() == full.events.last_seq()


def test_what_a_broken_transaction_read_is_not_believed_later(ledger: Ledger) -> None:
    def stop_halfway(reason: str) -> None:
        with ledger.transaction():
            ledger.kill_switches.stop("everything", "ann", reason)
            assert ledger.kill_switches.stopping("trend", ACCOUNT)
            raise RuntimeError("halfway")

    for reason in ("one", "two"):
        with pytest.raises(RuntimeError, match="halfway"):
            stop_halfway(reason)
    ledger.kill_switches.stop("everything", "ann", "three")
    assert [switch.reason for switch in ledger.kill_switches.stopping("trend", ACCOUNT)] == ["three"]


def test_a_broken_transaction_leaves_no_trace_in_what_is_known_of_attempts(ledger: Ledger, proposer: Proposer) -> None:
    order = proposer.order()

    def stop_halfway() -> None:
        with ledger.transaction():
            assert claimed(ledger, order) == "intent0001.1"
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        stop_halfway()
    assert ledger.attempts.all() == []
    assert claimed(ledger, order) == "intent0001.1"
    written(ledger, order, "intent0001.1")


# acts --------------------------------------------------------------------------------------------------------------

SECOND_ORDER = {
    "state and spent": ["UPDATE attempts SET state = 'NOT_SENT', spent = (1 = 0)"],
    "an older state with its event": [
        "UPDATE attempts SET state = 'CLAIMED', spent = (1 = 0), sending_at = NULL, session = '', order_id = NULL",
        "UPDATE attempts SET event_seq = (SELECT MIN(event_seq) FROM attempt_events)",
    ],
    "the attempt removed": ["DELETE FROM attempts"],
    "the attempt moved to another intent": ["UPDATE attempts SET intent_id = 'other', decision_id = 'other'"],
}


@pytest.mark.parametrize("way", sorted(SECOND_ORDER))
def test_an_order_in_doubt_never_becomes_a_second_one(
    ledger: Ledger, ledger_url: str, proposer: Proposer, way: str
) -> None:
    order = proposer.order()
    ref = claimed(ledger, order)
    assert ref is not None
    written(ledger, order, ref)
    ledger.attempts.move(ref, S.UNKNOWN, "silence")
    forge(ledger_url, *SECOND_ORDER[way])
    with suppress(LedgerTampered):
        assert ledger.outbox.sendable(ACCOUNT) == []
    for act in (
        lambda: claimed(ledger, order),
        lambda: written(ledger, order, ref),
        lambda: ledger.attempts.all(order.intent_id),
    ):
        with pytest.raises(LedgerTampered, match="attempts"):
            act()


@pytest.mark.parametrize("evidence", ["executions", "perm_ids"])
@pytest.mark.parametrize("way", ["DELETE FROM {0}", "UPDATE {0} SET ref = 'other'"])
def test_evidence_of_the_venue_cannot_be_taken_away_from_a_claim(
    ledger: Ledger, ledger_url: str, proposer: Proposer, evidence: str, way: str
) -> None:
    order = proposer.order()
    ref = claimed(ledger, order)
    assert ref is not None
    ledger.claims.release(ref, "not sent")
    bought = Fill(exec_id="e.01", ref=ref, perm_id=9, instrument="AAPL", side=Side.BUY, quantity=Decimal(1),
                  price=Decimal(100), time=START, account=ACCOUNT)  # fmt: skip
    if evidence == "executions":
        ledger.executions.record(bought, ref)
    else:
        ledger.attempts.learn_perm_id(ref, 9)
    assert claimed(ledger, order) is None
    forge(ledger_url, way.format(evidence))
    with pytest.raises(LedgerTampered, match=evidence):
        claimed(ledger, order)


@pytest.mark.parametrize("edit", ["DELETE FROM {0}", "UPDATE {0} SET {1}"])
@pytest.mark.parametrize(
    ("table", "change"),
    [("intents", "strategy = 'x'"), ("decisions", "verdict = 'REVIEW'"), ("approved_orders", "account = 'x'"),
     ("attempt_events", "reason = 'x'")],
)  # fmt: skip
def test_the_write_ahead_looks_at_all_that_allowed_the_order(
    ledger: Ledger, ledger_url: str, proposer: Proposer, table: str, change: str, edit: str
) -> None:
    order = proposer.order()
    ref = claimed(ledger, order)
    assert ref is not None
    forge(ledger_url, edit.format(table, change))
    with pytest.raises(LedgerTampered, match=table):
        written(ledger, order, ref)


def test_a_removed_no_of_a_person_is_found_by_the_claim(ledger: Ledger, ledger_url: str, proposer: Proposer) -> None:
    order = proposer.order()
    ledger.decisions.record_approval(order.decision_id, False, "ann", "no")
    assert claimed(ledger, order) is None
    forge(ledger_url, "DELETE FROM approvals")
    with pytest.raises(LedgerTampered, match="approvals"):
        claimed(ledger, order)
    with pytest.raises(LedgerTampered, match="approvals"):
        ledger.outbox.get(order.decision_id)


def test_a_removed_newest_switch_does_not_let_the_older_one_hold(ledger: Ledger, ledger_url: str) -> None:
    ledger.kill_switches.resume("everything", "ann", "begin")
    ledger.kill_switches.stop("everything", "ann", "end")
    forge(ledger_url, "DELETE FROM switches WHERE id = (SELECT MAX(id) FROM switches)")
    with pytest.raises(LedgerTampered, match="table switches, id 2"):
        ledger.kill_switches.stopping("trend", ACCOUNT)


def test_a_switch_put_in_by_hand_is_found(ledger: Ledger, ledger_url: str) -> None:
    ledger.kill_switches.stop("everything", "ann", "end")
    columns = "scope, actor, reason, at, mode"
    forge(ledger_url, f"INSERT INTO switches (stopped, {columns}) SELECT NOT stopped, {columns} FROM switches")
    with pytest.raises(LedgerTampered, match="table switches, id 2"):
        ledger.kill_switches.stopping("trend", ACCOUNT)


def test_an_altered_mark_of_before_the_window_alarms_only_those_who_read_it(
    ledger: Ledger, ledger_url: str, clock: ManualClock
) -> None:
    for equity in ("100", "200", "300"):
        ledger.equity.mark(ACCOUNT, Decimal(equity), Decimal(1))
        clock.advance(60)
    since = clock.now()
    ledger.equity.mark(ACCOUNT, Decimal(400), Decimal(1))
    forge(ledger_url, "UPDATE equity_marks SET equity = '7' WHERE equity = '100'")
    assert [mark.equity for mark in ledger.equity.marks(ACCOUNT, since)] == [400]
    assert [mark.equity for mark in ledger.equity.newest(ACCOUNT, 2)] == [300, 400]
    with pytest.raises(LedgerTampered, match="equity_marks"):
        ledger.equity.marks(ACCOUNT)
    with pytest.raises(LedgerTampered, match="equity_marks"):
        ledger.equity.newest(ACCOUNT, 9)


# commands ----------------------------------------------------------------------------------------------------------

COMMAND_EDITS = [
    "payload = '{\"ref\":\"other\"}'", "kind = 'SEND'", "actor = 'mallory'", "reason = 'x'", "account = 'other'",
    "mode = 'live'", "key = 'other'", "state = 'DONE'", "payload_hash = 'x'",
    "created_at = '2025' || substr(created_at, 5)",
]  # fmt: skip


@pytest.fixture
def queued(ledger: Ledger) -> Ledger:
    ledger.commands.enqueue(CommandKind.CANCEL, ACCOUNT, {"ref": REF}, "ann", "test", "k")
    return ledger


@pytest.mark.parametrize("edit", COMMAND_EDITS)
def test_an_edited_command_is_not_carried_out_and_the_audit_finds_it(
    queued: Ledger, ledger_url: str, edit: str
) -> None:
    assert queued.events.verify_chain() == queued.events.last_seq()
    forge(ledger_url, f"UPDATE commands SET {edit}")
    acts: list[Act] = [
        lambda it: it.commands.next(ACCOUNT),
        lambda it: it.commands.begin(1, HOLDER),
        lambda it: it.events.verify_chain(),
        lambda it: it.commands.requeue_abandoned(ACCOUNT, "another"),
    ]
    for act in acts:
        with pytest.raises(LedgerTampered, match="table commands, id"):
            act(queued)
    assert {error.where.split(",")[0] for error in queued.events.alterations(9)[1]} == {"table commands"}


def test_a_command_put_in_or_taken_out_by_hand_is_found(queued: Ledger, ledger_url: str) -> None:
    columns = "kind, mode, account, payload, payload_hash, actor, reason, state, holder, created_at"
    forge(ledger_url, f"INSERT INTO commands (key, {columns}) SELECT 'new', {columns} FROM commands")
    with pytest.raises(LedgerTampered, match="table commands, id 2"):
        queued.commands.next(ACCOUNT)
    with pytest.raises(LedgerTampered, match="table commands, id 2"):
        queued.events.verify_chain()
    forge(ledger_url, "DELETE FROM commands")
    for act in (lambda: queued.commands.next(ACCOUNT), queued.events.verify_chain):
        with pytest.raises(LedgerTampered, match="table commands"):
            act()


def test_a_finished_command_cannot_be_queued_again_from_outside(queued: Ledger, ledger_url: str) -> None:
    from tradewright.model.command import CommandState

    assert queued.commands.begin(1, HOLDER)
    queued.commands.finish(1, CommandState.DONE, {"answer": 1})
    assert queued.commands.next(ACCOUNT) is None
    assert queued.events.verify_chain() == queued.events.last_seq()
    forge(ledger_url, "UPDATE commands SET state = 'QUEUED', holder = '', result = NULL")
    with pytest.raises(LedgerTampered, match="table commands, id 1"):
        queued.commands.next(ACCOUNT)
    with pytest.raises(LedgerTampered, match="table commands, id 1"):
        queued.events.verify_chain()


def test_an_abandoned_command_is_queued_again_with_its_evidence(queued: Ledger) -> None:
    assert queued.commands.begin(1, "gone")
    assert [row.key for row in queued.commands.requeue_abandoned(ACCOUNT, HOLDER)] == ["k"]
    again = queued.commands.next(ACCOUNT)
    assert again is not None
    assert queued.commands.begin(again.command_id, HOLDER)
    assert queued.events.verify_chain() == queued.events.last_seq()
    with pytest.raises(LedgerError, match="no such command"):
        queued.commands.get(9)


def test_each_mode_reads_its_own(ledger_url: str, clock: ManualClock) -> None:
    with Ledger.create(ledger_url, clock) as sim, Ledger.open(ledger_url, clock, mode=Mode.LIVE) as live:
        fill(sim, clock)
        live.kill_switches.stop("everything", "ann", "holiday")
        assert [row.reason for row in sim.kill_switches.stopping("trend", ACCOUNT)] == ["test"]
        assert live.freezes.of(ACCOUNT, "AAPL") == []


def test_a_reading_is_of_one_moment_whatever_others_learn_meanwhile(
    ledger: Ledger, ledger_url: str, clock: ManualClock, proposer: Proposer
) -> None:
    """Another process moves an attempt on, and another thread of ours reads it, while a reading is under way."""
    order = proposer.order()
    ref = claimed(ledger, order)
    assert ref is not None
    evidence = ledger.attempts._evidence
    with Ledger.open(ledger_url, clock) as other, ledger._database.read() as connection:
        evidence.check(connection, [ref])
        written(other, order, ref)
        other.attempts.move(ref, S.UNKNOWN, "silence")
        second = other.commands.enqueue(CommandKind.CANCEL, ACCOUNT, {"ref": ref}, "ann", "test")
        assert ledger.attempts.get(ref).state is S.UNKNOWN, "a reading of its own sees it"
        evidence.check(connection, [ref])
        evidence.check_live(connection, ACCOUNT)
        evidence.check_sent(connection, ACCOUNT)
        ledger.commands._evidence.check_waiting(connection, ACCOUNT, "sim")
    assert ledger.commands.next(ACCOUNT) == second


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE executions SET quarantined = 0 WHERE exec_id = 'e.02'",
        "UPDATE executions SET account = 'other' WHERE exec_id = 'e.02'",
        "UPDATE executions SET quantity = '9' WHERE exec_id = 'e.02'",
        "UPDATE executions SET quarantined = 1 WHERE exec_id = 'e.01'",
        "DELETE FROM executions WHERE exec_id = 'e.02'",
    ],
)
def test_a_correction_cannot_be_hidden_from_those_that_wait_for_a_ruling(tmp_path: Path, forgery: str) -> None:
    """They are read without the executions that correct nothing, which grow with the history (F1)."""
    url, clock = new_url("sqlite", tmp_path), ManualClock(START)
    ledger = fill(Ledger.create(url, clock), clock)
    first = ledger.executions.find("e.01")
    assert first is not None
    values = {"exec_id": "e.02", "ref": REF, "perm_id": 9, "instrument": "AAPL", "side": Side.BUY, "quantity": 2}
    correction = Fill.model_validate(values | {"price": 100, "time": START, "account": ACCOUNT})
    ledger.executions.record(correction, first.ref)
    assert [row.exec_id for row in ledger.executions.unruled(ACCOUNT)] == ["e.02"]
    forge(url, forgery)
    with pytest.raises(LedgerTampered):
        ledger.executions.unruled(ACCOUNT)
    ledger.close()
