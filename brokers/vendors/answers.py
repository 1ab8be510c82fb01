"""Reading the answers of vendors: every field is looked at before it is believed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from brokers.vendors.http_client import VendorError

REMEDY = "nothing was stored; try again, and tell the vendor if it stays so"
UNKNOWN = math.nan
"""A value that the vendor does not tell."""
_TOLD = 80
_FIRST, _LAST = -(2**63) + 10**9, 2**63 - 10**9
_INSTANT = re.compile(r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<part>\d{1,9}))?(?:Z|\+00:00)")


class Reader:
    """Reads the fields of one vendor's answers.

    Args:
        where: the vendor and its host, for messages.
    """

    def __init__(self, where: str) -> None:
        self._where = where

    def wrong(self, what: str) -> VendorError:
        """The error that an answer is not as it should be."""
        return VendorError(what, where=self._where, remedy=REMEDY)

    def mapping(self, value: object, name: str) -> Mapping[str, Any]:
        """A document with named fields."""
        if not isinstance(value, dict):
            raise self.wrong(f"{name} is no object: {_shown(value)}")
        return value

    def rows(self, value: object, name: str) -> list[Any]:
        """A list; an absent one is empty."""
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.wrong(f"{name} is no list: {_shown(value)}")
        return value

    def field(self, row: Mapping[str, Any], name: str) -> Any:
        """A field that must be there."""
        if name not in row:
            raise self.wrong(f"a bar lacks {name!r}: {_shown(row)}")
        return row[name]

    def number(self, value: object, name: str) -> float:
        """A finite number, also one in a text."""
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                found = float(value)
            except (ValueError, OverflowError):
                found = math.nan
            if math.isfinite(found):
                return found
        raise self.wrong(f"{name} of a bar is no number: {_shown(value)}")

    def price(self, value: object, name: str) -> Decimal:
        """An exact price of a text or a number, 0 included: below 1e21, at most 40 digits, 30 after the point."""
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                found = Decimal(repr(value) if isinstance(value, float) else value)
            except InvalidOperation:
                found = Decimal("NaN")
            if found.is_finite() and found >= 0 and _is_plain(found):
                return found
        raise self.wrong(f"{name} is no price: {_shown(value)}")

    def truth(self, value: object, name: str) -> bool:
        """A truth value."""
        if not isinstance(value, bool):
            raise self.wrong(f"{name} of a bar is no truth value: {_shown(value)}")
        return value

    def milliseconds(self, value: object, name: str) -> int:
        """A moment in milliseconds since 1970, as nanoseconds."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(f"{name} of a bar is no time in milliseconds: {_shown(value)}")
        return self._known_time(value * 1_000_000, value, name)

    def seconds(self, value: object, name: str) -> int:
        """A moment in whole seconds since 1970, also in a text, as nanoseconds."""
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 20:
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.wrong(f"{name} of a bar is no time in seconds: {_shown(value)}")
        return self._known_time(value * 1_000_000_000, value, name)

    def instant(self, value: object, name: str) -> int:
        """A moment of RFC 3339 in UTC with up to nine digits of a second, as nanoseconds since 1970."""
        found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            raise self.wrong(f"{name} is no time in UTC: {_shown(value)}")
        seconds = self.moment(f"{found['second']}+00:00", name)
        return seconds + int((found["part"] or "").ljust(9, "0"))

    def moment(self, value: object, name: str) -> int:
        """A moment of RFC 3339 with its zone, as nanoseconds since 1970 UTC; whole seconds, as bars start."""
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise self.wrong(f"{name} of a bar is no time with a zone: {_shown(value)}")
        return self._known_time(round(found.timestamp()) * 1_000_000_000, value, name)

    def _known_time(self, found: int, value: object, name: str) -> int:
        """Nanoseconds of a moment that is in the range of all times, 1677 to 2262."""
        if not _FIRST < found < _LAST:
            raise self.wrong(f"{name} is no time that can be: {_shown(value)}")
        return found


def _is_plain(price: Decimal) -> bool:
    """Whether a price has a size and digits that prices have: no power of ten that no sum could hold."""
    _sign, digits, exponent = price.as_tuple()
    return len(digits) <= 40 and isinstance(exponent, int) and exponent >= -30 and price.adjusted() <= 20


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _TOLD else f"{text[:_TOLD]}..."
