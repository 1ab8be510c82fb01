"""B14: 10,000 block-bootstrap paths of 2,520 returns with all percentiles: seconds and peak memory, beside plain numpy.

The peer draws the same kind of blocks with numpy, in pieces that fit into memory. ``--json`` ends with one line.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import time

import numpy as np
import numpy.typing as npt

from benchmarks.sweep import peak_of_this_process
from tradewright.evaluation.blocks import Blocks
from tradewright.evaluation.monte_carlo import bootstrap_returns

PATHS, RETURNS, BLOCK, PIECE, YEAR = 10_000, 2_520, 30, 500, 252
PERCENTILES = (5, 50, 95)


def sample() -> npt.NDArray[np.float64]:
    """Ten years of daily returns."""
    return np.random.default_rng(7).normal(0.0004, 0.01, RETURNS)


def plain(returns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Final return, drawdown, Sharpe ratio and profit factor of every path, and their percentiles, by numpy."""
    rng, found = np.random.default_rng(1), []
    blocks, steps = math.ceil(RETURNS / BLOCK), np.arange(BLOCK)
    for _ in range(PATHS // PIECE):
        starts = rng.integers(0, RETURNS, (PIECE, blocks, 1))
        drawn = returns[((starts + steps) % RETURNS).reshape(PIECE, -1)[:, :RETURNS]]
        equity = np.cumprod(1.0 + drawn, axis=1)
        peak = np.maximum(np.maximum.accumulate(equity, axis=1), 1.0)
        gains, losses = np.where(drawn > 0, drawn, 0.0).sum(axis=1), -np.where(drawn < 0, drawn, 0.0).sum(axis=1)
        sharpe = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1) * math.sqrt(YEAR)
        found.append(np.stack([equity[:, -1] - 1.0, (equity / peak).min(axis=1) - 1.0, sharpe, gains / losses]))
    return np.percentile(np.concatenate(found, axis=1), PERCENTILES, axis=1)


def ours(returns: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The same figures of the product."""
    told = bootstrap_returns(
        returns, paths=PATHS, block=BLOCK, blocks=Blocks.CIRCULAR, periods_per_year=YEAR, seed=1
    ).summary()
    figures = (told.total_return, told.max_drawdown, told.sharpe, told.profit_factor)
    return np.array([[each.p5, each.median, each.p95] for each in figures]).T


def compare(rounds: int) -> dict[str, float]:
    """Medians of interleaved rounds; the percentiles must be alike, or the comparison means nothing."""
    returns, seconds = sample(), {"ours": list[float](), "numpy": list[float]()}
    np.testing.assert_allclose(ours(returns), plain(returns), atol=0.06)
    for _ in range(rounds):
        for name, work in (("ours", ours), ("numpy", plain)):
            start = time.perf_counter()
            work(returns)
            seconds[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    command = [sys.executable, "-m", "benchmarks.monte_carlo", "--own"]
    peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])
    return {
        "seconds": middle["ours"],
        "seconds_numpy": middle["numpy"],
        "ratio": middle["numpy"] / middle["ours"],
        "peak_mb": peak,
    }


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--own", action="store_true", help="only ours; print the peak memory in MB")
    options = parser.parse_args()
    if options.own:
        ours(sample())
        print(peak_of_this_process())
        return
    figures = compare(options.rounds)
    if options.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
        return
    for name, value in figures.items():
        print(f"{name:16} {value:10,.3f}")


if __name__ == "__main__":
    main()
