"""B3: 100,128 pairs of moving averages on 50,000 bars: seconds of wall time and peak memory of a process of its own.

No peer runs it: vectorbt's tables of so many columns need hundreds of gigabytes. ``--json`` ends with one line.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import time

from benchmarks.peer import walk
from benchmarks.sweep import BARS, SPEC, peak_of_this_process
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest.sweep import sweep
from tradewright.backtest.workers import all_threads

LONGEST = 449
PAIRS = list(itertools.combinations(range(2, LONGEST + 1), 2))


def own() -> dict[str, float]:
    """The sweep in this process, and nothing else; the kernel is compiled before it."""
    bars = walk(BARS)
    made = [SmaCrossover(*pair) for pair in PAIRS]
    sweep(made[:1], bars, SPEC)
    start = time.perf_counter()
    found = sweep(made, bars, SPEC, workers=all_threads())
    seconds = time.perf_counter() - start
    return {"sets": len(found), "seconds": round(seconds, 2), "peak_mb": round(peak_of_this_process(), 1)}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--own", action="store_true", help="in this very process")
    options = parser.parse_args()
    if options.own:
        print(json.dumps(own()))
        return
    command = [sys.executable, "-m", "benchmarks.sweep_large", "--own"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    figures = json.loads(done.stdout.splitlines()[-1])
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:10} {value:12,.1f}")


if __name__ == "__main__":
    main()
