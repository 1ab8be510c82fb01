"""What a strategy reads and no bar knows: a window that is longer than the history, a series of another time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tradewright.indicators.registry import columns
from tradewright.model.allocation import Allocation
from tradewright.model.secondary import SeriesName
from tradewright.model.strategy import Feature, Strategy
from tradewright.research.bars import InstrumentBars

WARM_UP = 2
"""No indicator waits for more bars than this many times the sum of its arguments."""


class Unknown(NamedTuple):
    """A feature that is known in no bar, in words.

    Args:
        apart: whether the series that it reads has no bar at any time of the instruments'.
    """

    text: str
    apart: bool


@dataclass(frozen=True)
class NeverKnown:
    """Which features are known in no bar of any instrument; each is looked at once, for all sets of a sweep.

    Args:
        tables: the bars that a strategy is tried on.
    """

    tables: Mapping[str, InstrumentBars]
    _found: dict[Feature, Unknown | None] = field(default_factory=dict)

    def of(self, strategy: Strategy | Allocation) -> Unknown | None:
        """The first of a strategy's features that is known in no bar; None where each is known in some bar.

        Only those that wait for bars are looked at, and those of other instruments: a feature without a window that is
        empty, such as the spread of bars that have none, is no matter of how many bars there are.

        Raises:
            DataError: a series that it reads is not among the bars.
        """
        for feature in dict.fromkeys(strategy.prepare_state()):
            if feature not in self._found:
                self._found[feature] = self._unknown(feature)
            if (found := self._found[feature]) is not None:
                return found
        return None

    def _unknown(self, feature: Feature) -> Unknown | None:
        tables = {symbol: item for symbol, item in self.tables.items() if len(item.bars.ts)}
        if not tables or any(not _waits(feature, item) or _known(feature, item) for item in tables.values()):
            return None
        if feature.of and all(_apart(feature, item) for item in tables.values()):
            names = ", ".join(tables)
            return Unknown(f"it reads {feature.label}, of which no bar is known at any time of {names}", apart=True)
        symbol = max(tables, key=lambda each: _history(feature, tables[each]))
        bars = _history(feature, tables[symbol])
        told = f"{feature.of or symbol}{f' on {feature.timeframe}' if feature.timeframe else ''}"
        text = f"{feature.label} is known in no bar: its window is longer than the {bars} of {told}"
        return Unknown(text, apart=False)


def _history(feature: Feature, item: InstrumentBars) -> int:
    """How many bars a feature reads."""
    if feature.source and item.secondary is not None:
        return len(item.secondary.of(SeriesName(*feature.source), feature.label).bars.ts)
    return len(item.bars.ts)


def _waits(feature: Feature, item: InstrumentBars) -> bool:
    return bool(feature.of) or WARM_UP * sum(feature.arguments) >= _history(feature, item)


def _known(feature: Feature, item: InstrumentBars) -> bool:
    return bool(np.isfinite(columns((feature,), item.bars, item.secondary)[0]).any())


def _apart(feature: Feature, item: InstrumentBars) -> bool:
    """Whether no bar of the series is known, and fresh, when any bar of the instrument ends."""
    if item.secondary is None:
        return False
    series = item.secondary.of(SeriesName(*feature.source), feature.label)
    return bool((series.newest(item.secondary.closes) < 0).all())
