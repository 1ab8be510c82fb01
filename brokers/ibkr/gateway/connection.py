"""One client's connection: the handshake, then one message after the other to the handler of its kind."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from brokers.ibkr.gateway import account_requests, market_requests, order_requests
from brokers.ibkr.gateway.hub import GatewayState, Handler, Received
from brokers.ibkr.gateway.session import Session
from brokers.ibkr.gateway.wire import Fields, WireError, fields_of, handshake, read_frame
from tradewright.model.errors import TradewrightError

HANDLERS: dict[int, Handler] = {
    **order_requests.HANDLERS,
    **account_requests.HANDLERS,
    **market_requests.HANDLERS,
}
START_API = 71
UNREADABLE = (ValueError, LookupError, ArithmeticError, WireError, TradewrightError)
"""Errors of an unreadable message; the client loses that message, and no other client is affected."""
ID_IN_USE = "Unable to connect as the client id is already in use. Retry with a unique client id."
READY_NOTICES = (
    (2104, "Market data farm connection is OK:usfarm"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)


class Connection:
    """The messages of one client, each handed to its handler."""

    def __init__(self, hub: GatewayState, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.session = Session(hub.faults, writer)
        self._hub, self._reader, self._writer = hub, reader, writer
        hub.connections += 1
        self._number = hub.connections

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        sender = asyncio.create_task(self.session.drain())
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, WireError):
                await self._serve()
        finally:
            if self._hub.sessions.get(self.session.client_id) is self.session:
                del self._hub.sessions[self.session.client_id]
            self.session.close()
            with suppress(ConnectionError):
                await sender
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _serve(self) -> None:
        now = self._hub.clock.now().strftime("%Y%m%d %H:%M:%S UTC")
        await self._hub.faults.running.wait()
        self.session.version = await handshake(self._reader, self._writer, self._hub.version, now)
        while not self.session.closing:
            body = await read_frame(self._reader)
            await self._hub.faults.running.wait()
            fields = fields_of(body)
            self._hub.journal.append(Received(self._number, self.session.client_id, tuple(fields), body))
            try:
                self._handle(fields)
            except UNREADABLE as problem:
                self.session.error(-1, 320, f"Error reading request: {problem!r} in message {fields[0]!r}")

    def _handle(self, fields: list[str]) -> None:
        number = int(fields[0])
        if self._hub.faults.swallows(number):
            return
        if number == START_API:
            self._start(int(fields[2]))
        elif number in HANDLERS:
            HANDLERS[number](self._hub, self.session, Fields(fields[1:]))
        else:
            self.session.error(-1, 505, f"Fatal Error: Unknown message id. {number}")

    def _start(self, client_id: int) -> None:
        if client_id < 0 or self.session.client_id >= 0:
            raise WireError(f"client {self.session.client_id} cannot become client {client_id}")
        refused_until = self._hub.faults.refused_clients.get(client_id, 0.0)
        if client_id in self._hub.sessions or self._hub.clock.monotonic() < refused_until:
            self.session.error(-1, 326, ID_IN_USE)
            self.session.close()
            return
        self.session.client_id = client_id
        self._hub.sessions[client_id] = self.session
        self.session.send([15, 1, ",".join(self._hub.accounts)])
        self.session.send([9, 1, self._hub.venue.state.next_order_id.get(client_id, 1)])
        for code, text in READY_NOTICES:
            self.session.error(-1, code, text)
