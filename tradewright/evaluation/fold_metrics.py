"""How far each figure of a strategy varies over the folds of a walk-forward (R-MET-13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tradewright.evaluation.metrics import Metrics
from tradewright.model.bars import Floats

_CONVENTIONS = frozenset({"days_per_year", "risk_free", "periods_per_year"})
"""Numbers among the metrics that measure nothing."""


@dataclass(frozen=True)
class FoldSpread:
    """One figure over all folds, in the unit that it has there; ``variance`` with n - 1, 0 for one fold."""

    name: str
    mean: float
    variance: float
    least: float
    greatest: float


def spread_over_folds(folds: Sequence[Metrics]) -> tuple[FoldSpread, ...]:
    """Every number among the metrics, in their order; each is a number in every fold, never NaN.

    Args:
        folds: at least one.
    """
    table = [each.as_dict() for each in folds]
    names = [name for name, value in table[0].items() if _is_figure(name, value)]
    return tuple(_spread(name, np.array([row[name] for row in table], np.float64)) for name in names)


def _is_figure(name: str, value: object) -> bool:
    return name not in _CONVENTIONS and isinstance(value, (int, float)) and not isinstance(value, bool)


def _spread(name: str, values: Floats) -> FoldSpread:
    variance = float(values.var(ddof=1)) if len(values) > 1 else 0.0
    return FoldSpread(name, float(values.mean()), variance, float(values.min()), float(values.max()))
