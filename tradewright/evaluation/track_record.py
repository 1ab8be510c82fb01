"""How long a record must be: the minimum track record of a Sharpe ratio, the minimum backtest of a sweep."""

from __future__ import annotations

from tradewright.evaluation.significance import NORMAL, ReturnShape, expected_best_sharpe
from tradewright.model.errors import DataError


def minimum_track_record(shape: ReturnShape, threshold: float = 0.0, confidence: float = 0.95) -> float | None:
    """The number of returns from which a Sharpe ratio like this one is above ``threshold`` with ``confidence``.

    1 + (1 - skewness x sharpe + (kurtosis - 1) / 4 x sharpe^2) x (z / (sharpe - threshold))^2, with z the normal
    quantile of the confidence: where :func:`probabilistic_sharpe` of the same moments reaches it.
    Source: D. H. Bailey and M. Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012.

    Args:
        shape: the moments of the returns; their number does not matter.
        threshold: the Sharpe ratio to beat, per period.
        confidence: above 0.5 and below 1.

    Returns:
        None where no length is enough: the Sharpe ratio is not above the threshold, or its moments leave no positive
        variance for the estimate.

    Raises:
        DataError: a confidence out of range.
    """
    if not 0.5 < confidence < 1.0:
        raise DataError(f"{confidence} is no confidence", where="confidence", remedy="between 0.5 and 1, such as 0.95")
    variance = 1.0 - shape.skewness * shape.sharpe + (shape.kurtosis - 1.0) / 4.0 * shape.sharpe**2
    if not shape.sharpe > threshold or not variance > 0.0:
        return None
    return 1.0 + variance * (NORMAL.inv_cdf(confidence) / (shape.sharpe - threshold)) ** 2


def minimum_backtest_years(trials: float, sharpe: float = 1.0) -> float:
    """The years of a backtest from which the best of ``trials`` worthless strategies is not expected at ``sharpe``.

    (expected best of the trials / sharpe)^2; below 2 ln(trials) / sharpe^2. It is what the number of trials costs, and
    no proof of worth: the best is above its expectation about half of the time.
    Source: D. H. Bailey, J. M. Borwein, M. Lopez de Prado and Q. J. Zhu, "Pseudo-Mathematics and Financial
    Charlatanism", Notices of the AMS 61(5), 2014.

    Args:
        trials: independent trials (:func:`tradewright.evaluation.effective_trials.effective_trials`), at least 1; one
            trial needs no length.
        sharpe: the yearly Sharpe ratio that was found, above zero.

    Raises:
        DataError: no trial, or a Sharpe ratio that is not above zero.
    """
    if trials < 1:
        raise DataError(f"{trials} trials", where="trials", remedy="at least 1")
    if not sharpe > 0.0:
        raise DataError(f"a Sharpe ratio of {sharpe}", where="sharpe", remedy="ask for one above zero")
    return (expected_best_sharpe(trials, 1.0) / sharpe) ** 2
