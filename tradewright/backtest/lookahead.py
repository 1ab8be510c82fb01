"""The look-ahead test: with the future cut off, no earlier feature or decision may change."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tradewright.backtest.strategy_errors import located_errors
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.strategy import Action, Strategy

PARTS = ("target", "limit", "stop", "take_profit")
NEWEST_BARS = 2000
"""Bars on which a study makes the test, the newest ones."""
TAIL = 64
"""Bars before each cut whose decisions are compared; only near the cut can a missing future show."""


class LookAhead(NamedTuple):
    """One value that knew the future: in ``bar``, ``what`` was ``known`` with all bars and ``cut`` without the later.

    ``cut`` is NaN with ``reads_beyond`` where the decision asked for a bar that did not exist yet.
    """

    bar: int
    what: str
    known: float
    cut: float
    reads_beyond: bool = False

    def __str__(self) -> str:
        if self.reads_beyond:
            return f"bar {self.bar}: the decision reads a bar that does not exist yet"
        return f"bar {self.bar}: {self.what} is {self.known} with the future and {self.cut} without it"


def look_ahead(strategy: Strategy, bars: Bars, cuts: Sequence[int] | None = None) -> tuple[LookAhead, ...]:
    """Recompute features and decisions on the first ``cut`` bars, for several cuts; every difference is a finding.

    Per cut and feature only the first differing bar is named. Decisions are compared flat, long and short. Equal means
    equal to 1e-9 of the value, NaN to NaN. By default there are eight cuts, spread evenly; of no bars nothing is found.

    Raises:
        StrategyError: the strategy's own code failed.
    """
    count = len(bars.ts)
    points = cuts if cuts is not None else sorted({max(1, count * k // 9) for k in range(1, 9)} if count else set())
    whole = columns(strategy.prepare_state(), bars)
    findings: list[LookAhead] = []
    for cut in points:
        known = columns(strategy.prepare_state(), bars.head(cut))
        findings.extend(_features(strategy, whole, known, cut))
        with located_errors(strategy):
            findings.extend(_decisions(strategy, whole, known, cut))
    return tuple(dict.fromkeys(findings))


def _features(
    strategy: Strategy, whole: tuple[Floats, ...], known: tuple[Floats, ...], cut: int
) -> Iterator[LookAhead]:
    for feature, all_values, values in zip(strategy.prepare_state(), whole, known, strict=True):
        differs = ~np.isclose(all_values[:cut], values, rtol=1e-9, atol=0.0, equal_nan=True)
        if differs.any():
            bar = int(np.argmax(differs))
            name = f"{feature.indicator}{feature.arguments}"
            yield LookAhead(bar, name, float(all_values[bar]), float(values[bar]))


def _decisions(
    strategy: Strategy, whole: tuple[Floats, ...], known: tuple[Floats, ...], cut: int
) -> Iterator[LookAhead]:
    for bar in range(max(0, cut - TAIL), cut):
        for position in (0.0, 1.0, -1.0):
            later = strategy.generate_signal(bar, whole, strategy.parameters(), position)
            try:
                now = strategy.generate_signal(bar, known, strategy.parameters(), position)
            except IndexError:
                yield LookAhead(bar, "target", later[0], float("nan"), reads_beyond=True)
                return
            found = _first_difference(bar, later, now)
            if found is not None:
                yield found
                return


def _first_difference(bar: int, later: Action, now: Action) -> LookAhead | None:
    for what, full, cut in zip(PARTS, later, now, strict=True):
        if not np.isclose(full, cut, rtol=1e-9, atol=0.0, equal_nan=True):
            return LookAhead(bar, what, full, cut)
    return None
