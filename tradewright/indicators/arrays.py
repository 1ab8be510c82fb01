"""The arrays that indicator kernels take and fill, their missing values, and the errors of wrong arguments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Floats
from tradewright.model.errors import ConfigError


class UnknownIndicator(ConfigError):
    """No indicator has this name."""


class IndicatorArguments(ConfigError):
    """An indicator got the wrong number of arguments, or a value that its rule forbids."""


def series(values: npt.ArrayLike) -> Floats:
    """``values`` as a contiguous 1-d float64 array, copied only where they are not one already.

    Kernels never write to their inputs. But numba compiles anew for arrays that are marked read-only, as pandas marks
    its own, so those are passed as a writable view, or copied where the memory itself is read-only.

    Raises:
        IndicatorArguments: more than one dimension.
    """
    given = np.asarray(values)
    if given.ndim != 1:
        raise IndicatorArguments(f"a series has one dimension, not {given.ndim}", remedy="pass one column")
    array = np.ascontiguousarray(given, dtype=np.float64)
    if array.flags.writeable:
        return array
    view = array.view()
    try:
        view.flags.writeable = True
    except ValueError:
        return array.copy()
    return view


def equal_lengths(*columns: Floats) -> None:
    """Refuse columns of one table that differ in length.

    Raises:
        IndicatorArguments: naming the lengths.
    """
    lengths = [len(column) for column in columns]
    if len(set(lengths)) > 1:
        raise IndicatorArguments(f"columns of one table have one length, not {lengths}")


def output(size: int, out: Floats | None) -> Floats:
    """``out``, or a new array of ``size`` values, uninitialised: kernels write every element.

    Raises:
        IndicatorArguments: ``out`` has another length or is not a contiguous float64 array.
    """
    if out is None:
        return np.empty(size)
    if out.shape != (size,) or out.dtype != np.float64 or not out.flags.c_contiguous:
        raise IndicatorArguments(f"out is {out.dtype}{out.shape}", remedy=f"pass a contiguous float64 array of {size}")
    return out


def window(length: float, *, least: int = 1) -> int:
    """``length`` as a whole number of bars.

    Raises:
        IndicatorArguments: not whole, or below ``least``.
    """
    if not (length == int(length) if np.isfinite(length) else False) or length < least:
        raise IndicatorArguments(f"a window of {length} bars", remedy=f"a window is a whole number >= {least}")
    return int(length)


def shifted(values: Floats, bars: int) -> Floats:
    """What ``values`` were ``bars`` earlier; NaN before."""
    result = np.full(len(values), np.nan)
    result[bars:] = values[: max(0, len(values) - bars)]
    return result


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


def without_gaps(compute: Callable[..., tuple[Floats, ...]], *columns: Floats) -> tuple[Floats, ...]:
    """The lines that ``compute`` makes of ``columns``, as if bars where one of them is not finite did not exist.

    Such a bar gets NaN in every line, and a recursion goes on after it from the last bar that is known.
    """
    known = np.logical_and.reduce([np.isfinite(values) for values in columns])
    if known.all():
        return compute(*columns)
    lines = []
    for dense in compute(*(values[known] for values in columns)):
        line = np.full(len(known), np.nan)
        line[known] = dense
        lines.append(line)
    return tuple(lines)


def quotient(above: Floats, below: Floats, *, idle: float, least: float | Floats = 0.0) -> Floats:
    """``above / below``; ``idle`` where ``below`` is at most ``least``, NaN where either is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result = above / below
    result[(below <= least) & ~np.isnan(above)] = idle
    return result
