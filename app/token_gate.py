"""The token check of the local servers: who may enter, how fast tokens may be tried, and who is inside."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse

from app.asgi import query_of, refuse
from app.bounds import AsgiApp, Message, Receive, Scope, Send
from app.tokens import VISITOR, Token, Visitor
from app.tokens import Scope as Right

QUERY = "access_token"
OPEN_PATHS = frozenset(
    {"/health/live", *(f"/{app}/manifest.json" for app in ("lab", "documents", "monitor", "quality"))}
)
"""Paths without anything of the user's: a browser asks for a manifest without its cookies."""
REFUSAL = "A token is needed: open the address that the command printed; it holds the token."
SESSION_SECONDS = 12 * 3600
"""The life of a cookie; a restart of the server ends it too."""
TRY_SECONDS, BURST, MOST_TRIES = 0.5, 30, 100
"""The rate of wrong tokens, and how many more than that may come at once; see :class:`Throttle`."""
_LOG = logging.getLogger("tradewright.guard")


class Throttle:
    """Bounds the tries of tokens to one in ``TRY_SECONDS``, with a burst (the generic cell rate algorithm).

    After ``BURST`` wrong tokens a further one is answered with 429; after ``MOST_TRIES`` no token is looked at, so that
    not even the right one tells itself by its answer. Cookies are looked at always.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paid = clock()
        """The time until which the tries so far use up the rate."""

    @property
    def is_fast(self) -> bool:
        """Whether wrong tokens come faster than they may."""
        return self._debt > BURST

    @property
    def is_shut(self) -> bool:
        """Whether no token is looked at now."""
        return self._debt > MOST_TRIES

    def fail(self) -> None:
        """Note a wrong token, and tell it in the log."""
        self._paid = max(self._paid, self._clock()) + TRY_SECONDS
        if not self.is_fast:  # a flood of tries makes no flood of lines
            _LOG.warning("a wrong token was given")

    @property
    def _debt(self) -> float:
        return (self._paid - self._clock()) / TRY_SECONDS


class TokenGate:
    """ASGI middleware: admits a bearer token, or the cookie that a first visit with the token in its address sets.

    That visit is redirected to the same address without the token, which therefore stays out of the address bar.
    The application behind it gets the visitor in ``scope["meta"]``, and neither tokens nor cookies; nor does it set
    any. A page of another site can neither sign in nor spend tries: its tokens are not looked at.

    Args:
        inner: the bearer that the application asks for, of which no visitor learns; empty for none.
    """

    def __init__(
        self,
        app: AsgiApp,
        tokens: str | Sequence[Token],
        port: int,
        inner: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app, self._clock = app, clock
        self._bearers = [(b"authorization", f"Bearer {inner}".encode())] if inner else []
        self._tokens = (Token(tokens),) if isinstance(tokens, str) else tuple(tokens)
        self._cookie = f"tradewright_{port}"
        self._keys = [hmac.digest(secrets.token_bytes(32), row.text.encode(), hashlib.sha256) for row in self._tokens]
        self._throttle = Throttle()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests that hold a token."""
        if scope["type"] not in ("http", "websocket") or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        found = self._of_cookie(scope)
        given = self._given(scope) if found is None else None
        if given is not None and not self._throttle.is_shut:
            found = self._of_token(given)
        if found is None and given is not None and self._throttle.is_fast:
            await refuse(scope, receive, send, 429, "too many wrong tokens: wait a minute")
        elif found is None:
            await refuse(scope, receive, send, 401, REFUSAL)
        elif given is None or scope["type"] == "websocket" or self._bearer(scope):
            await self._app(self._admitted(scope, found), receive, _without_cookies(send))
        elif scope["method"] in ("GET", "HEAD"):
            await self._sign_in(scope, receive, send, found)
        else:
            await refuse(scope, receive, send, 401, REFUSAL)

    def _given(self, scope: Scope) -> str | None:
        """The token of a request: its bearer, else the one in its address; None without one."""
        if Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site"):
            return None
        bearer = self._bearer(scope)
        return bearer or next((value for name, value in query_of(scope) if name == QUERY and value), None)

    @staticmethod
    def _bearer(scope: Scope) -> str:
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        return given if scheme.lower() == "bearer" else ""

    def _of_token(self, given: str) -> int | None:
        """The number of the token that is given; all are compared, so that the time tells nothing."""
        same = [_equal(given, row.text) for row in self._tokens]
        if any(same):
            return same.index(True)
        self._throttle.fail()
        return None

    def _of_cookie(self, scope: Scope) -> int | None:
        """The number of the token whose cookie is given, unless it is too old."""
        since, _, proof = HTTPConnection(scope).cookies.get(self._cookie, "").partition(".")
        if not (since.isascii() and since.isdecimal() and len(since) < 12):
            return None
        if not 0 <= self._clock() - int(since) <= SESSION_SECONDS:
            return None
        same = [_equal(proof, self._proof(number, since)) for number in range(len(self._tokens))]
        return same.index(True) if any(same) else None

    def _proof(self, number: int, since: str) -> str:
        return hmac.new(self._keys[number], f"{self._cookie} {since}".encode(), hashlib.sha256).hexdigest()

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send, number: int) -> None:
        rest = urlencode([(name, value) for name, value in query_of(scope) if name != QUERY])
        path = "/" + str(scope["path"]).lstrip("/\\")  # two slashes would name another host
        answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303, {"cache-control": "no-store"})
        since = str(int(self._clock()))
        cookie = f"{since}.{self._proof(number, since)}"
        answer.set_cookie(self._cookie, cookie, max_age=SESSION_SECONDS, httponly=True, samesite="strict")
        await answer(scope, receive, send)

    def _admitted(self, scope: Scope, number: int) -> Scope:
        visitor = self._tokens[number].visitor
        others = [row for row in scope["headers"] if row[0].lower() not in (b"authorization", b"cookie")]
        meta = {VISITOR: {"name": visitor.name, "scope": visitor.scope.value}}
        return {**scope, "headers": [*others, *self._bearers], "meta": meta}


def visitor_of(scope: Scope) -> Visitor | None:
    """Who asks, as :class:`TokenGate` has noted; None where it stands not before."""
    noted = scope.get("meta", {}).get(VISITOR)
    return None if noted is None else Visitor(noted["name"], Right(noted["scope"]))


def may(scope: Scope, right: Right) -> bool:
    """Whether the one who asks has a scope; without a gate before it nobody is known, and nothing is allowed."""
    visitor = visitor_of(scope)
    return visitor is not None and visitor.scope.includes(right)


def _without_cookies(send: Send) -> Send:
    """The sending end of an application that sets no cookies."""

    async def forward(message: Message) -> None:
        if "headers" in message:
            kept = [row for row in message["headers"] if bytes(row[0]).lower() != b"set-cookie"]
            message = {**message, "headers": kept}
        await send(message)

    return forward


def _equal(given: str, expected: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "replace"), expected.encode())
