"""B2: 1,176 pairs of moving averages on 50,000 bars, us and vectorbt side by side. ``--json`` ends with one line."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.peer import CASH, FEE, Outcome, VectorbtCross, walk
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.backtest.workers import Threads
from tradewright.fills.costs import PercentCosts
from tradewright.model.bars import Bars

BARS = 50_000
PAIRS = list(itertools.combinations(range(2, 51), 2))
SPEC = BacktestSpec(cash=CASH, costs=PercentCosts(FEE))


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ours(bars: Bars, threads: int) -> npt.NDArray[np.void]:
    """The whole sweep in one call."""
    return sweep([SmaCrossover(*pair) for pair in PAIRS], bars, SPEC, workers=Threads(threads))


def theirs(peer: VectorbtCross, bars: Bars, chunk: int) -> Outcome:
    """The whole sweep in calls of ``chunk`` pairs: one call of all needs ten times the memory and is slower."""
    parts = [peer.run(bars, PAIRS[first : first + chunk]) for first in range(0, len(PAIRS), chunk)]
    return Outcome(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def check_equal(found: npt.NDArray[np.void], outcome: Outcome) -> None:
    """The same trades and money, or the comparison means nothing."""
    np.testing.assert_array_equal(found["trades"], outcome.trades)
    np.testing.assert_allclose(found["final_equity"], outcome.final_equity, rtol=1e-9)
    np.testing.assert_allclose(found["max_drawdown"], outcome.max_drawdown, rtol=1e-9)


def peak_of_this_process() -> float:
    """Peak resident memory in MB since this program was loaded (``ru_maxrss`` would count the parent's)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def own_peak() -> float:
    """Peak memory in MB of a process that does nothing but our sweep."""
    command = [sys.executable, "-m", "benchmarks.sweep", "--own"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


def compare(rounds: int, chunk: int) -> dict[str, float]:
    """Seconds (medians) and ratios, interleaved in one process."""
    bars, peer, threads = walk(BARS), VectorbtCross(), os.cpu_count() or 1
    peer.run(bars, PAIRS[:chunk])
    found = ours(bars, threads)
    seconds: dict[str, list[float]] = {"vectorbt": [], "one": [], "all": []}
    for _ in range(rounds):
        outcome: list[Outcome] = []
        seconds["vectorbt"].append(timed(lambda: outcome.append(theirs(peer, bars, chunk))))  # noqa: B023
        check_equal(found, outcome[0])
        seconds["one"] += [timed(lambda: ours(bars, 1)) for _ in range(7)]
        seconds["all"] += [timed(lambda: ours(bars, threads)) for _ in range(7)]
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "ratio_per_core": middle["vectorbt"] / middle["one"],
        "ratio_wall": middle["vectorbt"] / middle["all"],
        "peak_mb": own_peak(),
        "seconds_one_thread": middle["one"],
        "seconds_all_threads": middle["all"],
        "seconds_vectorbt": middle["vectorbt"],
        "bars_times_sets_per_second": BARS * len(PAIRS) / middle["one"],
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--chunk", type=int, default=49, help="pairs per vectorbt call")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--own", action="store_true", help="only our sweep; print the peak memory in MB")
    options = parser.parse_args()
    if options.own:
        ours(walk(BARS), 1)
        print(peak_of_this_process())
        return
    figures = compare(options.rounds, options.chunk)
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
        return
    for name, value in figures.items():
        print(f"{name:28} {value:14,.3f}")


if __name__ == "__main__":
    main()
