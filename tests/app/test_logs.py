"""The log files: every program writes them, by day, for so many days, from a level on, and without secrets."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conf.compose import compose
from runtime.container import Container
from runtime.logs import LOGGERS, DailyFile, redacted
from tests.app.conftest import say
from tests.app.desk import Desk, desk

CANARY = "canary-7d20"
QUOTED = "p%40ss-canary"
DAY = 86_400.0


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def loggers_as_before() -> Iterator[None]:
    kept = {name: list(logging.getLogger(name).handlers) for name in LOGGERS}
    yield
    for name, handlers in kept.items():
        logging.getLogger(name).handlers = handlers


def documents(root: Path) -> list[dict[str, Any]]:
    paths = sorted((root / "logs").glob("*.log"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def record(text: str, level: int = logging.INFO, at: float = 0.0, **more: Any) -> logging.LogRecord:
    made = logging.LogRecord("tradewright.test", level, __file__, 1, text, (), more.get("exc_info"))
    made.created = at
    return made


def test_decisions_sends_and_refusals_are_written(at: Desk) -> None:
    at.order("--side BUY --qty 3")
    at.venue.fault("reject")
    at.open_market()
    at.run("intent --instrument AAPL --side BUY --qty 4")
    at.run("send")
    at.run("explain nothing")
    told = documents(at.counter.root)
    assert all(set(row) == {"at", "level", "logger", "pid", "text"} for row in told)
    texts = [(row["level"], row["text"]) for row in told]
    assert any(level == "INFO" and " APPROVE" in text for level, text in texts)
    assert any(level == "INFO" and " SENT " in text for level, text in texts)
    assert any(level == "ERROR" and " REJECTED " in text for level, text in texts)
    assert any(level == "ERROR" and "nothing" in text for level, text in texts), "a refused command"
    (path,) = (at.counter.root / "logs").glob("*.log")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_the_level_decides(tmp_path: Path) -> None:
    for level, kept in (("ERROR", 1), ("WARNING", 2), ("INFO", 3), ("DEBUG", 4)):
        root = tmp_path / level
        root.mkdir()
        with Container(compose((f"storage.root={root}", f"observability.log_level={level}"))):
            for name in ("debug", "info", "warning", "error"):
                getattr(logging.getLogger("tradewright.test"), name)("said")
        assert len(documents(root)) == kept


def test_a_file_a_day_and_old_ones_go(tmp_path: Path) -> None:
    handler = DailyFile(tmp_path / "logs", 2, ())
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "9999-99-99.log").touch()
    (tmp_path / "logs" / "notes.txt").touch()
    for day in range(5):
        handler.handle(record(f"day {day}", at=day * DAY))
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == [
        "1970-01-04.log", "1970-01-05.log", "9999-99-99.log", "notes.txt",
    ]  # fmt: skip


def test_secrets_are_written_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_TOKEN", CANARY)
    monkeypatch.setenv("TRADEWRIGHT_ALERT_WEBHOOK", f"https://hooks.example/{CANARY}-hook")
    monkeypatch.setenv("POSTGRES_URL", f"postgresql+psycopg2://trader:{QUOTED}@127.0.0.1:1/ledger")
    with Container(compose((f"storage.root={tmp_path}", "storage=postgres"))):
        log = logging.getLogger("tradewright.test")
        log.error("token %s", CANARY)
        log.error("posting to https://hooks.example/%s-hook", CANARY)
        try:
            raise ValueError(f"cannot open postgresql+psycopg2://trader:{QUOTED}@127.0.0.1:1/ledger, p@ss-canary")
        except ValueError:
            log.exception("failed")
    text = json.dumps(documents(tmp_path))
    assert "canary" not in text
    assert text.count("***") >= 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"postgresql://u:{QUOTED}@host/db", "postgresql://u:***@host/db"),
        ("open http://127.0.0.1:1/?access_token=abc&x=1", "open http://127.0.0.1:1/?access_token=***&x=1"),
        ("http://host:80/path", "http://host:80/path"),
    ],
)
def test_passwords_and_tokens_in_addresses_are_hidden_whoever_made_them(text: str, shown: str) -> None:
    assert redacted(text, ()) == shown


def test_a_disk_that_refuses_is_told_once_and_stops_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").write_text("a file in the place of the folder")
    handler = DailyFile(tmp_path / "logs", 14, ())
    for _ in range(3):
        handler.handle(record("said"))
    assert capsys.readouterr().err.count("no log is written") == 1


def test_no_folder_is_made_where_nothing_was_stored(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    assert say("orders", f"storage.root={nowhere}", "mode=paper").status == 1, "paper trading needs another broker"
    DailyFile(nowhere / "logs", 14, ()).handle(record("said"))
    assert not nowhere.exists()


@pytest.mark.parametrize("kind", ["a pipe", "a link"])
def test_a_log_that_is_no_plain_file_keeps_nobody_waiting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "1970-01-01.log"
    if kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(tmp_path / "elsewhere")
    DailyFile(tmp_path / "logs", 14, ()).handle(record("said"))
    assert "no log is written" in capsys.readouterr().err
    assert not (tmp_path / "elsewhere").exists()
