"""The kernels of the built-in strategies, compiled by a process of their own while this one does something else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from conf.environment import SOURCE


@contextmanager
def compiling() -> Iterator[Callable[[], object]]:
    """Starts the other process and gives a way to wait for its end; on leaving, it is ended if it still runs.

    Numba keeps what is compiled beside the source, so that all later processes load it in a moment. A process that
    fails costs nothing but the time: a kernel that is missing is compiled where it is needed.
    """
    program = [sys.executable, "-m", "app.warmup"]
    with subprocess.Popen(program, cwd=SOURCE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            yield process.wait
        finally:
            process.kill()


def compile_all() -> None:
    """Run every built-in strategy through machine code, alone and in one account, on the scenario of its check."""
    from strategies.discovery import found_in
    from tradewright.backtest.engine import run
    from tradewright.backtest.panel.engine import run_panel
    from tradewright.backtest.spec import BacktestSpec
    from tradewright.backtest.sweep import sweep
    from tradewright.research.strategy_check import trial_bars, trial_secondary

    bars = trial_bars()
    for kind in found_in(None).signalling.values():
        strategy = kind()
        spec = BacktestSpec(cash=1.0, secondary=trial_secondary(strategy, bars))
        run(strategy, bars, spec)  # the decision alone
        sweep([strategy], bars, spec)


if __name__ == "__main__":
    compile_all()
