"""The coverage floors can be fallen through, and a room or a file without a report has fallen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.coverage_floors import FLOORS, added_up, main


def report(covered: Mapping[str, int]) -> dict[str, Any]:
    """A report with 60 lines and 40 branches in one file of each room, so many of them covered."""
    return {"files": {f"{name}/file.py": {"summary": _summary(number)} for name, number in covered.items()}}


def _summary(number: int) -> dict[str, int]:
    lines, branches = min(number, 60), max(0, number - 60)
    return {
        "covered_lines": lines, "missing_lines": 60 - lines, "covered_branches": branches,
        "missing_branches": 40 - branches,
    }  # fmt: skip


ALL = [f"{name}/file.py" for name in FLOORS]


def test_every_room_on_its_floor() -> None:
    assert main(report({name: int(floor) for name, floor in FLOORS.items()}), ALL) == 0


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_below_its_floor_is_refused_and_named(capsys: pytest.CaptureFixture[str], room: str) -> None:
    assert main(report(dict.fromkeys(FLOORS, 100) | {room: int(FLOORS[room]) - 1}), ALL) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith("LOW")] == [room]


def test_a_room_that_is_missing_from_the_report_is_refused() -> None:
    assert main(report({"tradewright": 100}), ["tradewright/file.py"]) == 1


def test_a_file_that_no_test_imports_is_refused_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(report(dict.fromkeys(FLOORS, 100)), [*ALL, "tradewright/new.py"]) == 1
    assert "tradewright/new.py was imported by no test" in capsys.readouterr().out


def test_what_one_process_ran_another_need_not(tmp_path: Path) -> None:
    for name, lines in {"one": ([1, 2], [3, 4]), "two": ([1, 3], [2, 4])}.items():
        seen = {
            "executed_lines": lines[0], "missing_lines": lines[1], "executed_branches": [], "missing_branches": [],
        }  # fmt: skip
        file = {"meta": {"software": "slipcover", "branch_coverage": True}, "files": {"tradewright/file.py": seen}}
        (tmp_path / f"{name}.json").write_text(json.dumps(file))
    summary = added_up(tmp_path)["files"]["tradewright/file.py"]["summary"]
    assert (summary["covered_lines"], summary["missing_lines"]) == (3, 1)
