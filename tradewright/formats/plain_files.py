"""The bytes of foreign files, read only as far as their bounds go: no device, no pipe, no packed bomb."""

from __future__ import annotations

import gzip
import stat
import zlib
from pathlib import Path
from typing import Protocol

from tradewright.model.errors import DataError

MAX_BYTES = 2 * 1024**3
"""The largest table that is read or unpacked: decades of minutes of one instrument are far below it."""

MAX_RATIO = 200
"""The largest ratio of unpacked to packed size that is believed; tables of prices pack about ten to one."""

_RATIO_MATTERS_FROM = 1024**2
"""Unpacked bytes from which the ratio is asked for: a short table of equal rows is harmless and packs well."""


_SHOWN = 60
"""Characters of a foreign cell that a message repeats."""


def shown(cell: object) -> str:
    """A foreign cell as a message repeats it: quoted, and cut where it is long."""
    text = str(cell)
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}... ({len(text):,} characters)"


class Readable(Protocol):
    """Anything that gives bytes."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""
        ...


def checked_size(path: Path, kind: str) -> int:
    """The size in bytes of a plain file; links are followed.

    Args:
        kind: the format, as the refusal names it.

    Raises:
        DataError: when nothing, a folder, a device or a pipe is there, or the file is larger than ``MAX_BYTES``.
    """
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise DataError("there is no such file", where=str(path), remedy="check the path") from error
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", where=str(path), remedy="check the path") from error
    if stat.S_ISDIR(status.st_mode):
        what = f"not a readable {kind}: a folder, not a file"
        raise DataError(what, where=str(path), remedy="name the file itself")
    if not stat.S_ISREG(status.st_mode):
        what = f"not a readable {kind}: a device or a pipe, not a file"
        raise DataError(what, where=str(path), remedy="save the data as a file first")
    if status.st_size > MAX_BYTES:
        what = f"not a readable {kind}: {status.st_size:,} bytes, and at most {MAX_BYTES:,} are read"
        raise DataError(what, where=str(path), remedy="divide the file; an import adds to what is stored")
    return status.st_size


def content(path: Path) -> bytes:
    """The bytes of a plain file; ``.gz`` is unpacked.

    Raises:
        DataError: as of :func:`checked_size`, and for a file that cannot be unpacked, or to more than any table is.
    """
    size = checked_size(path, "table")
    try:
        if path.suffix.lower() != ".gz":
            return path.read_bytes()
        with gzip.open(path) as packed:
            return unpacked(packed, size, size, str(path), path.name)
    except (EOFError, zlib.error, OSError) as error:
        what = "not a readable table: no gzip file, or cut off" if path.suffix.lower() == ".gz" else "cannot be read"
        raise DataError(what, where=str(path), remedy="fetch the file again") from error


_KINDS = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save the sheet as CSV in UTF-8"),
    (b"\x1f\x8b", "a gzip file", "unpack it, or give it a name that ends in .csv.gz"),
    (b"PAR1", "a Parquet file", "tradewright import parquet"),
    (b"ARROW1", "a feather file", "tradewright import feather"),
    (b"FEA1", "a feather file", "tradewright import feather"),
    (b"BZh", "a bzip2 file", "unpack it"),
    (b"\xfd7zXZ", "an xz file", "unpack it"),
    (b"(\xb5/\xfd", "a Zstandard file", "unpack it"),
    (b"SQLite format 3", "a database of SQLite", "write its table as CSV in UTF-8"),
    (b"%PDF", "a PDF document", "fetch the data as CSV"),
    (b"<!doctype", "a web page, such as a sign-in", "fetch the data again, with the account it wants"),
    (b"<html", "a web page, such as a sign-in", "fetch the data again, with the account it wants"),
    (b"<?xml", "an XML document", "write its table as CSV in UTF-8"),
    (b"{", "a JSON document", "write its table as CSV in UTF-8"),
    (b"[", "a JSON document", "write its table as CSV in UTF-8"),
)
"""How files of other kinds begin, what they are, and what to do with them."""


def refuse_other_kinds(text: bytes, where: str) -> None:
    """Refuse what is no text of a table, by how it begins.

    Raises:
        DataError: naming the kind of file.
    """
    start = text[:64].lstrip()
    for begins, kind, remedy in _KINDS:
        if text.startswith(begins) or start.lower().startswith(begins.lower()):
            raise DataError(f"not a readable table: {kind}", where=where, remedy=remedy)
    if text[:2] not in (b"\xff\xfe", b"\xfe\xff") and b"\x00" in text:
        what = "not a readable table: it holds NUL characters, as damaged files and UTF-16 without a mark do"
        raise DataError(what, where=where, remedy="save it as CSV in UTF-8, or fetch the file again")


def unpacked(packed: Readable, packed_size: int, stated_size: int, where: str, name: str) -> bytes:
    """The content of a packed file, read only as far as its limits go: the size that it states may be false.

    Args:
        packed_size: its size as packed, in bytes.
        stated_size: the size that it states of itself, in bytes.

    Raises:
        DataError: a table larger, or packed more tightly, than any table of bars is.
    """
    limit = MAX_BYTES
    if packed_size * MAX_RATIO < limit:
        limit = max(packed_size * MAX_RATIO, _RATIO_MATTERS_FROM)
    found = packed.read(limit + 1)
    if len(found) > limit or stated_size > limit:
        raise DataError(
            f"{name} unpacks to more than {limit:,} bytes from {packed_size:,}",
            where=where,
            remedy="fetch the file again from its vendor; no table of bars is packed like this",
        )
    return found
