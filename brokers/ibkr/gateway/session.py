"""One client's connection: the handshake, the messages it sends, the queue of what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from brokers.ibkr.gateway import account_requests, market_requests, messages, order_requests
from brokers.ibkr.gateway.hub import Hub, Received
from brokers.ibkr.gateway.messages import Message
from brokers.ibkr.gateway.wire import Fields, WireError, fields_of, frame, handshake, read_frame
from tradewright.model.errors import TradewrightError

HANDLERS = {**order_requests.HANDLERS, **account_requests.HANDLERS, **market_requests.HANDLERS}
START_API = 71
UNREADABLE = (ValueError, LookupError, ArithmeticError, WireError, TradewrightError)
"""What nonsense in a message can lead to; it costs the client that message and nobody anything else."""
READY_NOTICES = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)


class Session:
    """A connected client. ``client_id`` is -1 until it has said who it is."""

    def __init__(self, hub: Hub, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hub, self.client_id, self.version = hub, -1, 0
        self.market_data: dict[str, str] = {}
        self.summaries: set[str] = set()
        self._reader, self._writer = reader, writer
        self._outgoing: asyncio.Queue[bytes | None] = asyncio.Queue()
        hub.connections += 1
        self._connection = hub.connections

    def send(self, message: Message) -> None:
        """Queue a message, unless the client is gone or a fault omits it."""
        if not self._writer.is_closing() and not self.hub.faults.omits(int(str(message[0]))):
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
        transport = self._writer.transport
        transport.abort()

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        sender = asyncio.create_task(self._drain())
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, WireError):
                await self._serve()
        finally:
            if self.hub.sessions.get(self.client_id) is self:
                del self.hub.sessions[self.client_id]
            self.close()
            with suppress(ConnectionError):
                await sender
            self._writer.close()

    async def _serve(self) -> None:
        now = self.hub.clock.now().strftime("%Y%m%d %H:%M:%S UTC")
        await self.hub.faults.running.wait()
        self.version = await handshake(self._reader, self._writer, self.hub.version, now)
        while not self._writer.is_closing():
            body = await read_frame(self._reader)
            await self.hub.faults.running.wait()
            fields = fields_of(body)
            self.hub.journal.append(Received(self._connection, self.client_id, tuple(fields), body))
            try:
                self._handle(fields)
            except UNREADABLE as problem:
                self.error(-1, 320, f"Error reading request: {problem!r} in message {fields[0]!r}")

    def _handle(self, fields: list[str]) -> None:
        number = int(fields[0])
        if self.hub.faults.swallows(number):
            return
        if number == START_API:
            self._start(int(fields[2]))
        elif number in HANDLERS:
            HANDLERS[number](self.hub, self, Fields(fields[1:]))
        else:
            self.error(-1, 505, f"Fatal Error: Unknown message id. {number}")

    def _start(self, client_id: int) -> None:
        if client_id < 0 or self.client_id >= 0:
            raise WireError(f"client {self.client_id} cannot become client {client_id}")
        refused_until = self.hub.faults.refused_clients.get(client_id, 0.0)
        if client_id in self.hub.sessions or self.hub.clock.monotonic() < refused_until:
            self.error(-1, 326, "Unable to connect as the client id is already in use. Retry with a unique client id.")
            self.close()
            return
        self.client_id = client_id
        self.hub.sessions[client_id] = self
        self.send([15, 1, ",".join(self.hub.accounts)])
        self.send([9, 1, self.hub.venue.state.next_order_id.get(client_id, 1)])
        for code, text in READY_NOTICES:
            self.error(-1, code, text)

    async def _drain(self) -> None:
        while (data := await self._outgoing.get()) is not None:
            if self.hub.faults.delay:
                await asyncio.sleep(self.hub.faults.delay)
            await self.hub.faults.running.wait()
            self._writer.write(data)
        with suppress(ConnectionError):
            await self._writer.drain()
        self._writer.close()
