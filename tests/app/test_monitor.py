"""The monitor's operations: the desk as rows, acts through the desk, refusals as text, no secrets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.operations import desk, monitor
from app.operations.pictures import equity_figure
from conf.compose import compose, options
from conf.schema.settings import Settings
from tests.support.desk_store import REVIEWING, SCENARIO, ask, prepare


@pytest.fixture
def overrides(tmp_path: Path) -> tuple[str, ...]:
    return prepare(tmp_path / "store")


@pytest.fixture
def settings(overrides: tuple[str, ...]) -> Settings:
    return compose(overrides)


def test_the_board_shows_the_desk(settings: Settings) -> None:
    board = monitor.board(settings)
    assert board.trouble == ""
    assert board.line == "equity 99,999.91 APPROVE 1 REVIEW 1 REJECT 1 orders 1 filled 1 positions 1"
    shown = {tile.label: (tile.text, tile.meaning) for tile in board.tiles}
    assert shown["Mode"] == ("SIM", "stage local")
    assert shown["Equity"] == ("99,999.91", "account SIM")
    assert shown["Trading"] == ("running", "nothing is stopped")
    assert shown["Broker link"][0] == "agrees"
    assert [row["verdict"] for row in board.intents] == ["REVIEW, waits for you", "APPROVE", "REJECT"]
    assert board.intents[2]["reasons"].startswith("SHORT_NOT_ALLOWED: ")
    assert [(row["instrument"], row["quantity"]) for row in board.positions] == [("ETH", "0.2")]
    assert [(row["state"], row["filled"]) for row in board.orders] == [("FILLED", "0.2")]
    assert board.scopes[:3] == ("everything", "account:SIM", "strategy:manual")
    assert set(board.scopes[3:]) == {f"strategy:{name}" for name in options("strategy")}
    (question,) = board.waiting
    assert question.startswith("BUY 0.01 BTC · manual · STAGE_NEEDS_PERSON · until 2026-11-20 15:10")


def test_an_empty_desk_has_a_board_too(tmp_path: Path) -> None:
    board = monitor.board(compose((*SCENARIO, f"storage.root={tmp_path}")))
    assert board.trouble == ""
    assert (board.positions, board.intents, board.orders, board.waiting) == ((), (), (), {})
    assert {tile.label: tile.text for tile in board.tiles}["Broker link"] == "not asked yet"
    assert len(board.equity.data[0].x) == 0


def test_a_ledger_that_cannot_be_read_is_said(settings: Settings) -> None:
    (Path(settings.storage.root) / "ledger.sqlite3").write_bytes(b"not a ledger" * 1000)
    board = monitor.board(settings)
    assert "ledger.sqlite3" in board.trouble
    assert board.tiles == ()
    assert "ledger.sqlite3" in monitor.life(settings, "any.1").story
    assert monitor.answer(settings, "any", True, "why").startswith("refused: ")


def test_wrong_settings_are_said() -> None:
    assert monitor.opened(["mode=livee"])[0] is None
    assert "did you mean 'live'" in monitor.opened(["mode=livee"])[1]


def test_a_yes_goes_into_the_outbox_and_a_no_is_final(settings: Settings) -> None:
    (decision,) = monitor.board(settings).waiting.values()
    assert monitor.answer(settings, decision, True, " ").startswith("refused: ")
    assert monitor.answer(settings, None, True, "why") == "nothing is chosen"
    assert monitor.answer(settings, decision, True, "looked at it") == "approved: BUY 0.01 BTC"
    assert monitor.board(settings).waiting == {}
    with desk.books_of(settings) as books:
        assert [row.decision_id for row in books.outbox.sendable()] == [decision]
    assert monitor.answer(settings, decision, False, "changed my mind") == f"rejected: decision {decision}"
    with desk.books_of(settings) as books:
        assert not books.decisions.permits(decision)
        assert [row.approved for row in books.decisions.approvals(decision)] == [True, False]


def test_what_waits_and_what_lives_is_listed_however_old_it_is(settings: Settings) -> None:
    """The newest intent is the one that was filled; of the newest order there is but one."""
    whole, orders = desk.intents(settings, 0), desk.orders(settings, 0)
    assert [row.decision.verdict.value for row in whole if row.decision] == ["APPROVE", "REVIEW", "REJECT"]
    assert desk.intents(settings) == whole
    assert desk.intents(settings, 1) == whole[:2], "the newest, and the one that waits"
    assert desk.orders(settings, 1) == desk.orders(settings) == orders
    with desk.books_of(settings) as books:
        monitor.answer(settings, books.decisions.waiting()[0].decision_id, False, "no")
    assert desk.intents(settings, 1) == desk.intents(settings, 0)[:1]


def test_a_rejected_intent_cannot_be_approved(settings: Settings) -> None:
    with desk.books_of(settings) as books:
        refused = next(row.decision_id for row in books.decisions.all() if row.verdict == "REJECT")
    assert "cannot overrule the gate" in monitor.answer(settings, refused, True, "please")


def test_the_kill_switch_needs_a_reason_and_stays_on(settings: Settings) -> None:
    assert monitor.stop(settings, "everything", "").startswith("refused: ")
    assert monitor.board(settings).stops == ()
    assert monitor.stop(settings, "strategy:manual", "smoke") == "stopped: strategy:manual; cancels asked for: none"
    (stop,) = monitor.board(settings).stops
    assert stop.startswith("strategy:manual since 2026-11-20 15:00")
    assert stop.endswith(": smoke")
    assert {tile.label: tile.text for tile in monitor.board(settings).tiles}["Trading"] == "STOPPED"
    assert monitor.resume(settings, "strategy:manual", "").startswith("refused: ")
    assert monitor.resume(settings, "strategy:manual", "aired") == "resumed: strategy:manual"
    assert "unknown scope" in monitor.stop(settings, "planet:Mars", "why")


def test_the_flag_holds_where_the_venue_cannot_be_asked(overrides: tuple[str, ...]) -> None:
    gone = compose(
        (*overrides, "mode=paper", "broker=ibkr", "broker.port=1", "broker.timeout_s=0.5", "broker.account=DU1")
    )
    assert "the venue could not be asked to cancel" in monitor.stop(gone, "everything", "smoke")
    assert len(monitor.board(gone).stops) == 1
    assert monitor.reconcile(gone).startswith("refused: ")


def test_acts_work_where_an_event_loop_is_running(settings: Settings) -> None:
    """As in a cell of a served notebook."""

    async def cell() -> str:
        return monitor.reconcile(settings)

    assert asyncio.run(cell()).endswith("equity 99,999.91, no differences")


def test_the_life_of_an_order_ends_at_its_signal(settings: Settings) -> None:
    (order,) = monitor.board(settings).orders
    life = monitor.life(settings, order["ref"])
    assert (life.events[0]["state"], life.events[-1]["state"]) == ("CLAIMED", "FILLED")
    assert life.story.startswith(f"order {order['ref']}: FILLED, filled 0.2 of 0.2")
    assert "signal manual:approved" in life.story
    assert monitor.life(settings, None) == monitor.Life()
    assert "tradewright orders" in monitor.life(settings, "nobody.1").story


def test_a_second_review_is_a_second_question(settings: Settings, overrides: tuple[str, ...]) -> None:
    ask(compose((*overrides, REVIEWING)), "second", "ETH", "BUY", "0.1")
    assert sorted(question.partition(" · ")[0] for question in monitor.board(settings).waiting) == [
        "BUY 0.01 BTC",
        "BUY 0.1 ETH",
    ]


def test_what_did_not_change_is_not_shown_anew() -> None:
    shown: list[int] = []
    monitor.keep((1,), lambda: (1,), lambda _: shown.append(1))
    monitor.keep((2,), lambda: (1,), lambda _: shown.append(2))
    assert shown == [2]


@pytest.mark.parametrize(
    ("text", "coloured"),
    [("APPROVE", True), ("REVIEW, waits for you", True), ("REJECT", True), ("0.2", False), (None, False)],
)
def test_verdicts_are_coloured(text: object, coloured: bool) -> None:
    assert bool(monitor.tint("0", "verdict", text)) is coloured


def test_no_secret_reaches_the_board(overrides: tuple[str, ...]) -> None:
    secret = "hunter2-hunter2"
    settings = compose((*overrides, "mode=paper", "broker=ibkr", f"broker.secret={secret}", "broker.account=DU1"))
    board = monitor.board(settings)
    assert board.trouble == ""
    assert secret not in repr(board)


def test_equity_is_drawn_at_every_mark() -> None:
    start = datetime(2026, 11, 20, 15, tzinfo=UTC)
    figure = equity_figure([(start + timedelta(minutes=step), Decimal(100 + step)) for step in range(3)])
    assert list(figure.data[0].y) == [100.0, 101.0, 102.0]
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"
