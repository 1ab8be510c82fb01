"""Refuses a coverage report in which a room is below its floor: ``python tests/coverage_floors.py coverage.xml``."""

from __future__ import annotations

import sys
from collections import defaultdict
from xml.etree import ElementTree as ET

FLOORS = {"tradewright/policy": 95.0, "tradewright/ledger": 95.0, "tradewright/execution": 95.0, "tradewright": 90.0}


def room(filename: str) -> str:
    """The room a file belongs to: a money room, or the rest of the domain, or nothing that has a floor."""
    return next((name for name in FLOORS if filename.startswith(f"{name}/")), "")


def percentages(report: str) -> dict[str, float]:
    """Lines and branches covered per room, in percent."""
    hit, total = defaultdict(int), defaultdict(int)
    for found in ET.parse(report).iter("class"):
        name = room(found.get("filename", ""))
        for line in found.iter("line"):
            covered, possible = (int(line.get("hits", 0)) > 0), 1
            if line.get("branch") == "true":
                taken = line.get("condition-coverage", "0% (0/1)").split("(")[1].rstrip(")").split("/")
                covered, possible = covered + int(taken[0]), possible + int(taken[1])
            hit[name] += covered
            total[name] += possible
    return {name: 100.0 * hit[name] / total[name] for name in FLOORS if total[name]}


def main(report: str) -> int:
    """Print each room and say whether all of them stand on their floors."""
    found = percentages(report)
    low = [name for name, floor in FLOORS.items() if found.get(name, 0.0) < floor]
    for name, floor in FLOORS.items():
        mark = "  LOW" if name in low else ""
        sys.stdout.write(f"{name:28} {found.get(name, 0.0):6.2f} %  (floor {floor:.0f} %){mark}\n")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
