"""Many sets of a momentum rotation over ten ETFs in one account: the sweep, single backtests, vectorbt; warm.

vectorbt gets tables of target weights that are there already, so that its seconds are of its simulation alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence

import numpy as np

from benchmarks.panel import BUFFER, CASH, LOT, SHARED, Peer, timed, walks
from benchmarks.peer import FEE
from conf.strategy_kinds import build
from strategies.base import BaseAllocation
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.panel import deciding_bars, feature_tables, panel_of, session_days
from tradewright.backtest.panel.sets import PanelGround, panel_sweep
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import PercentCosts

INSTRUMENTS, TOPS = 10, (1, 2, 3, 4, 5)


def rotations(count: int) -> list[BaseAllocation]:
    """Sets of windows and of how many are held."""
    chosen = ({"bars": 20 + number // len(TOPS), "top": TOPS[number % len(TOPS)]} for number in range(count))
    made = (build("momentum_rotation", {**each, "least": -100.0}) for each in chosen)
    return [each for each in made if isinstance(each, BaseAllocation)]


def weights_of(made: BaseAllocation, ground: PanelGround) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What vectorbt is told to hold, in the bar after each decision."""
    panel, (table, *_rest) = ground.panel, feature_tables(made, ground.panel)
    top, sizes = int(made.parameters()[-1]), np.full(np.shape(table), np.nan)
    for bar in np.flatnonzero(deciding_bars(made.rebalance, ground.days)[:-1]).tolist():
        scores = np.asarray(table)[bar]
        if not np.isnan(scores).any():
            sizes[bar + 1] = 0.0
            sizes[bar + 1, np.argsort(-scores, kind="stable")[:top]] = (1.0 - BUFFER) / top
    assert sizes.shape[1] == len(panel.names)
    return sizes


def compare(sets: int, count: int, rounds: int) -> dict[str, float | str]:
    """Medians of interleaved calls, in CPU seconds of a set; equal results are checked first."""
    bars = walks(INSTRUMENTS, count)
    specs = dict.fromkeys(bars, BacktestSpec(cash=CASH, costs=PercentCosts(FEE), lot_size=LOT))
    panel = panel_of(bars, specs)
    made, ground = rotations(sets), PanelGround(panel, SHARED, session_days(panel, None))
    peer = Peer(panel)
    totals = panel_sweep(made, ground)
    for row in range(0, sets, max(1, sets // 5)):
        alone = run_panel(made[row], panel, SHARED, ground.days)
        peer.sizes = weights_of(made[row], ground)
        np.testing.assert_allclose(alone.equity, peer.run(peer.engine), rtol=1e-7)
        assert totals["final_equity"][row] == alone.equity[-1]

    def singly(some: Sequence[BaseAllocation]) -> None:
        for each in some:
            run_panel(each, panel_of(bars, specs), SHARED, ground.days)

    seconds: dict[str, list[float]] = {"vectorbt": [], "ours": [], "single": []}
    for _ in range(rounds):
        seconds["vectorbt"].append(timed(lambda: peer.run(peer.engine)))
        seconds["ours"].append(timed(lambda: panel_sweep(made, ground)) / sets)
        seconds["single"].append(timed(lambda: singly(made[:20])) / 20)
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "sets": sets,
        "bars": count,
        "engine": peer.engine,
        "milliseconds": middle["ours"] * 1e3,
        "milliseconds_single": middle["single"] * 1e3,
        "milliseconds_vectorbt": middle["vectorbt"] * 1e3,
        "ratio": middle["vectorbt"] / middle["ours"],
        "ratio_single": middle["single"] / middle["ours"],
    }


def main() -> None:
    """Run and print one line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=1_000)
    parser.add_argument("--bars", type=int, default=2_520)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = compare(options.sets, options.bars, options.rounds)
    told = {name: round(value, 3) if isinstance(value, float) else value for name, value in figures.items()}
    print(json.dumps(told) if options.json else "  ".join(f"{name} {value}" for name, value in told.items()))


if __name__ == "__main__":
    main()
