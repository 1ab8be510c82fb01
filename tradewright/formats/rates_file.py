"""A CSV file of exchange rates or of yearly rates, point in time: when each rate was known, and the rate."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np

from tradewright.model.bars import Floats, Times
from tradewright.model.currency import RateSeries
from tradewright.model.errors import DataError
from tradewright.model.risk_free import RiskFreeRates

TIMES = ("date", "time", "datetime", "timestamp")
RATES = ("rate", "close", "value")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_YEARS = range(1700, 2201)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?|\.[0-9]+", re.ASCII)
_SIGNED = re.compile(rf"[+-]?(?:{_NUMBER.pattern})", re.ASCII)
_LEAST, _MOST = 1e-12, 1e12
"""Beyond any two currencies; a product with such a rate is still a number."""


def read_rates(path: Path, source: str, target: str) -> RateSeries:
    """The rates of a file, in units of ``target`` per unit of ``source``.

    The header names a column of times (``date``, ``time``, ``datetime`` or ``timestamp``) and one of rates (``rate``,
    ``close`` or ``value``); other columns are ignored. A time is ISO 8601 with its offset (as in
    ``2024-01-02T16:00:00+01:00``) and says when the rate was known. A date alone
    (``2024-01-02``) is known at its end, 24:00 UTC.

    Raises:
        DataError: a file that cannot be read, or a row that is none, naming its line.
    """
    unit = f"{target} per {source}"
    times, rates = _dated(path, "backtest.rates", unit, lambda text, place, line: _rate(text, place, line, unit))
    return RateSeries(source, target, times, rates, path.name)


def read_risk_free(path: Path) -> RiskFreeRates:
    """The yearly rates of a file, as fractions: 0.0525 is 5.25 percent. Its form is that of :func:`read_rates`.

    Raises:
        DataError: as :func:`read_rates`, and for a rate that is not above -1 and below 1.
    """
    times, rates = _dated(path, "evaluation.risk_free_rates", "the rate of a year", _fraction)
    return RiskFreeRates(times, rates, path.name)


def _dated(path: Path, key: str, unit: str, number: Callable[[str, str, int], float]) -> tuple[Times, Floats]:
    """When each number of a file was known, and the number.

    Args:
        key: the setting that names the file.
        unit: of a number, in words.
        number: of a cell, with the file and the line for a refusal.
    """
    where = str(path)
    rows = _rows(_text(path, where, key), where)
    if not rows:
        raise DataError("it is empty", where=where, remedy="its first line is: date,rate")
    names = [name.strip().lower() for name in rows[0]]
    when, rate = _column(names, TIMES, where), _column(names, RATES, where)
    times: list[int] = []
    rates: list[float] = []
    for line, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(names):
            raise _broken(f"{len(row)} cells under {len(names)} names", where, line, "write a cell for every column")
        known = _known(row[when].strip(), where, line)
        if times and known <= times[-1]:
            raise _broken(f"{row[when]!r} is not later than the line before", where, line, "sort them, drop doubles")
        times.append(known)
        rates.append(number(row[rate].strip(), where, line))
    if not times:
        raise DataError("it has no rate", where=where, remedy=f"write {unit}, a line for each day")
    return np.array(times, np.int64), np.array(rates)


_HEADER = "line 1 is the header date,rate with commas; exactly one column of each is read"


def _text(path: Path, where: str, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=where, remedy=f"correct {key}") from error
    except UnicodeDecodeError as error:
        raise DataError("is no text in UTF-8", where=where, remedy="save it as CSV in UTF-8") from error
    except (OSError, ValueError) as error:
        told = getattr(error, "strerror", None) or error
        remedy = f"name a file in {key} that you may read"
        raise DataError(f"cannot be read: {told}", where=where, remedy=remedy) from error


def _rows(text: str, where: str) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(text), skipinitialspace=True))
    except csv.Error as error:
        remedy = "write a line for each rate: 2024-01-02,1.0956"
        raise DataError(f"cannot be read as CSV: {error}", where=where, remedy=remedy) from error


def _column(names: list[str], admitted: tuple[str, ...], where: str) -> int:
    found = [place for place, name in enumerate(names) if name in admitted]
    if len(found) != 1:
        what = f"{len(found)} of the columns {', '.join(names)} are named {' or '.join(admitted)}"
        raise DataError(what, where=f"{where}, line 1", remedy=_HEADER)
    return found[0]


def _known(text: str, where: str, line: int) -> int:
    right = "write 2024-01-02, or 2024-01-02T16:00:00+01:00"
    try:
        is_date = len(text) == len("2024-01-02")
        moment = datetime.combine(date.fromisoformat(text), time(), UTC) if is_date else datetime.fromisoformat(text)
    except ValueError as error:
        raise _broken(f"{text!r} is no time", where, line, right) from error
    if moment.tzinfo is None:
        remedy = right if "T" not in text else f"write {text}Z for UTC, or the offset, such as {text}+01:00"
        raise _broken(f"{text!r} has no offset from UTC", where, line, remedy)
    if moment.year not in _YEARS:
        raise _broken(f"{text!r} is not between the years {_YEARS[0]} and {_YEARS[-1]}", where, line, right)
    return (moment - _EPOCH + timedelta(days=is_date)) // timedelta(microseconds=1) * 1000


def _rate(text: str, where: str, line: int, unit: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else 0.0
    if not _LEAST <= value <= _MOST:
        remedy = f"write {unit}, a number above 0 with a decimal point, from {_LEAST:g} to {_MOST:g}"
        raise _broken(f"{text[:40]!r} is no rate", where, line, remedy)
    return value


def _fraction(text: str, where: str, line: int) -> float:
    value = float(text) if _SIGNED.fullmatch(text) else 1.0
    if not -1.0 < value < 1.0:
        remedy = "write a fraction of a year, 0.0525 for 5.25 percent; leave out days without a rate"
        raise _broken(f"{text[:40]!r} is no yearly rate", where, line, remedy)
    return value


def _broken(what: str, where: str, line: int, remedy: str) -> DataError:
    return DataError(what, where=f"{where}, line {line}", remedy=remedy)
