"""Where a project is found: by its variable, from the working directory upwards, else in the checkout; else nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf import environment
from conf.environment import MARKER, SOURCE, find_project, in_project, own_or_shipped, own_strategies, project_folder
from conf.ledger_place import ledger_place
from tests.app.conftest import say
from tradewright.database.address import sqlite_url
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package, and a working directory outside of every project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(environment, "SOURCE", tmp_path / "site-packages")
    return tmp_path


def marked(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("")
    return folder


def test_the_checkout_is_its_own_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_folder() == SOURCE
    assert own_strategies() is None


def test_the_nearest_marker_wins_and_the_variable_before_it(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_project() is None
    outer, inner = marked(nowhere / "outer"), marked(nowhere / "outer" / "x" / "inner")
    (inner / "deep").mkdir()
    for here, found in ((outer, outer), (outer / "x", outer), (inner, inner), (inner / "deep", inner)):
        monkeypatch.chdir(here)
        assert find_project() == found
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(outer))
    assert find_project() == outer
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(nowhere / "no"))
    with pytest.raises(ConfigError, match="TRADEWRIGHT_PROJECT"):
        find_project()


def test_a_project_of_another_user_is_named_before_it_is_run(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = marked(nowhere / "theirs")
    monkeypatch.chdir(found)
    monkeypatch.setattr(environment.os, "getuid", lambda: found.stat().st_uid + 1)
    with pytest.raises(ConfigError, match="another user"):
        find_project()
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(found))
    assert find_project() == found


def test_without_a_project_a_relative_path_leads_nowhere(nowhere: Path) -> None:
    assert in_project("/x/y") == Path("/x/y")
    for ask in (project_folder, lambda: in_project("data")):
        with pytest.raises(ConfigError, match="tradewright init FOLDER, then cd FOLDER"):
            ask()
    assert own_or_shipped("notebooks/lab.py") == nowhere / "site-packages" / "notebooks" / "lab.py"


@pytest.mark.parametrize(
    "words", [("check",), ("orders",), ("trade", "--once"), ("kill", "--reason", "x"), ("doctor",)]
)
def test_a_command_without_a_project_says_what_to_do(nowhere: Path, words: tuple[str, ...]) -> None:
    said = say(*words)
    assert said.status == 1
    assert "tradewright init FOLDER" in " ".join(said.err.split())
    assert list(nowhere.iterdir()) == []


def test_a_working_directory_that_was_deleted_is_no_project(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (nowhere / "gone").mkdir()
    monkeypatch.chdir(nowhere / "gone")
    (nowhere / "gone").rmdir()
    assert find_project() is None
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(nowhere))
    assert find_project() == nowhere


def test_a_kill_that_is_told_the_ledger_needs_no_project(nowhere: Path) -> None:
    url = sqlite_url(nowhere / "l.sqlite3")
    assert set(ledger_place((f"storage.ledger_url='{url}'",)).modes) == set(Mode)
    say("kill", "--reason", "x", "--ledger", url)
    for mode in Mode:
        with Ledger.open(url, SystemClock(), mode=mode) as ledger:
            assert [switch.stopped for switch in ledger.kill_switches.present()] == [True]
