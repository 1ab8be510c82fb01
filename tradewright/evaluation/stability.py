"""Whether a chosen parameter set stands on a plateau or on a spike of the surface that a sweep measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import Indices
from tradewright.evaluation.return_samples import ReturnsRefused, return_series
from tradewright.model.bars import Floats
from tradewright.model.errors import DataError

Value = float | int | str | bool


class SurfaceRefused(DataError):
    """Parameter sets and figures that make no surface: of other names, repeated, or not as many."""


@dataclass(frozen=True)
class Stability:
    """The figure of the chosen set against those of its neighbours."""

    chosen: float
    baseline: float
    """The figure of a typical set: the median of all that were tried."""
    neighbours: int
    neighbour_mean: float | None
    """None without a neighbour, as the next."""
    neighbour_worst: float | None
    kept_mean: float | None
    """(mean of the neighbours - baseline) / (chosen - baseline): about 1 on a plateau, 0 or less on a spike. None
    without a neighbour, and where the chosen figure is not above the baseline."""
    kept_worst: float | None
    """The same of the worst neighbour."""


def stability(sets: Sequence[Mapping[str, Value]], figures: npt.ArrayLike, chosen: int) -> Stability:
    """Compare the figure at a chosen parameter set with those of the sets around it.

    A neighbour differs by at most one step in each number, where the steps of a parameter are the values of it that
    were tried, in order; and not at all in words and switches. The grid need not be full: the neighbours are those that
    were tried. A set has at most 3^n - 1 neighbours, n the number of its numbers; sets drawn at random have few or
    none, and then nothing is known.

    Args:
        sets: the parameter sets, of equal names, each at most once.
        figures: one per set, the more the better, such as the Sharpe ratio.
        chosen: the index of the chosen set.

    Raises:
        ReturnsRefused: a figure that is not finite.
        SurfaceRefused: no set, another number of figures, other names, a set twice, or no such index.
    """
    measured = return_series(figures, "figures")
    _check(sets, measured, chosen)
    near = _neighbours(sets, chosen)
    around = measured[near]
    mine, baseline = float(measured[chosen]), float(np.median(measured))
    if len(near) == 0:
        return Stability(mine, baseline, 0, None, None, None, None)
    mean, worst = float(around.mean()), float(around.min())
    excess = mine - baseline
    if not excess > 0.0:
        return Stability(mine, baseline, len(near), mean, worst, None, None)
    kept_mean, kept_worst = (mean - baseline) / excess, (worst - baseline) / excess
    return Stability(mine, baseline, len(near), mean, worst, kept_mean, kept_worst)


def _check(sets: Sequence[Mapping[str, Value]], figures: Floats, chosen: int) -> None:
    if not sets or len(sets) != len(figures):
        what = f"{len(sets)} parameter sets and {len(figures)} figures"
        raise SurfaceRefused(what, where="figures", remedy="pass one figure per set, and at least one")
    if not 0 <= chosen < len(sets):
        raise SurfaceRefused(f"no set {chosen}", where="chosen", remedy=f"an index from 0 to {len(sets) - 1}")
    names = set(sets[0])
    other = next((place for place, each in enumerate(sets) if set(each) != names), None)
    if other is not None:
        remedy = f"every set names {', '.join(sorted(names))}"
        raise SurfaceRefused(f"names {', '.join(sorted(sets[other]))}", where=f"sets[{other}]", remedy=remedy)
    seen: dict[tuple[Value, ...], int] = {}
    for place, each in enumerate(sets):
        earlier = seen.setdefault(tuple(each[name] for name in sets[0]), place)
        if earlier != place:
            remedy = "leave one of them out"
            raise SurfaceRefused(f"the same set as sets[{earlier}]", where=f"sets[{place}]", remedy=remedy)


def _neighbours(sets: Sequence[Mapping[str, Value]], chosen: int) -> Indices:
    near = np.ones(len(sets), dtype=np.bool_)
    for name in sets[0]:
        values = [each[name] for each in sets]
        if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
            numbers = np.array(values, dtype=np.float64)
            if not np.isfinite(numbers).all():
                raise ReturnsRefused("a parameter that is no finite number", where=name, remedy="leave out such sets")
            step = np.unique(numbers, return_inverse=True)[1]
            near &= np.abs(step - step[chosen]) <= 1
        else:
            near &= np.array([value == values[chosen] for value in values])
    near[chosen] = False
    return np.flatnonzero(near)
