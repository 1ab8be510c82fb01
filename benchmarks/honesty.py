"""How often the verdict is wrong: sweeps over markets without any edge, and over markets with one.

``python -m benchmarks.honesty`` prints the table of ``docs/honesty.md``; ``--json`` ends with one line. Costs, fills
and sizes are the shipped ones; each seed is ten years of daily bars and a sweep of some 10,000 settings.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conf.compose import compose
from conf.strategy_kinds import kinds
from runtime.research import spec
from tradewright.catalog.trials import Trials
from tradewright.evaluation.study import MetricsConfig
from tradewright.evaluation.verdict import SkillVerdict, VerdictCode
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.instrument import Instrument
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.research.sweep import SweepResult, run_sweep
from tradewright.research.sweep_part import SweepPart, SweepRules
from tradewright.research.trial_recorder import TrialRecorder
from tradewright.store.artefacts import Artefacts

DAYS, YEAR, DAILY = 2_520, 252, 0.01
FASTS, SLOWS = range(2, 102), range(3, 203, 2)
SETS = [{"fast": fast, "slow": slow} for fast, slow in itertools.product(FASTS, SLOWS)]
Returns = npt.NDArray[np.float64]
Generator = np.random.Generator


def gaussian(rng: Generator, days: int) -> Returns:
    """A random walk."""
    return rng.normal(0.0, DAILY, days)


def fat_tailed(rng: Generator, days: int) -> Returns:
    """A walk with steps of Student's t with three degrees of freedom."""
    return rng.standard_t(3, days) * (DAILY / math.sqrt(3.0))


def clustered(rng: Generator, days: int) -> Returns:
    """A walk whose volatility comes in clusters: GARCH(1, 1) with a persistence of 0.98."""
    shocks, variance = rng.standard_normal(days), DAILY**2
    moves = np.empty(days)
    for day in range(days):
        moves[day] = math.sqrt(variance) * shocks[day]
        variance = 0.02 * DAILY**2 + 0.1 * moves[day] ** 2 + 0.88 * variance
    return moves


def drifting(rng: Generator, days: int) -> Returns:
    """A walk that rises by eight percent a year: holding earns it, no setting adds to it."""
    return rng.normal(0.08 / YEAR, DAILY, days)


def trending(drift: float, length: float) -> Callable[[Generator, int], Returns]:
    """A planted edge: up and down trends of a mean length in days, which a crossing of averages can follow."""

    def moves(rng: Generator, days: int) -> Returns:
        turns = rng.random(days) < 1.0 / length
        direction = np.where((np.cumsum(turns) + rng.integers(2)) % 2 == 0, 1.0, -1.0)
        return drift * direction + rng.normal(0.0, DAILY, days)

    return moves


WALKS: Mapping[str, Callable[[Generator, int], Returns]] = {
    "random walk": gaussian,
    "fat tails": fat_tailed,
    "clustered volatility": clustered,
    "drift of 8 % a year": drifting,
}
EDGES: Mapping[str, Callable[[Generator, int], Returns]] = {
    "trends of 60 days": trending(0.0023, 60),
    "trends of 30 days": trending(0.0026, 30),
}


def bars_of(moves: Returns, seed: int) -> Bars:
    """Daily bars whose closes make these logarithmic returns; the next open is the close, a little off."""
    rng = np.random.default_rng([seed, 1])
    close = 100.0 * np.exp(np.cumsum(moves))
    start = np.concatenate(([100.0], close[:-1])) * np.exp(rng.normal(0.0, 1e-4, len(close)))
    high, low = np.maximum(start, close) * 1.002, np.minimum(start, close) * 0.998
    ts = np.arange(len(close), dtype=np.int64) * 86_400 * 10**9
    return Bars(ts, start, high, low, close, np.full(len(close), 1e7), np.full(len(close), 1.0))


def judged(bars: Bars, root: Path, short: bool) -> SkillVerdict:
    """The verdict of the sweep on some bars, with the shipped terms."""
    found = kinds()
    return swept(bars, root, short, lambda changes: found.build("sma_crossover", changes), SETS).verdict


def swept(
    bars: Bars,
    root: Path,
    short: bool,
    make: Callable[[Mapping[str, float]], Strategy | Allocation],
    sets: Sequence[Mapping[str, float]],
) -> SweepResult:
    """A sweep on some bars, with the shipped terms, as the command makes it."""
    settings = compose([f"backtest.allow_short={str(short).lower()}"])
    instrument = Instrument.model_validate(
        {"symbol": "WALK", "asset_class": "crypto", "currency": "USD", "exchange": "NONE", "lot_size": "0.0001"}
    )
    item = InstrumentBars(instrument, bars)
    recorder = TrialRecorder(Trials(root), lambda: datetime.now(UTC), {"WALK": item}, {}, Timeframe.D1, "", "")
    rules = SweepRules("sharpe", MetricsConfig(days_per_year=YEAR), recorder, Artefacts(root / "look_ahead"))
    terms = spec(settings, instrument)
    return run_sweep([SweepPart(make, sets, {"WALK": item}, lambda _item: terms, rules)])


def one(task: tuple[str, int]) -> tuple[str, dict[str, object]]:
    """The verdict of one market and seed."""
    name, seed = task
    edge = name in EDGES
    moves = (EDGES if edge else WALKS)[name](np.random.default_rng([seed, len(name)]), DAYS)
    with tempfile.TemporaryDirectory() as folder:
        return name, judged(bars_of(moves, seed), Path(folder), edge).plain()


def main() -> int:
    """Measure; 1 where a stated rate is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    tasks = [(name, seed) for name in (*WALKS, *EDGES) for seed in range(given.seeds)]
    found: dict[str, list[dict[str, object]]] = {name: [] for name in (*WALKS, *EDGES)}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for name, verdict in pool.map(one, tasks):
            found[name].append(verdict)
    return told(found, given.json)


def told(found: Mapping[str, list[dict[str, object]]], as_json: bool) -> int:
    """Print the rates; 1 where one is missed."""
    rates, missed = {}, 0
    print("| market | seeds | luck | evidence | inconclusive | chance of luck <= 5 % | independent trials (median) |")
    print("|---|---|---|---|---|---|---|")
    for name, verdicts in found.items():
        codes = Counter(str(each["code"]) for each in verdicts)
        share = {code.value: codes[code.value] / len(verdicts) for code in VerdictCode}
        figures = [each["figures"] for each in verdicts if isinstance(each["figures"], dict)]
        independent = np.median([each["effective_trials"] for each in figures])
        rare = np.mean([each["luck_chance"] <= 0.05 for each in figures])
        shown = " | ".join(f"{share[code]:.1%}" for code in ("LUCK", "EVIDENCE", "INCONCLUSIVE"))
        print(f"| {name} | {len(verdicts)} | {shown} | {rare:.1%} | {independent:.0f} |")
        rates[name] = share
        missed += share["EVIDENCE"] < 0.90 if name in EDGES else share["LUCK"] < 0.95
    if as_json:
        print(json.dumps({"rates": rates, "missed": missed}))
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
