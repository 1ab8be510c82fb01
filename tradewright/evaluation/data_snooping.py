"""Whether the best of many trials beats a benchmark at all: White's reality check and Hansen's test (SPA).

Sources: H. White, "A Reality Check for Data Snooping", Econometrica 68(5), 2000; P. R. Hansen, "A Test for Superior
Predictive Ability", Journal of Business & Economic Statistics 23(4), 2005. Both keep their level for correlated trials
and serially correlated returns, by bootstrap, and need the returns of every trial.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.block_length import stationary_block_length
from tradewright.evaluation.equity_curve import NOISE
from tradewright.evaluation.resampling import counts_of
from tradewright.evaluation.return_samples import ReturnsRefused, return_table
from tradewright.model.bars import Floats

DRAWS = 1_000
SAMPLED_COLUMNS = 200
"""The most trials whose block lengths are looked at; the median of more is no other."""

CHUNK_VALUES = 4_000_000
"""Numbers held at once in one array, 32 MB."""

TIE = 1e-12
"""Statistics that differ by no more are equal: BLAS may add in another order on another number of threads."""


@dataclass(frozen=True)
class DataSnooping:
    """The p-values of "no trial is better than the benchmark": the chance of a best as good as this one by luck."""

    reality_check: float
    """White's: of the best mean excess. Many bad trials with large swings raise it."""
    spa_lower: float
    """Hansen's, of the best t-value, with every trial below the benchmark counted as surely bad: too small."""
    spa_consistent: float
    """Hansen's, with the trials that are far below left out: the one to report."""
    spa_upper: float
    """Hansen's, with every trial counted as if it were as good as the benchmark: too large."""
    best: int
    """The column with the best t-value, the first of equals; -1 if no trial varies."""
    block: float
    """The mean block length of the bootstrap, in periods."""
    draws: int


def data_snooping(
    excess: npt.ArrayLike, *, draws: int = DRAWS, block: float | None = None, seed: int = 0
) -> DataSnooping:
    """The tests of the best of all trials by stationary bootstrap.

    p = (1 + draws at least as good) / (1 + draws), never 0. A trial that does not vary is left out; 1 for all p-values
    if none varies. The variance of each mean is the exact one of the bootstrap (Politis and Romano 1994). The result
    depends on the arguments alone, not on the number of threads.

    Args:
        excess: periods x trials, each trial's return (or other gain) less the benchmark's, at least 2 x 1.
        block: the mean block length, from 1 to the number of periods; by default the median of the trials' own
            (:func:`tradewright.evaluation.block_length.stationary_block_length`).
        seed: from 0.

    Raises:
        ReturnsRefused: a wrong shape, a value that is not finite, no draw, or a block length or seed out of range.
    """
    table = return_table(excess, "excess")
    if draws < 1 or seed < 0:
        raise ReturnsRefused(f"{draws} draws, seed {seed}", where="data_snooping", remedy="at least 1 draw and seed 0")
    if block is not None and not 1.0 <= block <= len(table):
        raise ReturnsRefused(f"{block} periods", where="block", remedy=f"from 1 to {len(table)}")
    varied = np.flatnonzero(table.std(axis=0) > NOISE)
    if len(varied) == 0:
        return DataSnooping(1.0, 1.0, 1.0, 1.0, -1, block or 1.0, draws)
    table = table[:, varied]
    length = typical_block_length(table) if block is None else block
    mean: Floats = table.mean(axis=0)
    deviation = mean_deviation(table, length)
    observed = mean / deviation
    counts = _at_least_as_good(table, mean, deviation, draws, length, seed)
    check, lower, consistent, upper = ((1.0 + counts) / (1.0 + draws)).tolist()
    first = int((observed >= observed.max() - TIE * abs(observed.max())).argmax())
    return DataSnooping(check, lower, consistent, upper, int(varied[first]), length, draws)


def typical_block_length(table: Floats) -> float:
    """The median of the block lengths of an even sample of the columns."""
    chosen = np.unique(np.linspace(0, table.shape[1] - 1, SAMPLED_COLUMNS).astype(np.intp))
    return float(np.median([stationary_block_length(table[:, column]) for column in chosen]))


def mean_deviation(table: Floats, block: float) -> Floats:
    """The deviation of each column's mean under the stationary bootstrap, without drawing one.

    sqrt((c_0 + 2 sum of k_i c_i) / n), with autocovariances c_i and the weights
    k_i = (1 - i / n) (1 - 1 / block)^i + i / n (1 - 1 / block)^(n - i).
    Source: Politis and Romano 1994, lemma 1.
    """
    count, columns = table.shape
    lag = np.arange(count)
    keep = 1.0 - 1.0 / block
    weight = 2.0 * ((1.0 - lag / count) * keep**lag + lag / count * keep ** (count - lag))
    weight[0] = 1.0
    size = 1 << (2 * count - 1).bit_length()
    variance = np.empty(columns)
    step = max(1, CHUNK_VALUES // size)
    for start in range(0, columns, step):
        part = table[:, start : start + step]
        spectrum = np.fft.rfft(part - part.mean(axis=0), size, axis=0)
        covariance = np.fft.irfft(np.square(spectrum.real) + np.square(spectrum.imag), size, axis=0)[:count]
        variance[start : start + step] = weight @ covariance / count**2
    least = (NOISE * table.std(axis=0)) ** 2 / count
    deviation: Floats = np.sqrt(np.maximum(variance, least))
    return deviation


def _at_least_as_good(
    table: Floats, mean: Floats, deviation: Floats, draws: int, block: float, seed: int
) -> npt.NDArray[np.int64]:
    """The draws whose best is at least the observed one: reality check, then lower, consistent and upper SPA."""
    count = len(table)
    centred = table - mean
    observed = mean / deviation
    best = np.array([mean.max(), *[max(0.0, float(observed.max()))] * 3])
    hopeless = observed < -math.sqrt(2.0 * math.log(max(1.0, math.log(count))))
    shift = np.stack((np.minimum(observed, 0.0), np.where(hopeless, observed, 0.0)))
    found = np.zeros(4, dtype=np.int64)
    step = max(1, CHUNK_VALUES // max(table.shape))
    for first in range(0, draws, step):
        gain = counts_of(min(step, draws - first), count, block, seed, first) @ centred
        gain /= count
        score = gain / deviation
        drawn = np.stack((gain.max(axis=1), *((score + each).max(axis=1) for each in shift), score.max(axis=1)))
        drawn[1:] = np.maximum(drawn[1:], 0.0)
        found += (drawn >= (best - TIE * np.abs(best))[:, None]).sum(axis=1)
    return found
