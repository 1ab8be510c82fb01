"""Whether there are enough bars for a strategy: two at least, and for each of its windows as many as it is long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strategies.documents import program_of
from tradewright.dsl.problem import Code
from tradewright.dsl.reach import DECIDED, Series
from tradewright.model.allocation import Allocation
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.research.known_values import NeverKnown

LEAST_BARS = 2
"""With one bar no order is ever filled."""
REMEDY = "shorten its windows, or take more bars: an earlier start, a longer history"


def demand_two_bars(read: Mapping[str, InstrumentBars]) -> None:
    """Refuse a period in which an instrument has no bar, or in which none has more than one.

    Raises:
        DataError: with the code ``NO_BARS`` or ``TOO_FEW_BARS``.
    """
    remedy = "choose a period within what is stored: tradewright data list"
    if empty := [symbol for symbol, item in read.items() if len(item.bars.ts) == 0]:
        what = f"no bar of {', '.join(empty)} lies in the period"
        raise DataError(what, where="backtest.start, backtest.end", remedy=remedy, code="NO_BARS")
    if read and all(len(item.bars.ts) < LEAST_BARS for item in read.values()):
        what = f"one bar of {', '.join(read)} lies in the period: what is decided on it can never be filled"
        raise DataError(what, where="backtest.start, backtest.end", remedy=remedy, code="TOO_FEW_BARS")


def demand_known_values(strategy: Strategy | Allocation, never: NeverKnown) -> None:
    """Refuse a strategy that reads a value which is known in no bar of any instrument.

    A document's windows are known from its text (:func:`demand_enough_bars`); those of a strategy in Python from its
    features alone.

    Args:
        never: of the bars that are read.

    Raises:
        ConfigError: with the code ``WINDOW_TOO_LONG``, or ``NO_OVERLAP`` where another series shares no time with any.
    """
    demand_enough_bars(strategy, never.tables)
    if told := never.of(strategy):
        remedy = "bring bars of the same time, or another instrument" if told.apart else REMEDY
        code = "NO_OVERLAP" if told.apart else "WINDOW_TOO_LONG"
        raise ConfigError(told.text, where=f"strategy {strategy.name}", remedy=remedy, code=code)


def demand_enough_bars(strategy: Strategy | Allocation, read: Mapping[str, InstrumentBars]) -> None:
    """Refuse a document of which some value is known in no bar of any instrument (R-STRAT-34).

    A strategy in Python says nothing of its windows (:func:`demand_known_values`). Where one instrument has enough
    bars, those of the others are young and tell nothing of the document. Without a bar there is nothing to judge.

    Args:
        read: the bars with those of the longer timeframes and the other instruments that the document reads.

    Raises:
        ConfigError: with the code ``DSL_STATIC_FAIL``.
    """
    program = program_of(type(strategy))
    if program is None or not any(len(item.bars.ts) for item in read.values()):
        return
    values = {name: float(getattr(strategy, name)) for name in program.parameters}
    needed = program.needed_bars(values)
    lacking = [next(_lacking(needed, symbol, item), "") for symbol, item in read.items()]
    if all(lacking):
        raise ConfigError(lacking[0], where=f"strategy {strategy.name}", remedy=REMEDY, code=Code.STATIC_FAIL)


def _lacking(needed: Mapping[Series, int], symbol: str, item: InstrumentBars) -> Iterator[str]:
    """Each series that is shorter than the document needs it, in words."""
    counts = {DECIDED: len(item.bars.ts)}
    if item.secondary is not None:
        counts |= {(name.of, name.timeframe): len(each.bars.ts) for name, each in item.secondary.series.items()}
    for series, bars in needed.items():
        if counts.get(series, bars) < bars:
            of, on = series
            told = f"{of or symbol}{f' on {on}' if on else ''}"
            yield f"it needs {bars} bars of {told} before all its values are known, and there are {counts[series]}"
