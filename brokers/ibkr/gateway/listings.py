"""The contracts that the gateway knows, and how a client's description finds one."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from brokers.ibkr.contracts import VenueName, venue_name
from tradewright.model.instrument import Instrument


class Listing(NamedTuple):
    """An instrument as a contract: its stable id, its names, and where it is listed."""

    con_id: int
    name: VenueName
    instrument: Instrument

    @property
    def primary_exchange(self) -> str:
        """The listing exchange, which positions carry instead of SMART."""
        return "NASDAQ" if self.name.exchange == "SMART" and self.name.sec_type == "STK" else self.name.exchange

    def fields(self, exchange: str | None = None, right: str = "") -> list[object]:
        """The eleven contract fields of most messages."""
        name = self.name
        return [
            self.con_id,
            name.symbol,
            name.sec_type,
            name.expiry,
            "0",
            right,
            name.multiplier,
            exchange or name.exchange,
            name.currency,
            name.local_symbol,
            name.symbol,
        ]


class Described(NamedTuple):
    """The twelve contract fields of a client's request."""

    con_id: int
    symbol: str
    sec_type: str
    expiry: str
    strike: str
    right: str
    multiplier: str
    exchange: str
    primary_exchange: str
    currency: str
    local_symbol: str
    trading_class: str

    @classmethod
    def read(cls, fields: Iterator[str]) -> Described:
        """The next twelve fields."""
        con_id, *rest = (next(fields) for _ in range(12))
        return cls(int(con_id or 0), *rest)


def list_instruments(instruments: Iterable[Instrument]) -> dict[int, Listing]:
    """Contract id -> listing. The id depends on the name alone, so it is the same in every run."""
    listings = {}
    for instrument in instruments:
        name = venue_name(instrument)
        con_id = 10_000 + zlib.crc32("|".join(name).encode()) % 900_000_000
        listings[con_id] = Listing(con_id, name, instrument)
    return listings


def find(listings: dict[int, Listing], wanted: Described) -> Listing | None:
    """The one listing that fits a description: by id where it is given, else by the fields that are not empty."""
    if wanted.con_id:
        return listings.get(wanted.con_id)
    fits = [listing for listing in listings.values() if _fits(listing, wanted)]
    return fits[0] if len(fits) == 1 else None


def _fits(listing: Listing, wanted: Described) -> bool:
    name = listing.name
    pairs = (
        (wanted.symbol, (name.symbol,)),
        (wanted.sec_type, (name.sec_type,)),
        (wanted.currency, (name.currency,)),
        (wanted.expiry, (name.expiry,)),
        (wanted.local_symbol, (name.local_symbol,)),
        (wanted.exchange, (name.exchange, listing.primary_exchange, "SMART")),
    )
    return bool(wanted.symbol or wanted.local_symbol) and all(given in ("", *known) for given, known in pairs)
