"""Research notes which stored series it has read, and in which revision. Loads no numba."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from runtime.container import Container
from runtime.exchange_rates import account_currency
from tradewright.model.bars import Timeframe, Times
from tradewright.model.currency import base_currency
from tradewright.model.instrument import Instrument
from tradewright.store.series import Series
from tradewright.store.uses import Use, UsedSeries, UseKind, Uses

KEPT = timedelta(days=730)
"""How long a use is kept after its newest run."""
_SECOND = 1_000_000_000


class Reading(NamedTuple):
    """A reading of bars that begins: when, of which timeframe, and the revisions of what it may read."""

    begun: datetime
    timeframe: Timeframe
    revisions: Mapping[Series, int]


def begin_reading(
    house: Container,
    instruments: Iterable[Instrument],
    timeframe: Timeframe,
    others: Iterable[tuple[str, Timeframe]] = (),
) -> Reading:
    """Note the revisions of the stored series behind some bars, and of pairs where one is in another currency.

    It comes before any bar is read, so that none is taken for newer than it was.

    Args:
        others: instrument and timeframe of what features read beside these bars.

    Raises:
        StoreError: when a manifest is damaged.
        TwoKinds: for an instrument of which both kinds are stored and none is declared.
    """
    chosen, begun = list(instruments), house.clock.now()
    places = [*((each.symbol, timeframe) for each in chosen), *others]
    bases = ((symbol, house.bars.base_of(symbol, each)) for symbol, each in places)
    series = [_key(house, symbol, base) for symbol, base in bases if base is not None]
    if any(each.currency != account_currency(house.settings) for each in chosen):
        pairs = [row.symbol for row in house.instruments.values() if base_currency(row) is not None]
        series += [_key(house, symbol, each) for symbol in pairs for each in house.bars.timeframes(symbol)]
    covered = {key: house.bars.coverage(*key) for key in series}
    revisions = {key: found.revision for key, found in covered.items() if found is not None}
    return Reading(begun, timeframe, revisions)


def _key(house: Container, symbol: str, timeframe: Timeframe) -> Series:
    """The series that is read of an instrument, of the kind that is."""
    return Series(symbol, timeframe, house.bars.kind_of(symbol))


def record_use(
    house: Container,
    kind: UseKind,
    name: str,
    reading: Reading,
    read: Mapping[str, tuple[Times, str]],
    *,
    detail: Mapping[str, str],
    origins: Iterable[str] = (),
    others: Mapping[tuple[str, Timeframe], tuple[Times, str]] = MappingProxyType({}),
) -> None:
    """Note that research has read some bars.

    Args:
        read: by instrument the starts of its bars, and their hash.
        detail: what tells the use from others.
        origins: where rates came from, in the words of ``RateSeries.origin``.
        others: as ``read``, of what features read beside, by instrument and timeframe.

    Raises:
        StoreError: when it cannot be written.
    """
    own = {(symbol, reading.timeframe): bars for symbol, bars in read.items()}
    found = [
        _read_series(house, reading, *place, starts, data)
        for place, (starts, data) in (*sorted(own.items()), *sorted(others.items()))
        if len(starts)
    ]
    if not found:
        return
    first, last = min(each.first for each in found), max(each.last for each in found)
    pairs = [_key(house, *pair) for pair in sorted(set(_pairs(house, origins)))]
    rates = [
        UsedSeries(**key._asdict(), first=first, last=last, revision=reading.revisions.get(key, 0)) for key in pairs
    ]
    use = Use(
        kind=kind,
        name=name,
        detail=dict(detail),
        series=(*found, *rates),
        begun=reading.begun,
        at=reading.begun,
    )
    Uses(house.root).record(use)


def _read_series(
    house: Container, reading: Reading, symbol: str, timeframe: Timeframe, starts: Times, data: str
) -> UsedSeries:
    """The stored series behind bars; those that they are made of reach to the end of the last one."""
    base = house.bars.base_of(symbol, timeframe) or timeframe
    length = 0 if base is timeframe else timeframe.seconds * _SECOND
    key = _key(house, symbol, base)
    return UsedSeries(
        **key._asdict(),
        revision=reading.revisions.get(key, 0),
        first=int(starts[0]),
        last=int(starts[-1]) + length,
        fingerprint=data,
    )


def _pairs(house: Container, origins: Iterable[str]) -> Iterator[tuple[str, Timeframe]]:
    """The stored pairs that the origins of rates name: ``EURUSD 1d``, ``1/USDJPY 1h x EURUSD 1h``."""
    for origin in origins:
        for part in origin.split(" x "):
            symbol, _, length = part.removeprefix("1/").rpartition(" ")
            if symbol in house.instruments and length in set(Timeframe):
                yield symbol, Timeframe(length)
