"""Who may talk to the served apps: our own host names and our own pages, over HTTP and websockets alike.

A page of another site can make a browser send requests to loopback (CSRF), and a name that is rebound to 127.0.0.1 can
read the answers (DNS rebinding, faults 60 to 62). The token alone stops neither; the Host and Origin checks do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY = (
    b"default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self' ws: wss: data: blob:; "
    b"frame-ancestors 'none'; base-uri 'self'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
_OURS = frozenset(name for name, _ in _HEADERS)


class LocalGuard:
    """Pure ASGI middleware: refuses foreign hosts and foreign origins before anything else sees the request."""

    def __init__(self, app: AsgiApp, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what is ours."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = self._refusal(scope)
        if not reason:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": reason})
        else:
            await _forbid(send, reason)

    def _refusal(self, scope: Scope) -> str:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if headers.get("host", "") not in self._hosts:
            return "this address answers only to its own host name"
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2] not in self._hosts:
            return "pages of other sites may not talk to this server"
        changes_state = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if (
            changes_state
            and origin is None
            and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        ):
            return "requests from other sites are refused"
        return ""


def _with_headers(send: Send) -> Send:
    async def forward(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            others = [row for row in message.get("headers", []) if row[0].lower() not in _OURS]
            message = {**message, "headers": [*others, *_HEADERS]}
        await send(message)

    return forward


async def _forbid(send: Send, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
