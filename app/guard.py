"""Access control of the local servers: host names, origins, the token; for HTTP and websockets alike.

A page of another site can make a browser send requests to loopback (cross-site request forgery), and a name rebound to
127.0.0.1 can read the answers (DNS rebinding). The Host and Origin checks stop both; the token stops other users of the
machine. :func:`guarded` puts the three in front of an application.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse

from app.network import ServeError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]

NAMES = ("127.0.0.1", "localhost", "[::1]")
MIN_TOKEN = 16
"""Characters of the shortest token that is admitted."""
QUERY = "access_token"
OPEN_PATHS = frozenset({"/health/live", "/lab/manifest.json", "/monitor/manifest.json"})
"""Paths without anything of the user's: a browser asks for a manifest without its cookies."""
REFUSAL = "A token is needed: open the address that the command printed; it holds the token."
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def guarded(app: AsgiApp, port: int, token: str) -> AsgiApp:
    """An application behind the checks of Host, Origin and token.

    Raises:
        ServeError: for a token that is too short or holds other characters than printable ASCII.
    """
    return LocalGuard(TokenGate(app, checked_token(token), port), port)


def new_token() -> str:
    """A random token of 32 characters."""
    return secrets.token_urlsafe(24)


def checked_token(token: str) -> str:
    """The token itself.

    Raises:
        ServeError: for a token that is too short or holds other characters than printable ASCII.
    """
    remedy = "set TRADEWRIGHT_TOKEN to more, or leave it unset to have a token made"
    if len(token) < MIN_TOKEN:
        raise ServeError(f"a token of at least {MIN_TOKEN} characters is required", where="token", remedy=remedy)
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise ServeError("a token consists of printable ASCII characters", where="token", remedy=remedy)
    return token


class LocalGuard:
    """ASGI middleware: refuses foreign hosts (400) and foreign origins (403, websockets 1008) before anything else."""

    def __init__(self, app: AsgiApp, port: int) -> None:
        self._app = app
        self._origins = {f"http://{name}:{port}" for name in NAMES}
        self._headers = security_headers(port)
        self._checked = TrustedHostMiddleware(self._check_origin, list(NAMES), www_redirect=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the Host, then the Origin, then pass the request on."""
        await self._checked(scope, receive, send)

    async def _check_origin(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif reason := self._refusal(scope):
            await refuse(scope, receive, send, 403, reason)
        else:
            await self._app(scope, receive, _with_headers(send, self._headers))

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None:
            return "" if origin in self._origins else "pages of other sites may not talk to this server"
        changes_state = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if changes_state and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return "requests from other sites are refused"
        return ""


class TokenGate:
    """ASGI middleware: admits a bearer token, or the cookie that a first visit with the token in its address sets.

    That visit is redirected to the same address without the token, which therefore stays out of the address bar.
    The application behind it gets the token as a bearer, whatever form it came in.
    """

    def __init__(self, app: AsgiApp, token: str, port: int) -> None:
        self._app, self._token = app, token
        self._cookie = f"tradewright_{port}"
        self._session = hmac.new(token.encode(), self._cookie.encode(), hashlib.sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests that hold the token."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
        elif self._is_known(scope):
            await self._app(self._with_bearer(scope), receive, send)
        elif not self._is_in_query(scope):
            await refuse(scope, receive, send, 401, REFUSAL)
        elif scope["type"] == "websocket":
            await self._app(self._with_bearer(scope), receive, send)
        elif scope["method"] in ("GET", "HEAD"):
            await self._sign_in(scope, receive, send)
        else:
            await refuse(scope, receive, send, 401, REFUSAL)

    def _is_known(self, scope: Scope) -> bool:
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _equal(given, self._token):
            return True
        return _equal(HTTPConnection(scope).cookies.get(self._cookie, ""), self._session)

    def _is_in_query(self, scope: Scope) -> bool:
        return any(name == QUERY and _equal(value, self._token) for name, value in _query(scope))

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        rest = urlencode([(name, value) for name, value in _query(scope) if name != QUERY])
        path = "/" + str(scope["path"]).lstrip("/\\")  # two slashes would name another host
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict")
        await answer(scope, receive, send)

    def _with_bearer(self, scope: Scope) -> Scope:
        others = [row for row in scope["headers"] if row[0].lower() != b"authorization"]
        return {**scope, "headers": [*others, (b"authorization", f"Bearer {self._token}".encode())]}


class JsonPosts:
    """ASGI middleware for one path: only POST of JSON, and websockets; a GET could otherwise carry a mutation."""

    def __init__(self, app: AsgiApp, path: str) -> None:
        self._app, self._path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse other methods (405) and other content types (415)."""
        if scope["type"] != "http" or str(scope["path"]).rstrip("/") != self._path:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            await refuse(scope, receive, send, 405, "POST is needed here")
        elif Headers(scope=scope).get("content-type", "").partition(";")[0].strip() != "application/json":
            await refuse(scope, receive, send, 415, "application/json is needed here")
        else:
            await self._app(scope, receive, send)


async def refuse(scope: Scope, receive: Receive, send: Send, status: int, reason: str) -> None:
    """End a request with a status and a reason, a websocket with code 1008."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
    else:
        await PlainTextResponse(reason, status)(scope, receive, send)


def security_headers(port: int) -> list[tuple[bytes, bytes]]:
    """The headers of every answer: scripts from here alone, websockets to here alone, no framing."""
    sockets = " ".join(f"ws://{name}:{port}" for name in NAMES[:2])
    policy = (
        "default-src 'self' 'unsafe-inline' data: blob:; "
        f"connect-src 'self' {sockets} data: blob:; object-src 'none'; frame-ancestors 'none'; base-uri 'self'"
    )
    return [
        (b"content-security-policy", policy.encode()),
        (b"referrer-policy", b"no-referrer"),
        (b"x-content-type-options", b"nosniff"),
    ]


def _with_headers(send: Send, headers: list[tuple[bytes, bytes]]) -> Send:
    ours = {name for name, _ in headers}

    async def forward(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            others = [row for row in message.get("headers", []) if row[0].lower() not in ours]
            message = {**message, "headers": [*others, *headers]}
        await send(message)

    return forward


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True)


def _equal(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), expected.encode())
