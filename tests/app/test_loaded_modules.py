"""A command loads what it uses, and composes once: a test of what is in memory afterwards, never of a time (B7)."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conf.environment import SOURCE
from tests.app.conftest import say

RESEARCH = {
    "pandas",
    "pandera",
    "numba",
    "vectorbt",
    "great_expectations",
    "exchange_calendars",
    "plotly",
    "marimo",
    "lark",
}
VENUES = {"ib_async", "starlette", "uvicorn", "dagster"}
CONFIGURATION = {"hydra", "omegaconf", "pydantic", "ruamel.yaml", "numpy"}
DATABASE = {"sqlalchemy", "alembic"}
HEAVY = RESEARCH | VENUES | {"pyarrow"}
OBSERVED = """
import json, sys
from app.cli import main
sys.argv = ["tradewright", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    status = end.code
made = sys.modules["conf.composition"]._bases if "conf.composition" in sys.modules else ()
sys.stderr.write(json.dumps({"status": status, "modules": sorted(sys.modules), "compositions": len(made)}))
"""


def after(*words: str) -> dict[str, Any]:
    """The exit status, the modules in memory and the number of compositions of a process that ran one command."""
    program = [sys.executable, "-c", OBSERVED, *words]
    done = subprocess.run(program, cwd=SOURCE, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stderr[done.stderr.rindex('{"status"') :])
    return found


def test_help_needs_nothing_that_the_commands_use() -> None:
    found = after("--help")
    assert found["status"] == 0
    assert not (HEAVY | CONFIGURATION | DATABASE) & set(found["modules"])


def test_check_needs_no_tables_no_database_and_one_composition(tmp_path: Path) -> None:
    """The compiler is needed once for each version of a strategy's code; the second check finds them tried."""
    found = [after("check", f"storage.root={tmp_path}") for _ in range(2)][-1]
    assert found["status"] == 0
    of_documents = {"lark"}  # those that ship are checked too
    assert not ((HEAVY - of_documents) | DATABASE | {"asyncio"}) & set(found["modules"])
    assert found["compositions"] == 1, "the override only gives a value"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage folder with a ledger of the present version."""
    made = tmp_path_factory.mktemp("current")
    assert after("orders", f"storage.root={made}")["status"] == 0
    return made


@pytest.mark.parametrize("words", [("orders",), ("positions",), ("intents",), ("kill", "--reason", "a test")])
def test_a_command_on_the_ledger_needs_neither_bars_nor_migrations(folder: Path, words: tuple[str, ...]) -> None:
    found = after(*words, f"storage.root={folder}")
    assert found["status"] == 0
    assert not (HEAVY | {"alembic"}) & set(found["modules"])
    assert found["compositions"] == 1


@pytest.mark.parametrize("command", ["orders", "positions", "intents", "commands", "limits"])
def test_reading_takes_no_writers_lock(folder: Path, command: str) -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite3", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert say(command, f"storage.root={folder}").status == 0
        writer.execute("ROLLBACK")
