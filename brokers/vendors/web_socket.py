"""The WebSocket client of the vendors: one link at a time, bounded in size, its losses told without secrets.

Dead links are found by pings. Redirects are not followed, so that a key that is sent after the link was made goes to
no other host.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

from brokers.vendors.http_client import FORBIDDEN, REPEATED, VendorError, VendorRefused, VendorUnavailable
from brokers.vendors.unreachable import REMEDY, cannot_be_reached

OPENING, PING = 10.0, 20.0
"""Seconds for a link to be made, and between two pings, of which each has as long to be answered."""
MOST_BYTES = 2**20
"""Of one message."""
QUEUED = 256
"""Messages that are read before they are taken in."""
_TOLD = 200


class _Here(connect):
    """A connection that is made where it was asked for, or not at all."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Never follow."""
        return exc


class WebSocketClient:
    """Makes links to one vendor.

    Args:
        vendor: its name, for messages.
        base: the address before the path, such as ``wss://socket.massive.com``.
        secrets: which of their texts no message may hold.
    """

    def __init__(self, vendor: str, base: str, secrets: Iterable[str] = ()) -> None:
        self._base, self._secrets = base.rstrip("/"), tuple(secrets)
        self.where = f"{vendor} at {urlsplit(base).hostname}"

    @asynccontextmanager
    async def link(self, path: str) -> AsyncIterator[Socket]:
        """A link that stands until the end of the block.

        Raises:
            VendorUnavailable: when it is not made or breaks, and may stand later.
            VendorRefused: when the vendor refuses it.
        """
        try:
            async with _Here(
                f"{self._base}{path}",
                open_timeout=OPENING,
                ping_interval=PING,
                ping_timeout=PING,
                close_timeout=1.0,
                max_size=MOST_BYTES,
                max_queue=QUEUED,
            ) as connection:
                yield Socket(connection, self._clean)
        except ConnectionClosed as end:
            raise self._lost(f"the link is closed: {end}") from None
        except InvalidStatus as answer:
            raise self._status(answer.response.status_code) from None
        except InvalidURI as error:
            raise VendorError(self._clean(str(error)), where=self.where, remedy="correct feed.stream_url") from None
        except (InvalidHandshake, WebSocketException, OSError, TimeoutError) as error:
            raise self._lost(cannot_be_reached(error), REMEDY) from None

    def _status(self, status: int) -> VendorError:
        if status in REPEATED:
            return self._lost(f"it answers {status}")
        remedy = "check the key and what its plan includes" if status in FORBIDDEN else "correct feed.stream_url"
        return VendorRefused(f"it answers {status}", where=self.where, remedy=remedy, status=status)

    def _lost(self, what: str, remedy: str = "") -> VendorUnavailable:
        return VendorUnavailable(self._clean(what)[:_TOLD], where=self.where, remedy=remedy)

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


class Socket:
    """One link that stands."""

    def __init__(self, connection: ClientConnection, clean: Callable[[str], str]) -> None:
        self._connection, self._clean = connection, clean

    async def send(self, document: object) -> None:
        """Send a JSON document."""
        await self._connection.send(json.dumps(document))

    async def receive(self) -> Any:
        """The next JSON document, without the secrets that a vendor may send back.

        Raises:
            ValueError: for a message that is none.
        """
        text = await self._connection.recv()
        try:
            plain = text if isinstance(text, str) else text.decode()
            return json.loads(self._clean(plain), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"a message is no JSON document: {error}") from None


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number")
