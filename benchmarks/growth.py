"""How cost grows with work: one row for each of F1 to F6, F9 and F11: ``python -m benchmarks.growth``.

Each row does the same work at growing sizes, each in a process of its own, and gives its CPU seconds (user and
system), its largest resident memory, and the exponent e between the two largest sizes: cost grows as size to the e.
``--short`` takes small sizes and a few minutes; the whole of it takes half an hour.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks import workloads
from conf.environment import SOURCE


class Cost(NamedTuple):
    """One size of one row: CPU seconds, megabytes at most resident (where told), a result (bytes of a report)."""

    size: int
    cpu: float
    memory: float | None = None
    result: float | None = None


class Row(NamedTuple):
    """One kind of work with its costs by size and the exponent between the two largest."""

    name: str
    work: str
    costs: tuple[Cost, ...]

    @property
    def exponent(self) -> float | None:
        """Zero where cost does not depend on size; None for a single size."""
        if len(self.costs) < 2:
            return None
        less, more = self.costs[-2:]
        return math.log(more.cpu / less.cpu) / math.log(more.size / less.size)


class Work(NamedTuple):
    """A kind of work: the issue's number, its text, the sizes in short and in full."""

    text: str
    short: tuple[int, ...]
    full: tuple[int, ...]


WORKS = {
    "F1 kill": Work("kill with so many finished orders", (100, 1_000), (100, 1_000, 10_000)),
    "F1 reconcile": Work("reconcile with so many finished orders", (100, 1_000), (100, 1_000, 10_000)),
    "F1 reconcile held": Work("reconcile with so many finished orders, one unit held", (101, 1_001),
                              (101, 1_001, 10_001)),
    "F2": Work("orders with so many instruments in one file", (500, 2_000), (500, 5_000)),
    "F3": Work("loading the research definitions of so many strategies", (5, 50), (5, 50, 500)),
    "F4": Work("one materialization by Dagster's command line with so many strategies", (5, 50), (5, 50)),
    "F5": Work("one order sent in the simulated venue after so many, measured in that act alone", (100, 1_000),
               (100, 10_000)),
    "F6": Work("the report of a pool of so many instruments (result: bytes)", (20, 100), (50, 500)),
    "F9": Work("a backtest command, machine code absent (1) and present (2)", (1, 2), (1, 2)),
    "F11": Work("a backtest's reply as a table, of so many bars", (10_000, 100_000), (100_000, 1_000_000)),
}  # fmt: skip
_PREPARED: dict[str, Callable[[int, Path], None]] = {
    "F1 kill": workloads.finished,
    "F1 reconcile": workloads.finished,
    "F1 reconcile held": workloads.finished,
    "F2": workloads.instruments,
    "F3": workloads.strategies,
    "F4": workloads.strategies,
}
_LARGEST = (
    "import resource, sys; "
    r'sys.stderr.write(f"\nMB {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}\n")'
)


def programs(name: str, size: int, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command line of a work and its environment."""
    environment = {"TRADEWRIGHT_CONF": str(folder / "conf")} if (folder / "conf").is_dir() else {}
    command = [f"storage.root={folder / 'data'}"]
    match name.split():
        case ["F1", act, *_held]:
            words = [act, *(["--reason", "benchmark"] if act == "kill" else []), *command]
        case ["F2"]:
            words = ["orders", *command]
        case ["F3"]:
            return [sys.executable, "-m", "benchmarks.workloads", "definitions"], environment
        case ["F4"]:
            environment["TRADEWRIGHT_OVERRIDES"] = command[0]
            environment["DAGSTER_HOME"] = str(folder)
            place = ["-m", "assets.research.definitions", "--select", "bars", "--partition", "BTC"]
            return [sys.executable, "-m", "dagster", "asset", "materialize", *place], environment
        case ["F9"]:
            environment["NUMBA_CACHE_DIR"] = str(folder.parent / "F9-machine-code")
            words = ["backtest", "backtest.instruments=[BTC]", *command]
        case _:
            return [sys.executable, "-m", "benchmarks.workloads", name, str(size), str(folder)], environment
    return [sys.executable, "-c", f"from app.cli import main\ntry: main()\nfinally: {_LARGEST}", *words], environment


def prepare(work: Callable[[int, Path], None], size: int, folder: Path) -> None:
    """Prepare in a process of its own: a measured process inherits the largest memory of the one that starts it.

    Raises:
        RuntimeError: when it fails.
    """
    process = multiprocessing.get_context("spawn").Process(target=work, args=(size, folder))
    process.start()
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the preparation of {size} ended with {process.exitcode}")


def cost(name: str, size: int, folder: Path) -> Cost:
    """Prepare a work of one size, do it in a process of its own, and measure that process.

    Raises:
        RuntimeError: when it fails.
    """
    if name in _PREPARED:
        prepare(_PREPARED[name], size, folder)
    program, environment = programs(name, size, folder)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        program, cwd=SOURCE, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{name} of size {size} ended with {done.returncode}: {done.stderr[-1_000:]}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    told = dict(line.split(" ", 1) for line in done.stderr.splitlines() if line.startswith(("MB ", "CPU ", "RESULT ")))
    result = float(told["RESULT"]) if "RESULT" in told else None
    return Cost(size, float(told.get("CPU", cpu)), float(told["MB"]) if "MB" in told else None, result)


def measure(names: Iterable[str], short: bool) -> Iterable[Row]:
    """Every row, one after the other."""
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            work, costs = WORKS[name], []
            for size in work.short if short else work.full:
                folder = Path(root) / f"{name.replace(' ', '-')}-{size}"
                folder.mkdir()
                costs.append(cost(name, size, folder))
                shutil.rmtree(folder)
            yield Row(name, work.text, tuple(costs))


def main() -> None:
    """Run and print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(WORKS), default=list(WORKS))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    for row in measure(options.only, options.short):
        if options.json:
            costs = [each._asdict() for each in row.costs]
            print(json.dumps({"row": row.name, "work": row.work, "costs": costs, "exponent": row.exponent}), flush=True)
            continue
        print(f"{row.name}: {row.work}" + ("" if row.exponent is None else f", e = {row.exponent:.2f}"), flush=True)
        for size, cpu, memory, result in row.costs:
            parts = [f"{size:>9,}", f"{cpu:8.3f} s", *(f"{each:,.0f} MB" for each in [memory] if each is not None)]
            print("  " + "  ".join([*parts, *(f"{each:,.0f} bytes" for each in [result] if each is not None)]))


if __name__ == "__main__":
    main()
