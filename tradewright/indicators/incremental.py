"""Columns of the newest bars alone: the very bits that a computation over all bars gives them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tradewright.indicators.catalogue import resolve
from tradewright.indicators.page import RECURSIVE
from tradewright.indicators.registry import column, columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.session_hours import SessionHours
from tradewright.model.strategy import Feature

WHOLE = frozenset((*RECURSIVE, "volatility_rank", "regime", "rsi_divergence"))
"""Indicators whose value depends on every bar before: recursions, and windows of recursive values."""
_ANCHORED = ("vwap_", "pivot_", "opening_")
"""Those that reach back to the start of a session, wherever it is."""
_LONGEST = 400_000
_HOUR = 3_600_000_000_000


def columns_from(
    features: Sequence[Feature], bars: Bars, first: int, hours: SessionHours | None = None
) -> tuple[Floats, ...]:
    """The columns of the bars ``first`` and later, one per feature: equal to ``columns(features, bars)`` bit for bit.

    Indicators of a window look at the bars that it holds and no others. Those that depend on every bar before are
    computed over all of them: their state is their past, and a compiled pass over it takes a tenth of a second for
    300,000 bars at the most. With ``first = len(bars.ts) - 1`` this is the step of a stream: one bar, one value per
    feature.

    Args:
        first: 0 to the number of bars; 0 computes everything.
        hours: as for :func:`~tradewright.indicators.registry.columns`.

    Raises:
        UnknownIndicator, IndicatorArguments: as :func:`tradewright.indicators.registry.columns`.
    """
    reach = [look_back(feature) for feature in features]
    windows = [feature for feature, bars_back in zip(features, reach, strict=True) if bars_back is not None]
    others = [feature for feature, bars_back in zip(features, reach, strict=True) if bars_back is None]
    start = max(0, first - max((each for each in reach if each is not None), default=0))
    recent = iter(columns(windows, Bars._make(values[start:] for values in bars)))
    whole = iter(columns(others, bars, hours=hours))
    return tuple(next(whole)[first:] if each is None else next(recent)[first - start :] for each in reach)


@lru_cache(maxsize=1024)
def look_back(feature: Feature) -> int | None:
    """How many bars before its own a value can depend on; None for every bar before, or the start of a session.

    It is the warm-up of the indicator and one bar more: an indicator of a window forgets what has left it
    (``tests/indicators/test_laws.py``), so that the bars before its first value are all that it needs.

    Raises:
        UnknownIndicator, IndicatorArguments: as :func:`tradewright.indicators.registry.columns`.
    """
    name = resolve(feature).indicator
    if name in WHOLE or name.startswith(_ANCHORED):
        return None
    size = 512
    while size <= _LONGEST:
        known = ~np.isnan(column(feature, _walk(size)))
        if known.any():
            return int(np.argmax(known)) + 1
        size *= 8
    return None


def _walk(size: int) -> Bars:
    """Bars of which no number is unknown and every price moves."""
    close = 100.0 + np.sin(np.arange(size) / 5.0)
    return Bars(
        ts=np.arange(size, dtype=np.int64) * _HOUR,
        open=close,
        high=close + 0.5,
        low=close - 0.5,
        close=close,
        volume=np.full(size, 1000.0),
        spread=np.full(size, 1.0),
    )
