"""The rule for missing values in recursive indicators: a bar with a NaN input is treated as absent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tradewright.model.bars import Floats


def skip_gaps(kernel: Callable[..., None], inputs: tuple[Floats, ...], n: int, out: Floats) -> None:
    """Run ``kernel(*inputs, n, out)`` over the bars where every input is finite; the other bars give NaN.

    The recursion goes on after a gap as if the bars without a value did not exist. A kernel must carry a NaN or an
    infinity of any bar to its last output, except of the first and last bar: so a finite end proves that there was no
    gap, and the usual case needs no second look at the data.
    """
    if len(out) == 0:
        return
    kernel(*inputs, n, out)
    if np.isfinite([out[-1], *(end for values in inputs for end in (values[0], values[-1]))]).all():
        return
    present = np.logical_and.reduce([np.isfinite(values) for values in inputs])
    dense = np.empty(int(present.sum()))
    kernel(*(values[present] for values in inputs), n, dense)
    out[:] = np.nan
    out[present] = dense
