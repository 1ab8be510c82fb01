"""The share of luck in a Sharpe ratio: its standard error, the probabilistic and the deflated Sharpe ratio.

All Sharpe ratios here are per period (not annualised), and ``periods`` counts the returns they come from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

from tradewright.evaluation.equity_curve import NOISE
from tradewright.model.bars import Floats

NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649015329


@dataclass(frozen=True)
class ReturnShape:
    """The moments of a series of returns that the significance of its Sharpe ratio depends on."""

    periods: int
    sharpe: float
    """Mean / sample deviation, per period; 0 if nothing varied."""
    skewness: float
    """Third standardised moment (population form); 0 if nothing varied."""
    kurtosis: float
    """Fourth standardised moment (population form), 3 for a normal distribution; 3 if nothing varied."""


def shape_of(returns: Floats) -> ReturnShape:
    """The moments of simple returns; zero Sharpe and normal moments for fewer than two or for constant returns."""
    deviation = float(returns.std()) if len(returns) > 1 else 0.0
    if deviation <= NOISE:
        return ReturnShape(len(returns), 0.0, 0.0, 3.0)
    score = (returns - returns.mean()) / deviation
    sample_deviation = deviation * math.sqrt(len(returns) / (len(returns) - 1))
    return ReturnShape(
        periods=len(returns),
        sharpe=float(returns.mean()) / sample_deviation,
        skewness=float((score**3).mean()),
        kurtosis=float((score**4).mean()),
    )


def cautious(shape: ReturnShape) -> ReturnShape:
    """The shape to judge by: normal moments where skewness and kurtosis would make the Sharpe ratio more certain.

    The error of a Sharpe ratio falls with positive skewness. That holds for the skewness of the returns themselves, and
    not for the one that a chosen set shows: of sets that trade rarely the best one has met the large gains and missed
    the losses, so that luck raises its skewness with its Sharpe ratio. ``docs/decisions/0085-a-lucky-set-is-skewed.md``
    has the rates with and without this.
    """
    normal = 1.0 + shape.sharpe**2 / 2.0
    return replace(shape, skewness=0.0, kurtosis=3.0) if _error_variance(shape) < normal else shape


def _error_variance(shape: ReturnShape) -> float:
    """The variance of the estimate of a Sharpe ratio, times the number of periods."""
    return 1.0 - shape.skewness * shape.sharpe + (shape.kurtosis - 1.0) / 4.0 * shape.sharpe**2


def sharpe_standard_error(sharpe: float, periods: int) -> float:
    """The standard error of a Sharpe ratio of independent returns, sqrt((1 + sharpe^2 / 2) / periods).

    Source: A. W. Lo, "The Statistics of Sharpe Ratios", Financial Analysts Journal 58(4), 2002 (the case of
    independent returns). No period at all counts as one.
    """
    return math.sqrt((1.0 + sharpe * sharpe / 2.0) / max(1, periods))


def sharpe_statistic(shape: ReturnShape, threshold: float = 0.0) -> float:
    """The distance of a Sharpe ratio from ``threshold`` in standard errors, which count skewness and kurtosis.

    Source: D. H. Bailey and M. Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012.
    0 for fewer than two periods, and where the moments leave no positive variance for the estimate.
    """
    variance = _error_variance(shape)
    if shape.periods < 2 or variance <= 0:
        return 0.0
    return (shape.sharpe - threshold) * math.sqrt((shape.periods - 1) / variance)


def probabilistic_sharpe(shape: ReturnShape, threshold: float = 0.0) -> float:
    """The probability that the true Sharpe ratio is above ``threshold``, given skewness and kurtosis.

    0.5 where :func:`sharpe_statistic`, whose source is its own, has none.
    """
    return NORMAL.cdf(sharpe_statistic(shape, threshold))


def expected_best_sharpe(trials: float, trial_variance: float) -> float:
    """The Sharpe ratio that the best of ``trials`` worthless strategies is expected to show.

    Args:
        trials: how many independent parameter sets were tried, at least 1; one trial expects 0.
        trial_variance: the variance of the trials' Sharpe ratios, per period.

    Source: D. H. Bailey and M. Lopez de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5),
    2014.
    """
    if trials <= 1:
        return 0.0
    high = NORMAL.inv_cdf(1.0 - 1.0 / trials)
    higher = NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(trial_variance) * ((1.0 - EULER_GAMMA) * high + EULER_GAMMA * higher)


def deflated_sharpe(shape: ReturnShape, trials: float, trial_variance: float | None = None) -> float:
    """The probability that the true Sharpe ratio is above what luck alone would give the best of ``trials``.

    Where the trials' variance is unknown, that of a worthless strategy's estimate stands in: 1 / (periods - 1).
    Source: Bailey and Lopez de Prado, 2014, as above.
    """
    variance = 1.0 / max(1, shape.periods - 1) if trial_variance is None else trial_variance
    return probabilistic_sharpe(shape, expected_best_sharpe(trials, variance))
