"""B1: one moving-average backtest in one call (indicators, signals, fills, totals), us and vectorbt, both warm."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.peer import CASH, FEE, VectorbtCross, walk
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest.engine import run
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import PercentCosts

PAIR = (10, 30)
SPEC = BacktestSpec(cash=CASH, costs=PercentCosts(FEE))


def timed(work: Callable[[], object]) -> float:
    """Seconds of wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(count: int, rounds: int) -> dict[str, float]:
    """Medians of interleaved calls; the same trades and money are checked first."""
    bars, peer, strategy = walk(count), VectorbtCross(), SmaCrossover(*PAIR)
    outcome, result = peer.run(bars, [PAIR]), run(strategy, bars, SPEC)
    assert len(result.trades) == outcome.trades[0]
    np.testing.assert_allclose(result.equity[-1], outcome.final_equity[0], rtol=1e-9)
    seconds: dict[str, list[float]] = {"vectorbt": [], "ours": []}
    for _ in range(rounds):
        seconds["vectorbt"].append(timed(lambda: peer.run(bars, [PAIR])))
        seconds["ours"] += [timed(lambda: run(strategy, bars, SPEC)) for _ in range(5)]
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "bars": count,
        "ratio": middle["vectorbt"] / middle["ours"],
        "milliseconds": middle["ours"] * 1e3,
        "milliseconds_vectorbt": middle["vectorbt"] * 1e3,
    }


def main() -> None:
    """Run, print one line per size, and with --json the ratios as the last one: ``ratio_50k``, ``ratio_1m``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, nargs="+", default=[50_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    told: dict[str, float] = {}
    for count in options.bars:
        figures = compare(count, options.rounds)
        told[f"ratio_{_size(count)}"] = round(figures["ratio"], 4)
        print("  ".join(f"{name} {value:,.3f}" for name, value in figures.items()))
    if options.json:
        print(json.dumps(told))


def _size(count: int) -> str:
    """50k, 1m."""
    return f"{count // 1_000_000}m" if count % 1_000_000 == 0 else f"{count // 1_000}k"


if __name__ == "__main__":
    main()
