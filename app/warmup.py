"""The kernels of the built-in strategies, compiled by a process of their own while this one does something else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conf.environment import SOURCE
from tradewright.model.bars import Bars

ALONE = "alone"
"""The argument that leaves out accounts of several instruments."""

DAY_NS = 86_400_000_000_000


@contextmanager
def compiling() -> Iterator[Callable[[], object]]:
    """Starts the other process and gives a way to wait for its end; on leaving, it is ended if it still runs.

    Numba keeps what is compiled beside the source, so that all later processes load it in a moment. A process that
    fails costs nothing but the time: a kernel that is missing is compiled where it is needed.
    """
    program = [sys.executable, "-m", "app.warmup", ALONE]
    with subprocess.Popen(program, cwd=SOURCE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            yield process.wait
        finally:
            process.kill()


def compile_all(*, accounts: bool = True) -> None:
    """Run every built-in strategy through machine code on the scenario of its check, which keeps it.

    Single runs, sweeps and walk-forwards share one machine code; the first bars of a single run compile the decision
    by itself (:mod:`tradewright.backtest.first_bars`).

    Args:
        accounts: whether accounts that several instruments share are run as well; a decision and an allocation there
            leave little to compile for others.
    """
    from strategies.discovery import found_in
    from tradewright.backtest.engine import run
    from tradewright.backtest.spec import BacktestSpec
    from tradewright.backtest.sweep import sweep
    from tradewright.research.strategy_check import trial_bars, trial_secondary

    bars = trial_bars()
    for kind in found_in(None).per_instrument.values():
        strategy = kind()
        spec = BacktestSpec(cash=1.0, secondary=trial_secondary(strategy, bars))
        run(strategy, bars, spec)
        sweep([strategy], bars, spec)
    if accounts:
        _compile_accounts(bars)


def _compile_accounts(bars: Bars) -> None:
    from strategies.equal_weight import EqualWeight
    from strategies.sma_crossover import SmaCrossover
    from tradewright.backtest.panel.engine import run_panel
    from tradewright.backtest.panel.panel import panel_of
    from tradewright.backtest.panel.shared_account import SharedAccount
    from tradewright.backtest.spec import BacktestSpec

    names = ("one", "other")
    panel = panel_of(dict.fromkeys(names, bars), dict.fromkeys(names, BacktestSpec()))
    for kind in (EqualWeight, SmaCrossover):
        run_panel(kind(), panel, SharedAccount(), bars.ts // DAY_NS)


if __name__ == "__main__":
    compile_all(accounts=ALONE not in sys.argv)
