"""One rule of exit codes for every command: 0 done, 1 refused, failed or not well, 2 wrong usage (docs/commands.md)."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from app.cli import app
from tests.app.conftest import Said, daily, say
from tests.support.houses import House

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "commands.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("## Exit codes")[2].partition("\n## ")[0]
ELSEWHERE = {
    "demo": "test_demo.py",
    "gateway": "test_serve.py",
    "serve": "test_serve.py",
    "rehearse": "test_rehearse.py",
    "stream": "test_stream.py",
    **{f"dsl {name}": "test_documents.py" for name in ("check", "explain", "fmt", "schema", "example")},
    "schema": "test_scenarios.py",
    **{f"scenarios {name}": "test_scenarios.py" for name in ("generate", "list", "show", "check")},
    "scenarios test": "test_engine_tests.py",
    "certify": "test_scenarios.py",
    **{f"package {name}": "test_packages.py" for name in ("export", "verify", "import", "show", "save", "list")},
    **{f"package {name}": "test_package_keys.py" for name in ("key", "compare")},
    "init": "test_new_project.py",
    **{f"instruments {name}": "test_instruments.py" for name in ("add", "update", "remove")},
    "data accept": "test_data_findings.py",
    "data quarantine": "test_quarantine.py",
}
"""Commands whose success takes long or does not end by itself, with the test that has it."""


def paths() -> Iterator[str]:
    """Every command with its group: ``kill``, ``ledger verify``."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        yield from (f"{name} {each}" for each in command.commands) if hasattr(command, "commands") else [name]


def arguments(path: str) -> list[str]:
    """A word for each argument that a command demands."""
    here: Any = get_command(app)
    for name in path.split():
        here = here.commands[name]
    needed = [param.name for param in here.params if param.param_type_name == "argument" and param.required]
    return ["csv" if name == "source" else f"no-such-{name}" for name in needed]


def test_the_page_has_the_three_codes() -> None:
    assert re.findall(r"^\| (\d+) \|", TABLE, re.MULTILINE) == ["0", "1", "2", "130"]


@pytest.mark.parametrize("path", list(paths()))
def test_wrong_usage_is_2(path: str) -> None:
    said = say(*path.split(), *arguments(path), "--nonsense")
    assert (said.status, said.out) == (2, "")
    assert "--nonsense" in said.err
    if arguments(path):
        assert say(*path.split()).status == 2, "an argument is missing"


@pytest.mark.parametrize("path", list(paths()))
def test_a_refusal_is_1(path: str, tmp_path: Path) -> None:
    """A mode that does not exist; ``kill`` stops every mode under it, and says that nothing could be cancelled."""
    settings = ("mode=papre", f"storage.root={tmp_path}")
    if path == "init":  # takes no settings, and refuses a folder that holds anything
        (tmp_path / "mine").touch()
        said = say("init", str(tmp_path), "--json")
    elif path in ("dsl schema", "schema"):  # takes no settings
        said = say(*path.split(), str(tmp_path), "--json")
    elif path.startswith("dsl "):
        said = say(*path.split(), "no-such-file", "--json")
    else:
        said = say(*path.split(), *arguments(path), *settings, "--json")
    assert said.status == 1, said.out


def test_done_is_0_and_not_well_is_1(house: House, tmp_path: Path) -> None:
    """A day with one account, every command once; each ends as the page says."""
    walked: dict[str, set[int]] = {}

    def ran(words: str, status: int, *more: str) -> Said:
        parts = shlex.split(words)
        depth = 2 if parts[0] in ("ledger", "data", "instruments") else 1
        path, named = " ".join(parts[:depth]), [part for part in parts[depth:] if "=" not in part]
        said = say(*path.split(), *named, *house.overrides, *(p for p in parts if "=" in p), *more, "--json")
        assert said.status == status, (words, said.out, said.err)
        walked.setdefault(path, set()).add(status)
        return said

    asked = "intent --instrument BTC --side BUY --qty 0.01"
    person = ("stage.manual_approval=true", "policy.max_orders_per_second=20")
    (tmp_path / "GOOG.csv").write_text(daily().to_csv(index=False))
    ran("check", 0)
    ran(f"import csv {tmp_path / 'GOOG.csv'} --instrument GOOG", 0)
    ran(f"import csv {tmp_path / 'none.csv'} --instrument GOOG", 1)
    ran("backfill BTC --from 2026-11-01 --timeframe 1d", 0)
    ran("backfill BTC MSFT --from 2026-11-01 --timeframe 1d", 1)
    ran("instruments list", 0)
    ran("instruments show BTC", 0)
    ran("instruments show NOPE", 1)
    ran("data list", 0)
    ran("data show GOOG", 0)
    ran("data show NONE", 1)
    ran("data quotes", 0)
    ran("data quotes --instrument NOPE", 1)
    ran("data events", 0)
    ran("data events --instrument NOPE", 1)
    ran("data features BTC", 0)
    ran("data features BTC --set nope", 1)
    ran("data findings", 0)
    ran("data findings --instrument NOPE", 1)
    ran("data impact", 0)
    ran("data impact --instrument NOPE", 1)
    ran("backtest", 0)
    ran("backtest backtest.start=2001-01-01 backtest.end=2001-02-01", 1)
    ran("sweep strategy=sma_crossover strategy.fast=5,10", 0)
    ran("trials", 0)
    ran("walkforward strategy=sma_crossover strategy.fast=5,10 walkforward.folds=2", 0)
    ran("walkforward strategy=sma_crossover strategy.fast=5,10 walkforward.folds=1", 1)
    ran("montecarlo montecarlo.paths=100 montecarlo.permutations=2", 0)
    ran("montecarlo backtest.start=2001-01-01 backtest.end=2001-02-01", 1)
    ran("limits", 0)
    ran("freezes", 1)
    ran("reconcile", 0)
    ran("freezes", 0)
    ran("doctor", 0)
    ran("intent --instrument BTC --side SELL --qty 5", 1)
    first = ran(f"{asked} --key a", 0, *person).json["decision_id"]
    ran(f'reject {first} --reason "no"', 0, *person)
    ran(f'approve {first} --reason "yes"', 1, *person)
    second = ran(f"{asked} --key b", 0, *person).json["decision_id"]
    ran(f'approve {second} --reason "yes"', 0, *person)
    (sent,) = [row for row in ran("send", 0, *person).json["outcomes"] if row["status"] == "SENT"]
    for words in (
        "intents",
        "orders",
        "positions",
        "performance",
        "explain newest",
        "commands",
        "watch",
        "end-of-day",
        "ledger verify",
    ):
        ran(words, 0)
    ran("performance --strategy nope", 1)
    ran(f"cancel {sent['ref']}", 1)
    ran('acknowledge BTC --reason "x"', 1)
    ran(f'confirm-not-sent {sent["ref"]} --reason "x"', 1)
    ran(f'settle {sent["ref"]} --state DONE --reason "x"', 1)
    ran('adopt BTC --reason "x"', 0)
    ran('cancel-all --reason "x"', 0)
    ran('kill --reason "x"', 0)
    ran("freezes", 1)
    ran("send", 1)
    ran('flatten --reason "x"', 0)
    ran('resume --reason "x"', 0)
    ran('tighten max_gross 0.4 --reason "x"', 0)
    ran('tighten max_gross 5 --reason "x"', 1)
    ran("trade --once", 0)
    for words in ("backup", "prune", 'rekey --reason "x"'):
        ran(f"ledger {words}", 0)
    assert set(walked) | ELSEWHERE.keys() == set(paths())
    assert {path for path, codes in walked.items() if 0 not in codes} == {
        "acknowledge",
        "cancel",
        "confirm-not-sent",
        "settle",
    }
