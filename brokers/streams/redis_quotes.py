"""The newest prices of each instrument on a Redis server, for programs on several machines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis

from tradewright.model.broker import Quote
from tradewright.model.errors import StoreError
from tradewright.store.latest_quotes import SIDES, Row, UnreadableQuote, quotes_of, sides_of

PREFIX = "tradewright:quotes"
PATIENCE = 5.0
"""Seconds for a connection, and for an answer."""
_KEEP = """
for at = 1, #ARGV, 4 do
  local place = KEYS[1] .. ':' .. ARGV[at]
  local known = redis.call('HGET', place, ARGV[at + 1] .. '_time')
  if not known or tonumber(ARGV[at + 3]) >= tonumber(known) then
    redis.call('HSET', place, ARGV[at + 1], ARGV[at + 2], ARGV[at + 1] .. '_time', ARGV[at + 3])
    redis.call('SADD', KEYS[1], ARGV[at])
  end
end
"""
"""Run by the server in one go, so that of two writers the newer price wins."""
Found = TypeVar("Found")


class RedisQuotes:
    """The quotes of one database of a server: a hash for each instrument, and the set of their names.

    Args:
        url: ``redis://`` or ``rediss://``, with user, password and database; it stands in no message.
    """

    def __init__(self, url: str) -> None:
        self._where = f"redis at {urlsplit(url).hostname or 'a socket'}"
        try:
            self._client: Any = redis.Redis.from_url(
                url, decode_responses=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
            )
        except ValueError:
            what = "the address of the Redis server is none"
            raise StoreError(what, where="REDIS_URL", remedy="say redis://HOST:6379/0 or rediss://...") from None
        self._keep = self._client.register_script(_KEEP)

    def put(self, quotes: Iterable[Quote]) -> None:
        """Keep prices; see :class:`tradewright.model.ports.QuoteStore`."""
        values = [value for quote in quotes for row in sides_of(quote) for value in row]
        if values:
            self._tried(lambda: self._keep(keys=[PREFIX], args=values))

    def newest(self, instrument: str) -> Quote | None:
        """The newest prices of an instrument; None where there are none."""
        found = self._tried(lambda: self._client.hgetall(f"{PREFIX}:{instrument}"))
        return self._quotes(_rows(instrument, found)).get(instrument)

    def all(self) -> dict[str, Quote]:
        """The newest prices of every instrument, by symbol."""
        names = sorted(self._tried(lambda: self._client.smembers(PREFIX)))

        def read() -> list[dict[str, str]]:
            asked = self._client.pipeline(transaction=False)
            for name in names:
                asked.hgetall(f"{PREFIX}:{name}")
            return list(asked.execute())

        return self._quotes(
            row for name, found in zip(names, self._tried(read), strict=True) for row in _rows(name, found)
        )

    def _quotes(self, rows: Iterable[Row]) -> dict[str, Quote]:
        try:
            return quotes_of(rows)
        except UnreadableQuote as error:
            remedy = f"delete the keys {PREFIX}*; the stream keeps new prices"
            raise StoreError(f"the newest quotes are damaged: {error}", where=self._where, remedy=remedy) from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _tried(self, act: Callable[[], Found]) -> Found:
        try:
            return act()
        except redis.RedisError as error:
            remedy = "check that the server runs and REDIS_URL is right; without it quotes are kept in a file"
            what = f"the newest quotes cannot be used: {type(error).__name__}"
            raise StoreError(what, where=self._where, remedy=remedy) from None


def _rows(instrument: str, found: dict[str, str]) -> Iterator[Row]:
    return ((instrument, side, found[side], int(found.get(f"{side}_time", ""))) for side in SIDES if side in found)
