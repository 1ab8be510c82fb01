"""Refuses coverage in which a room is below its floor or a file is missing: ``python -m tests.coverage_floors FOLDER``.

The folder holds one report of ``tests/support/coverage.py`` for each process of the tests.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import slipcover

FLOORS = {"tradewright/policy": 95.0, "tradewright/ledger": 95.0, "tradewright/execution": 95.0, "tradewright": 90.0}
Files = Mapping[str, Mapping[str, Any]]
"""By the path of a file from the project's root, what of it was run."""


def room(filename: str) -> str:
    """The room a file belongs to: a money room, or the rest of the domain, or nothing that has a floor."""
    return next((name for name in FLOORS if filename.startswith(f"{name}/")), "")


def added_up(folder: Path) -> dict[str, Any]:
    """What the processes together ran."""
    reports = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    return dict(reduce(slipcover.merge_coverage, reports))


def percentages(files: Files) -> dict[str, float]:
    """Lines and branches covered per room, in percent."""
    hit: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for filename, report in files.items():
        counts = report["summary"]
        covered = counts["covered_lines"] + counts["covered_branches"]
        hit[room(filename)] += covered
        total[room(filename)] += covered + counts["missing_lines"] + counts["missing_branches"]
    return {name: 100.0 * hit[name] / total[name] for name in FLOORS if total[name]}


def main(report: Mapping[str, Any], expected: Collection[str]) -> int:
    """Print each room, and say whether all of them stand on their floors and no expected file is missing."""
    found, missing = percentages(report["files"]), sorted(set(expected) - set(report["files"]))
    low = [name for name, floor in FLOORS.items() if found.get(name, 0.0) < floor]
    for name, floor in FLOORS.items():
        mark = "  LOW" if name in low else ""
        sys.stdout.write(f"{name:28} {found.get(name, 0.0):6.2f} %  (floor {floor:.0f} %){mark}\n")
    sys.stdout.writelines(f"{name} was imported by no test\n" for name in missing)
    return 1 if low or missing else 0


if __name__ == "__main__":
    from tests.support.coverage import COMPILED, SOURCE

    _report = added_up(Path(sys.argv[1]))
    slipcover.print_coverage(_report, skip_covered=True, missing_width=80)
    _files = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")} - set(COMPILED)
    sys.exit(main(_report, {f"{SOURCE.name}/{name}" for name in _files}))
