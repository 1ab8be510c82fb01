"""A strategy's first bars, run by the kernel as the plain Python that it is: quicker than to compile or to load it.

The decision alone is compiled, which takes a tenth of a second; the kernel around it would take eight, and loading what
was kept a tenth. Fills, trades and totals are the same bytes (``tests/backtest/test_first_bars.py``).
"""

from __future__ import annotations

import functools

import numpy as np
from numba.core.errors import NumbaError

from tradewright.backtest.account import BarArrays, FillLog
from tradewright.backtest.compiled import Shape, compile_decision, is_answer, plain_simulator
from tradewright.backtest.kernel import Matrix, Workspace
from tradewright.backtest.spec import KernelParameters
from tradewright.model.bars import Floats
from tradewright.model.strategy import GenerateSignal

PLAIN_BARS = 16_384
"""So many bars of one strategy in one process, over all its runs, are run as Python; every later run is compiled."""


class FirstBars:
    """What is left of the bars of one strategy's kernel that are run as Python."""

    def __init__(self, generate_signal: GenerateSignal, features: int, params: int, shape: Shape) -> None:
        self._kernel = generate_signal, features, params, shape
        self._done = 0

    def run(
        self,
        inputs: tuple[tuple[Floats, ...], tuple[float, ...]],
        market: BarArrays,
        rules: KernelParameters,
        workspace: Workspace,
        log: FillLog,
        summary: Matrix,
    ) -> bool:
        """Run one set, as :func:`~tradewright.backtest.kernel.simulate_sets`; False where it has to be compiled.

        So it has where too many bars have been run, and where Python refuses what machine code does not: an index
        beyond the bars in a decision, a division by zero in a rule. A decision that cannot be compiled, or that returns
        nothing on some way through it, is left to the error of the compiler.
        """
        bars, (decision, features, params, _shape) = len(market.close), self._kernel
        if self._done + bars > PLAIN_BARS:
            return False
        self._done += bars
        nothing, none = np.empty((0, 0)), np.empty((0, 0), np.int64)
        records = FillLog(log.fills.view(np.recarray), log.trades.view(np.recarray))
        try:
            if not is_answer(compile_decision(decision, features, params)):
                return False
            with np.errstate(all="ignore"):
                plain_simulator(*self._kernel)(
                    *inputs, nothing, none, nothing, market, rules, workspace, records, summary
                )
        except (ArithmeticError, LookupError, ValueError, NumbaError):
            return False
        return True


@functools.lru_cache(maxsize=256)
def first_bars(generate_signal: GenerateSignal, features: int, params: int, shape: Shape) -> FirstBars:
    """The first bars of one kernel in this process."""
    return FirstBars(generate_signal, features, params, shape)
