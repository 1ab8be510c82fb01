"""The registry of instruments, which is the YAML of ``conf/instruments``: list, show, add, change and remove rows."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from ruamel.yaml.error import YAMLError

from app.operations.conf_draft import alone_in, demand_no_new_problems, draft
from conf.compose import examine
from conf.environment import conf_folder, display_path
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from conf.yaml_reader import holds, load, locate, values
from runtime.container import Container
from tradewright.calendars.registry import calendar_of
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.store.files import write_bytes

GROUP, COLLECTION = "instruments", "all"
FILE = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
HEAD = "# yaml-language-server: $schema=../schemas/instruments.schema.json\n"
NUMBERS = frozenset({"tick_size", "lot_size", "multiplier", "default_spread_bps"})
_NUMBER = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_ITEM = re.compile(r"^(?P<indent>\s*)- (?P<name>\S+)")
_FLOW_SIGNS = frozenset(",{}[]#:&*!|>'\"%@`?")


@dataclass(frozen=True)
class ListedInstrument:
    """An instrument in force, and the files of ``conf/instruments`` that have a row of it."""

    instrument: Instrument
    files: tuple[str, ...]
    in_universe: bool


@dataclass(frozen=True)
class OpenHours:
    """A span in which the market is open."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class ShownInstrumentRow:
    """An instrument as it is in force.

    Args:
        places: file and line of each row of it; none where the command line alone declares it.
        own: the keys that a row gives; the others have their default.
        today: when its market is open on the present day, UTC.
        fees: of the price list in force, ``backtest/costs``.
    """

    instrument: Instrument
    places: tuple[str, ...]
    own: tuple[str, ...]
    in_universe: bool
    at: datetime
    is_open: bool
    today: tuple[OpenHours, ...]
    fees: Mapping[str, Any]


@dataclass(frozen=True)
class ChangedRegistry:
    """A row that was added, changed or removed.

    Args:
        row: as it stands now, or stood.
        changed: the files that were written.
    """

    symbol: str
    row: str
    place: str
    changed: tuple[str, ...]


def list_instruments(settings: Settings) -> tuple[ListedInstrument, ...]:
    """Every instrument in force, by symbol."""
    folder, files = conf_folder(), dict[str, list[str]]()
    for path in _collections(folder):
        for symbol in load(path):
            files.setdefault(symbol, []).append(display_path(path, folder))
    universe = settings.universe.instruments
    rows = sorted(settings.instruments.items())
    return tuple(ListedInstrument(row, tuple(files.get(symbol, ())), symbol in universe) for symbol, row in rows)


def show_instrument(settings: Settings, symbol: str) -> ShownInstrumentRow:
    """One instrument as it is in force now.

    Raises:
        ConfigError: for one that is not declared.
    """
    folder = conf_folder()
    rows = [path for path in _collections(folder) if holds(path, (symbol,))]
    with Container(settings) as house:
        instrument, now = house.instrument(symbol), house.clock.now()
    own = {key: None for path in rows for key in load(path)[symbol]}
    market = calendar_of(instrument)
    return ShownInstrumentRow(
        instrument=instrument,
        places=tuple(f"{display_path(path, folder)}:{locate(path, (symbol,))}" for path in rows),
        own=tuple(own),
        in_universe=symbol in settings.universe.instruments,
        at=now,
        is_open=bool(market.is_open(now)),
        today=_today(market.intervals, now),
        fees={key: value for key, value in asdict(settings.backtest.costs).items() if value is not None},
    )


def add_instrument(
    symbol: str, keys: Mapping[str, object], collection: str = "own", overrides: Sequence[str] = ()
) -> ChangedRegistry:
    """Add a row to a file of ``conf/instruments``, and the file to those in force; judged before anything is written.

    Args:
        keys: of the row, as :class:`Instrument` has them; those that are None or empty keep their default.
        collection: the file without its ending; it is made where it is not there.
        overrides: settings under which the instrument has to be there.

    Raises:
        ConfigError: for a symbol that is declared already, no class, a name of a file that is none.
        ConfigProblems: with every problem that the row would bring.
        StoreError: when a file cannot be written.
    """
    folder = conf_folder()
    path = folder / GROUP / f"{_admitted(collection)}.yaml"
    if not keys.get("asset_class"):
        one_of = ", ".join(AssetClass)
        raise ConfigError("has no class", where=f"instrument {symbol}", remedy=f"say --class with one of {one_of}")
    with alone_in(folder / GROUP):
        return _add(folder, path, symbol, keys, overrides)


def _add(
    folder: Path, path: Path, symbol: str, keys: Mapping[str, object], overrides: Sequence[str]
) -> ChangedRegistry:
    if there := [each for each in _collections(folder) if holds(each, (symbol,))]:
        place = f"{display_path(there[0], folder)}:{locate(there[0], (symbol,))}"
        remedy = f"tradewright instruments update {symbol} changes that row, remove takes it away"
        raise ConfigError("is declared already", where=f"{symbol} ({place})", remedy=remedy)
    before = path.read_text(encoding="utf-8") if path.is_file() else HEAD
    row = row_text(symbol, keys)
    text = f"{before}{'' if before.endswith(chr(10)) else chr(10)}{row}\n"
    changes = {path: text.encode(), **_listing(folder, path)}
    _judge(folder, changes, symbol, overrides, declared=True)
    return _write(folder, changes, symbol, row, path, len(text.splitlines()))


def update_instrument(symbol: str, keys: Mapping[str, object], overrides: Sequence[str] = ()) -> ChangedRegistry:
    """Change keys of the row of an instrument; its other keys, and a comment behind it, stay.

    Args:
        keys: as :func:`add_instrument` has them; those that are None or empty stay as they are.

    Raises:
        ConfigError: for one that is not declared, in several files, or in a row of several lines; without a key.
        ConfigProblems: with every problem that this would bring.
        StoreError: when the file cannot be written.
    """
    given = {name: value for name, value in keys.items() if value is not None and value != {}}
    if not given:
        remedy = "say what is to change, as --tick 0.001; tradewright instruments update --help names all"
        raise ConfigError("nothing is to change", where=f"instrument {symbol}", remedy=remedy)
    folder = conf_folder()
    with alone_in(folder / GROUP):
        place = _row_of(folder, symbol)
        venues = {**place.keys.get("venue_symbols", {}), **_mapping(given.get("venue_symbols"))}
        row = row_text(symbol, {**place.keys, **given, "venue_symbols": venues})
        kept = {name: value for name, value in place.keys.items() if name not in given}
        if not kept.items() <= values(row)[symbol].items():
            where = f"{display_path(place.path, folder)}:{place.line}"
            raise ConfigError("holds more than names and numbers", where=where, remedy="change it by hand")
        text = "".join([*place.before, row, _comment(place.text), "\n", *place.after])
        changes = {place.path: text.encode()}
        _judge(folder, changes, symbol, overrides, declared=True)
        return _write(folder, changes, symbol, row, place.path, place.line)


def remove_instrument(symbol: str, overrides: Sequence[str] = ()) -> ChangedRegistry:
    """Remove the row of an instrument; its stored bars and its past stay.

    Raises:
        ConfigError: for one that is not declared, in several files, or in a row of several lines.
        ConfigProblems: with every problem that this would bring: it may be named elsewhere.
        StoreError: when the file cannot be written.
    """
    folder = conf_folder()
    with alone_in(folder / GROUP):
        place = _row_of(folder, symbol)
        changes = {place.path: "".join([*place.before, *place.after]).encode()}
        _judge(folder, changes, symbol, overrides, declared=False)
        return _write(folder, changes, symbol, place.text.strip(), place.path, place.line)


class _Row(NamedTuple):
    """The one row of an instrument: file, number of its line, the line, those before and after it, and its keys."""

    path: Path
    line: int
    text: str
    before: list[str]
    after: list[str]
    keys: dict[str, Any]


def _row_of(folder: Path, symbol: str) -> _Row:
    rows = [path for path in _collections(folder) if holds(path, (symbol,))]
    if len(rows) != 1:
        names = f": {', '.join(path.name for path in rows)}" if rows else ""
        what = f"is declared in {len(rows)} files of conf/{GROUP}{names}"
        remedy = "tradewright instruments list names all; a row of several files is changed by hand"
        raise ConfigError(what, where=f"instrument {symbol}", remedy=remedy)
    (path,) = rows
    line, held = locate(path, (symbol,)), load(path)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    before, text, after = lines[: line - 1], lines[line - 1], lines[line:]
    if not _reads_as("".join([*before, *after]), {key: value for key, value in held.items() if key != symbol}):
        place = f"{display_path(path, folder)}:{line}"
        raise ConfigError("is written over several lines", where=place, remedy="change it by hand")
    return _Row(path, line, text, before, after, held[symbol])


def _comment(line: str) -> str:
    """What stands behind the values of a line, with the spaces before it."""
    row = line.rstrip("\r\n")
    begins = (found.start() for found in re.finditer(r"\s+#", row))
    return next((row[at:] for at in begins if _reads_as(row[:at], values(row))), "")


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def row_text(symbol: str, keys: Mapping[str, object]) -> str:
    """A row of YAML; what would not be read as it is meant is quoted, and the check of the draft judges it."""
    told = {name: value for name, value in keys.items() if value is not None and value != {}}
    return f"{_text(symbol)}: {{{', '.join(f'{name}: {_value(name, value)}' for name, value in told.items())}}}"


def _value(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{Decimal(repr(value)):f}"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_text(str(key))}: {_text(str(each))}' for key, each in value.items())}}}"
    return str(value) if name in NUMBERS and _NUMBER.fullmatch(str(value)) else _text(str(value))


def _text(text: str) -> str:
    is_plain = text.strip() == text and not _FLOW_SIGNS & set(text) and _reads_as(f"k: {text}", {"k": text})
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _reads_as(text: str, meant: object) -> bool:
    try:
        return bool((values(text) or {}) == meant)
    except (YAMLError, ValueError):  # the latter for a number that is none, such as 0b_
        return False


def _collections(folder: Path) -> Sequence[Path]:
    """The files that hold rows: all but those that only list others."""
    found = sorted((folder / GROUP).glob("[!.]*.yaml"))
    return [path for path in found if not holds(path, ("defaults",))]


def _admitted(collection: str) -> str:
    if not FILE.fullmatch(collection) or collection == COLLECTION:
        remedy = "use a to z, 0 to 9 and _, a letter first, as in own"
        raise ConfigError(f"{collection!r} is not admitted", where="--file", remedy=remedy)
    return collection


def _listing(folder: Path, path: Path) -> dict[Path, bytes]:
    """``all.yaml`` with a file in its list; nothing where it is there, or where there is no such list."""
    listing = folder / GROUP / f"{COLLECTION}.yaml"
    if not listing.is_file():
        return {}
    lines = listing.read_text(encoding="utf-8").splitlines(keepends=True)
    items = [(at, found) for at, line in enumerate(lines) if (found := _ITEM.match(line))]
    if not items or path.stem in (found["name"] for _, found in items):
        return {}
    at, last = items[-1]
    lines[at] = lines[at].rstrip("\r\n") + "\n"
    lines.insert(at + 1, f"{last['indent']}- {path.stem}\n")
    return {listing: "".join(lines).encode()}


def _judge(
    folder: Path, changes: Mapping[Path, bytes], symbol: str, overrides: Sequence[str], *, declared: bool
) -> None:
    with draft(folder, changes) as copy:
        demand_no_new_problems(folder, copy)
        settings, problems = examine(overrides, copy)
    if settings is None:
        raise ConfigProblems(problems)
    if (symbol in settings.instruments) is not declared:
        what = f"would still be {'unknown' if declared else 'declared'}: another collection is in force"
        remedy = f"choose instruments={COLLECTION} in conf/config.yaml, or name a file in force with --file"
        raise ConfigError(what, where=f"instrument {symbol}", remedy=remedy)


def _write(
    folder: Path, changes: Mapping[Path, bytes], symbol: str, row: str, path: Path, line: int
) -> ChangedRegistry:
    """The rows before the list that names their file, so that a crash in between leaves a file that nothing reads."""
    for each, data in changes.items():
        write_bytes(each, data)
    changed = tuple(display_path(each, folder) for each in changes)
    return ChangedRegistry(symbol, row, f"{display_path(path, folder)}:{line}", changed)


def _today(intervals: Any, now: datetime) -> tuple[OpenHours, ...]:
    """The open hours within the present day, UTC."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    first, last = pd.Timestamp(day).value, pd.Timestamp(day + timedelta(days=1)).value
    rows = intervals[(intervals[:, 1] > first) & (intervals[:, 0] < last)]
    spans = ((max(int(start), first), min(int(end), last)) for start, end in rows)
    return tuple(OpenHours(*(pd.Timestamp(at, tz="UTC").to_pydatetime() for at in span)) for span in spans)
