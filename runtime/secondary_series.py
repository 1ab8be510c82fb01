"""The bars of longer timeframes and of other instruments that the strategy in force reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runtime.container import Container
from tradewright.model.bars import Timeframe, Times
from tradewright.research.bars import InstrumentBars, Selection
from tradewright.research.secondary import needs_of, with_secondary

Place = tuple[str, Timeframe]
"""An instrument and a timeframe."""


def series_of_strategy(house: Container, chosen: Selection) -> tuple[Place, ...]:
    """All that features of the strategy in force read beside the bars of a selection.

    Raises:
        ConfigError, StrategyError: for features that are wrong, or on bars shorter than the strategy's.
    """
    return needs_of([house.strategy]).places(chosen.timeframe, [each.symbol for each in chosen.instruments])


def with_series_of_strategy(
    house: Container, chosen: Selection, read: Mapping[str, InstrumentBars]
) -> dict[str, InstrumentBars]:
    """Bars that were read before, with the secondary series of the strategy in force.

    Raises:
        ConfigError, StoreError: as :func:`tradewright.research.secondary.with_secondary`.
    """
    return with_secondary(house.bars, chosen, read, needs_of([house.strategy]), house.instrument)


def series_read(read: Iterable[InstrumentBars], timeframe: Timeframe) -> dict[Place, tuple[Times, str]]:
    """Starts and hash of the secondary series that were read beside some bars of a timeframe."""
    return {
        (name.of or item.instrument.symbol, Timeframe(name.timeframe or timeframe)): (each.bars.ts, each.digest)
        for item in read
        if item.secondary is not None
        for name, each in item.secondary.series.items()
    }
