"""Which of many tests to believe, when a known share of false ones among them is acceptable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.return_samples import ReturnsRefused, return_series
from tradewright.model.bars import Floats


@dataclass(frozen=True)
class FalseDiscovery:
    """The tests that are believed, in the order of the p-values."""

    believed: npt.NDArray[np.bool_]
    adjusted: Floats
    """The lowest rate at which each test would be believed, at most 1."""
    rate: float


def benjamini_hochberg(p_values: npt.ArrayLike, rate: float = 0.05) -> FalseDiscovery:
    """Believe as many tests as keep the expected share of false ones among them at or below ``rate``.

    The largest k whose k-th smallest p-value is at most k / n x rate, and all tests with p-values up to that one. Holds
    for independent tests and for positively dependent ones.
    Source: Y. Benjamini and Y. Hochberg, "Controlling the False Discovery Rate", Journal of the Royal Statistical
    Society B 57(1), 1995.

    Args:
        p_values: one per test, from 0 to 1; none gives none.
        rate: above 0 and below 1.

    Raises:
        ReturnsRefused: a p-value or a rate out of range.
    """
    values = return_series(p_values, "p_values")
    if not 0.0 < rate < 1.0:
        raise ReturnsRefused(f"{rate} is no rate", where="rate", remedy="between 0 and 1, such as 0.05")
    if ((values < 0.0) | (values > 1.0)).any():
        wrong = values[(values < 0.0) | (values > 1.0)][0]
        raise ReturnsRefused(f"{wrong} is no p-value", where="p_values", remedy="pass values from 0 to 1")
    order = np.argsort(values, kind="stable")
    scaled = values[order] * (len(values) / np.arange(1, len(values) + 1))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return FalseDiscovery(adjusted <= rate, adjusted, rate)
