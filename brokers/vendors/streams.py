"""Common to the streams of vendors: what they serve, and how their messages are told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tradewright.model.bars import Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument

_TOLD = 80


def parts_of(instruments: Sequence[Instrument], most: int) -> list[tuple[Instrument, ...]]:
    """The instruments in parts of at most so many."""
    return [tuple(instruments[at : at + most]) for at in range(0, len(instruments), most)]


def streamed(timeframe: Timeframe, served: Collection[Timeframe], instrument: Instrument, vendor: str) -> None:
    """Refuse a timeframe that is not streamed.

    Raises:
        DataError: naming those that are.
    """
    if timeframe not in served:
        raise DataError(
            f"{vendor} streams no {timeframe} bars of {instrument.symbol}, only {', '.join(served)}",
            where="universe.base_timeframe",
            remedy="say universe.base_timeframe=1m; longer bars are made of it",
        )


def shown(value: object) -> str:
    """A value of a message, cut."""
    text = repr(value)
    return text if len(text) <= _TOLD else f"{text[:_TOLD]}..."
