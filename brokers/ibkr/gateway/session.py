"""One client as the gateway sees it: who it is, what it asked to be told, the queue of what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from brokers.ibkr.gateway import messages
from brokers.ibkr.gateway.faults import Faults
from brokers.ibkr.gateway.messages import Message
from brokers.ibkr.gateway.wire import frame


class Session:
    """A connected client. ``client_id`` is -1 until it has said who it is."""

    def __init__(self, faults: Faults, writer: asyncio.StreamWriter) -> None:
        self.client_id, self.version = -1, 0
        self.market_data: dict[str, str] = {}
        self.summaries: set[str] = set()
        self._faults, self._writer = faults, writer
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()

    @property
    def closing(self) -> bool:
        """Whether the connection is on its way out."""
        return self._writer.is_closing()

    def send(self, message: Message) -> None:
        """Queue a message, unless the client is gone or a fault omits it."""
        if not self.closing and not self._faults.omits(int(str(message[0]))):
            self._outgoing.put_nowait(frame(message))

    def send_all(self, several: Iterable[Message]) -> None:
        """Queue messages in their order."""
        for message in several:
            self.send(message)

    def error(self, request: int, code: int, text: str) -> None:
        """Queue an error or a notice."""
        self.send(messages.error(self.version, request, code, text))

    def close(self) -> None:
        """Close once everything queued so far is sent."""
        self._outgoing.put_nowait(None)

    def abort(self) -> None:
        """Break the connection now; what is queued is lost."""
        self._writer.transport.abort()

    async def drain(self) -> None:
        """Write what is queued until the session is closed."""
        while (data := await self._outgoing.get()) is not None:
            if self._faults.delay:
                await asyncio.sleep(self._faults.delay)
            await self._faults.running.wait()
            self._writer.write(data)
        with suppress(ConnectionError):
            await self._writer.drain()
        self._writer.close()
