"""B9: a kept result beside computing it anew, at 50,000 bars, and the share of repeats that are hits.

Both sides are ``run_cached``, whose first call computes and keeps. ``--json`` ends with one line.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.peer import walk
from benchmarks.sweep import SPEC
from strategies.ema_crossover import EmaCrossover
from tradewright.backtest.cache import run_cached
from tradewright.store.dataset import bars_hash

BARS = 50_000
STRATEGIES = [EmaCrossover(fast, slow) for fast in range(5, 25) for slow in range(30, 50, 5)]


def compare(rounds: int) -> dict[str, float]:
    """Seconds per strategy (medians over all), the ratio, and the hit rate of the repeats."""
    bars, computed, loaded, hits = walk(BARS), list[float](), list[float](), 0
    data = bars_hash(bars)
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            run_cached(STRATEGIES[0], bars, SPEC, folder / "first", data=data)
            for times in (computed, loaded):
                for strategy in STRATEGIES:
                    start = time.perf_counter()
                    done = run_cached(strategy, bars, SPEC, folder, data=data)
                    times.append(time.perf_counter() - start)
                    hits += done.used_cache
    slow, quick = statistics.median(computed), statistics.median(loaded)
    return {
        "ratio": slow / quick,
        "seconds_computed": slow,
        "seconds_kept": quick,
        "hit_rate": hits / (rounds * len(STRATEGIES)),
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = compare(options.rounds)
    if options.json:
        print(json.dumps({name: round(value, 6) for name, value in figures.items()}))
        return
    for name, value in figures.items():
        print(f"{name:18} {value:12,.5f}")


if __name__ == "__main__":
    main()
