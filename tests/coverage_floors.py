"""Refuses a coverage report in which a room is below its floor: ``python tests/coverage_floors.py coverage.json``."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

FLOORS = {"tradewright/policy": 95.0, "tradewright/ledger": 95.0, "tradewright/execution": 95.0, "tradewright": 90.0}


def room(filename: str) -> str:
    """The room a file belongs to: a money room, or the rest of the domain, or nothing that has a floor."""
    return next((name for name in FLOORS if filename.startswith(f"{name}/")), "")


def percentages(files: dict[str, dict[str, dict[str, int]]]) -> dict[str, float]:
    """Lines and branches covered per room, in percent."""
    hit: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for filename, report in files.items():
        counts = report["summary"]
        hit[room(filename)] += counts["covered_lines"] + counts["covered_branches"]
        total[room(filename)] += counts["num_statements"] + counts["num_branches"]
    return {name: 100.0 * hit[name] / total[name] for name in FLOORS if total[name]}


def main(report: str) -> int:
    """Print each room and say whether all of them stand on their floors."""
    found = percentages(json.loads(Path(report).read_text())["files"])
    low = [name for name, floor in FLOORS.items() if found.get(name, 0.0) < floor]
    for name, floor in FLOORS.items():
        mark = "  LOW" if name in low else ""
        sys.stdout.write(f"{name:28} {found.get(name, 0.0):6.2f} %  (floor {floor:.0f} %){mark}\n")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
