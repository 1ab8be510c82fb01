"""The zone of LEAN's time stamps, from its market-hours database."""

from __future__ import annotations

import json
from pathlib import Path

from tradewright.formats.lean.place import LeanPlace
from tradewright.model.errors import DataError

_SPELLINGS = {"cryptofuture": "CryptoFuture"}
_WITHOUT_DATABASE = {"equity": "America/New_York", "index": "America/Chicago"}


def data_zone(place: LeanPlace) -> str:
    """The zone in which the place's bars are stamped.

    The entry of the symbol comes before that of its market. Without a database: New York for equities, Chicago for
    indices, UTC for the rest.

    Raises:
        DataError: when the database cannot be read.
    """
    path = place.data / "market-hours" / "market-hours-database.json"
    fallback = _WITHOUT_DATABASE.get(place.security, "UTC")
    if not path.is_file():
        return fallback
    security = _SPELLINGS.get(place.security, place.security.capitalize())
    entries = _entries(path)
    for symbol in (place.ticker.upper(), "[*]"):
        entry = entries.get(f"{security}-{place.market}-{symbol}")
        if entry is not None:
            return entry["dataTimeZone"]
    return fallback


def _entries(path: Path) -> dict[str, dict[str, str]]:
    try:
        entries: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8-sig"))["entries"]
    except (ValueError, KeyError) as error:
        raise DataError(f"not a market-hours database: {error}", where=str(path), remedy="fetch it again") from error
    return entries
