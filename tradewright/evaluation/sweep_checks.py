"""Checks of a sweep: whether any set is better than holding, and whether the best one stands on a plateau."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tradewright.evaluation.cross_validation import cross_validated
from tradewright.evaluation.data_snooping import data_snooping
from tradewright.evaluation.false_discovery import benjamini_hochberg
from tradewright.evaluation.finding import Finding, Severity
from tradewright.evaluation.formatting import count, percent
from tradewright.evaluation.return_samples import return_table
from tradewright.evaluation.significance import cautious, shape_of, sharpe_statistic
from tradewright.evaluation.stability import Stability, Value, stability

LEAST_SETS = 5
"""Of fewer sets the best one's lead over a typical one says nothing: of two, the other is the typical one."""
KEPT_SHARE = 0.5
"""Neighbours that keep less of the best set's lead over a typical one leave it on a spike."""
FALSE_DISCOVERIES = 0.05
"""The accepted share of false ones among the sets whose skill is believed."""


@dataclass(frozen=True)
class SetTests:
    """Tests of all sets of a sweep together, against holding at the same average exposure.

    Args:
        reality_check, spa: the chance that the best of so many worthless sets is as good (White 2000, Hansen 2005).
        believed_share: the sets whose skill is believed one by one, at most 5 % of them falsely (Benjamini and
            Hochberg 1995), as a share of those looked at.
        cv_retained, cv_loss_share: of combinatorial purged cross-validation (:mod:`.cross_validation`): what is left of
            the best Sharpe ratio where the choice knew other time alone, and the share of its paths that lose; None
            for too few periods or one set.
    """

    reality_check: float
    spa: float
    believed_share: float
    cv_retained: float | None = None
    cv_loss_share: float | None = None


def set_tests(active: npt.ArrayLike, tried: int) -> SetTests | None:
    """The tests; None for fewer than two periods, which say nothing.

    Where the columns are a sample of more sets, the chances are those of the best of all: ``1 - (1 - p) ** k``, with
    ``k`` the number of sets per column, as if each further sample were independent. That errs high.

    Args:
        active: periods x sets, what each adds to holding; the best set is among them.
        tried: the sets for which the columns stand, at least as many.

    Raises:
        ReturnsRefused: a value that is not finite, or no set.
    """
    table = np.asarray(active, dtype=np.float64)
    if len(table) < 2:
        return None
    columns = return_table(table)
    tested = data_snooping(columns)
    factor = max(1.0, tried / columns.shape[1])
    chances = [math.erfc(sharpe_statistic(cautious(shape_of(column))) / math.sqrt(2.0)) / 2.0 for column in columns.T]
    believed = benjamini_hochberg(chances, FALSE_DISCOVERIES).believed
    crossed = cross_validated(columns)
    return SetTests(
        reality_check=_of_all(tested.reality_check, factor),
        spa=_of_all(tested.spa_consistent, factor),
        believed_share=float(believed.mean()),
        cv_retained=None if crossed is None else crossed.retained,
        cv_loss_share=None if crossed is None else crossed.loss_share,
    )


def _of_all(chance: float, factor: float) -> float:
    return -math.expm1(factor * math.log1p(-chance)) if chance < 1.0 else 1.0


def surface_findings(
    sets: Sequence[Mapping[str, Value]], figures: npt.ArrayLike, chosen: int, figure: str
) -> tuple[Finding, ...]:
    """Whether the chosen set of a sweep stands on a plateau; nothing where it has no neighbour or no lead,
    or among fewer than :data:`LEAST_SETS`.

    Sets that name other parameters than one another make no surface, and nothing is said of them.

    Args:
        sets: as for :func:`~tradewright.evaluation.stability.stability`; of equal sets the first counts.
        figures: by which the set was chosen, the more the better.
        figure: its name.
    """
    if len({frozenset(each) for each in sets}) > 1:
        return ()
    values = np.asarray(figures, dtype=np.float64)
    first = {tuple(each.items()): place for place, each in reversed(list(enumerate(sets)))}
    kept = sorted(first.values())
    if len(kept) < LEAST_SETS:
        return ()
    place = kept.index(first[tuple(sets[chosen].items())])
    found = surface(stability([sets[each] for each in kept], values[kept], place), figure)
    return tuple(found)


def surface(known: Stability, figure: str) -> Iterator[Finding]:
    """A spike, or a plateau."""
    if known.kept_mean is None or known.neighbour_mean is None:
        return
    verb = "keeps" if known.neighbours == 1 else "keep"
    message = (
        f"{count(known.neighbours, 'neighbouring set')} {verb} {percent(known.kept_mean, 0)} of the best set's lead"
        f" over a typical one ({figure} {known.neighbour_mean:.4g} on average, {known.neighbour_worst:.4g} at worst,"
        f" {known.chosen:.4g} of the best, {known.baseline:.4g} of a typical set)."
    )
    if known.kept_mean < KEPT_SHARE:
        yield Finding("PARAMETER_SPIKE", Severity.WARNING, message, rank=1)
    else:
        yield Finding("PARAMETER_PLATEAU", Severity.INFO, message, rank=1)
