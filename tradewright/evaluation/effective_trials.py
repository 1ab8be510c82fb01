"""The number of independent trials that correlated trials amount to: the count that a deflated Sharpe ratio asks for.

A sweep tries many parameter sets that are nearly one strategy. The best of them is luckier than one trial and less
lucky than the best of as many independent ones. The effective number is defined by that luck: it is the number of
independent worthless trials whose best is expected to be as good as the best of these, were they all worthless.
``docs/decisions/0046-effective-trials.md`` compares it with clusters and with counts of eigenvalues.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import NOISE, Indices
from tradewright.evaluation.return_samples import ReturnsRefused, return_table
from tradewright.model.bars import Floats

REPRESENTATIVES = 1_000
"""The most trials that are compared with one another; more are represented by an even sample of this size."""

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
    """The number for :func:`tradewright.evaluation.significance.deflated_sharpe`: the upper bound of the estimate (two
    standard errors of the simulation), rounded up; from 1 to ``tried``."""
    estimate: float
    tried: int
    """All trials, those that never traded included."""
    distinct: int
    """The trials among the representatives that are not the same series as another, and that vary at all."""
    representatives: int
    """The trials that were compared with one another."""


def effective_trials(returns: npt.ArrayLike, tried: int | None = None) -> EffectiveTrials:
    """The effective number of independent trials behind the returns of correlated ones.

    The expected best t-value of the trials, were they all worthless, comes from the multiplier bootstrap: normal
    weights on the periods give every trial a t-value, in each of 4,096 worlds, with the trials' own correlations.
    Sources: V. Chernozhukov, D. Chetverikov and K. Kato, "Gaussian approximations and multiplier bootstrap for maxima
    of sums of high-dimensional random vectors", Annals of Statistics 41(6), 2013, for the bootstrap, which holds for
    many more trials than periods too; D. H. Bailey and M. Lopez de Prado, "The Deflated Sharpe Ratio", Journal of
    Portfolio Management 40(5), 2014, for the number's use. Correlation across trials is what counts: periods are taken
    as independent of one another.

    Beyond 1,000 trials an even sample of 1,000 stands for all (one trial of each stretch of neighbouring columns), and
    the number grows from the sample to all by the power of the sample's size that it grew with from its halves to the
    whole. Growth slows where trials crowd, as on a finer grid of the same parameters, so this errs high there; of
    independent trials it counts nearly all, and copies of a few once. So the number of a sample is an estimate, not a
    bound; ``tried`` is one.

    Pair the number with :func:`tradewright.evaluation.significance.luck_variance`: the variance across correlated
    trials alone is small because they are correlated, and would count the correlation twice.

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


def effective_trials_of(correlation: npt.ArrayLike, tried: int | None = None) -> EffectiveTrials:
    """The same from the correlation matrix of the trials' returns, of at most a few thousand trials.

    Raises:
        ReturnsRefused: not square and symmetric with ones on its diagonal, not positive semidefinite, a value that is
            not finite, or fewer tried than rows.
    """
    matrix = return_table(correlation, "correlation", rows=1)
    count = len(matrix)
    square = matrix.shape == (count, count)
    if not square or not np.allclose(matrix, matrix.T) or not np.allclose(np.diag(matrix), 1.0):
        remedy = "pass a square, symmetric matrix with ones on its diagonal"
        raise ReturnsRefused("no correlation matrix", where="correlation", remedy=remedy)
    total = _total(tried, count)
    chosen = sample_of(count)
    matrix = matrix[np.ix_(chosen, chosen)]
    first, member = _distinct(matrix)
    return _result(_factor(matrix[np.ix_(first, first)]), member, total, len(chosen))


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
    mean, error = best.mean(axis=1), best[0].std() / math.sqrt(DRAWS)
    whole = _equivalent(mean[0], distinct)
    growth = 1.0
    if total > compared:
        half = math.sqrt(math.prod(_equivalent(mean[i], int(groups[i].sum())) for i in (1, 2)))
        growth = (total / compared) ** min(1.0, max(0.0, math.log2(whole / half)))
    bound = _equivalent(mean[0] + 2.0 * error, distinct) * growth
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


def _equivalent(best: float, most: int) -> float:
    """The number of independent trials whose best is expected at ``best``, from 1 to ``most``."""
    expected, logarithm = _best_of_independent()
    return min(float(most), math.exp(float(np.interp(best, expected, logarithm))))


@functools.lru_cache(maxsize=1)
def _best_of_independent() -> tuple[Floats, Floats]:
    """The expected largest of n standard normal numbers, ascending from 0, and the logarithm of each n from 1 to 1e7.

    E max = integral of 1 - cdf^n above zero, less that of cdf^n below.
    """
    points = np.linspace(0.0, 10.0, 2_001)
    upper_tail = np.array([math.erfc(point / math.sqrt(2.0)) / 2.0 for point in points])
    logarithm = np.linspace(0.0, math.log(1e7), 400)
    counts = np.exp(logarithm)[:, None]
    gain = -np.expm1(counts * np.log1p(-upper_tail))
    loss = np.exp(counts * np.log(upper_tail))
    return np.trapezoid(gain - loss, points, axis=1), logarithm
