"""Bounds of the local servers: connections, time for a request's head and body, sizes of bodies and messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import h11
import uvicorn
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_BODY = 1_048_576
"""Bytes of the largest body of a request, and of the largest message of a websocket."""
MAX_HEAD = 32_768
"""Bytes of the largest head of a request."""
MAX_CONNECTIONS = 256
_COOKIES = b"tradewright_"
"""How the names of this program's cookies begin."""
HEAD_SECONDS = 10.0
"""Time for the head of a request, from the connection or the last answer on."""
BODY_SECONDS = 30.0
"""Time for the whole body of a request."""


class BodyBound:
    """ASGI middleware: a body has at most ``MAX_BODY`` bytes (413) and arrives within ``BODY_SECONDS`` (408).

    It is read to its end before the application is called, so a refusal comes before any work.
    """

    def __init__(self, app: AsgiApp, most: int = MAX_BODY, seconds: float = BODY_SECONDS) -> None:
        self._app, self._most, self._seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body within its bounds, then pass the request on."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._read(scope, receive)
        except TimeoutError:
            await _refuse(scope, receive, send, 408, "the body of the request did not arrive in time")
            return
        if body is None:
            await _refuse(scope, receive, send, 413, f"a body has at most {self._most} bytes")
        else:
            await self._app(scope, replaying(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when it is too large."""
        told = Headers(scope=scope).get("content-length", "0")
        if not told.isdecimal() or int(told[:20]) > self._most:
            return None
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message["type"] == "http.request" and bool(message.get("more_body"))
            if len(body) > self._most:
                return None
        return bytes(body)


class BoundProtocol(H11Protocol):
    """uvicorn's HTTP, with a bound on connections and on the time for a request's head, which uvicorn does not have."""

    seconds: float = HEAD_SECONDS
    most: int = MAX_CONNECTIONS
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._start()

    def data_received(self, data: bytes) -> None:
        """Read; once a head is complete its time no longer runs."""
        super().data_received(data)
        if self._waits():
            self._start()
        else:
            self._stop()

    def on_response_complete(self) -> None:
        """The time for the next head begins."""
        super().on_response_complete()
        if self._waits():
            self._start()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Hand over to the websocket, without the cookies of the other programs of this machine.

        A browser keeps one box of cookies for all ports; together they exceed what a websocket's head may hold.
        """
        self.headers = [(name, _own(value) if name == b"cookie" else value) for name, value in self.headers]
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the time."""
        self._stop()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        """Whether the next event is the head of a request on a connection that still speaks HTTP."""
        return self in self.connections and (self.cycle is None or self.cycle.response_complete)

    def _start(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.seconds, self.transport.abort)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class BoundSocket(WebSocketsSansIOProtocol):
    """uvicorn's websocket; a request that cannot become one is refused (400), where uvicorn would wait for ever."""

    def data_received(self, data: bytes) -> None:
        """Read; end what is no handshake."""
        super().data_received(data)
        if self.conn.handshake_exc is not None and not self.handshake_initiated:
            self.transport.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.transport.close()


def server_config(app: AsgiApp) -> uvicorn.Config:
    """uvicorn's configuration of a local server: bounded, quiet, without its name and version in answers."""
    return uvicorn.Config(
        app,
        http=BoundProtocol,
        ws=BoundSocket,
        ws_max_size=MAX_BODY,
        h11_max_incomplete_event_size=MAX_HEAD,
        timeout_keep_alive=5,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )


def replaying(body: bytes, receive: Receive) -> Receive:
    """The receiving end of a request whose body has been read."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _own(cookies: bytes) -> bytes:
    return b"; ".join(part.strip() for part in cookies.split(b";") if part.strip().startswith(_COOKIES))


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return "content-length" in headers or "transfer-encoding" in headers


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    await PlainTextResponse(reason, status, {"connection": "close"})(scope, receive, send)
