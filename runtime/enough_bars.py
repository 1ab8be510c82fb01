"""Whether there are enough bars for a strategy: two at least, and for each of its windows as many as it is long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from strategies.documents import program_of
from tradewright.backtest.panel.panel import has_ended
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


def demand_usable_bars(read: Mapping[str, InstrumentBars]) -> None:
    """Refuse a period in which some instruments have no bar, or were never traded, or in which none has two bars.

    A volume of 0 says that nothing was traded; one that is unknown says nothing. A period without any bar is refused
    where it is known which days are stored.

    Raises:
        DataError: with the code ``NO_BARS``, ``TOO_FEW_BARS`` or ``ZERO_VOLUME``.
    """
    remedy, where = "choose a period within what is stored: tradewright data list", "backtest.start, backtest.end"
    known = {symbol: item.bars for symbol, item in read.items() if len(item.bars.ts)}
    if known and (empty := [symbol for symbol in read if symbol not in known]):
        what = f"no bar of {', '.join(empty)} lies in the period"
        raise DataError(what, where=where, remedy=f"{remedy}, or leave the instrument out", code="NO_BARS")
    if known and all(len(bars.ts) < LEAST_BARS for bars in known.values()):
        what = f"one bar of {', '.join(known)} lies in the period: what is decided on it can never be filled"
        raise DataError(what, where=where, remedy=remedy, code="TOO_FEW_BARS")
    if untraded := [symbol for symbol, bars in known.items() if not bars.volume.any()]:
        what = f"every bar of {', '.join(untraded)} has a volume of 0: nothing was traded, so no order is ever filled"
        remedy = "import the bars without the column of volumes if these are unknown, or leave the instrument out"
        raise DataError(what, where="backtest.instruments", remedy=remedy, code="ZERO_VOLUME")


def demand_benchmark(read: Mapping[str, InstrumentBars], against: Mapping[str, InstrumentBars]) -> None:
    """Refuse a benchmark that ends more than seven days and three of its usual steps before the last bar.

    Its last close would stand still for the rest, as a rival that earns nothing.

    Args:
        against: the benchmark by its symbol; empty without one.

    Raises:
        DataError: with the code ``BENCHMARK_TOO_SHORT``.
    """
    last = max((int(item.bars.ts[-1]) for item in read.values() if len(item.bars.ts)), default=0)
    for symbol, item in against.items():
        if len(item.bars.ts) and has_ended(item.bars.ts, last):
            ended = _day(int(item.bars.ts[-1]))
            what = f"the last bar of {symbol} is of {ended}, and the backtest goes on to {_day(last)}"
            remedy = f"choose an earlier backtest.end, bring newer bars of {symbol}, or say null"
            raise DataError(what, where="evaluation.benchmark", remedy=remedy, code="BENCHMARK_TOO_SHORT")


def _day(moment: int) -> str:
    return str(np.datetime64(moment, "ns").astype("datetime64[D]"))


class EnoughBars:
    """Refuses strategies that read a value which is known in no bar of any instrument; made once for all of a sweep.

    A document's windows are known from its text (:func:`demand_enough_bars`); those of a strategy in Python from its
    features alone.

    Args:
        read: the bars, with those of the longer timeframes and the other instruments that the strategies read.
    """

    def __init__(self, read: Mapping[str, InstrumentBars]) -> None:
        self._read, self._never = read, NeverKnown(read)
        self._enough: set[tuple[object, ...]] = set()

    def demand(self, strategy: Strategy | Allocation) -> None:
        """Refuse a strategy with a window that is longer than the bars, or a series of another time.

        Raises:
            ConfigError: with the code ``WINDOW_TOO_LONG`` (``DSL_STATIC_FAIL`` of a document), or ``NO_OVERLAP``.
        """
        windows = (type(strategy), *(value if value.is_integer() else None for value in strategy.parameters()))
        if windows not in self._enough:  # a window is a whole number: other parameters change no need
            demand_enough_bars(strategy, self._read)
            self._enough.add(windows)
        if told := self._never.of(strategy):
            remedy = "bring bars of the same time, or another instrument" if told.apart else REMEDY
            code = "NO_OVERLAP" if told.apart else "WINDOW_TOO_LONG"
            raise ConfigError(told.text, where=f"strategy {strategy.name}", remedy=remedy, code=code)


def demand_enough_bars(strategy: Strategy | Allocation, read: Mapping[str, InstrumentBars]) -> None:
    """Refuse a document of which some value is known in no bar of any instrument (R-STRAT-34).

    A strategy in Python says nothing of its windows (:class:`EnoughBars`). Where one instrument has enough
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
