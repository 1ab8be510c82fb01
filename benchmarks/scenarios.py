"""A million bars of each family, and the tests of the engine: ``python -m benchmarks.scenarios``.

CPU seconds (user and system) of this process, the best of three after one that is not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from typing import Any

from app.operations.engine_tests import EngineRequest, backtest_t0, backtest_t1
from conf.compose import compose
from runtime.engine_test import MOST_BARS
from strategies.documents import LIBRARY
from tradewright.dsl.source import read
from tradewright.scenarios.document import ScenarioFile
from tradewright.scenarios.market import generate

BARS = 1_000_000
GOAL = 1.0
"""Seconds of a million bars of any family."""

PARAMS: dict[str, dict[str, Any]] = {
    "trend": {"drift": 0.01, "sigma": 5.0},
    "mean_revert": {"kappa": 0.02, "theta": 100.0, "sigma": 5.0},
    "vol_cluster": {"mu": 0.0, "omega": 1.0, "alpha": 0.1, "beta": 0.85},
    "shock_mix": {"p_jump": 0.01, "jump_mu": 0.0, "jump_sigma": 100.0},
    "regime_switch": {
        "regimes": [
            {"drift": 0.1, "sigma": 5.0, "mean_bars": 200.0},
            {"drift": -0.1, "sigma": 15.0, "mean_bars": 50.0},
        ]
    },
}


def seconds(work: Callable[[], object]) -> float:
    """CPU seconds of a call, the best of three after one that is not counted."""
    taken = []
    for _ in range(4):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken[1:])


def measure(bars: int) -> dict[str, float]:
    """CPU seconds of so many bars by family."""
    plain = {"id": "market", "version": "0.1", "timeframe": "1m", "duration_bars": bars, "seed": 7}
    found = {}
    for family, params in PARAMS.items():
        values = {**plain, "family": family, "params": params, "volume_model": "lognormal"}
        document = ScenarioFile.model_validate(values).root
        found[family] = seconds(lambda document=document: generate(document))  # type: ignore[misc]
    return found


def engine(bars: int) -> dict[str, float]:
    """Wall seconds of a test of the engine, new and from the cache, and the growth of the peak memory in MB."""
    tested = backtest_t0 if bars <= MOST_BARS["t0"] else backtest_t1
    plain = {"id": "market", "version": "0.1", "timeframe": "1m", "duration_bars": bars, "volume_model": "lognormal"}
    scenario = {**plain, "family": "vol_cluster", "params": PARAMS["vol_cluster"]}
    values = read((LIBRARY / "ma_crossover.yaml").read_text(encoding="utf-8")).values
    warm = EngineRequest(strategy=values, scenario={**scenario, "duration_bars": 100, "seed": 1})
    asked = EngineRequest(strategy=values, scenario={**scenario, "seed": 2})
    with tempfile.TemporaryDirectory() as folder:
        settings = compose((f"storage.root={folder}",))
        tested(settings, warm)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        taken = []
        for _ in range(2):
            start = time.perf_counter()
            tested(settings, asked)
            taken.append(time.perf_counter() - start)
        growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return {"seconds": taken[0], "cached_seconds": taken[1], "peak_growth_mb": growth}


def main() -> None:
    """Print the table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bars", type=int, default=BARS)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tests = {"t0": engine(1_000), "t1": engine(50_000)}  # before the large arrays, which raise the peak
    found = measure(given.bars)
    if given.json:
        print(json.dumps({"bars": given.bars, "goal_seconds": GOAL, "cpu_seconds": found, "engine": tests}))
        return
    print(f"{given.bars:,} bars, CPU seconds (goal: {GOAL:g} for a million)")
    for family, taken in found.items():
        print(f"  {family:14} {taken:6.3f}")
    print("tests of the engine (goals: t0 5 s, t1 30 s and 200 MB)")
    for name, row in tests.items():
        print(f"  {name}  {row['seconds']:.3f} s, cached {row['cached_seconds']:.3f} s, {row['peak_growth_mb']:.1f} MB")


if __name__ == "__main__":
    main()
