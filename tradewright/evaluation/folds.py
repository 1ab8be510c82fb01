"""Walk-forward folds: contiguous stretches of bars, each a train span with the test span that follows it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tradewright.evaluation.equity_curve import Indices
from tradewright.model.errors import ConfigError

LEAST_BARS = 10
"""A shorter span has too few returns for any figure of it."""


class BarSpan(NamedTuple):
    """The bars from ``start`` to ``stop``, the latter not included."""

    start: int
    stop: int


class Fold(NamedTuple):
    """One step of a walk-forward: parameters are chosen on ``train`` and tried on ``test``."""

    train: BarSpan
    test: BarSpan


@dataclass(frozen=True)
class FoldRules:
    """How bars are divided.

    Args:
        folds: how many, at least 1.
        train_share: of the first fold's bars without the embargo, above 0 and below 1.
        anchored: whether every train span begins with the first bar; else all are as long as the first.
        embargo: bars between a train span and its test, in neither, at least 0.
    """

    folds: int = 5
    train_share: float = 0.7
    anchored: bool = False
    embargo: int = 0


def folds_of(bars: int, rules: FoldRules) -> tuple[Fold, ...]:
    """The folds over all ``bars`` bars, the earliest first.

    The tests follow one another without a gap, each begins where the one before it ended, they differ in length by one
    bar at most, and the last one ends with the last bar. With ``b`` bars after the embargo, ``k`` folds and the share
    ``s``, the first train span has ``b s / (k (1 - s) + s)`` bars, rounded to the nearest.

    Raises:
        ConfigError: rules out of range, or too many folds for so many bars: a span of fewer than ``LEAST_BARS``.
    """
    if rules.folds < 1 or not 0.0 < rules.train_share < 1.0 or rules.embargo < 0:
        remedy = "folds at least 1, train_share above 0 and below 1, embargo_bars at least 0"
        raise ConfigError(f"no folds are made by {rules}", where="walkforward", remedy=remedy)
    usable, share = bars - rules.embargo, rules.train_share
    train = round(usable * share / (rules.folds * (1.0 - share) + share))
    tested = usable - train
    edges = [bars - tested + tested * place // rules.folds for place in range(rules.folds + 1)]
    tests = [BarSpan(start, stop) for start, stop in itertools.pairwise(edges)]
    shortest = min(test.stop - test.start for test in tests)
    if usable < 0 or min(train, shortest) < LEAST_BARS:
        raise _too_many(bars, rules, max(train, 0), max(shortest, 0))
    ends = [test.start - rules.embargo for test in tests]
    return tuple(
        Fold(BarSpan(0 if rules.anchored else stop - train, stop), test) for stop, test in zip(ends, tests, strict=True)
    )


def on_clear_bars(folds: tuple[Fold, ...], clear: Indices, bars: int) -> tuple[Fold, ...]:
    """The folds with each border at the next place at which no bar goes on.

    Where instruments have other hours, the bar of one begins while that of another goes on. A set that is chosen at
    such a border would know the rest of the other's bar, during which the test has begun.

    Args:
        clear: those places, ascending, 0 among them.
        bars: how many there are; the last border stays there.

    Raises:
        ConfigError: ``BARS_OVERLAP``, where a span is left with fewer than ``LEAST_BARS`` bars.
    """
    places = np.append(clear[clear < bars], bars)

    def moved(span: BarSpan) -> BarSpan:
        start, stop = places[np.searchsorted(places, span)].tolist()
        return BarSpan(start, stop)

    found = tuple(Fold(moved(fold.train), moved(fold.test)) for fold in folds)
    if min(span.stop - span.start for fold in found for span in fold) < LEAST_BARS:
        raise ConfigError(
            "the bars of the instruments overlap in time: a test would begin while a bar goes on that its choice knows",
            where="backtest.instruments, walkforward.folds",
            remedy="use fewer folds, bars that begin together, or each instrument by itself",
            code="BARS_OVERLAP",
        )
    return found


def _too_many(bars: int, rules: FoldRules, train: int, test: int) -> ConfigError:
    told = f"an embargo of {rules.embargo} bars" if rules.embargo else "no embargo"
    return ConfigError(
        f"{rules.folds} folds of {bars:,} bars with {told} leave {train} bars to train on and {test} to test on;"
        f" it takes {LEAST_BARS} of each",
        where="walkforward.folds, walkforward.train_share, walkforward.embargo_bars",
        remedy="use fewer folds, a smaller embargo, or more bars",
    )
