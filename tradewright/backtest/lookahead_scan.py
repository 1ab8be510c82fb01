"""The inner loop of the look-ahead test: every bar decided with and without its future, in one pass.

Plain Python, as the kernel is: short histories run it as it stands, long ones as the machine code that
:func:`tradewright.backtest.compiled.look_ahead_scanner` makes of it, with checked indices.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tradewright.backtest.kernel import answer_as_request, generate_signal
from tradewright.model.bars import Floats
from tradewright.model.strategy import OrderRequest, is_order

Matrix = npt.NDArray[np.float64]
Place = npt.NDArray[np.int64]

WHOLE, TRUNCATED, RAISED, LOWERED = range(4)
"""The four histories of a decision: all bars; only those up to now; all bars, with a future of very high values; the
same with one of very low values."""

BAR, POSITION, HISTORY, FOUND = range(4)
"""The slots of the place at which a scan stands or ended."""

NOTHING, DIFFERS, NO_ACTION = range(3)
"""The findings of a scan: none; a decision that differs between two histories; an action that is none."""


def truncated(features: tuple[Floats, ...], stop: int) -> tuple[Floats, ...]:
    """Views of the first ``stop`` values of each column; compiled for the strategy's number of features."""
    return tuple(column[:stop] for column in features)


def differs(one: OrderRequest, other: OrderRequest) -> bool:
    """Whether two requests differ in any part; NaN equals NaN."""
    for k in range(len(one)):  # noqa: SIM110 - compiles
        if one[k] != other[k] and (one[k] == one[k] or other[k] == other[k]):
            return True
    return False


def scan(
    features: tuple[Floats, ...],
    raised: tuple[Floats, ...],
    lowered: tuple[Floats, ...],
    values: Matrix,
    futures: Matrix,
    params: tuple[float, ...],
    positions: Floats,
    place: Place,
) -> None:
    """Decide every bar with each history and each position, up to the first finding; ``place`` says where it is.

    The cost per bar does not depend on the number of bars: truncated columns are views, and the two made-up futures
    are revealed bar by bar.

    Args:
        features: the columns, each as long as the bars.
        raised, lowered: read-only views of ``futures[0]`` and ``futures[1]``.
        values: the columns as a matrix, shape (features, bars).
        futures: shape (2, features, bars), made-up values; bar after bar is overwritten with ``values``.
        positions: the positions that are tried, in units.
        place: shape (4,), written: bar, index of the position, history, finding.
    """
    for i in range(values.shape[1]):
        for k in range(values.shape[0]):
            futures[0, k, i] = values[k, i]
            futures[1, k, i] = values[k, i]
        known = truncated(features, i + 1)
        place[BAR] = i
        for p in range(len(positions)):
            place[POSITION] = p
            place[HISTORY] = WHOLE
            whole = answer_as_request(generate_signal(i, features, params, positions[p]))
            if not is_order(whole):
                place[FOUND] = NO_ACTION
                return
            place[FOUND] = DIFFERS
            place[HISTORY] = TRUNCATED
            if differs(whole, answer_as_request(generate_signal(i, known, params, positions[p]))):
                return
            place[HISTORY] = RAISED
            if differs(whole, answer_as_request(generate_signal(i, raised, params, positions[p]))):
                return
            place[HISTORY] = LOWERED
            if differs(whole, answer_as_request(generate_signal(i, lowered, params, positions[p]))):
                return
            place[FOUND] = NOTHING
