"""Both apps in a real browser, from the real server: opened, used, read; acts are looked up in the ledger."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.commands.order_args import parse_order_terms
from app.operations import trading
from app.operations.monitor_view import UNKNOWN
from conf.compose import compose
from conf.environment import SOURCE
from conf.schema.settings import Settings
from runtime.container import Container
from strategies.documents import LIBRARY
from tests.support.chromium import Page, chromium, needs_chromium, until
from tests.support.desk_store import REVIEWING, ask, prepare
from tests.support.served import Served, served
from tradewright.ledger.freezes import FreezeCode
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.command import CommandKind
from tradewright.model.order import AttemptState

pytestmark = [pytest.mark.browser, needs_chromium]
OWN_POLICY = ("cdn.jsdelivr.net", "assets/schemas-")
"""Refused by our content policy, and done without: Plotly's MathJax, and the validator's attempt to compile itself."""


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("yaml") / "conf"
    shutil.copytree(SOURCE / "conf", folder, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schema"))
    shutil.copy(LIBRARY / "ma_crossover.yaml", folder / "strategy")
    shipped = (folder / "strategy" / "buy_and_hold.yaml").read_text().replace("name: buy_and_hold\n", "")
    own = shipped.replace("instruments: null", "instruments: [ETH]").replace("timeframe: null", "timeframe: 5m")
    (folder / "strategy" / "of_its_own.yaml").write_text(own)
    return folder


@pytest.fixture(scope="module")
def overrides(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return prepare(tmp_path_factory.mktemp("store"))


@pytest.fixture
def settings(overrides: tuple[str, ...]) -> Settings:
    return compose(overrides)


@pytest.fixture(scope="module")
def server(overrides: tuple[str, ...], conf: Path) -> Iterator[Served]:
    with served(overrides, conf) as running:
        yield running


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        opened.size(1500, 1200)
        yield opened


def test_the_lab_reacts_to_its_parameters_and_saves_a_variant(page: Page, server: Served, conf: Path) -> None:
    page.open(server.address("lab"))
    before = page.await_text("Strategy lab", "fast 10", "Sharpe", "closed trades", "What speaks against it", "warning")
    until(lambda: page.run("all('.js-plotly-plot .scatterlayer').length") >= 2, "the plots")

    page.focus("[role=slider]")
    page.press("ArrowRight", 39)
    after = page.await_text("fast 11", "closed trades")
    until(lambda: tiles(page.text()) != tiles(before), "other figures")
    assert tiles(after)

    page.type("input[placeholder=fast_cross]", "No good")
    page.click("button", "Save this variant")
    page.await_text("is not admitted")
    page.type("input[placeholder=fast_cross]", "eleven")
    page.click("button", "Save this variant")
    page.await_text("saved as conf/strategy/eleven.yaml")
    written = (conf / "strategy" / "eleven.yaml").read_text()
    assert "fast: 11\n" in written
    assert "name: eleven\n" in written
    assert [text for text in page.complaints if not any(known in text for known in OWN_POLICY)] == []


def test_the_lab_asks_further(page: Page, server: Served) -> None:
    page.open(server.address("lab"))
    page.await_text("Ask further", "Run it", "Only where")
    page.click("button", "Run it")
    page.await_text("27 sets tried, each counted as a trial", "The best 27 sets by sharpe")
    until(lambda: page.run("all('.js-plotly-plot .heatmaplayer').length"), "the heat map")
    page.click("button", "One account")
    page.await_text("one account that shares its cash")
    page.click("button", "Run it")
    page.await_text("1 instrument, one account")
    page.click("button", "Sweep")
    page.await_text("27 sets tried, each counted as a trial")


def test_the_lab_keeps_a_document_and_tells_why_it_signs_none(page: Page, server: Served) -> None:
    page.open(server.address("lab"))
    page.await_text("Keep and pass on", "The rules of sma_crossover are Python code", "Verify a package")
    page.choose("of_its_own")
    until(lambda: "5m" in page.run("all('select').map(e => e.value)"), "the bars of the strategy")
    assert "names bars of" not in page.text()
    page.choose("ma_crossover")
    until(lambda: "1m" in page.run("all('select').map(e => e.value)"), "the bars in force again")
    page.await_text("None is saved yet.", "Packages are signed, and there is no key of yours")
    page.click("button", "Save this version")
    page.await_text("saved ma_crossover@1: a new version", "Choose two versions to compare them.")
    page.click("button", "Verify")
    page.await_text("no package is chosen")


def test_a_document_is_written_checked_and_saved_by_a_press(page: Page, server: Served, conf: Path) -> None:
    """R-STRAT-38, as wide as a desk and as a phone: a wrong name is told at once, with its line; then it is saved."""
    sound = (LIBRARY / "rsi_pullback.yaml").read_text().replace("id: rsi_pullback", "id: mine")
    try:
        for width in (1440, 390):
            page.size(width, 900)
            page.open(server.address("documents"))
            page.await_text("my_strategy is sound", "What it does", "orders can fill in the next bar", "Save into")
            page.type("textarea", sound.replace("rsi(close", "rsj(close"))
            page.await_text("2 errors", "DSL_UNSUPPORTED_FUN", "line 15, column 39", "did you mean rsi?")
            edges = page.run("all('h1, h2, li, textarea, button').map(e => e.getBoundingClientRect().right)")
            assert max(edges) <= width
            assert any(read.rstrip().endswith("^") for read in page.run("all('pre').map(e => e.textContent)"))
        page.click("button", "Save into conf/strategy")
        page.await_text("refused: document: the document has 2 errors")
        assert not (conf / "strategy" / "mine.yaml").exists()
        page.type("textarea", sound)
        page.await_text("mine is sound")
        page.click("button", "Save into conf/strategy")
        page.await_text("conf/strategy/mine.yaml: written", "conf/strategy: mine")
        assert (conf / "strategy" / "mine.yaml").read_text() == sound
        page.type("textarea", f"# changed\n{sound}")
        page.click("button", "Save into conf/strategy")
        page.await_text("none is overwritten unasked")
        page.click("[role=switch]")
        page.click("button", "Save into conf/strategy")
        page.await_text("conf/strategy/mine.yaml: replaced")
        assert [text for text in page.complaints if not any(known in text for known in OWN_POLICY)] == []
    finally:
        (conf / "strategy" / "mine.yaml").unlink(missing_ok=True)
        page.size(1500, 1200)


def tiles(text: str) -> str:
    start = text.find("Total return")
    return text[start : text.find("What speaks against it", start)]


def test_the_lab_says_what_is_refused(page: Page, server: Served) -> None:
    page.open(server.address("lab"))
    page.await_text("fast 10", "Sharpe")
    page.focus("[role=slider]")
    page.press("End", 35)
    page.await_text("fast < slow is needed")


def test_the_monitor_shows_the_desk(page: Page, server: Served) -> None:
    page.open(server.address("monitor"))
    page.await_text(
        "SIM",
        "stage local",
        "agrees",
        "running",
        "SHORT_NOT_ALLOWED",
        "MANUAL_APPROVAL",
        "REVIEW, waits for you",
        "FILLED",
        "Approvals: 1 waiting",
        "0.2 of 0.2",
        "intent",
        "99,999.91",
    )


def test_a_person_approves_and_rejects_with_a_reason(page: Page, server: Served, settings: Settings) -> None:
    page.open(server.address("monitor"))
    page.await_text("Approvals: 1 waiting", "BUY 0.01 BTC")
    page.click("button", "Approve")
    page.await_text("refused", "a reason is needed; it is written into the audit log")
    page.focus(REASONS, APPROVALS)
    page.call("Input.insertText", text="looked at it")
    page.click("button", "Approve")
    page.await_text("approved: BUY 0.01 BTC", "Approvals: 0 waiting")

    second = ask(with_review(settings), "second", "BTC", "BUY", "0.02")
    page.await_text("Approvals: 1 waiting")
    page.focus(REASONS, APPROVALS)
    page.call("Input.insertText", text="not today")
    page.click("button", "Reject")
    page.await_text(f"rejected: decision {second}", "Approvals: 0 waiting")

    with trading.opened_ledger(settings) as ledger:
        said = [row for decision in ledger.decisions.all() for row in ledger.decisions.approvals(decision.decision_id)]
    assert [(row.approved, row.reason) for row in said] == [(True, "looked at it"), (False, "not today")]


REASONS = "input[placeholder^='why']"
KILL, APPROVALS, PROBLEMS = range(3)
"""The fields for reasons in the order of the page; that of the problems is there while a problem is chosen."""


def with_review(settings: Settings) -> Settings:
    return compose((*(f"storage.root={settings.storage.root}",), REVIEWING))


def test_the_kill_switch_takes_a_reason_and_holds(page: Page, server: Served, settings: Settings) -> None:
    page.open(server.address("monitor"))
    page.await_text("Kill switch", "nothing is stopped")
    page.click("button", "Stop and cancel")
    page.await_text("refused")
    page.focus(REASONS, KILL)
    page.call("Input.insertText", text="smoke in the room")
    page.click("button", "Stop and cancel")
    page.await_text("stopped: everything", "STOPPED", "smoke in the room")
    with trading.opened_ledger(settings) as ledger:
        assert [(row.scope, row.reason) for row in ledger.kill_switches.present() if row.stopped] == [
            ("everything", "smoke in the room")
        ]
        assert ledger.audit.verify_chain() > 0
    page.focus(REASONS, KILL)
    page.call("Input.insertText", text="aired")
    page.click("button", "Resume")
    page.await_text("resumed: everything", "nothing is stopped")


def test_a_freeze_is_acknowledged_with_a_double_click_that_acts_once(
    page: Page, server: Served, settings: Settings
) -> None:
    with trading.opened_ledger(settings) as ledger:
        ledger.freezes.freeze("SIM", "ETH", FreezeCode.EXTERNAL_ORDER, "an order that is none of ours")
        ledger.freezes.freeze("SIM", "BTC", FreezeCode.FILL_DIFFERS, "reported again at another price")
    page.open(server.address("monitor"))
    page.await_text("2 problems", "Chosen: EXTERNAL_ORDER ETH", "FILL_DIFFERS", "Acknowledge")
    page.run("all('[role=checkbox]')[0].click()")
    page.await_text("Choose a row.")
    page.run("all('[role=checkbox]')[1].click()")
    page.await_text("Chosen: FILL_DIFFERS BTC", "Acknowledge")
    page.focus(REASONS, PROBLEMS)
    page.call("Input.insertText", text="seen at the venue")
    button = "all('button').filter(e => says(e, 'Acknowledge'))[0]"
    page.run(f"(b => {{b.click(); b.click(); return 1}})({button})")
    page.await_text("1 problem:", "EXTERNAL_ORDER")
    with trading.opened_ledger(settings) as ledger:
        assert [freeze.instrument for freeze in ledger.freezes.present("SIM")] == ["ETH"]
        asked = [row for row in ledger.commands.newest(50) if row.kind is CommandKind.ACKNOWLEDGE]
        assert [(row.payload["instrument"], row.reason) for row in asked] == [("BTC", "seen at the venue")]
        ledger.freezes.lift("SIM", "ETH", "test", "the test is over")
    page.await_text("All is well")


def test_one_order_is_cancelled_from_the_table(page: Page, server: Served, settings: Settings) -> None:
    terms = parse_order_terms("ETH", "BUY", "0.01", "LMT", "1850")
    decision = trading.submit_intent(settings, terms)
    (sent,) = [row for row in trading.send(settings) if row.decision_id == decision.decision_id]
    page.open(server.address("monitor"))
    page.await_text(f"Chosen: BUY 0.01 ETH {sent.ref} WORKING", "Cancel this order", "signal manual")
    until(lambda: page.run("all('.js-plotly-plot svg').length"), "the page at rest")
    page.click("button", "Cancel this order")
    page.await_text("refused: reason: a reason is needed")
    last = page.run(f"all({REASONS!r}).length") - 1
    page.focus(REASONS, last)
    page.call("Input.insertText", text="too low")
    page.click("button", "Cancel this order")
    page.await_text(f"ended at the venue: {sent.ref}", "CANCELLED")
    with trading.opened_ledger(settings) as ledger:
        assert ledger.attempts.get(sent.ref or "").state is AttemptState.CANCELLED


def test_no_button_moves_when_the_curve_comes(page: Page, server: Served) -> None:
    """The row above the buttons has the height from the start that it has with the curve in it."""
    page.open(server.address("monitor"))
    until(lambda: page.run("all('.js-plotly-plot svg').length"), "the equity curve")
    rows = page.run(
        "all('[style*=min-height]').filter(e => parseFloat(e.style.minHeight) > 100)"
        ".map(e => [parseFloat(e.style.minHeight), e.getBoundingClientRect().height])"
    )
    assert len(rows) == 1
    assert rows[0][1] == pytest.approx(rows[0][0], abs=1), "the curve's row grew beyond the place kept for it"


def test_the_safety_state_is_never_dimmed(page: Page, server: Served) -> None:
    """marimo greys out an output whose cell runs again: the classes are set by hand, and nothing changes."""
    page.open(server.address("monitor"))
    page.await_text("nothing is stopped", "Kill switch")
    styles = page.run(
        "all('.output').filter(e => read(e).includes('nothing is stopped')).map(e => {"
        "e.classList.add('marimo-output-stale', 'marimo-output-loading');"
        "const s = getComputedStyle(e); return [s.opacity, s.filter]})"
    )
    assert styles
    assert {tuple(style) for style in styles} == {("1", "none")}


@pytest.mark.parametrize(("width", "size"), [(1440, "0.011"), (390, "0.012")])
def test_the_monitor_fits_its_window(page: Page, server: Served, settings: Settings, width: int, size: str) -> None:
    """Nothing beyond the right edge; on a phone one column; the button that stops everything can be read whole."""
    waiting = ask(with_review(settings), f"at {width}", "BTC", "BUY", size)
    page.size(width, 900)
    try:
        page.open(server.address("monitor"))
        page.await_text("nothing is stopped", "Stop and cancel", f"BUY {size} BTC · manual")
        until(lambda: page.run("all('.js-plotly-plot svg').length"), "the equity curve, laid out last")
        button = (
            "all('button').filter(e => says(e, 'Stop and cancel')).map(e => {const b = e.getBoundingClientRect();"
            "return [b.left, b.right, e.scrollWidth - e.clientWidth, e.scrollHeight - e.clientHeight, b.width]})"
        )
        ((left, right, hidden_x, hidden_y, room),) = until(lambda: page.run(button), "the button")
        assert 0 <= left < right <= width
        assert hidden_x <= 0
        assert hidden_y <= 1
        assert room >= 100
        headings = "['Approvals', 'Kill switch'].map(t => all('h2').find(e => read(e).trim().startsWith(t))"
        lefts = page.run(f"{headings}.getBoundingClientRect().left)")
        assert (abs(lefts[0] - lefts[1]) < 2) == (width == 390), "side by side on a desk, one column on a phone"
        assert columns_of_tiles(page, width) == (2 if width == 390 else 6)
        lasting = page.run("all('h1').concat(all('h2')).map(e => e.getBoundingClientRect().right)")
        assert max(lasting) <= width
        state = page.run(
            "all('.output').find(e => read(e).includes('nothing is stopped')).getBoundingClientRect().bottom"
        )
        assert state <= 900, "the state is seen without scrolling"
    finally:
        trading.reject(settings, waiting, "looked at only")
        page.size(1500, 1200)


def columns_of_tiles(page: Page, width: int, tiles: int = 6) -> int:
    """How many tiles stand beside one another; none of them beyond the right edge."""
    places = "all('.tile').map(e => e.getBoundingClientRect()).map(b => [b.left, b.right])"
    until(lambda: page.run("all('.tile').length") == tiles, f"{tiles} tiles")
    edges = page.run(places)
    assert max(right for _, right in edges) <= width
    return len({round(left) for left, _ in edges})


@pytest.mark.parametrize(("width", "columns"), [(1440, 6), (390, 2)])
def test_the_lab_fits_its_window(page: Page, server: Served, width: int, columns: int) -> None:
    page.size(width, 900)
    try:
        page.open(server.address("lab"))
        page.await_text("fast 10", "What speaks against it", "Price and fills")
        assert columns_of_tiles(page, width, tiles=12) == columns, "six figures, and six behind the verdict"
        edges = page.run("all('h1, h2, li').map(e => e.getBoundingClientRect().right)")
        assert max(edges) <= width
        page.await_text("One account")
        strips = page.run("all('[role=tablist]').map(e => [e.scrollWidth, e.clientWidth])")
        assert strips
        assert [wide for wide, room in strips if wide > room] == [], "the fourth question is not cut off"
    finally:
        page.size(1500, 1200)


def test_a_new_ledger_is_shown_as_empty_and_a_broken_one_as_not_known(page: Page, tmp_path: Path) -> None:
    with served((f"storage.root={tmp_path / 'new'}",)) as running:
        page.open(running.address("monitor"))
        text = page.await_text(
            "nothing is stopped", "Approvals: 0 waiting", "The newest orders", "History of the order"
        )
        (tmp_path / "new" / "ledger.sqlite3").write_bytes(b"broken" * 5000)
        page.await_text("THE ACCOUNT CANNOT BE READ")
        until(lambda: page.text().count(UNKNOWN) == 8, "that each of the eight cards says so")
        broken = page.text()
    for found in (text, broken):
        assert "Traceback" not in found
        assert "not found" not in found
        assert "error" not in found.lower()


def test_the_token_is_not_in_the_address_bar(page: Page, server: Served) -> None:
    page.open(server.address("monitor"))
    page.await_text("nothing is stopped")
    assert server.token not in page.run("location.href")


def test_it_asks_the_venue_when_told(page: Page, server: Served) -> None:
    page.open(server.address("monitor"))
    page.await_text("Reconcile now", "Why it was sent", "signal manual")
    page.click("button", "Reconcile now")
    page.await_text("reconciled at", "no differences")


def test_what_somebody_writes_survives_the_refresh(page: Page, server: Served) -> None:
    page.open(server.address("monitor"))
    clock = page.await_text("Clock", "Kill switch", "Why it was sent", "signal manual")
    page.type(REASONS, "half a reas")
    until(lambda: clock_of(page.text()) != clock_of(clock), "a refresh")
    assert page.run(f"all({REASONS!r})[0].value") == "half a reas"


def clock_of(text: str) -> str:
    return text.partition("Clock ")[2][:8]


def test_a_suspicious_bar_is_set_aside_from_the_quality_page(page: Page, server: Served, settings: Settings) -> None:
    with Container(settings) as house:
        stored = house.bar_store.read("BTC", Timeframe.M1)
        bad = stored.iloc[[-100]].assign(high=stored["high"].iloc[-100] * 1.5)
        house.bar_store.upsert("BTC", Timeframe.M1, BarKind.TRADE, bad)
    page.open(server.address("quality"))
    page.await_text("BTC 1m", "of other bars", "BAD_PRINT", "beyond its neighbours", "Nothing was ever set aside")
    until(lambda: page.run("all('.js-plotly-plot .hm').length"), "the calendar")
    page.run("all('[role=checkbox]')[0].click()")
    page.await_text("Accept the finding")
    page.click("button", "Set aside")
    page.await_text("refused", "a reason is needed")
    page.run("all('[role=checkbox]')[0].click()")
    page.await_text("Accept the finding")
    page.focus(REASONS)
    page.call("Input.insertText", text="a finger slipped")
    page.click("button", "Set aside")
    page.await_text("set aside: quarantine 1: 1 bar,", "QUARANTINED", "Bring back")
    with Container(settings) as house:
        (row,) = house.quarantines.in_force("BTC", Timeframe.M1)
        assert (row.bars.first, row.reason) == (bad["ts"].iloc[0].value, "a finger slipped")
        assert "QUARANTINE" in {entry.action for entry in house.ledger.audit.entries("BTC 1m")}
    page.size(390, 900)
    try:
        assert columns_of_tiles(page, 390) == 2
        until(lambda: max(page.run("all('h1, h2').map(e => e.getBoundingClientRect().right)")) <= 390, "one column")
    finally:
        page.size(1500, 1200)


def test_without_the_token_a_browser_sees_nothing(page: Page, server: Served) -> None:
    page.call("Network.clearBrowserCookies")
    for app in ("", "lab/", "documents/", "monitor/", "quality/"):
        page.open(f"http://127.0.0.1:{server.port}/{app}")
        assert page.await_text("A token is needed").endswith("it holds the token.")
