"""The length of the blocks of a stationary bootstrap, from the serial correlation of a series."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import NOISE
from tradewright.evaluation.return_samples import return_series
from tradewright.model.bars import Floats

SIGNIFICANCE = 2.0
"""Autocorrelations within this many times sqrt(log10(n) / n) of zero count as none."""


def stationary_block_length(returns: npt.ArrayLike) -> float:
    """The mean block length that lets a stationary bootstrap estimate the variance of the mean best.

    (2 G^2 / D)^(1/3) n^(1/3), from autocovariances weighted by a flat-top window as far as they are significant.
    Sources: D. N. Politis and H. White, "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric
    Reviews 23(1), 2004; A. Patton, D. N. Politis and H. White, the correction of it, Econometric Reviews 28(4), 2009.

    Returns:
        From 1 to min(3 sqrt(n), n / 3), rounded up; 1 for fewer than 4 or for constant returns.

    Raises:
        ReturnsRefused: a wrong shape or a value that is not finite.
    """
    series = return_series(returns)
    count = len(series)
    if count < 4 or series.std() <= NOISE:
        return 1.0
    most = float(math.ceil(min(3.0 * math.sqrt(count), count / 3.0)))
    quiet = max(5, math.ceil(math.sqrt(math.log10(count))))
    lags = min(count - 1, math.ceil(math.sqrt(count)) + quiet)
    covariance = _autocovariance(series, lags)
    window = min(2 * _significant_lags(covariance / covariance[0], count, quiet), lags)
    weight = np.clip(2.0 * (1.0 - np.arange(1, window + 1) / window), 0.0, 1.0) * covariance[1 : window + 1]
    spectrum = float(covariance[0] + 2.0 * weight.sum())
    slope = 2.0 * float(weight @ np.arange(1, window + 1))
    if abs(spectrum) <= NOISE * covariance[0]:
        return most
    length = math.cbrt(count * (slope / spectrum) ** 2)
    return min(most, max(1.0, length))


def _autocovariance(series: Floats, lags: int) -> Floats:
    """At lags 0 to ``lags``, each sum divided by the number of values."""
    centred = series - series.mean()
    return np.array([centred[lag:] @ centred[: len(centred) - lag] for lag in range(lags + 1)]) / len(centred)


def _significant_lags(correlation: Floats, count: int, quiet: int) -> int:
    """The smallest lag, at least 1, that is followed by ``quiet`` lags without significance; else the last significant.

    The rule of Politis and White, footnote c.
    """
    limit = SIGNIFICANCE * math.sqrt(math.log10(count) / count)
    loud = np.flatnonzero(np.abs(correlation[1:]) >= limit) + 1
    ends = np.concatenate(([0], loud))
    gaps = np.diff(np.concatenate((ends, [len(correlation)]))) - 1
    settled = np.flatnonzero(gaps >= quiet)
    return max(1, int(ends[settled[0]]) if len(settled) else int(ends[-1]))
