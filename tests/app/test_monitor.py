"""The monitor's operations: the desk as rows, acts through the desk, refusals as text, no secrets."""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from app.operations import monitor_acts, trading
from app.operations import monitor_view as monitor
from app.operations.charts import equity_figure
from app.operations.formatting import price_text
from app.operations.html_pieces import wrapped_text
from app.operations.replies import PositionView
from app.operations.valuation import NOT_CONFIGURED
from conf.compose import compose
from conf.environment import options
from conf.schema.settings import Settings
from runtime.container import Container
from tests.support.broken_strategies import project
from tests.support.desk_store import REVIEWING, SCENARIO, ask, copied, prepare
from tradewright.model.instrument import AssetClass, Instrument


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return prepare(tmp_path_factory.mktemp("prepared") / "store")


@pytest.fixture
def overrides(prepared: tuple[str, ...], tmp_path: Path) -> tuple[str, ...]:
    return copied(prepared, tmp_path / "store")


@pytest.fixture
def settings(overrides: tuple[str, ...]) -> Settings:
    return compose(overrides)


def test_the_board_shows_the_desk(settings: Settings) -> None:
    view = monitor.monitor_view(settings)
    assert view.problem == view.unknown == ""
    assert monitor.known(view.unknown, "a table") == ["a table"]
    assert monitor.approvals_title(view.waiting, view.unknown) == "## Approvals: 1 waiting"
    assert view.line == "equity 99,999.91 APPROVE 1 REVIEW 1 REJECT 1 orders 1 filled 1 positions 1"
    shown = {tile.label: (tile.text, tile.meaning) for tile in view.tiles}
    assert shown["Mode"] == ("SIM", "stage local")
    assert shown["Equity"] == ("99,999.91", "account SIM")
    assert shown["Trading"] == ("running", "nothing is stopped")
    assert shown["Broker link"][0] == "agrees"
    assert [row["verdict"] for row in view.intents] == ["REVIEW, waits for you", "APPROVE", "REJECT"]
    assert view.intents[2]["reasons"].startswith("SHORT_NOT_ALLOWED: ")
    assert [(row["instrument"], row["quantity"]) for row in view.positions] == [("ETH", "0.2")]
    assert [(row["state"], row["filled"]) for row in view.orders] == [("FILLED", "0.2")]
    assert view.scopes[:3] == ("everything", "account:SIM", "strategy:manual")
    assert set(view.scopes[3:]) == {f"strategy:{name}" for name in options("strategy")}
    (question,) = view.waiting
    assert question.startswith("BUY 0.01 BTC · manual · MANUAL_APPROVAL · until 2026-11-20 15:10")


def test_an_empty_desk_has_a_board_too(tmp_path: Path) -> None:
    view = monitor.monitor_view(compose((*SCENARIO, f"storage.root={tmp_path}")))
    assert view.problem == ""
    assert (view.positions, view.intents, view.orders, view.waiting) == ((), (), (), {})
    assert [(row["problem"], row["since"]) for row in view.problems] == [("NOT_RECONCILED", "")]
    assert view.alarm == "warn"
    assert {tile.label: tile.text for tile in view.tiles}["Broker link"] == "not asked yet"
    assert len(view.equity.data[0].x) == 0


def test_a_link_that_was_asked_long_ago_claims_nothing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    view, intents, orders = trading.whole_desk(settings)
    assert view.reconciled_at is not None
    for age, differences, said in ((15, (), "agrees"), (16, (), "not asked lately"), (16, ("X",), "differs")):
        later = replace(view, now=view.reconciled_at + timedelta(minutes=age), differences=differences)
        monkeypatch.setattr(trading, "whole_desk", lambda _, later=later: (later, intents, orders))
        assert {tile.label: tile.text for tile in monitor.monitor_view(settings).tiles}["Broker link"] == said


def test_prices_have_the_places_of_their_tick(
    settings: Settings, overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    view, intents, orders = trading.whole_desk(settings)
    tiny = Decimal("0.00000912")
    rows = tuple(PositionView(name, Decimal(10**8), tiny, tiny, None) for name in ("ETH", "SHIB"))
    monkeypatch.setattr(trading, "whole_desk", lambda _: (replace(view, positions=rows), intents, orders))
    known = monitor.monitor_view(compose((*overrides, "instruments.ETH.tick_size=0.00000001"))).positions
    assert [(row["average"], row["last"]) for row in known] == [("0.00000912", "0.00000912")] * 2
    assert monitor.monitor_view(compose((*overrides, "instruments.ETH.tick_size=0.25"))).positions[0]["last"] == "0.00"


@pytest.mark.parametrize(
    ("value", "tick", "text"),
    [
        ("1234.5", "0.01", "1,234.50"),
        ("1234.5", "0.25", "1,234.50"),
        ("1234.5", "5", "1,234"),
        ("0.0091233333333333333333333333", "0.0001", "0.0091"),
        ("0.0091233333333333333333333333", None, "0.009123333333"),
        ("0.000000001", None, "0.000000001"),
        (None, "0.01", ""),
    ],
)
def test_a_price_as_text(value: str | None, tick: str | None, text: str) -> None:
    one = Instrument(symbol="A", asset_class=AssetClass.CRYPTO, tick_size=Decimal(tick)) if tick else None
    assert price_text(None if value is None else Decimal(value), one) == text


def a_broken_file(root: Path) -> None:
    (root / "ledger.sqlite3").write_bytes(b"not a ledger" * 1000)


def a_broken_page(root: Path) -> None:
    content = (root / "ledger.sqlite3").read_bytes()
    (root / "ledger.sqlite3").write_bytes(content[:4096] + b"\xff" * 32768 + content[36864:])


def a_folder_for_a_ledger(root: Path) -> None:
    (root / "ledger.sqlite3").unlink()
    (root / "ledger.sqlite3").mkdir()


def a_file_for_a_folder(root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("")


def test_an_account_that_cannot_be_read_is_said_in_each_card(settings: Settings) -> None:
    root = Path(settings.storage.root)
    for spoil in (a_broken_page, a_broken_file, a_folder_for_a_ledger, a_file_for_a_folder):
        spoil(root)
        view = monitor.monitor_view(settings)
        assert str(root) in view.problem, spoil
        assert view.status == f"THE ACCOUNT CANNOT BE READ, so nothing is known of it: {view.problem}"
        assert (view.alarm, view.unknown) == ("danger", monitor.UNKNOWN)
        shown = {tile.label: tile.text for tile in view.tiles}
        assert shown == dict.fromkeys(("Equity", "Cash", "Trading", "Broker link"), "not known") | {"Mode": "SIM"}
        assert str(root) in monitor.order_history(settings, "any.1").story
        told = monitor_acts.reconcile(settings)
        assert told.startswith("refused: ")
        assert str(root) in told
    assert monitor.known(view.unknown, "a table", "a button") == [monitor.UNKNOWN]
    assert monitor.approvals_title(view.waiting, view.unknown) == "## Approvals"


def test_a_venue_that_cannot_be_read_is_told_on_one_line(settings: Settings) -> None:
    (path := Path(settings.storage.root) / "sim_venue.json").write_text("{garbage")
    told = monitor_acts.reconcile(settings)
    assert told == (
        f"refused: {path}: is no state of a simulated venue: is no JSON: key must be a string at line 1 column 2 "
        "(move the file away)"
    )
    assert monitor.monitor_view(settings).unknown == ""


def test_wrong_settings_are_said() -> None:
    assert monitor.opened(["mode=livee"])[0] is None
    assert "did you mean 'live'" in monitor.opened(["mode=livee"])[1]


def test_a_yes_goes_into_the_outbox_and_a_no_is_final(settings: Settings) -> None:
    (decision,) = monitor.monitor_view(settings).waiting.values()
    assert monitor_acts.answer(settings, decision, True, " ").startswith("refused: ")
    assert monitor_acts.answer(settings, None, True, "why") == monitor_acts.NOTHING_CHOSEN
    assert monitor_acts.answer(settings, decision, True, "looked at it") == "approved: BUY 0.01 BTC"
    assert monitor.monitor_view(settings).waiting == {}
    with trading.opened_ledger(settings) as ledger:
        assert [row.decision_id for row in ledger.outbox.sendable()] == [decision]
    assert monitor_acts.answer(settings, decision, False, "changed my mind") == f"rejected: decision {decision}"
    with trading.opened_ledger(settings) as ledger:
        assert not ledger.decisions.permits(decision)
        assert [row.approved for row in ledger.decisions.approvals(decision)] == [True, False]


def test_what_waits_and_what_lives_is_listed_however_old_it_is(settings: Settings) -> None:
    """The newest intent is the one that was filled; of the newest order there is but one."""
    whole, orders = trading.intents(settings, 0).rows, trading.orders(settings, 0)
    assert [row.decision.verdict.value for row in whole if row.decision] == ["APPROVE", "REVIEW", "REJECT"]
    assert trading.intents(settings).rows == whole
    assert trading.intents(settings, 1).rows == whole[:2], "the newest, and the one that waits"
    assert trading.orders(settings, 1) == trading.orders(settings) == orders
    with trading.opened_ledger(settings) as ledger:
        monitor_acts.answer(settings, ledger.decisions.waiting()[0].decision_id, False, "no")
    assert trading.intents(settings, 1).rows == trading.intents(settings, 0).rows[:1]


def test_a_rejected_intent_cannot_be_approved(settings: Settings) -> None:
    with trading.opened_ledger(settings) as ledger:
        refused = next(row.decision_id for row in ledger.decisions.all() if row.verdict == "REJECT")
    assert "cannot overrule the gate" in monitor_acts.answer(settings, refused, True, "please")


def test_the_kill_switch_needs_a_reason_and_stays_on(settings: Settings) -> None:
    assert monitor_acts.stop(settings, "everything", "").startswith("refused: ")
    assert monitor.monitor_view(settings).alarm == "success"
    assert monitor_acts.stop(settings, "strategy:manual", "smoke") == "stopped: strategy:manual; cancelled: none"
    view = monitor.monitor_view(settings)
    assert view.status.startswith("STOPPED: strategy:manual since 2026-11-20 15:00")
    assert ": smoke; 1 problem" in view.status
    assert view.alarm == "danger"
    assert [row["problem"] for row in view.problems] == ["STOPPED"]
    assert {tile.label: tile.text for tile in monitor.monitor_view(settings).tiles}["Trading"] == "STOPPED"
    assert monitor_acts.resume(settings, "strategy:manual", "").startswith("refused: ")
    assert monitor_acts.resume(settings, "strategy:manual", "aired") == "resumed: strategy:manual"
    assert "unknown scope" in monitor_acts.stop(settings, "planet:Mars", "why")


def test_the_flag_holds_where_the_venue_cannot_be_asked(overrides: tuple[str, ...]) -> None:
    gone = compose(
        (*overrides, "mode=paper", "broker=ibkr", "broker.port=1", "broker.timeout_s=0.5", "broker.account=DU1")
    )
    assert "not cancelled as asked" in monitor_acts.stop(gone, "everything", "smoke")
    assert monitor.monitor_view(gone).status.count("STOPPED") == 1
    assert monitor_acts.reconcile(gone).startswith("refused: ")


def test_acts_work_where_an_event_loop_is_running(settings: Settings) -> None:
    """As in a cell of a served notebook."""

    async def cell() -> str:
        return monitor_acts.reconcile(settings)

    assert asyncio.run(cell()).endswith("equity 99,999.91, no differences")


def test_the_life_of_an_order_ends_at_its_signal(settings: Settings) -> None:
    (order,) = monitor.monitor_view(settings).orders
    history = monitor.order_history(settings, order["ref"])
    assert (history.events[0]["state"], history.events[-1]["state"]) == ("CLAIMED", "FILLED")
    assert history.story.startswith(f"order {order['ref']}: FILLED, filled 0.2 of 0.2")
    assert "signal manual:approved" in history.story
    assert monitor.order_history(settings, None) == monitor.OrderHistory()
    assert "tradewright orders" in monitor.order_history(settings, "nobody.1").story


def test_a_second_review_is_a_second_question(settings: Settings, overrides: tuple[str, ...]) -> None:
    ask(compose((*overrides, REVIEWING)), "second", "ETH", "BUY", "0.1")
    assert sorted(question.partition(" · ")[0] for question in monitor.monitor_view(settings).waiting) == [
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
    assert bool(monitor.cell_style("0", "verdict", text)) is coloured


def test_no_secret_reaches_the_board(overrides: tuple[str, ...]) -> None:
    secret = "hunter2-hunter2"
    url = f"postgresql+psycopg2://desk:{secret}@127.0.0.1:1/ledger"
    view = monitor.monitor_view(compose((*overrides, f"storage.ledger_url={url}")))
    assert "127.0.0.1" in view.problem, "the server that cannot be reached is named"
    assert secret not in repr(view)


def test_equity_is_drawn_at_every_mark() -> None:
    start = datetime(2026, 11, 20, 15, tzinfo=UTC)
    figure = equity_figure([(start + timedelta(minutes=step), Decimal(100 + step)) for step in range(3)])
    assert list(figure.data[0].y) == [100.0, 101.0, 102.0]
    assert figure.layout.paper_bgcolor == "rgba(0,0,0,0)"


def test_a_position_in_an_instrument_that_is_not_configured_is_listed_and_marked(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {symbol: row for symbol, row in settings.instruments.items() if symbol != "ETH"}
    monkeypatch.setattr(Container, "instruments", property(lambda _house: known))
    (held,) = trading.positions(settings).rows
    assert (held.instrument, held.value, held.remark) == ("ETH", None, NOT_CONFIGURED)
    view = monitor.monitor_view(settings)
    assert (view.problem, len(view.tiles)) == ("", 6)
    assert [row["value"] for row in view.positions] == ["not in conf/instruments"]


def test_a_position_in_another_currency_is_converted_or_says_why_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The list and the monitor: no rate, a rate, an old one. The scenario's clock stands at 2026-11-20 15:00."""
    known = {**settings.instruments, "ETH": settings.instruments["ETH"].model_copy(update={"currency": "EUR"})}
    monkeypatch.setattr(Container, "instruments", property(lambda _house: known))
    (held,) = trading.positions(settings).rows
    assert held.last_price is not None
    assert held.value is None
    assert held.remark == (
        "no rate from EUR to USD is known: there is no pair with stored bars and no file (import bars of EURUSD, or "
        "name a file of USD per EUR: backtest.rates.EUR=FILE.csv)"
    )
    assert monitor.monitor_view(settings).positions[0]["value"] == held.remark
    file = tmp_path / "eur.csv"
    filed = settings.backtest.model_copy(update={"rates": {"EUR": str(file)}})
    rated = settings.model_copy(update={"backtest": filed})
    file.write_text("date,rate\n2026-11-19,1.25\n")
    (converted,) = trading.positions(rated).rows
    assert converted.value == held.quantity * held.last_price * Decimal("1.25")
    assert re.fullmatch(r"EUR to USD at 1\.25 \(eur\.csv, \d+(\.\d)? hours old\)", converted.remark)
    shown = monitor.monitor_view(rated).positions[0]["value"]
    assert shown.startswith(f"{converted.value:,.2f}, EUR to USD at 1.25 (eur.csv, ")
    file.write_text("date,rate\n2026-11-10,1.25\n")
    (stale,) = trading.positions(rated).rows
    assert stale.value is None
    assert "at most 4 days are allowed (policy.max_rate_age_seconds)" in stale.remark


def test_a_table_without_rows_names_no_columns() -> None:
    assert monitor.wrapped((), reasons=420) == {}
    found = monitor.wrapped([{"text": "", "what helps": ""}], text=300, what_helps=360)
    assert found == {"wrapped_columns": ["text", "what helps"], "column_widths": {"text": 300, "what helps": 360}}


def test_a_story_is_escaped_and_keeps_its_lines() -> None:
    assert ">&lt;b&gt; said\nsecond line</pre>" in wrapped_text("<b> said\nsecond line")


def test_a_broken_strategy_is_told_and_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = project(tmp_path, "no_yaml", "syntax")
    root = house.conf / "config.yaml"
    root.write_text(root.read_text().replace("strategy: buy_and_hold", "strategy: no_yaml"))
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(tmp_path))
    settings, problem = monitor.opened(house.overrides)
    assert settings is not None, problem
    view = monitor.monitor_view(settings, house.overrides)
    told = {row["text"].partition(" ")[0]: row for row in view.problems if row["problem"] == monitor.BROKEN}
    assert "conf/strategy/no_yaml.yaml:2: is not YAML" in told["no_yaml"]["text"]
    assert "strategies/syntax.py:1: " in told["syntax"]["text"]
    assert (view.alarm, view.problem) == ("warn", "")
