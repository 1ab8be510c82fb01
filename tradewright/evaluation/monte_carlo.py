"""Other histories that the same returns or trades could have had: block bootstrap, other orders, missed trades."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation import resampling
from tradewright.evaluation.blocks import Blocks
from tradewright.evaluation.resampling import figures_of
from tradewright.evaluation.return_samples import ReturnsRefused, return_series
from tradewright.model.bars import Floats

PATHS = 1_000
BLOCK = 30.0


@dataclass(frozen=True)
class Percentiles:
    """Of one figure over all paths, between neighbours by linear interpolation; p5 <= median <= p95."""

    p5: float
    median: float
    p95: float
    error: float
    """The larger standard error of ``p5`` and ``p95``, which another seed would move by about as much: half the
    distance of the order statistics one binomial deviation above and below."""


@dataclass(frozen=True)
class MonteCarlo:
    """The figures of each path, in the order of the paths; never NaN, and never beyond 1e6."""

    total_return: Floats
    """Final equity / starting equity - 1; a path stays where it was at or below zero."""
    max_drawdown: Floats
    """The deepest fall from a peak, as a negative fraction, the start included."""
    sharpe: Floats
    """Mean / sample deviation x sqrt(periods per year); 0 if nothing varied."""
    profit_factor: Floats
    """Sum of the gains / sum of the losses; 1e6 without a loss, 0 without a gain."""

    def summary(self) -> MonteCarloSummary:
        """The percentiles of every figure."""
        return MonteCarloSummary(
            paths=len(self.sharpe),
            total_return=percentiles_of(self.total_return),
            max_drawdown=percentiles_of(self.max_drawdown),
            sharpe=percentiles_of(self.sharpe),
            profit_factor=percentiles_of(self.profit_factor),
            loss_probability=float((self.total_return < 0).mean()),
        )


@dataclass(frozen=True)
class MonteCarloSummary:
    """The percentiles that a report shows (R-MET-10)."""

    paths: int
    total_return: Percentiles
    max_drawdown: Percentiles
    """Negative, so that the bad end is ``p5``: 5 % of the paths fall at least as deep, the MDD_p95 of a drawdown that
    is counted upwards."""
    sharpe: Percentiles
    profit_factor: Percentiles
    loss_probability: float
    """The share of paths that end below their start."""


def bootstrap_returns(
    returns: npt.ArrayLike,
    *,
    paths: int = PATHS,
    block: float = BLOCK,
    blocks: Blocks = Blocks.STATIONARY,
    steps: int | None = None,
    periods_per_year: float = 252.0,
    seed: int = 0,
) -> MonteCarlo:
    """Paths made of blocks of the returns, drawn with replacement, which keep the serial correlation inside a block.

    Sources: D. N. Politis and J. P. Romano, "The Stationary Bootstrap", JASA 89, 1994, and "A Circular Block-Resampling
    Procedure for Stationary Data", 1992. The result depends on the arguments alone, not on threads; its memory is four
    numbers a path.

    Args:
        returns: simple returns per period; none gives paths that stay where they are.
        block: the mean length of stationary blocks, the length of circular ones (then whole), at least 1.
        steps: the periods of a path, from 0; as many as there are returns by default.
        seed: from 0 to 2^63 - 1.

    Raises:
        ReturnsRefused: a wrong shape, a value that is not finite, or an argument out of range.
    """
    series = return_series(returns)
    if not 1.0 <= block < math.inf or (blocks is Blocks.CIRCULAR and block != int(block)):
        raise ReturnsRefused(f"{block} periods", where="block", remedy="at least 1, and a whole number if circular")
    if steps is not None and steps < 0:
        raise ReturnsRefused(f"{steps} periods", where="steps", remedy="at least 0")
    if not 0.0 < periods_per_year < math.inf:
        raise ReturnsRefused(f"{periods_per_year} periods", where="periods_per_year", remedy="above 0")
    length = len(series) if steps is None else steps
    return _monte_carlo(series, paths, length, kind_of_blocks(blocks), block, seed, math.sqrt(periods_per_year))


def kind_of_blocks(blocks: Blocks) -> int:
    """The kind of paths that :mod:`tradewright.evaluation.resampling` draws."""
    return resampling.CIRCULAR if blocks is Blocks.CIRCULAR else resampling.STATIONARY


def shuffle_trades(returns: npt.ArrayLike, *, paths: int = PATHS, seed: int = 0) -> MonteCarlo:
    """Every trade once, in random order: what the drawdown owes to the order of wins and losses.

    The total return, the Sharpe ratio and the profit factor are the same on every path.

    Args:
        returns: each trade's profit as a fraction of the account's equity when it was entered, in their order.
        seed: from 0 to 2^63 - 1.

    Raises:
        ReturnsRefused: as for :func:`bootstrap_returns`.
    """
    series = return_series(returns)
    return _monte_carlo(series, paths, len(series), resampling.ORDER, 1.0, seed, 1.0)


def trades_missed(share: float, trades: int) -> int:
    """How many of so many trades a share of them is: the nearest whole number, half up."""
    return math.floor(share * trades + 0.5)


def miss_trades(returns: npt.ArrayLike, *, share: float = 0.1, paths: int = PATHS, seed: int = 0) -> MonteCarlo:
    """A share of the trades left out at random, the others in their order: what the result owes to a few of them.

    Args:
        returns: as for :func:`shuffle_trades`.
        share: from 0 to 1; so many are left out as :func:`trades_missed` says.
        seed: from 0 to 2^63 - 1.

    Raises:
        ReturnsRefused: as for :func:`bootstrap_returns`.
    """
    series = return_series(returns)
    if not 0.0 <= share <= 1.0:
        raise ReturnsRefused(f"a share of {share}", where="share", remedy="from 0 to 1, such as 0.1")
    kept = len(series) - trades_missed(share, len(series))
    return _monte_carlo(series, paths, kept, resampling.SUBSET, 1.0, seed, 1.0)


def percentiles_of(values: Floats) -> Percentiles:
    """The percentiles of one figure, at least one value."""
    p5, median, p95 = np.percentile(values, (5.0, 50.0, 95.0)).tolist()
    deviation = 100.0 * math.sqrt(0.05 * 0.95 / len(values))
    ends = np.clip([5.0 - deviation, 5.0 + deviation, 95.0 - deviation, 95.0 + deviation], 0.0, 100.0)
    low, below, above, high = np.percentile(values, ends).tolist()
    return Percentiles(p5, median, p95, max(below - low, high - above) / 2.0)


def _monte_carlo(
    series: Floats, paths: int, steps: int, kind: int, block: float, seed: int, scale: float
) -> MonteCarlo:
    if paths < 1:
        raise ReturnsRefused(f"{paths} paths", where="paths", remedy="at least 1")
    if not 0 <= seed < 2**63:
        raise ReturnsRefused(f"a seed of {seed}", where="seed", remedy="from 0 to 2^63 - 1")
    figures = figures_of(series, paths, steps if len(series) else 0, kind, block, seed, scale)
    return MonteCarlo(*figures)
