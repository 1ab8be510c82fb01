"""The bars of longer timeframes and of other instruments that the strategy in force reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runtime.container import Container
from tradewright.model.bars import Timeframe, Times
from tradewright.model.secondary import SecondaryBars
from tradewright.research.bars import InstrumentBars, Selection
from tradewright.research.secondary import needs_of, with_secondary
from tradewright.research.study import OtherSeries

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
    found = (pair for item in read for pair in _placed(item, timeframe))
    return {place: (each.bars.ts, each.digest) for place, each in found}


def others_of(house: Container, item: InstrumentBars, timeframe: Timeframe) -> list[OtherSeries]:
    """The secondary series beside an instrument's bars of a timeframe, for the checks of data, each once.

    Raises:
        ConfigError: for an instrument that is not defined.
        TwoKinds: for one of which both kinds of bars are stored and none is declared.
    """
    placed = dict(_placed(item, timeframe))
    return [
        (InstrumentBars(house.instrument(symbol), each.bars, house.bars.kind_of(symbol)), length)
        for (symbol, length), each in placed.items()
        if len(each.bars.ts)
    ]


def stated(read: Iterable[InstrumentBars], timeframe: Timeframe) -> dict[str, str]:
    """The secondary series as a fact of a report; nothing where there are none."""
    told = {
        item.instrument.symbol: ", ".join(sorted(f"{symbol} {length}" for symbol, length in dict(placed)))
        for item in read
        if (placed := _placed(item, timeframe))
    }
    return {"other series": "; ".join(f"{symbol} with {names}" for symbol, names in told.items())} if told else {}


def _placed(item: InstrumentBars, timeframe: Timeframe) -> list[tuple[Place, SecondaryBars]]:
    names = item.secondary.series if item.secondary is not None else {}
    return [
        ((name.of or item.instrument.symbol, Timeframe(name.timeframe or timeframe)), each)
        for name, each in names.items()
    ]
