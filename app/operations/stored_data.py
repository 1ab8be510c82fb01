"""What the bars store holds: a list of its series, and the bars and facts of one instrument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from conf.problems import nearest
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError
from tradewright.store.overview import StoredSeries, stored_series

if TYPE_CHECKING:
    from app.operations.quarantine import QuarantineRow
    from tradewright.indicators.features import FeatureSnapshot
    from tradewright.model.bars import Bars
    from tradewright.model.instrument import Instrument
    from tradewright.store.bars import BarStore
    from tradewright.store.dataset import Revision


TOLD_DIGITS, SPREAD_DIGITS = 15, 4
"""Significant digits that a table for people has of a stored number and of a spread; ``--json`` has all."""


@dataclass(frozen=True)
class NewestFeatures:
    """The features of the newest stored bar of a timeframe; ``set`` is empty for the features table."""

    set: str
    timeframe: Timeframe
    snapshot: FeatureSnapshot


def get_features(settings: Settings, instrument: str, set_name: str = "") -> NewestFeatures:
    """The features of the newest stored bar of an instrument (R-FEAT-05), computed from the bars as they are.

    Raises:
        ConfigError: for an instrument or a feature set that is not defined.
        StoreError: when there are no bars, or they cannot be read.
    """
    from runtime.features import newest_features

    with Container(settings) as house:
        return NewestFeatures(set_name, *newest_features(house, instrument, set_name))


@dataclass(frozen=True)
class StoredData:
    """The series of a store; ``damaged`` are those of which nothing can be told."""

    root: Path
    series: tuple[StoredSeries, ...]
    damaged: tuple[StoredSeries, ...]


@dataclass(frozen=True)
class BarRow:
    """One bar, raw, with numbers as they are stored; None where one is unknown."""

    ts: datetime
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal | None
    spread: Decimal | None


@dataclass(frozen=True)
class ShownSeries:
    """One series of an instrument.

    Args:
        unknown_volumes, unknown_spreads: how many bars have none.
        quarantines: what people set aside, oldest first, the released ones too.
        head, tail: the first and the last bars; no bar stands in both.
    """

    facts: StoredSeries
    unknown_volumes: int
    unknown_spreads: int
    revisions: tuple[Revision, ...]
    quarantines: tuple[QuarantineRow, ...]
    head: tuple[BarRow, ...]
    tail: tuple[BarRow, ...]


@dataclass(frozen=True)
class StoredActions:
    """How many splits and dividends the table of adjustment factors of an instrument tells."""

    splits: int
    dividends: int


@dataclass(frozen=True)
class ShownInstrument:
    """What is stored of one instrument.

    Args:
        configured: whether it is one of the configuration.
        actions: its corporate actions; None without a table of them.
        read: the kind of bars that is read; empty where both are stored and none is declared.
        makes: the timeframes that are not stored and can be read all the same, each with the one it is made of.
    """

    instrument: str
    configured: bool
    actions: StoredActions | None
    series: tuple[ShownSeries, ...]
    damaged: tuple[StoredSeries, ...]
    makes: Mapping[str, str]
    read: str


def list_data(settings: Settings) -> StoredData:
    """Every series of the store, from the manifests alone."""
    root = Container(settings).root
    found = stored_series(root)
    sound, damaged = [row for row in found if not row.problem], [row for row in found if row.problem]
    return StoredData(root, tuple(sound), tuple(damaged))


def show_data(settings: Settings, symbol: str, rows: int) -> ShownInstrument:
    """The facts and the first and last bars of every series of an instrument.

    Args:
        rows: how many bars of each end.

    Raises:
        DataError: when nothing is stored for the symbol, with the nearest one.
        StoreError: when a stored file is damaged.
    """
    from tradewright.store.bars import BarStore

    house = Container(settings)
    store = BarStore(house.root)
    found = stored_series(store.root)
    own = [row for row in found if row.instrument == symbol]
    if not own:
        near = nearest(symbol, {row.instrument for row in found})
        remedy = f"did you mean {near!r}?" if near else "tradewright data list tells what is stored"
        raise DataError(f"no bars of {symbol} are stored", where=str(store.root), remedy=remedy)
    return ShownInstrument(
        instrument=symbol,
        configured=symbol in settings.instruments,
        actions=_actions(store, symbol),
        series=tuple(_shown(house, store, row, rows) for row in own if not row.problem),
        damaged=tuple(row for row in own if row.problem),
        makes=_makes(house, own) if symbol in settings.instruments else {},
        read=_read_kind(house, symbol),
    )


def digits_text(value: Decimal | None, instrument: Instrument | None = None, digits: int = TOLD_DIGITS) -> str:
    """A number in plain digits, with at least the places of the instrument's tick; empty for an unknown one.

    Args:
        digits: significant ones; those beyond :data:`TOLD_DIGITS` are noise of the arithmetic that made the number.
    """
    if value is None:
        return ""
    value = value.normalize(Context(prec=digits))
    places = -int(instrument.tick_size.normalize().as_tuple().exponent) if instrument else 0
    given = -int(value.as_tuple().exponent)
    return f"{value:.{max(places, given, 0)}f}"


def _actions(store: BarStore, symbol: str) -> StoredActions | None:
    from tradewright.store.actions import NoFactors, count_actions

    try:
        return StoredActions(*count_actions(store.actions.factors(symbol)))
    except NoFactors:
        return None


def _read_kind(house: Container, symbol: str) -> str:
    """The kind of bars that is read; empty where both are stored and none is declared."""
    from tradewright.store.kinds import TwoKinds

    try:
        return str(house.bars.kind_of(symbol))
    except TwoKinds:
        return ""


def _makes(house: Container, own: Sequence[StoredSeries]) -> dict[str, str]:
    """The timeframes that are not stored and that stored ones of the kind that is read add up to, with a whole bar."""
    from tradewright.calendars.resampled_bars import base_among

    kind = _read_kind(house, own[0].instrument)
    sound = [row for row in own if row.kind == kind and row.rows and not row.problem]
    bases = {each: base_among([Timeframe(row.timeframe) for row in sound], each) for each in Timeframe}
    made = {each: base for each, base in bases.items() if base not in (None, each)}
    symbol = own[0].instrument
    return {str(each): str(base) for each, base in made.items() if house.bars.coverage(symbol, each) is not None}


def _shown(house: Container, store: BarStore, facts: StoredSeries, rows: int) -> ShownSeries:
    import numpy as np

    from app.operations.quarantine import quarantines

    key = facts.instrument, Timeframe(facts.timeframe), BarKind(facts.kind)
    bars = store.read_bars(*key)
    count = len(bars.ts)
    first = range(min(rows, count))
    last = range(max(count - rows, len(first)), count)
    return ShownSeries(
        facts=facts,
        unknown_volumes=int(np.isnan(bars.volume).sum()),
        unknown_spreads=int(np.isnan(bars.spread).sum()),
        revisions=store.revisions(*key),
        quarantines=quarantines(house, *key),
        head=tuple(_row(bars, row) for row in first),
        tail=tuple(_row(bars, row) for row in last),
    )


def _row(bars: Bars, row: int) -> BarRow:
    from tradewright.store.bars import stamp

    columns = (float(column[row]) for column in bars[1:])
    opens, high, low, close, volume, spread = (None if value != value else Decimal(repr(value)) for value in columns)
    return BarRow(stamp(int(bars.ts[row])).to_pydatetime(), opens, high, low, close, volume, spread)
