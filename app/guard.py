"""Access control of the local servers: host names, origins, tokens; for HTTP and websockets alike.

A page of another site can make a browser send requests to loopback (cross-site request forgery), and a name rebound to
127.0.0.1 can read the answers (DNS rebinding). The Host and Origin checks stop both; the token stops other users of the
machine. :func:`guarded` puts the three in front of an application.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from starlette.datastructures import Headers
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.asgi import query_of, refuse
from app.bounds import AsgiApp, BodyBound, Receive, Scope, Send, replaying
from app.failures import Failures
from app.headers import SecurityHeaders
from app.token_gate import TokenGate, may, visitor_of
from app.tokens import OWNER, Token, checked_token, new_token
from app.tokens import Scope as Right

__all__ = ["AsgiApp", "Scope", "checked_token", "guarded", "new_token"]

NAMES = ("127.0.0.1", "localhost", "[::1]")
MAX_SESSIONS = 1000
"""The most sessions of a token that are remembered; of its oldest nothing more is admitted then."""
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,64}")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SINGLE = ("origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "authorization", "content-type")
"""Headers that decide something here, and that a program behind could read in another order."""


def guarded(app: AsgiApp, port: int, token: str, others: Sequence[Token] = (), inner: str = "") -> AsgiApp:
    """An application behind the checks of Host, Origin, address and token, with bounded bodies.

    Args:
        token: of the user who started the server.
        others: of further visitors.
        inner: what the application itself asks for, where it has a guard of its own; see
            :class:`app.token_gate.TokenGate`.

    Raises:
        ServeError: for a token that is not admitted.
    """
    tokens = (Token(checked_token(token), OWNER), *others)
    return LocalGuard(Failures(TokenGate(BodyBound(app), tokens, port, inner)), port)


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
            return
        headers = Headers(scope=scope)
        if any(len(headers.getlist(name)) > 1 for name in _SINGLE):
            await refuse(scope, receive, send, 400, "a header of this request stands twice")
        elif not is_plain(str(scope["path"])):
            await refuse(scope, receive, send, 400, "no page here has an address of this form")
        elif reason := self._refusal(scope, headers):
            await refuse(scope, receive, send, 403, reason)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> str:
        origin = headers.get("origin")
        if origin is not None:
            return "" if origin in self._origins else "pages of other sites may not talk to this server"
        if headers.get("sec-fetch-site", "none") in ("same-origin", "none") or _follows_a_link(scope, headers):
            return ""
        return "requests from other sites are refused"


def is_plain(path: str) -> bool:
    """Whether a path has one reading: from the root, of printable characters, without ``..``, ``.``, ``//`` or ``\\``.

    What stands behind the guard compares paths in ways of its own: with a line break at its end, one that no rule
    here names would still reach its page.
    """
    inside = path.split("/")[1:-1] if path.endswith("/") else path.split("/")[1:]
    plain = path.isprintable() and "\\" not in path and "\ufffd" not in path
    return path == "/" or (path.startswith("/") and plain and not {"", ".", ".."}.intersection(inside))


def _follows_a_link(scope: Scope, headers: Headers) -> bool:
    """Whether a person comes from a page of another site; a page that loads or frames something does not."""
    is_visit = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest", "document") == "document"
    return is_visit and scope["type"] == "http" and scope["method"] in ("GET", "HEAD")


class JsonPosts:
    """ASGI middleware for GraphQL: POST of JSON alone, and websockets; a GET could otherwise carry a mutation.

    A visitor without the scope admin may read: of the posts those for which ``reads`` holds, and no other change.
    """

    def __init__(self, app: AsgiApp, path: str, reads: Callable[[bytes], bool] = lambda _body: False) -> None:
        self._app, self._path, self._reads = app, path, reads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse other methods (405), other content types (415), and acts of visitors who only look (403)."""
        is_graph = scope["type"] == "http" and str(scope["path"]).strip().rstrip("/") == self._path
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
        named = Headers(scope=scope).getlist("marimo-session-id")
        if not all(_SESSION.fullmatch(name) for name in asked + named):
            await refuse(scope, receive, send, 403, "no session has a name of this form")
            return
        for name in asked:
            self._owners.setdefault((app, name), visitor.name)
        asked += named
        if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
            asked = [name for name in asked if (app, name) in self._owners]
        if any(self._owners.get((app, name)) != visitor.name for name in asked):
            await refuse(scope, receive, send, 403, "this session belongs to another token")
            return
        own = [session for session, owner in self._owners.items() if owner == visitor.name]
        for session in own[:-MAX_SESSIONS]:
            del self._owners[session]
        await self._app(scope, receive, send)


async def _body(receive: Receive) -> bytes:
    """The body, which :class:`app.bounds.BodyBound` has read and bounded."""
    return bytes((await receive()).get("body", b""))
