"""The coverage floors can be fallen through, and a room without a report has fallen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.coverage_floors import FLOORS, main


def report(tmp_path: Path, covered: dict[str, int]) -> str:
    """A report with 60 statements and 40 branches in one file of each room, so many of them covered."""
    counts = {
        name: {"covered_lines": min(number, 60), "covered_branches": max(0, number - 60)}
        for name, number in covered.items()
    }
    files = {
        f"{name}/file.py": {"summary": {**each, "num_statements": 60, "num_branches": 40}}
        for name, each in counts.items()
    }
    path = tmp_path / "coverage.json"
    path.write_text(json.dumps({"files": files}))
    return str(path)


def test_every_room_on_its_floor(tmp_path: Path) -> None:
    assert main(report(tmp_path, {name: int(floor) for name, floor in FLOORS.items()})) == 0


@pytest.mark.parametrize("room", FLOORS)
def test_a_room_below_its_floor_is_refused_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], room: str
) -> None:
    covered = dict.fromkeys(FLOORS, 100) | {room: int(FLOORS[room]) - 1}
    assert main(report(tmp_path, covered)) == 1
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.endswith("LOW")] == [room]


def test_a_room_that_is_missing_from_the_report_is_refused(tmp_path: Path) -> None:
    assert main(report(tmp_path, {"tradewright": 100})) == 1
