"""Dagster's pages as ``make dev`` serves them, used in a real browser: every button that a person meets works (E10)."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import pytest

from assets.home import open_instance
from conf.compose import compose
from runtime.container import Container
from tests.support.chromium import Page, chromium, needs_chromium, until
from tests.support.dagster_told import told
from tests.support.houses import House, conf_copy, free_port, start, stop

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(1200), needs_chromium]
TOKEN = "the-token-of-the-pages"
PATIENCE = 900
SWITCHED = ("new_bars", "refresh_bars")
"""A sensor and a schedule."""


class Pages(NamedTuple):
    page: Page
    address: str
    instance: dg.DagsterInstance
    house: House
    log: Path


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    folder = tmp_path_factory.mktemp("dev")
    house = House(conf_copy(folder, ["buy_and_hold"]), folder / "data", ("universe.instruments=[BTC,ETH]",))
    port, log = free_port(), folder / "dev.log"
    environment = {
        "DAGSTER_HOME": str(folder / "home"),
        "TRADEWRIGHT_CONF": str(house.conf),
        "TRADEWRIGHT_OVERRIDES": " ".join(house.overrides),
        "TRADEWRIGHT_TOKEN": TOKEN,
    }
    running = start(["-m", "app.dev", "--port", str(port)], log, environment)
    try:
        assert running.stdout is not None
        assert str(port) in running.stdout.readline()
        with pytest.MonkeyPatch.context() as patch, chromium(folder / "profile") as page:
            for name, value in environment.items():
                patch.setenv(name, value)
            page.size(1440, 1000)
            address = f"http://127.0.0.1:{port}"
            until(lambda: listens(running, port, log), "the server", PATIENCE)
            until(lambda: opened(page, f"{address}/?access_token={TOKEN}"), "the pages", PATIENCE)
            with open_instance() as instance:
                yield Pages(page, address, instance, house, log)
    finally:
        stop(running)


def listens(running: subprocess.Popen[str], port: int, log: Path) -> bool:
    """Whether the server takes connections; a browser that asks again and again meanwhile would take a core."""
    assert running.poll() is None, log.read_text()
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def opened(page: Page, address: str) -> bool:
    """Whether the pages answer; until they do, the browser shows a page of its own."""
    page.open(address)
    return bool(until(page.text, "a page")) and "Overview" in page.text()


def ended(pages: Pages, backfills: int) -> list[dg.DagsterRun]:
    """The runs, oldest first, as soon as so many backfills have ended; a page that is shown would take a core."""
    pages.page.open("about:blank")

    def look() -> bool:
        found = pages.instance.get_backfills()
        return len(found) == backfills and all(each.status.value.startswith("COMPLETED") for each in found)

    try:
        until(look, f"{backfills} backfills", PATIENCE)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{told(Path(os.environ['DAGSTER_HOME']), pages.log)}") from None
    return [record.dagster_run for record in reversed(pages.instance.get_run_records())]


def switch(name: str) -> str:
    """The switch of a sensor or a schedule, as JavaScript: the one in the line that holds the name as a word."""
    line = f"all('[class*=VirtualizedTable_row]').find(e => read(e).split(' ').includes({name!r}))"
    return f"{line}?.querySelector('[class*=formatSwitch] input')"


def test_sensors_and_schedules_are_switched_on_and_off(pages: Pages) -> None:
    await_shown(pages, running=False)
    for running in (True, False):
        if not running:
            until(lambda: all(has_looked(pages.instance, name) for name in SWITCHED), f"a look of {SWITCHED}", PATIENCE)
        for name in SWITCHED:
            pages.page.run(f"{switch(name)}.click()")
            until(lambda: (name in switched_on(pages.instance)) is running, f"{name}: {running}")  # noqa: B023
        await_shown(pages, running=running)


def switched_on(instance: dg.DagsterInstance) -> set[str]:
    """The sensors and schedules that Dagster itself holds for running."""
    return {state.instigator_name for state in instance.all_instigator_state() if state.is_running}


def has_looked(instance: dg.DagsterInstance, name: str) -> bool:
    """Whether the daemon has written down a look of this sensor or schedule since it was switched on.

    The first look writes back the state that it read when it began; whoever switches off meanwhile finds it on again.
    """
    (data,) = (each.instigator_data for each in instance.all_instigator_state() if each.instigator_name == name)
    assert data is not None
    return bool(getattr(data, "last_iteration_timestamp", None) or getattr(data, "last_tick_timestamp", None))


def await_shown(pages: Pages, *, running: bool) -> None:
    """A page that is opened anew shows that the sensor and the schedule are on, or off, and lets them be switched.

    To open it takes the browser and the server several seconds of a core, so both are looked at in one page. One whose
    questions a busy server did not answer in time does not ask again by itself; it is opened once more, as a person
    would do.
    """
    page, wanted = pages.page, str(running).lower()
    states = [f"(e => !!e && !e.disabled && e.checked === {wanted})({switch(name)})" for name in SWITCHED]

    def shown() -> None:
        page.open("about:blank")
        page.open(f"{pages.address}/automation")
        until(lambda: all(map(page.run, states)), f"{SWITCHED} shown as running: {running}")

    once_more(pages, shown)


def once_more(pages: Pages, look: Callable[[], None]) -> None:
    """Open a page and look, up to three times; a failure tells what the page and Dagster say."""
    for last in (False, False, True):
        try:
            look()
            return
        except AssertionError as error:
            if last:
                said = f"{pages.page.text()[:3000]}; it complains: {pages.page.complaints}"
                of_dagster = told(Path(os.environ["DAGSTER_HOME"]), pages.log)
                raise AssertionError(f"{error}; the page says: {said}; {of_dagster}") from None


def test_one_partition_and_then_everything(pages: Pages) -> None:
    page = pages.page
    page.open(f"{pages.address}/assets/bars")
    page.await_text("Prices of one instrument", "Description")
    page.click("button", "Materialize…")
    page.await_text("Select a partition or create one")
    chosen = "all('*').filter(e => !e.children.length && read(e).trim() === {})[0].click()"
    page.run(chosen.format("'Select a partition or create one'"))
    until(lambda: page.run("all('span').some(e => read(e).trim() === 'ETH')"), "the partitions")
    page.run(chosen.format("'ETH'"))
    page.click("button", "Launch 1 run")
    until(lambda: len(pages.instance.get_run_records()) == 1, "the run")
    page.open("about:blank")  # a page that is shown asks for news all the time
    until(lambda: all(record.dagster_run.is_finished for record in pages.instance.get_run_records()), "its end")

    def ready() -> None:
        page.open("about:blank")
        page.open(f"{pages.address}/asset-groups")
        page.click("button", "Materialize all…")
        page.await_text("Launch runs to materialize", "Config")
        page.click("button", "All")
        until(lambda: page.run("all('button').some(e => says(e, 'Launch backfill') && !e.disabled)"), "the button")

    once_more(pages, ready)
    assert "Error" not in page.text()
    page.click("button", "Launch backfill")
    runs = ended(pages, 1)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}, pages.log.read_text()
    market = [run.tags["dagster/partition"] for run in runs if "dagster/partition" in run.tags]
    assert sorted(market) == ["BTC", "ETH", "ETH"]
    with Container(compose((*pages.house.overrides, "strategy=buy_and_hold"))).ledger as ledger:
        assert ledger.decisions.all(), "from bars to decisions"


def test_computing_runs_wait_for_one_another(pages: Pages) -> None:
    """The pool holds one run at a time, so that a backfill leaves a core to the runs that trade."""
    records = [record for record in pages.instance.get_run_records() if "dagster/partition" in record.dagster_run.tags]
    spans = sorted((record.start_time or 0, record.end_time or 0) for record in records)
    assert len(spans) == 3
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


def test_the_log_holds_one_line_of_each_step(pages: Pages) -> None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", pages.log.read_text())
    assert "DEBUG" not in text
    assert "Warning" not in text
    assert "Traceback" not in text
    for said in ("BTC: ", "21 features on", "buy_and_hold: BUY BTC; BUY ETH", "agrees with the venue"):
        assert sum(said in line and " INFO " in line for line in text.splitlines()) >= 1, said


def test_an_asset_shows_its_picture_its_facts_and_its_check(pages: Pages) -> None:
    page = pages.page
    page.open(f"{pages.address}/assets/strategy/buy_and_hold/backtest")
    page.await_text("Fills and equity on the stored bars.", "summary", "final_equity", "data_hash", "config_hash")
    page.run("all('*').filter(e => !e.children.length && read(e).trim() === '[Show Markdown]')[0].click()")
    until(
        lambda: page.run("all('img').some(e => e.src.startsWith('data:image/svg') && e.naturalWidth > 300)"),
        "a picture",
    )
    page.open(f"{pages.address}/assets/strategy/buy_and_hold/backtest?view=checks")
    page.await_text("valid", "Nothing makes the backtest void. Its books balance.")
    assert [text for text in page.complaints if "Content Security Policy" in text] == []
