"""Foreign data into the bars store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

from app.operations.data_quality import FindingLine, noteworthy
from conf.problems import nearest
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.calendars.registry import calendar_of
from tradewright.formats.bars_reader import KnownOfInstrument, Reading, paired
from tradewright.formats.column_mapping import ACTION_COLUMNS, ColumnMapping
from tradewright.formats.corporate_actions import FoundActions, found_actions
from tradewright.formats.lean.actions import read_factors, read_map
from tradewright.formats.lean.bars import read_lean
from tradewright.formats.tabular import read_csv, read_feather, read_parquet
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.instrument import Instrument
from tradewright.research.bars import ADJUSTABLE
from tradewright.store.actions import NoFactors
from tradewright.store.bars import BarStore, UpsertReport


class Source(StrEnum):
    """The formats that ``tradewright import`` reads."""

    CSV = "csv"
    PARQUET = "parquet"
    FEATHER = "feather"
    LEAN = "lean"


@dataclass(frozen=True)
class Imported:
    """The result of importing one instrument's file.

    Args:
        dropped: rows that were left out, by the rule they broke.
        kept_out: rows that were not stored, because a person set bars of their times aside.
        factors: rows of corporate actions that came along; None where the source has none.
        used: our column to the file's, for sources with headers.
        left_out: the file's columns that were not used.
        remarks: what was recognised in the file and not declared.
        next: what to type next, so that the bars are used.
        findings: what the checks find in the whole stored series, mere properties of the source left out.
    """

    instrument: str
    timeframe: Timeframe
    kind: str
    source: str
    rows: int
    added: int
    unchanged: int
    revised: int
    revision: int
    dropped: dict[str, int]
    kept_out: int
    factors: int | None
    used: dict[str, str]
    left_out: tuple[str, ...]
    remarks: tuple[str, ...]
    next: str
    findings: tuple[FindingLine, ...] = ()


@dataclass(frozen=True)
class RefusedImport:
    """An instrument of which nothing was imported, and why."""

    instrument: str
    what: str
    where: str
    remedy: str


@dataclass(frozen=True)
class ImportReply:
    """The result of an import: what was stored, and the instruments that were refused while others were stored."""

    imported: list[Imported]
    refused: list[RefusedImport]


def source_of(name: str) -> Source:
    """The source of a name.

    Raises:
        ConfigError: for an unknown one.
    """
    known = [source.value for source in Source]
    if name not in known:
        near = nearest(name, known)
        remedy = f"did you mean {near!r}?" if near else f"say tradewright import SOURCE FILE; one of {', '.join(known)}"
        raise ConfigError(f"unknown source {name!r}", where="import", remedy=remedy)
    return Source(name)


def timeframe_of(name: str) -> Timeframe:
    """The timeframe of a name.

    Raises:
        ConfigError: for an unknown one.
    """
    known = [timeframe.value for timeframe in Timeframe]
    if name not in known:
        near = nearest(name, known) or ("1d" if name.lower() in ("daily", "day", "d") else "")
        hint = f"; did you mean {near!r}?" if near else ""
        remedy = f"one of {', '.join(known)}{hint}"
        raise ConfigError(f"unknown timeframe {name!r}", where="--timeframe", remedy=remedy)
    return Timeframe(name)


def import_bars(
    settings: Settings,
    source: Source,
    path: Path,
    symbols: Sequence[str],
    timeframe: Timeframe,
    mapping: ColumnMapping | None = None,
    ask: Path | None = None,
) -> ImportReply:
    """Read each instrument's data and store it; one that is refused keeps what was stored before, and stops no other.

    Args:
        path: the file, or for LEAN the ``Data`` folder.
        symbols: exactly one for a file.
        ask: a second file with the prices of the ask; ``path`` then holds those of the bid.

    Raises:
        ConfigError: for an unknown instrument, none at all, or several of them with one file.
        DataError: naming file, row, value and rule, when nothing was imported.
        StoreError: when the store is damaged, locked or full.
    """
    for each in (path,) if ask is None else (path, ask):
        if not each.exists():
            raise DataError("there is no such file or folder", where=str(each), remedy="check the path")
    if ask is not None and (source is Source.LEAN or (mapping is not None and mapping.kind is BarKind.TRADE)):
        remedy = "leave --ask out; LEAN's folder holds both sides" if source is Source.LEAN else "say --kind quote"
        raise ConfigError("a file of asks belongs to quotes in two files", where="--ask", remedy=remedy)
    if source is not Source.LEAN and len(symbols) != 1:
        raise ConfigError(
            f"a file holds one instrument, not {len(symbols)}", where="--instrument", remedy="say --instrument AAPL"
        )
    if not symbols:
        raise ConfigError("no instrument is named", where="--instruments", remedy="say --instruments SPY,GOOG")
    house = Container(settings)
    known, store = [house.instrument(symbol) for symbol in symbols], house.bar_store
    if source is Source.LEAN:
        done = _import_folder(store, path, known, timeframe, mapping.kind if mapping else None)
        return replace(done, imported=[_judged(house, imported) for imported in done.imported])
    imported = _import_file(store, known[0], timeframe, _read(source, path, known[0], timeframe, mapping, ask))
    return ImportReply([_judged(house, imported)], [])


def _import_folder(
    store: BarStore, path: Path, instruments: Sequence[Instrument], timeframe: Timeframe, kind: BarKind | None
) -> ImportReply:
    imported: list[Imported] = []
    refused: list[RefusedImport] = []
    for instrument in instruments:
        try:
            imported.append(_import_lean(store, path, instrument, timeframe, kind))
        except DataError as error:
            if len(refused) + 1 == len(instruments):
                raise
            refused.append(RefusedImport(instrument.symbol, error.what, error.where, error.remedy))
    return ImportReply(imported, refused)


def _judged(house: Container, imported: Imported) -> Imported:
    read = house.bar_store.kind_of(imported.instrument)
    if imported.kind != read:
        told = f"they are not read: {imported.instrument} declares bar_kind: {read}"
        return replace(imported, remarks=(*imported.remarks, told))
    return replace(imported, findings=tuple(noteworthy(house, [(imported.instrument, imported.timeframe)])))


def _read(
    source: Source,
    path: Path,
    instrument: Instrument,
    timeframe: Timeframe,
    mapping: ColumnMapping | None,
    ask: Path | None,
) -> Reading:
    market, allowed = calendar_of(instrument), instrument.negative_prices
    readers = {Source.CSV: read_csv, Source.PARQUET: read_parquet, Source.FEATHER: read_feather}
    read, opens, dates = readers[source], partial(market.dated_starts, timeframe), market.session_dates
    known = KnownOfInstrument(opens=opens, dates=dates, negative_prices=allowed, tick=float(instrument.tick_size))
    if ask is None:
        return _with_rows(read(path, timeframe, mapping, **known))
    prices = (mapping or ColumnMapping()).model_copy(update={"kind": BarKind.TRADE})
    bids, asks = (_with_rows(read(each, timeframe, prices, **known)) for each in (path, ask))
    return paired(bids, asks)


def _with_rows(reading: Reading) -> Reading:
    """A file that ends after its header was cut off, or is another file."""
    if reading.frame.empty and not reading.dropped:
        raise DataError("there are no rows", where=reading.source, remedy="fetch the file again; it may be cut off")
    return reading


def _import_lean(
    store: BarStore, data: Path, instrument: Instrument, timeframe: Timeframe, kind: BarKind | None
) -> Imported:
    opens = calendar_of(instrument).daily_starts
    reading = _with_rows(read_lean(data, instrument, timeframe, kind or instrument.bar_kind, opens=opens))
    factors, spans = read_factors(data, instrument), read_map(data, instrument)
    report = _upsert(store, instrument, timeframe, reading)
    if factors is not None:
        store.actions.write_factors(instrument.symbol, factors)
    if spans is not None:
        store.actions.write_map(instrument.symbol, spans)
    return _told(store, instrument, timeframe, reading, report, None if factors is None else len(factors))


def _import_file(store: BarStore, instrument: Instrument, timeframe: Timeframe, reading: Reading) -> Imported:
    found = _actions_of(reading, instrument, timeframe)
    report = _upsert(store, instrument, timeframe, reading)
    if found is None:
        return _told(store, instrument, timeframe, reading, report, None)
    factors, remark = found
    if factors is not None and not _covers(store, instrument, reading):
        factors, remark = None, "corporate actions are left out: the file holds only a part of the bars that are stored"
    if factors is not None:
        zone = calendar_of(instrument).table.zone
        store.actions.write_factors(instrument.symbol, factors, zone)
    else:
        unused = tuple(theirs for ours, theirs in reading.used.items() if ours in ACTION_COLUMNS)
        used = {ours: theirs for ours, theirs in reading.used.items() if ours not in ACTION_COLUMNS}
        reading = replace(reading, used=used, left_out=(*reading.left_out, *unused))
    reading = replace(reading, remarks=(*reading.remarks, remark))
    return _told(store, instrument, timeframe, reading, report, None if factors is None else len(factors))


def _actions_of(reading: Reading, instrument: Instrument, timeframe: Timeframe) -> FoundActions | None:
    """The corporate actions of a file; None for a file that tells of none."""
    if all(column is None for column in reading.actions):
        return None
    if timeframe is not Timeframe.D1 or instrument.asset_class not in ADJUSTABLE:
        return FoundActions(None, "corporate actions are taken from daily bars of stocks and funds alone")
    return found_actions(bars_of(reading.frame), reading.actions, calendar_of(instrument).table.zone)


def _covers(store: BarStore, instrument: Instrument, reading: Reading) -> bool:
    """Whether a file reaches over all daily bars that are stored: a table of its actions would be false for others."""
    stored, ts = store.coverage(instrument.symbol, Timeframe.D1), reading.frame["ts"]
    return stored is None or bool(ts.iloc[0] <= stored.first and stored.last <= ts.iloc[-1])


def _upsert(store: BarStore, instrument: Instrument, timeframe: Timeframe, reading: Reading) -> UpsertReport:
    """Store what was read.

    Raises:
        DataError: for a kind beside the one that is stored, while the instrument does not declare which is read.
    """
    stored = store.kinds.stored(instrument.symbol)
    if instrument.bar_kind is None and stored not in ((), (reading.kind,)):
        symbol, others = instrument.symbol, " and ".join(kind for kind in stored if kind is not reading.kind)
        raise DataError(
            f"{others} bars of {symbol} are stored, these are {reading.kind} bars, and which are read is not declared",
            where=reading.source,
            remedy=f"say bar_kind: {reading.kind} or bar_kind: {others} for {symbol} in conf/instruments (here: "
            f"instruments.{symbol}.bar_kind={reading.kind}), or another storage.root",
        )
    return store.upsert(
        instrument.symbol,
        timeframe,
        reading.kind,
        reading.frame,
        source=reading.source,
        negative_prices=instrument.negative_prices,
    )


def _told(
    store: BarStore,
    instrument: Instrument,
    timeframe: Timeframe,
    reading: Reading,
    report: UpsertReport,
    factors: int | None,
) -> Imported:
    return Imported(
        instrument=instrument.symbol,
        timeframe=timeframe,
        kind=reading.kind,
        source=reading.source,
        rows=len(reading.frame),
        added=report.added,
        unchanged=report.unchanged,
        revised=report.revised,
        revision=report.revision,
        dropped=reading.dropped,
        kept_out=report.kept_out,
        factors=factors,
        used=reading.used,
        left_out=reading.left_out,
        remarks=(*reading.remarks, *_kept_out(instrument.symbol, timeframe, report.kept_out)),
        next=_next(store, instrument, timeframe),
    )


def _kept_out(symbol: str, timeframe: Timeframe, rows: int) -> tuple[str, ...]:
    if not rows:
        return ()
    undo = f"tradewright data quarantine {symbol} {timeframe} --undo"
    return (f"{rows} rows are not stored: bars of their times are set aside; {undo} brings those back",)


def _next(store: BarStore, instrument: Instrument, timeframe: Timeframe) -> str:
    """The backtest on what was stored, with the settings that differ from the shipped ones."""
    raw = " backtest.prices=raw" if _lacks_actions(store, instrument) else ""
    return f"tradewright backtest backtest.instruments=[{instrument.symbol}] backtest.timeframe={timeframe}{raw}"


def _lacks_actions(store: BarStore, instrument: Instrument) -> bool:
    """Whether adjusted prices of a stock or a fund cannot be told, because no corporate actions are stored."""
    if instrument.asset_class not in ADJUSTABLE:
        return False
    try:
        store.actions.factors(instrument.symbol)
    except NoFactors:
        return True
    return False
