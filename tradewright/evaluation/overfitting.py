"""The probability of backtest overfitting, by combinatorially symmetric cross-validation of a sweep's returns.

Source: D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu, "The Probability of Backtest Overfitting", Journal
of Computational Finance 20(4), 2017.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.equity_curve import NOISE
from tradewright.evaluation.return_samples import ReturnsRefused, return_table
from tradewright.model.bars import Floats

BLOCKS = 16
MOST_BLOCKS = 20
"""184,756 splits; two blocks more have four times as many."""

TIE = 1e-12
"""Sharpe ratios per period that differ by no more are equal: the same returns may be added in another order."""

CHUNK_VALUES = 250_000
"""Sharpe ratios held at once: 2 MB per array, whatever the number of trials and splits."""


@dataclass(frozen=True)
class Overfitting:
    """What became, out of sample, of the trial that was best in sample, over all splits of the time in halves."""

    probability: float
    """The share of splits whose best trial came out at or below the median of all trials (logit <= 0)."""
    logits: Floats
    """One per split, in lexicographic order of the blocks in sample: log(w / (1 - w)), w the relative rank of the best
    trial out of sample, rank / (trials + 1), 1 the worst rank."""
    degradation: float
    """The slope of the best trial's Sharpe ratio out of sample on that in sample, by least squares; 0 if the latter
    did not vary. A negative slope: the better it looked, the worse it did."""
    loss_probability: float
    """The share of splits whose best trial had a Sharpe ratio below zero out of sample."""
    splits: int
    trials: int


def overfitting(returns: npt.ArrayLike, blocks: int = BLOCKS) -> Overfitting:
    """Split time in ``blocks``, choose the best trial on each half of them, and rank it on the other half.

    Every choice of half the blocks is one split (16 blocks: 12,870). Trials are measured by their Sharpe ratio per
    period; a trial that does not vary has 0. Ties: of trials that are equally best in sample the first column is
    chosen; equal trials out of sample share the mean of their ranks. Among equal trials the choice was worth nothing,
    and the probability is 1. Worthless independent trials have a probability of about one half.

    The cost does not grow with the number of periods: the sums of each block are all that the splits need.

    Args:
        returns: periods x trials, simple returns per period, at least 2 trials and 2 periods per block. Blocks differ
            in length by one period at most.
        blocks: an even number from 2 to 20.

    Raises:
        ReturnsRefused: a wrong shape or number of blocks, or a value that is not finite.
    """
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise ReturnsRefused(f"{blocks} blocks", where="blocks", remedy=f"an even number from 2 to {MOST_BLOCKS}")
    table = return_table(returns, rows=2 * blocks, columns=2)
    sums = _BlockSums.of(table, blocks)
    count = math.comb(blocks, blocks // 2)
    chosen, earned, rank = np.empty(count), np.empty(count), np.empty(count)
    for place, members in _half_of_the_splits(blocks, max(1, CHUNK_VALUES // table.shape[1])):
        one, other = sums.sharpe(members), sums.sharpe(1.0 - members)
        mirror = count - 1 - place
        chosen[place], earned[place], rank[place] = _best_elsewhere(one, other)
        chosen[mirror], earned[mirror], rank[mirror] = _best_elsewhere(other, one)
    relative = rank / (table.shape[1] + 1.0)
    logits = np.log(relative / (1.0 - relative))
    return Overfitting(
        probability=float((logits <= 0).mean()),
        logits=logits,
        degradation=_slope(chosen, earned),
        loss_probability=float((earned < 0).mean()),
        splits=count,
        trials=table.shape[1],
    )


@dataclass(frozen=True)
class _BlockSums:
    """Per block and trial: the sums of the returns less the trial's mean, and of their squares."""

    lengths: Floats
    mean: Floats
    first: Floats
    second: Floats

    @classmethod
    def of(cls, table: Floats, blocks: int) -> _BlockSums:
        edges = np.linspace(0, len(table), blocks + 1).astype(np.intp)
        mean: Floats = table.mean(axis=0)
        first, second = np.empty((2, blocks, table.shape[1]))
        for block in range(blocks):
            centred = table[edges[block] : edges[block + 1]] - mean
            first[block] = centred.sum(axis=0)
            second[block] = np.square(centred).sum(axis=0)
        return cls(np.diff(edges).astype(np.float64), mean, first, second)

    def sharpe(self, members: Floats) -> Floats:
        """splits x trials: mean / sample deviation over the blocks that are 1 in ``members`` (splits x blocks)."""
        count = (members @ self.lengths)[:, None]
        mean = members @ self.first
        mean /= count
        spread = members @ self.second
        spread -= count * mean * mean
        spread /= count - 1.0
        np.sqrt(np.maximum(spread, 0.0, out=spread), out=spread)
        mean += self.mean
        still = spread <= NOISE
        spread[still] = 1.0
        mean /= spread
        mean[still] = 0.0
        return mean


def _half_of_the_splits(blocks: int, size: int) -> Iterator[tuple[npt.NDArray[np.intp], Floats]]:
    """The places and members (1 in sample) of the splits that hold the first block, ``size`` at a time.

    In lexicographic order they are the first half, and the complement of each is as far from the end as it is from the
    start.
    """
    others = np.array(list(combinations(range(1, blocks), blocks // 2 - 1)), dtype=np.intp)
    members = np.zeros((len(others), blocks))
    members[:, 0] = 1.0
    np.put_along_axis(members, others, 1.0, axis=1)
    for start in range(0, len(members), size):
        chunk = members[start : start + size]
        yield np.arange(start, start + len(chunk)), chunk


def _best_elsewhere(here: Floats, there: Floats) -> tuple[Floats, Floats, Floats]:
    """Per split: the Sharpe ratio of the best trial here, that of the same trial there, and its rank there."""
    row, most = np.arange(len(here)), here.max(axis=1)
    best = (here >= most[:, None] - TIE).argmax(axis=1)
    earned = there[row, best]
    below = (there < earned[:, None] - TIE).sum(axis=1)
    not_above = (there <= earned[:, None] + TIE).sum(axis=1)
    return most, earned, (below + not_above + 1) / 2.0


def _slope(across: Floats, up: Floats) -> float:
    offset = across - across.mean()
    spread = float(np.square(offset).sum())
    return 0.0 if spread <= NOISE else float((offset * up).sum()) / spread
