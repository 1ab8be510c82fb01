"""LEAN's zipped trade and quote bars."""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc

from tradewright.formats.bars_reader import Reading, settle
from tradewright.formats.lean.layout import RESOLUTIONS, LeanPlace, data_zone, locate
from tradewright.formats.plain_files import checked_size, unpacked
from tradewright.formats.quotes import quote_bars, sides, two_sided
from tradewright.formats.times import SessionOpens, localized, session_starts
from tradewright.model.bar_rules import frame_of
from tradewright.model.bars import BarKind, Bars, Floats, Timeframe
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument

Policy = Literal["refuse", "drop"]

_TRADE_COLUMNS = ("time", "open", "high", "low", "close", "volume")
_SIDE = ("open", "high", "low", "close", "size")
_QUOTE_COLUMNS = ("time", *(f"bid_{name}" for name in _SIDE), *(f"ask_{name}" for name in _SIDE))
_COLUMNS = {BarKind.TRADE: _TRADE_COLUMNS, BarKind.QUOTE: _QUOTE_COLUMNS}


def read_lean(
    data: Path,
    instrument: Instrument,
    timeframe: Timeframe,
    kind: BarKind | None = None,
    *,
    opens: SessionOpens | None = None,
    on_violation: Policy = "refuse",
) -> Reading:
    """An instrument's bars in a LEAN data folder, raw.

    Quotes become middle prices with a spread (:func:`tradewright.formats.quotes.quote_bars`); rows with one side only
    are left out and counted. Hour and minute bars keep their extended hours.

    Args:
        kind: None takes trades where there are some, else quotes.
        opens: when the session of a date opens (daily bars); None for markets that never close.

    Raises:
        DataError: when there are no such bars, or a file is truncated, foreign or breaks the contract (file, row).
    """
    place = locate(data, instrument, timeframe)
    found, files = _files(place, timeframe, kind)
    zone, pieces, dropped, without = data_zone(place), [], Counter[str](), Counter[str]()
    for file in files:
        content = _content(file, place)
        if content is None:
            without[file.name] += 1
            continue
        table = _table(content, file, found)
        starts = _starts(table, file, timeframe, zone, opens)
        bars = _trades(table, starts, place) if found is BarKind.TRADE else _quotes(table, starts, place)
        numbers = np.arange(1, len(starts) + 1)
        if found is BarKind.QUOTE:
            bars, numbers, one_sided = two_sided(bars)
            dropped.update(one_sided)
        bars, bad = settle(
            bars,
            timeframe,
            str(file),
            on_violation,
            numbers=numbers,
            negative_prices=instrument.negative_prices,
            tick=float(instrument.tick_size),
        )
        dropped.update(bad)
        pieces.append(bars)
    if not pieces:
        raise _no_contract(place, files)
    whole = Bars(*(np.concatenate(columns) for columns in zip(*pieces, strict=True)))
    source = str(files[0] if len(files) == 1 else files[0].parent)
    return Reading(frame_of(whole), found, source, dict(dropped), remarks=_remarks(place, files, without))


def _remarks(place: LeanPlace, files: Sequence[Path], without: Counter[str]) -> tuple[str, ...]:
    if not without:
        return ()
    return (f"{len(without)} of {len(files)} files hold no contract {place.contract}, such as {next(iter(without))}",)


def _no_contract(place: LeanPlace, files: Sequence[Path]) -> DataError:
    with zipfile.ZipFile(files[0]) as archive:
        names = ", ".join(archive.namelist()) or "nothing"
    return DataError(
        f"no file holds the contract {place.contract}; {files[0].name} holds {names}",
        where=str(files[0].parent),
        remedy=f"name a contract in venue_symbols: {{lean: {place.ticker}:<contract>}}",
    )


def _files(place: LeanPlace, timeframe: Timeframe, kind: BarKind | None) -> tuple[BarKind, list[Path]]:
    for wanted in (kind,) if kind else (BarKind.TRADE, BarKind.QUOTE):
        files = place.files(timeframe, wanted)
        if files and (files[0].stem != place.ticker or _kind_of(files[0], place) is wanted):
            return wanted, files
    raise DataError(
        f"no {kind or 'trade or quote'} bars of {place.ticker} in {RESOLUTIONS[timeframe]}",
        where=str(place.folder),
        remedy="say --kind quote" if kind is BarKind.TRADE else "say --kind trade" if kind else "check --timeframe",
    )


def _kind_of(file: Path, place: LeanPlace) -> BarKind:
    """Plain daily and hour zips hold trades or quotes, which differ in the number of fields."""
    fields = (_content(file, place) or b"").partition(b"\n")[0].count(b",") + 1
    return BarKind.QUOTE if fields == len(_QUOTE_COLUMNS) else BarKind.TRADE


def _content(file: Path, place: LeanPlace) -> bytes | None:
    """The table of a zip; None where the contract that is asked for is not in it."""
    checked_size(file, "zip")
    try:
        with zipfile.ZipFile(file) as archive:
            name = _entry(file, archive.namelist(), place)
            if name is None:
                return None
            entry = archive.getinfo(name)
            with archive.open(entry) as packed:
                return unpacked(packed, entry.compress_size, entry.file_size, str(file), name)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise DataError(f"not a readable zip: {error}", where=str(file), remedy="fetch the file again") from error


def _entry(file: Path, names: list[str], place: LeanPlace) -> str | None:
    chosen = [name for name in names if name.endswith(".csv")]
    if place.contract:
        chosen = [name for name in chosen if name.removesuffix(".csv").endswith(f"_{place.contract}")]
    if len(chosen) == 1:
        return chosen[0]
    if place.contract and names and not chosen:
        return None
    raise DataError(
        f"holds {', '.join(names) or 'nothing'}, and one table is wanted",
        where=str(file),
        remedy=f"name a contract in venue_symbols: {{lean: {place.ticker}:<contract>}}",
    )


def _table(content: bytes, file: Path, kind: BarKind) -> pa.Table:
    columns = _COLUMNS[kind]
    types = {name: pa.string() if name == "time" else pa.float64() for name in columns}
    try:
        table: pa.Table = pc.read_csv(
            pa.BufferReader(content),
            read_options=pc.ReadOptions(use_threads=False, column_names=list(columns)),
            convert_options=pc.ConvertOptions(column_types=types),
        )
    except pa.ArrowInvalid as error:
        raise DataError(f"not LEAN's {kind} bars: {error}", where=str(file), remedy="fetch the file again") from error
    return table


def _starts(
    table: pa.Table, file: Path, timeframe: Timeframe, zone: str, opens: SessionOpens | None
) -> pd.DatetimeIndex:
    texts = table.column("time").to_pandas()
    if timeframe is Timeframe.M1:
        day = pd.to_datetime(file.name[:8], format="%Y%m%d", errors="coerce")
        if pd.isna(day):
            raise DataError("its name does not start with a date", where=str(file), remedy="name it YYYYMMDD_trade.zip")
        offsets = pd.to_timedelta(pd.to_numeric(texts, errors="coerce"), unit="ms")
        naive = pd.DatetimeIndex(day + offsets)
    else:
        naive = pd.DatetimeIndex(pd.to_datetime(texts, format="%Y%m%d %H:%M", errors="coerce"))
    wrong = np.flatnonzero(naive.isna())
    if len(wrong):
        raise DataError(f"row {wrong[0] + 1}: {texts.iloc[wrong[0]]!r} is no time", where=str(file))
    if timeframe is Timeframe.D1:
        return _daily_starts(naive.normalize(), zone, opens, str(file))
    return localized(naive.as_unit("ns"), zone, str(file)).tz_convert("UTC")


def _daily_starts(dates: pd.DatetimeIndex, zone: str, opens: SessionOpens | None, where: str) -> pd.DatetimeIndex:
    """When the sessions open; the midnights of a data zone that is a fixed offset, whose days are no sessions.

    FXCM's days begin at midnight of ``UTC-05``: as sessions that end at 17:00 New York they would be known hours before
    they end.
    """
    if zone.startswith("UTC"):
        return localized(dates, zone, where).tz_convert("UTC")
    return session_starts(dates, opens)


def _trades(table: pa.Table, starts: pd.DatetimeIndex, place: LeanPlace) -> Bars:
    opens, highs, lows, closes = (_column(table, name) / place.price_scale for name in _TRADE_COLUMNS[1:5])
    unknown = np.full(len(starts), np.nan)
    return Bars(starts.asi8, opens, highs, lows, closes, _column(table, "volume"), unknown)


def _quotes(table: pa.Table, starts: pd.DatetimeIndex, place: LeanPlace) -> Bars:
    return quote_bars(starts.asi8, *sides(lambda name: _column(table, name) / place.price_scale))


def _column(table: pa.Table, name: str) -> Floats:
    return np.array(table.column(name).to_numpy(), dtype=np.float64)
