"""How many independent trials a set of trials counts for that resemble one another."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.significance import NORMAL

Matrix = npt.NDArray[np.float64]

LEVEL = 0.95
"""Luck stays below this share of the best ones' distribution; there the number is matched."""
DRAWS = 2_000
CHUNK = 250
SEED = 20_140_905


def effective_number(returns: Matrix) -> float:
    """The number of independent trials whose best is, by luck, as good as the best of these.

    Under chance the Sharpe ratios of trials on the same bars are jointly normal, with the correlations of their
    returns. The 95 % quantile of the best of them is found by drawing from that distribution; the answer is the number
    of independent ones with the same quantile. So many is what the Sidak correction and the deflated Sharpe ratio have
    to count: a grid of neighbours that trade alike counts for few, unlike rules count one by one.

    The draws are weighted sums of the standardised returns themselves, with normal weights (the multiplier bootstrap),
    from a fixed seed: the same returns give the same number.

    Args:
        returns: periods x trials, float64, finite. Columns that never vary are no trials.

    Returns:
        From 1 to the number of columns that vary; 1 where none does.

    Source: V. Chernozhukov, D. Chetverikov and K. Kato, "Gaussian approximations and multiplier bootstrap for maxima of
    sums", Annals of Statistics 41(6), 2013; the number itself as the effective number of tests in J. Cheverud, "A
    simple correction for multiple comparisons", Heredity 87, 2001.
    """
    scores = _standardised(returns)
    if scores.shape[1] <= 1:
        return 1.0
    best = np.concatenate([_best(scores, start) for start in range(0, DRAWS, CHUNK)])
    below = NORMAL.cdf(float(np.quantile(best, LEVEL)))
    return min(max(math.log(LEVEL) / math.log(below), 1.0), float(scores.shape[1])) if below < 1.0 else 1.0


def extrapolated(returns: Matrix, trials: int) -> float:
    """The effective number of ``trials`` trials of which ``returns`` holds an even sample, in their order.

    From half of the sample to all of it the number grows by some power of their count, and it is taken to go on so:
    not at all where neighbours are alike, one for one where none resembles another.
    """
    sampled = returns.shape[1]
    whole = effective_number(returns)
    if trials <= sampled or sampled < 2:
        return min(whole, float(trials))
    half = effective_number(returns[:, ::2])
    power = min(max(math.log2(whole / half), 0.0), 1.0)
    return float(min(whole * (trials / sampled) ** power, trials))


def _standardised(returns: Matrix) -> Matrix:
    centred = returns - returns.mean(axis=0)
    length = np.sqrt(np.square(centred).sum(axis=0))
    varies = length > 1e-12 * math.sqrt(max(len(returns), 1))
    scores: Matrix = centred[:, varies] / length[varies]
    return scores


def _best(scores: Matrix, start: int) -> Matrix:
    weights = np.random.Generator(np.random.Philox(key=[SEED, start])).standard_normal((CHUNK, len(scores)))
    best: Matrix = (weights @ scores).max(axis=1)
    return best
