"""How exact numbers, moments and documents are stored: as text, alike on every engine."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Dialect, String, Text
from sqlalchemy.types import TypeDecorator

from tradewright.model.errors import LedgerError
from tradewright.model.hashing import canonical_json


class UnreadableValue(LedgerError):
    """A stored value is not of the kind that its column holds: it was damaged or edited outside this program."""

    @classmethod
    def of(cls, value: object, kind: str) -> UnreadableValue:
        """The error of a value that is no number, moment or document."""
        what = f"a stored value cannot be read: {str(value)[:40]!r} is no {kind}"
        return cls(what, where="ledger", remedy="tradewright ledger verify names its row; keep the file as evidence")


MOST_ZEROS = 1_000
"""Places to either side of the point beyond which no number is written out."""


class Exact(TypeDecorator[Decimal]):
    """A decimal as text, digit for digit. NaN and infinity raise ``ValueError`` before they reach the database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        """Write without exponent, every digit kept, however many."""
        if value is not None and not value.is_finite():
            raise ValueError(f"{value} cannot be stored: only finite numbers have a place in the ledger")
        if value is not None and max(abs(value.adjusted()), -int(value.as_tuple().exponent)) > MOST_ZEROS:
            raise ValueError(f"{value} cannot be stored: it has more than {MOST_ZEROS} places")
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, _dialect: Dialect) -> Decimal | None:
        """Read back the same digits."""
        if value is None:
            return None
        try:
            number = Decimal(value)
        except (ArithmeticError, TypeError, ValueError):
            raise UnreadableValue.of(value, "number") from None
        if not number.is_finite():
            raise UnreadableValue.of(value, "finite number")
        return number


class Moment(TypeDecorator[datetime]):
    """A moment in UTC as ISO 8601 text of fixed width, so that text order is time order. Naive times are refused."""

    impl = String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> str | None:
        """Write with microseconds and ``+00:00``."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone; times are stored in UTC")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, _dialect: Dialect) -> datetime | None:
        """Read back in UTC."""
        try:
            moment = None if value is None else datetime.fromisoformat(value)
        except (TypeError, ValueError):
            raise UnreadableValue.of(value, "moment") from None
        if moment is not None and moment.tzinfo is None:
            raise UnreadableValue.of(value, "moment with a zone")
        return moment


class Document(TypeDecorator[object]):
    """A value as canonical JSON, so that equal values are equal text and hash alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: object, _dialect: Dialect) -> str:
        """Write the canonical form."""
        return canonical_json(value)

    def process_result_value(self, value: str | None, _dialect: Dialect) -> object:
        """Read plain dictionaries, lists, texts and numbers; decimals come back as text."""
        try:
            return None if value is None else json.loads(value)
        except (TypeError, ValueError, RecursionError):
            raise UnreadableValue.of(value, "document") from None
