"""The inner loops of features that remember: bar after bar, once as they are and once with a future made up.

Plain Python that :func:`tradewright.backtest.compiled.memory_loop` turns into machine code, with an author's ``step``
in the place of the one below and every index checked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats

Matrix = npt.NDArray[np.float64]


def step(_i: int, _features: tuple[Floats, ...], _arguments: tuple[float, ...], _memory: Floats) -> None:
    """The place of the author's step; on its own it remembers nothing."""


def remember(features: tuple[Floats, ...], arguments: tuple[float, ...], memory: Floats, table: Matrix) -> None:
    """What is remembered after bar ``i`` goes to ``table[:, i]``."""
    for i in range(table.shape[1]):
        step(i, features, arguments, memory)
        for k in range(len(memory)):
            table[k, i] = memory[k]


def reveal(
    features: tuple[Floats, ...],
    values: Matrix,
    futures: Matrix,
    arguments: tuple[float, ...],
    memory: Floats,
    table: Matrix,
) -> None:
    """As :func:`remember`, of columns in which every later bar holds a value that never was.

    Args:
        features: read-only views of ``futures``.
        values: the true columns, shape (features, bars).
        futures: as many made-up values; bar after bar is overwritten with ``values``.
    """
    for i in range(table.shape[1]):
        for k in range(values.shape[0]):
            futures[k, i] = values[k, i]
        step(i, features, arguments, memory)
        for k in range(len(memory)):
            table[k, i] = memory[k]
