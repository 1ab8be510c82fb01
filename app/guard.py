"""Access control of the local servers: host names, origins, tokens; for HTTP and websockets alike.

A page of another site can make a browser send requests to loopback (cross-site request forgery), and a name rebound to
127.0.0.1 can read the answers (DNS rebinding). The Host and Origin checks stop both; the token stops other users of the
machine. :func:`guarded` puts the three in front of an application.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.asgi import query_of, refuse
from app.bounds import AsgiApp, BodyBound, Receive, Scope, Send, replaying
from app.headers import SecurityHeaders
from app.token_gate import TokenGate, may, visitor_of
from app.tokens import OWNER, Token, checked_token, new_token
from app.tokens import Scope as Right

__all__ = ["AsgiApp", "Scope", "checked_token", "guarded", "new_token"]

NAMES = ("127.0.0.1", "localhost", "[::1]")
MAX_SESSIONS = 1000
"""The most sessions whose owners are remembered; of the oldest nothing more is admitted then."""
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def guarded(app: AsgiApp, port: int, token: str, others: Sequence[Token] = ()) -> AsgiApp:
    """An application behind the checks of Host, Origin and token, with bounded bodies.

    Args:
        token: of the user who started the server.
        others: of further visitors.

    Raises:
        ServeError: for a token that is not admitted.
    """
    tokens = (Token(checked_token(token), OWNER), *others)
    return LocalGuard(TokenGate(BodyBound(app), tokens, port), port)


class LocalGuard:
    """ASGI middleware: refuses foreign hosts (400) and foreign origins (403, websockets 1008) before anything else."""

    def __init__(self, app: AsgiApp, port: int) -> None:
        self._app = app
        self._origins = {f"http://{name}:{port}" for name in NAMES}
        checked = TrustedHostMiddleware(self._check_origin, list(NAMES), www_redirect=False)
        self._checked = SecurityHeaders(checked, port, NAMES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the Host, then the Origin, then pass the request on."""
        await self._checked(scope, receive, send)

    async def _check_origin(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
        elif reason := self._refusal(scope):
            await refuse(scope, receive, send, 403, reason)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None:
            return "" if origin in self._origins else "pages of other sites may not talk to this server"
        changes_state = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if changes_state and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return "requests from other sites are refused"
        return ""


class JsonPosts:
    """ASGI middleware for GraphQL: POST of JSON alone, and websockets; a GET could otherwise carry a mutation.

    A visitor without the scope admin may read: of the posts those for which ``reads`` holds, and no other change.
    """

    def __init__(self, app: AsgiApp, path: str, reads: Callable[[bytes], bool] = lambda _body: False) -> None:
        self._app, self._path, self._reads = app, path, reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse other methods (405), other content types (415), and acts of visitors who only look (403)."""
        is_graph = scope["type"] == "http" and str(scope["path"]).rstrip("/") == self._path
        if is_graph and scope["method"] != "POST":
            await refuse(scope, receive, send, 405, "POST is needed here")
        elif is_graph and Headers(scope=scope).get("content-type", "").partition(";")[0].strip() != "application/json":
            await refuse(scope, receive, send, 415, "application/json is needed here")
        elif scope["type"] != "http" or scope["method"] in _SAFE_METHODS or may(scope, Right.ADMIN):
            await self._app(scope, receive, send)
        else:
            body = await _body(receive) if is_graph else b""
            if is_graph and self._reads(body):
                await self._app(scope, replaying(body, receive), send)
            else:
                await refuse(scope, receive, send, 403, "this token may look; a token of the scope admin is needed")


class SessionOwners:
    """ASGI middleware: a marimo session belongs to the token that named it first in an address; no other steers it."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._owners: dict[tuple[str, str], str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse (403) requests that name a session of another token, or one that nobody has opened."""
        visitor = visitor_of(scope)
        if visitor is None or scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        app = str(scope["path"]).lstrip("/").partition("/")[0]
        asked = [value for name, value in query_of(scope) if name == "session_id"]
        for name in asked:
            self._owners.setdefault((app, name), visitor.name)
        asked += Headers(scope=scope).getlist("marimo-session-id")
        if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
            asked = [name for name in asked if (app, name) in self._owners]
        if any(self._owners.get((app, name)) != visitor.name for name in asked):
            await refuse(scope, receive, send, 403, "this session belongs to another token")
            return
        while len(self._owners) > MAX_SESSIONS:
            del self._owners[next(iter(self._owners))]
        await self._app(scope, receive, send)


async def _body(receive: Receive) -> bytes:
    """The body, which :class:`app.bounds.BodyBound` has read and bounded."""
    return bytes((await receive()).get("body", b""))
