"""The number of independent trials that correlated trials amount to: the count that a deflated Sharpe ratio asks for.

A sweep tries many parameter sets that are nearly one strategy. The best of them is luckier than one trial and less
lucky than the best of as many independent ones. The effective number is defined by that luck: it is the number of
independent worthless trials whose best passes the same level as rarely as the best of these, were they all worthless.
``docs/decisions/0046-effective-trials.md`` compares it with clusters and with counts of eigenvalues.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import NOISE, Indices
from tradewright.evaluation.return_samples import ReturnsRefused, return_table
from tradewright.model.bars import Floats

REPRESENTATIVES = 1_000
"""The most trials that are compared with one another; more are represented by an even sample of this size."""

LEVEL, SAFE = 0.98, 0.9845
"""The best of worthless trials stays below the level in so many worlds; the verdict's own (LUCK_CHANCE). The second
share is two standard errors of the simulation above it."""

DRAWS = 4_096
"""Simulated worlds in which no trial is worth anything."""

SEED = 20_140_731
"""The worlds and the sample are the same in every call."""

SAME = 1e-9
"""Unit vectors that differ by no more than this in any element are one trial, such as one with twice the size."""

JITTER = 1e-8
"""Added to the diagonal of a correlation matrix, so that one of lower rank has a factor."""

CHUNK = 256

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class EffectiveTrials:
    """How many independent trials a set of correlated ones amounts to."""

    trials: int
    """The number to correct for: the upper bound of the estimate (two standard errors of the simulation), rounded up;
    from 1 to ``tried``."""
    estimate: float
    tried: int
    """All trials, those that never traded included."""
    distinct: int
    """The trials among the representatives that are not the same series as another, and that vary at all."""
    representatives: int
    """The trials that were compared with one another."""


def effective_trials(returns: npt.ArrayLike, tried: int | None = None) -> EffectiveTrials:
    """The effective number of independent trials behind the returns of correlated ones.

    The 98 % quantile of the best t-value of the trials, were they all worthless, comes from the multiplier bootstrap:
    normal weights on the periods give every trial a t-value, in each of 4,096 worlds, with the trials' own
    correlations. The number of independent trials with the same quantile is ``log(0.98) / log(cdf(quantile))``.
    Matched there, and not at the expected best, it makes ``1 - (1 - p) ** number`` hold where a verdict is decided.
    Sources: V. Chernozhukov, D. Chetverikov and K. Kato, "Gaussian approximations and multiplier bootstrap for maxima
    of sums of high-dimensional random vectors", Annals of Statistics 41(6), 2013, for the bootstrap, which holds for
    many more trials than periods too; J. Cheverud, "A simple correction for multiple comparisons in interval mapping
    genome scans", Heredity 87, 2001, for the effective number of tests. Correlation across trials is what counts:
    periods are taken as independent of one another.

    Beyond 1,000 trials an even sample of 1,000 stands for all (one trial of each stretch of neighbouring columns), and
    the number grows from the sample to all by the power of the sample's size that it grew with from its halves to the
    whole. Growth slows where trials crowd, as on a finer grid of the same parameters, so this errs high there; of
    independent trials it counts nearly all, and copies of a few once. So the number of a sample is an estimate, not a
    bound; ``tried`` is one.

    Pair the number with the variance of a worthless Sharpe ratio (``trial_variance`` of ``deflated_sharpe`` left out):
    the variance across correlated trials is small because they are correlated, and would count the correlation twice.

    Args:
        returns: periods x trials, simple or log returns per period, at least 2 x 1. The size of a trial's positions
            does not matter; a trial of constant returns adds nothing.
        tried: all trials, where the columns are an even sample of more.

    Raises:
        ReturnsRefused: a wrong shape, a value that is not finite, or fewer tried than columns.
    """
    table = return_table(returns)
    total = _total(tried, table.shape[1])
    table = table[:, sample_of(table.shape[1])]
    units = _unit_columns(table)
    first, member = _distinct(units)
    units = units[:, first]
    if len(first) < len(units):
        return _result(_factor(units.T @ units), member, total, table.shape[1])
    return _result(units, member, total, table.shape[1])


def sample_of(count: int, size: int = REPRESENTATIVES) -> Indices:
    """An even sample of ``size`` of ``count`` indices, ascending: one of each stretch, at a fixed random place.

    The places are random so that a sample of a grid does not meet the same value of a parameter at every step.
    """
    if count <= size:
        return np.arange(count)
    edges = np.linspace(0, count, size + 1)
    places = edges[:-1] + np.random.default_rng(SEED).random(size) * np.diff(edges)
    return np.minimum(places.astype(np.intp), count - 1)


def _total(tried: int | None, columns: int) -> int:
    if tried is not None and tried < columns:
        raise ReturnsRefused(f"{tried} tried, {columns} given", where="tried", remedy="count every trial")
    return columns if tried is None else tried


def _unit_columns(table: Floats) -> Floats:
    """The columns that vary, centred and of length one."""
    varied = table[:, table.std(axis=0) > NOISE]
    centred: Floats = varied - varied.mean(axis=0)
    centred /= np.sqrt(np.square(centred).sum(axis=0))
    return centred


def _distinct(columns: Floats) -> tuple[Indices, Indices]:
    """The first column of each group of equal ones, ascending; and the group of every column."""
    rows, count = columns.shape
    mark = np.random.default_rng(SEED).standard_normal(rows) @ columns
    order = np.argsort(mark, kind="stable")
    fresh = np.ones(count, dtype=np.bool_)
    for place in range(1, count):
        left, right = order[place - 1], order[place]
        fresh[place] = mark[right] - mark[left] > SAME * rows or bool(
            np.abs(columns[:, right] - columns[:, left]).max() > SAME
        )
    group = np.empty(count, dtype=np.intp)
    group[order] = np.cumsum(fresh) - 1
    first = np.full(int(fresh.sum()), count, dtype=np.intp)
    np.minimum.at(first, group, np.arange(count))
    rank = np.argsort(np.argsort(first))
    return np.sort(first), rank[group]


def _factor(correlation: Floats) -> Floats:
    """``F`` with ``F.T @ F`` equal to the correlation; the only one that is triangular, so the same everywhere."""
    try:
        lower: Floats = np.linalg.cholesky(correlation + JITTER * np.eye(len(correlation))).astype(
            np.float64, copy=False
        )
    except np.linalg.LinAlgError as error:
        remedy = "take the correlation of returns over the same periods"
        raise ReturnsRefused("not positive semidefinite", where="correlation", remedy=remedy) from error
    return lower.T


def _result(factor: Floats, member: Indices, total: int, compared: int) -> EffectiveTrials:
    distinct = factor.shape[1]
    if distinct <= 1:
        return EffectiveTrials(1, 1.0, total, distinct, compared)
    groups = [np.ones(distinct, dtype=np.bool_)]
    if total > compared:
        groups += [np.isin(np.arange(distinct), member[start::2]) for start in (0, 1)]
    best = _simulated_best(factor, groups)
    whole = _equivalent(best[0], LEVEL, distinct)
    growth = 1.0
    if total > compared:
        half = math.sqrt(math.prod(_equivalent(best[i], LEVEL, int(groups[i].sum())) for i in (1, 2)))
        growth = (total / compared) ** min(1.0, max(0.0, math.log2(whole / half)))
    bound = _equivalent(best[0], SAFE, distinct) * growth
    return EffectiveTrials(min(total, math.ceil(round(bound, 6))), whole * growth, total, distinct, compared)


def _simulated_best(factor: Floats, groups: list[Mask]) -> Floats:
    """groups x draws: the best t-value of each group of trials in each world."""
    random = np.random.default_rng(SEED)
    best = np.empty((len(groups), DRAWS))
    for start in range(0, DRAWS, CHUNK):
        scores = random.standard_normal((CHUNK, len(factor))) @ factor
        for row, group in enumerate(groups):
            best[row, start : start + CHUNK] = (scores if group.all() else scores[:, group]).max(axis=1)
    return best


def _equivalent(best: Floats, share: float, most: int) -> float:
    """The number of independent trials whose best stays below the quantile of these in LEVEL of all worlds."""
    level = float(np.quantile(best, share))
    above = math.erfc(level / math.sqrt(2.0)) / 2.0
    return min(float(most), max(1.0, math.log(LEVEL) / math.log1p(-above)))
