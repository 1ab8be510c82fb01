"""Whether there are as many bars as a document needs: what ``tradewright dsl check --bars`` says, of real bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from strategies.documents import program_of
from tradewright.dsl.problem import Code
from tradewright.dsl.reach import DECIDED, Series
from tradewright.model.allocation import Allocation
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars


def demand_enough_bars(strategy: Strategy | Allocation, read: Mapping[str, InstrumentBars]) -> None:
    """Refuse a document of which some value is known in no bar of any instrument (R-STRAT-34).

    A strategy in Python says nothing of its windows; where none of its values is known, its report tells. Where one
    instrument has enough bars, those of the others are young and tell nothing of the document. Without a bar there is
    nothing to judge.

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
        remedy = "shorten its windows, or take more bars: an earlier start, a longer history"
        raise ConfigError(lacking[0], where=f"strategy {strategy.name}", remedy=remedy, code=Code.STATIC_FAIL)


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
