"""B7: CPU seconds of a command as a process, and their ratio to ``python -c pass``: ``python -m benchmarks.startup``.

Processor time (user and system) of the child process is measured, since it depends little on what else the machine
does. Every command runs on one fresh storage folder, whose ledger exists before it is measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from conf.environment import SOURCE

GOALS = {"--help": 0.2, "check": 1.0}
"""CPU seconds that a command may take (B7)."""
COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": (),
    "check": (),
    "orders": (),
    "positions": (),
    "intents": (),
    "kill": ("--reason", "benchmark"),
    "doctor": (),
}
"""Each command with its arguments; those without a storage folder take none."""
_NO_FOLDER = frozenset({"--help", "check"})


class Row(NamedTuple):
    """One command: the median of its CPU seconds, the ratio to an empty Python process, the goal where there is one."""

    command: str
    cpu: float
    ratio: float
    goal: float | None


def cpu_seconds(program: Sequence[str]) -> float:
    """User and system seconds of one process that runs to its end; an exit status above 1 is an error.

    Raises:
        RuntimeError: when the command line itself was wrong, or the process was killed.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(program, cwd=SOURCE, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(program)} ended with {done.returncode}: {done.stderr[-500:]}")
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def measure(rounds: int, folder: Path) -> list[Row]:
    """Medians of interleaved rounds; the first round, which makes the ledger and compiles bytecode, is not counted."""
    programs = {"python -c pass": [sys.executable, "-c", "pass"]}
    for name, words in COMMANDS.items():
        places = () if name in _NO_FOLDER else (f"storage.root={folder}",)
        program = [sys.executable, "-c", "from app.cli import main; main()", name, *words, *places]
        programs[f"tradewright {name}"] = program
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            spent = cpu_seconds(program)
            if number:
                seconds[name].append(spent)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    empty = middle["python -c pass"]
    return [Row(name, each, each / empty, GOALS.get(name.partition(" ")[2])) for name, each in middle.items()]


def main() -> None:
    """Run and print one line per command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options.rounds, Path(folder))
    if options.json:
        print(json.dumps({"rows": [row._asdict() for row in rows]}))
        return
    for row in rows:
        goal = "" if row.goal is None else f"  goal {row.goal:.1f} s"
        print(f"{row.command:24} {row.cpu:6.2f} s  {row.ratio:6.1f} x{goal}")


if __name__ == "__main__":
    main()
