"""The look-ahead test: every bar is decided with its future and without it, and the two must be equal.

It proves, for the bars and parameters that it is given:

- **Decisions.** In every bar, flat, and long and short with each of :data:`POSITIONS`, the action on all bars equals
  the action on the bars up to this one (arrays that end there, indices checked), and the actions with two made-up
  futures, one of very high and one of very low values. So no decision of a backtest on these bars depends on a later
  bar, on the number of bars that follow, or on an index that wraps from the beginning to the end.
- **Features.** The columns of the first ``c`` bars, computed without the later ones, equal those computed with them,
  for :data:`DENSE` consecutive ``c`` at the beginning, as many at the end, and :data:`SPREAD` in between. So a column
  that looks ahead in at least one of :data:`DENSE` successive bars is found. Columns come from the registry of
  indicators, whose own tests cut at every bar; here the newest :data:`FEATURE_BARS` bars are looked at. Bars of other
  timeframes and instruments are cut by time: only those that have ended with bar ``c`` are left.

It does not prove anything of other parameters, of other bars, or of a decision that looks ahead only while it holds a
position of another size. Its cost is proportional to the number of bars.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tradewright.backtest import lookahead_scan
from tradewright.backtest.compiled import look_ahead_scanner
from tradewright.backtest.engine import contiguous
from tradewright.backtest.lookahead_evidence import LookAheadEvidence, tested_code
from tradewright.backtest.lookahead_scan import (
    BAR,
    FOUND,
    HISTORY,
    NO_ACTION,
    NOTHING,
    POSITION,
    RAISED,
    TRUNCATED,
    WHOLE,
    Place,
)
from tradewright.backtest.remembered import short_place_of
from tradewright.backtest.remembered_columns import foreknown
from tradewright.backtest.strategy_errors import (
    beyond_limits,
    features_of,
    limited_action,
    line_in,
    located_errors,
)
from tradewright.indicators.registry import columns
from tradewright.model.allocation import Allocation
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Floats
from tradewright.model.recursion import RECURSIONS
from tradewright.model.secondary import SecondarySeries
from tradewright.model.strategy import Action, OrderRequest, Strategy
from tradewright.store.dataset import bars_hash

PARTS = OrderRequest._fields
POSITIONS = (0.0, 1.0, -1.0, 1000.0, -1000.0)
"""The positions, in units, with which every bar is decided."""
DENSE, SPREAD = 32, 8
"""Cuts of the features: consecutive ones at each end, and evenly spread ones between."""
FEATURE_BARS = 10_000
"""Bars on which features are cut, the newest ones."""
PLAIN_BARS = 4_096
"""Up to so many bars the scan runs as plain Python, which is quicker than to compile it."""
PROBE_BARS = 256
"""Bars that are decided in plain Python before a longer history is compiled: its errors are those of the author."""
EXTREME = 1e6
"""How far beyond the greatest value of a column its made-up futures lie, as a multiple."""


class LookAhead(NamedTuple):
    """One value that knew the future: in ``bar``, ``what`` was ``known`` with all bars and ``cut`` without the later.

    ``cut`` is NaN with ``reads_beyond`` where the decision asked for a bar that did not exist yet; ``invented`` where
    it changed with a made-up future. ``place`` is the strategy's file and line, where they are known.
    """

    bar: int
    what: str
    known: float
    cut: float
    reads_beyond: bool = False
    invented: bool = False
    place: str = ""

    def __str__(self) -> str:
        where = f" ({self.place})" if self.place else ""
        if self.reads_beyond:
            return f"bar {self.bar}: the decision reads a bar that does not exist yet, above i or below 0{where}"
        other = "with another future" if self.invented else "without it"
        return f"bar {self.bar}: {self.what} is {self.known} with the future and {self.cut} {other}{where}"


def look_ahead_evidence(
    strategy: Strategy, bars: Bars, *, secondary: SecondarySeries | None = None, data: str = ""
) -> LookAheadEvidence:
    """Make the look-ahead test, and bind its result to code and bars.

    Args:
        secondary: the bars of other timeframes and instruments that it reads.
        data: the hash of the bars, secondary ones included, where the caller knows it.

    Raises:
        StrategyError: the strategy's own code failed.
    """
    found = look_ahead(strategy, bars, secondary)
    told = tuple(str(finding) for finding in found)
    return LookAheadEvidence(tested_code(strategy), data or bars_hash(bars), len(bars.ts), told)


def look_ahead(strategy: Strategy, bars: Bars, secondary: SecondarySeries | None = None) -> tuple[LookAhead, ...]:
    """The first value of each feature that knew the future, and the first decision that did; empty is the good result.

    Features are equal within 1e-9 of the value, decisions exactly, NaN to NaN. Of no bars nothing is found.

    Raises:
        StrategyError: the strategy's own code failed, or its action is none.
    """
    if len(bars.ts) == 0:
        return ()
    with np.errstate(all="ignore"):
        found = list(feature_findings(strategy, bars, secondary))
    with located_errors(strategy):
        found += _decisions(strategy, bars, secondary)
    return tuple(found)


def feature_cuts(count: int) -> list[int]:
    """The cuts of features on ``count`` bars, ascending; each leaves at least one bar on both sides."""
    spread = (count * k // (SPREAD + 1) for k in range(1, SPREAD + 1))
    return sorted(cut for cut in {*range(1, DENSE + 1), *range(count - DENSE, count), *spread} if 0 < cut < count)


def feature_findings(
    strategy: Strategy | Allocation, bars: Bars, secondary: SecondarySeries | None = None
) -> Iterator[LookAhead]:
    """The first value of each feature that knew the future, on the newest :data:`FEATURE_BARS` bars."""
    features = features_of(strategy)
    if not features:
        return
    start, stop = max(0, len(bars.ts) - FEATURE_BARS), len(bars.ts)
    bars, secondary = select(bars, slice(start, stop)), None if secondary is None else secondary.part(start, stop)
    whole = columns(features, bars, secondary)
    told = set()
    if any(each.indicator in RECURSIONS for each in features):
        for made in foreknown(features, bars, secondary):
            told.add(made.feature)
            yield LookAhead(made.bar, made.feature.label, made.known, made.cut, invented=True, place=made.place)
    for cut in feature_cuts(len(bars.ts)):
        known = columns(features, bars.head(cut), None if secondary is None else secondary.head(cut))
        for feature, all_values, values in zip(features, whole, known, strict=True):
            equal = np.isclose(all_values[:cut], values, rtol=1e-9, atol=0.0, equal_nan=True)
            if not equal.all() and feature not in told:
                told.add(feature)
                bar = int(np.argmin(equal))
                made_of = RECURSIONS.get(feature.indicator)
                name = feature.label if feature.source or made_of else f"{feature.indicator}{feature.arguments}"
                place = short_place_of(made_of.step) if made_of else ""
                yield LookAhead(bar, name, float(all_values[bar]), float(values[bar]), place=place)


def _decisions(strategy: Strategy, bars: Bars, secondary: SecondarySeries | None) -> Iterator[LookAhead]:
    found = columns(features_of(strategy), bars, secondary)
    probe = len(bars.ts) if len(bars.ts) <= PLAIN_BARS else PROBE_BARS
    result = _plain_scan(strategy, tuple(column[:probe] for column in found), probe)
    if result is None and probe < len(bars.ts):
        result = _compiled_scan(strategy, found or (bars.close,))
    if result is not None:
        yield result


def _plain_scan(strategy: Strategy, found: tuple[Floats, ...], count: int) -> LookAhead | None:
    """The scan as Python; an error of the author's has a traceback there, and none in machine code."""

    def decision(
        i: int, features: tuple[Floats, ...], params: tuple[float, ...], position: float
    ) -> Action | OrderRequest:
        return limited_action(strategy, strategy.generate_signal(i, features, params, position), i)

    names = {**vars(lookahead_scan), "generate_signal": decision}
    scan = types.FunctionType(lookahead_scan.scan.__code__, names)
    return _scanned(scan, strategy, found, strategy.parameters(), count)


def _compiled_scan(strategy: Strategy, found: tuple[Floats, ...]) -> LookAhead | None:
    params = tuple(map(float, strategy.parameters())) or (0.0,)
    scan = look_ahead_scanner(strategy.generate_signal, len(found), len(params))
    return _scanned(scan, strategy, tuple(map(contiguous, found)), params, len(found[0]))


def _scanned(
    scan: object, strategy: Strategy, found: tuple[Floats, ...], params: tuple[float, ...], count: int
) -> LookAhead | None:
    values = np.array(found).reshape(len(found), count)
    top = np.nanmax(np.abs(values), axis=1, initial=1.0, where=np.isfinite(values))[:, None] * EXTREME
    futures = np.empty((2, len(found), count))
    futures[0], futures[1] = top, -top
    raised, lowered = (tuple(map(contiguous, future)) for future in futures)
    place: Place = np.zeros(4, np.int64)
    histories = found, found, raised, lowered
    try:
        with np.errstate(all="ignore"):
            scan(found, raised, lowered, values, futures, params, np.array(POSITIONS), place)  # type: ignore[operator]
    except IndexError as error:
        # numpy and numba say "out of bounds" of an array, and other words of a tuple
        if place[HISTORY] == WHOLE or ("out of bounds" not in str(error) and place[HISTORY] == TRUNCATED):
            raise
        return LookAhead(int(place[BAR]), PARTS[0], np.nan, np.nan, reads_beyond=True, place=line_in(strategy, error))
    except (ArithmeticError, ValueError):
        if place[HISTORY] < RAISED:
            raise
        return LookAhead(int(place[BAR]), PARTS[0], np.nan, np.nan, reads_beyond=True)
    return _told(strategy, histories, params, place)


def _told(
    strategy: Strategy, histories: tuple[tuple[Floats, ...], ...], params: tuple[float, ...], place: Place
) -> LookAhead | None:
    """The finding at ``place`` with its values, decided once more."""
    if place[FOUND] == NOTHING:
        return None
    bar, history, position = int(place[BAR]), int(place[HISTORY]), POSITIONS[place[POSITION]]
    with np.errstate(all="ignore"):
        whole = strategy.generate_signal(bar, histories[WHOLE], params, position)
        if place[FOUND] == NO_ACTION:
            raise beyond_limits(strategy, whole, bar)
        seen = tuple(column[: bar + 1 if history == TRUNCATED else None] for column in histories[history])
        other = strategy.generate_signal(bar, seen, params, position)
    for what, known, cut in zip(PARTS[: len(whole)], map(float, whole), map(float, other), strict=True):
        if known != cut and (known == known or cut == cut):
            return LookAhead(bar, what, known, cut, invented=history >= RAISED, place=line_in(strategy))
    return LookAhead(bar, PARTS[0], float(whole[0]), np.nan, place=line_in(strategy))
