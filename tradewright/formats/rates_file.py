"""A CSV file of exchange rates, point in time: when each rate was known, and the rate."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from tradewright.model.currency import RateSeries
from tradewright.model.errors import DataError

TIMES = ("date", "time", "datetime", "timestamp")
RATES = ("rate", "close", "value")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_rates(path: Path, source: str, target: str) -> RateSeries:
    """The rates of a file, in units of ``target`` per unit of ``source``.

    The header names a column of times (``date``, ``time``, ``datetime`` or ``timestamp``) and one of rates (``rate``,
    ``close`` or ``value``); other columns are ignored. A time is ISO 8601 with its offset (as in
    ``2024-01-02T16:00:00+01:00``) and says when the rate was known. A date alone
    (``2024-01-02``) is known at its end, 24:00 UTC.

    Raises:
        DataError: a file that cannot be read, or a row that is none, naming its line.
    """
    where = str(path)
    rows = list(csv.reader(io.StringIO(_text(path, where)), skipinitialspace=True))
    if not rows:
        raise DataError("it is empty", where=where, remedy="its first line is: date,rate")
    names = [name.strip().lower() for name in rows[0]]
    when, rate = _column(names, TIMES, where), _column(names, RATES, where)
    found: dict[int, float] = {}
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            raise _broken(f"{len(row)} cells under {len(names)} names", where, line, "write a cell for every column")
        known = _known(row[when].strip(), where, line)
        if known <= max(found, default=known - 1):
            raise _broken(f"{row[when]!r} is not later than the line before", where, line, "sort them, drop doubles")
        found[known] = _rate(row[rate].strip(), where, line, f"{target} per {source}")
    if not found:
        raise DataError("it has no rate", where=where, remedy=f"write {target} per {source}, a line for each day")
    return RateSeries(source, target, np.array(list(found), np.int64), np.array(list(found.values())), path.name)


def _text(path: Path, where: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=where, remedy="correct backtest.rates") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=where, remedy="save it as CSV in UTF-8") from error


def _column(names: list[str], admitted: tuple[str, ...], where: str) -> int:
    found = [place for place, name in enumerate(names) if name in admitted]
    if len(found) != 1:
        what = f"{len(found)} of the columns {', '.join(names)} are named {' or '.join(admitted)}"
        raise DataError(what, where=f"{where}, line 1", remedy="the header is date,rate; exactly one of each is read")
    return found[0]


def _known(text: str, where: str, line: int) -> int:
    try:
        if len(text) == len("2024-01-02"):
            moment = datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=1)
        else:
            moment = datetime.fromisoformat(text)
    except ValueError as error:
        remedy = "write 2024-01-02, or 2024-01-02T16:00:00+01:00"
        raise _broken(f"{text!r} is no time", where, line, remedy) from error
    if moment.tzinfo is None:
        remedy = f"write {text}Z for UTC, or the offset, such as {text}+01:00"
        raise _broken(f"{text!r} has no offset from UTC", where, line, remedy)
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _rate(text: str, where: str, line: int, unit: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise _broken(f"{text!r} is no rate", where, line, f"write {unit}, a number above 0 with a decimal point")
    return value


def _broken(what: str, where: str, line: int, remedy: str) -> DataError:
    return DataError(what, where=f"{where}, line {line}", remedy=remedy)
