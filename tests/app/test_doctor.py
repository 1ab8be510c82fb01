"""``doctor`` with each of its parts broken: it is named with what to do, and the rest is still looked at."""

from __future__ import annotations

import importlib.metadata
import shutil
import socket
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from brokers.ibkr.plugin import IbkrVenueSettings
from conf.compose import compose
from conf.schema.settings import Settings
from runtime import doctor
from runtime.container import Container
from runtime.doctor import Finding
from tests.app.conftest import daily, say
from tests.support.houses import House
from tradewright.model.clock import ManualClock, SystemClock
from tradewright.model.event_calendar import EventCalendar


class Disk(NamedTuple):
    """What ``shutil.disk_usage`` answers."""

    total: int
    used: int
    free: int


@pytest.fixture(scope="module")
def shipped() -> Settings:
    return compose(["universe.instruments=[GOOG]", "universe.timeframe=1d", "feed=files"])


@pytest.fixture
def settings(shipped: Settings, tmp_path: Path) -> Settings:
    """An own folder with thirty days of GOOG."""
    daily().to_csv(tmp_path / "GOOG.csv", index=False)
    root = f"storage.root={tmp_path / 'data'}"
    assert say("import", "csv", str(tmp_path / "GOOG.csv"), "--instrument", "GOOG", root).status == 0
    return shipped.model_copy(update={"storage": shipped.storage.model_copy(update={"root": str(tmp_path / "data")})})


Break = Callable[[Settings, pytest.MonkeyPatch], None]


def full(_settings: Settings, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(shutil, "disk_usage", lambda _path: Disk(10**12, 10**12 - 2**20, 2**20))


def scrambled_bars(settings: Settings, _patch: pytest.MonkeyPatch) -> None:
    for path in Container(settings).root.rglob("*.json"):
        path.write_text("{")


def no_bars(settings: Settings, _patch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(Container(settings).root / "bars")


def old_bars(_settings: Settings, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Container, "clock", SystemClock())


def fresh_bars(settings: Settings, patch: pytest.MonkeyPatch) -> None:
    covered = Container(settings, SystemClock()).bar_store.coverage("GOOG", settings.universe.timeframe)
    assert covered is not None
    now = covered.last.to_pydatetime() + timedelta(days=4)
    patch.setattr(Container, "clock", ManualClock(now))


def scrambled_ledger(settings: Settings, _patch: pytest.MonkeyPatch) -> None:
    (Container(settings).root / "ledger.sqlite3").write_text("this is no ledger, although it is long enough " * 100)


def forged_ledger(settings: Settings, _patch: pytest.MonkeyPatch) -> None:
    with Container(settings, SystemClock()).ledger as ledger:
        ledger.kill_switches.stop("everything", "ann", "test")
        ledger.kill_switches.resume("everything", "ann", "test")
    with closing(sqlite3.connect(Container(settings).root / "ledger.sqlite3")) as link:
        tables = [name for (name,) in link.execute("select name from sqlite_master where type = 'trigger'")]
        for name in tables:
            link.execute(f"drop trigger {name}")
        link.execute("update events set actor = 'mallory' where seq = 1")
        link.commit()


def stopped(settings: Settings, _patch: pytest.MonkeyPatch) -> None:
    with Container(settings, SystemClock()).ledger as ledger:
        ledger.kill_switches.stop("strategy:trend", "ann", "test")


def old_python(_settings: Settings, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(sys, "version_info", (3, 10, 4))


def no_extra(_settings: Settings, patch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    patch.setattr(importlib.metadata, "version", missing)


# how it is broken -> what is named, its state, part of the detail, part of the remedy
PARTS: dict[str, tuple[Break, str, str, str, str]] = {
    "a full disk": (full, "disk", "broken", "1 MB free", "free some space"),
    "scrambled bars": (scrambled_bars, "bars GOOG", "broken", "", ""),
    "no bars": (no_bars, "bars GOOG", "look", "none stored", "tradewright import"),
    "old bars": (old_bars, "bars GOOG", "look", "30 bars, the newest starts 2024-02", "bring them up to date"),
    "fresh bars": (fresh_bars, "bars GOOG", "good", "30 bars", ""),
    "a scrambled ledger": (scrambled_ledger, "ledger", "broken", "ledger.sqlite3", ""),
    "a forged ledger": (forged_ledger, "ledger", "broken", "ledger.sqlite3", ""),
    "a stop": (stopped, "kill switch", "look", "stopped: strategy:trend", "tradewright resume"),
    "an old Python": (old_python, "Python", "broken", "", "install Python 3.11"),
    "a missing extra": (
        no_extra,
        "extra report",
        "look",
        "vectorbt is not installed",
        "pip install tradewright[report]",
    ),
}


def findings(settings: Settings, patch: pytest.MonkeyPatch) -> list[Finding]:
    patch.setattr(doctor, "compose_without_strategy", lambda _overrides: settings)
    patch.setattr(doctor, "check", lambda _overrides: [])
    return doctor.examine_all(())


@pytest.mark.parametrize("part", PARTS)
def test_a_broken_part_is_named_with_what_to_do(settings: Settings, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, what, state, detail, remedy = PARTS[part]
    spoil(settings, monkeypatch)
    found = {row.what: row for row in findings(settings, monkeypatch)}
    assert found[what].state == state
    assert detail in found[what].detail
    assert remedy in found[what].remedy
    assert bool(found[what].remedy) == (state != "good")
    assert {"Python", "configuration", "disk", "bars GOOG", "ledger", "broker"} <= set(found), "all is looked at"
    assert {row.what for row in found.values() if row.state == "broken"} <= {what}


@pytest.mark.parametrize(
    ("first", "until", "state", "detail"),
    [(-2, None, "look", "0 of 1"), (-2, 1, "good", "0 of 1"), (2, None, "good", "1 of 1"), (2, 0, "broken", "until")],
)
def test_an_event_calendar_that_has_ended_is_named(
    settings: Settings, first: int, until: int | None, state: str, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Container(settings) as house:
        now = house.clock.now()
    start, end = (now + timedelta(hours=hours) for hours in (first, first + 1))
    row = {"every_instrument": True, "start": start, "end": end, "reason": "FOMC"}
    known = None if until is None else now + timedelta(hours=until)
    calendar = EventCalendar.model_validate({"windows": (row,), "complete_until": known})
    found = {row.what: row for row in findings(settings.model_copy(update={"events": calendar}), monkeypatch)}
    assert (found["events"].state, detail in found["events"].detail) == (state, True)
    assert bool(found["events"].remedy) == (state != "good")


@pytest.mark.parametrize("answers", [True, False])
def test_the_gateway_is_knocked_at(settings: Settings, answers: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        if answers:
            other.listen()
        far = IbkrVenueSettings(
            kind="ibkr", host="127.0.0.1", port=port, client_id=21, account=None, timeout_s=1.0,
        )  # fmt: skip
        row = findings(settings.model_copy(update={"broker": far}), monkeypatch)[-1]
    assert (row.what, row.state) == ("broker", "good" if answers else "broken")
    assert f"127.0.0.1:{port}" in row.detail
    assert answers or "tradewright gateway" in row.remedy


def test_wrong_settings_are_listed_and_nothing_else_is_guessed(house: House) -> None:
    said = say("doctor", *house.overrides, "mode=papre", "backtest.cash=-1", "--json")
    assert said.status == 1
    rows = said.json["findings"]
    wrong = [row for row in rows if row["what"] == "configuration"]
    assert [row["state"] for row in wrong] == ["broken", "broken"]
    assert "did you mean 'paper'" in wrong[0]["detail"] + wrong[1]["detail"]
    assert all(row["remedy"] for row in wrong)
    assert not {row["what"] for row in rows} & {"ledger", "disk", "broker"}


def test_a_store_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = say("doctor", f"storage.root={tmp_path / 'file'}", "--json")
    assert said.status == 1
    assert str(tmp_path / "file") in said.out
    assert (tmp_path / "file").read_text() == ""
