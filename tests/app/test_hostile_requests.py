"""Requests that no page of ours makes: odd addresses, doubled headers, frames, failures, marimo's further roads."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from app.failures import Failures
from app.guard import JsonPosts, LocalGuard, SessionOwners, guarded, is_plain
from app.roads import AppRoads
from app.tokens import VISITOR, Scope, Visitor

PORT = 8322
TOKEN = "the-token-of-hostile-0nes"
BOB, ANN = Visitor("bob", Scope.LOOK), Visitor("ann", Scope.TRADE)


class Served:
    """An application with something before it, and what became of a request."""

    def __init__(self, answer_headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.reached: dict[str, Any] | None = None
        self.sent: list[dict[str, Any]] = []
        self._headers = answer_headers or []

    async def app(self, scope: dict[str, Any], _receive: object, send: Any) -> None:
        self.reached = scope
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": self._headers})
            await send({"type": "http.response.body", "body": b""})

    def __call__(self, front: Any, path: str, method: str = "GET", *headers: tuple[str, str], query: str = "") -> int:
        """The status; 200 when the application was reached, 1008 for a websocket that was refused."""
        self.reached, self.sent = None, []

        async def send(message: dict[str, Any]) -> None:
            self.sent.append(message)

        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        scope = {
            "type": "websocket" if method == "websocket" else "http",
            "method": method,
            "path": path,
            "headers": raw,
            "query_string": query.encode(),
        }
        asyncio.run(front(scope, None, send))
        return 200 if self.reached else int(self.sent[0].get("status", 1008))


OWN = ("host", f"127.0.0.1:{PORT}")
PLAIN = [
    "/",
    "/lab/",
    "/lab/assets/a-b.js",
    "/graphql",
    "/assets/bars/SPY",
    "/runs/1/x y",
    "/assets/é",
    "/a.b/..c/d..",
    "/…",
]
ODD = [
    "", "*", "lab", "http://127.0.0.1/", "evil.example:80", "//evil.example", "/lab//", "/a//b", "/lab/../monitor/",
    "/..", "/.", "/./lab/", "/lab/.", "/graphql\n", "/graphql\r", "/graphql\x00", "/\tgraphql", "/graphql\x7f",
    "/graphql\u2028", "/\\evil.example", "/lab\\..\\x", "/\ufffd",
]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "POST", "websocket"])
def test_only_addresses_with_one_reading_are_looked_at(method: str) -> None:
    served = Served()
    guard = LocalGuard(served.app, PORT)  # type: ignore[arg-type]
    assert [path for path in PLAIN if served(guard, path, method, OWN) != 200] == []
    assert [path for path in ODD if served(guard, path, method, OWN) == 200] == []


def test_a_line_break_does_not_make_another_address_of_graphql() -> None:
    """Starlette's rule ``^/graphql$`` holds for it too."""
    served = Served()
    posts = JsonPosts(served.app, "/graphql")  # type: ignore[arg-type]
    assert not is_plain("/graphql\n")
    assert [served(posts, path) for path in ("/graphql", "/graphql\n", "/graphql/\n", " /graphql")] == [405] * 4


@pytest.mark.parametrize("site", ["same-site", "cross-site", "unheard-of"])
def test_pages_of_other_sites_and_ports_load_and_frame_nothing_and_may_link(site: str) -> None:
    served = Served()
    guard = LocalGuard(served.app, PORT)  # type: ignore[arg-type]
    found = {}
    for mode, dest in (("navigate", "document"), ("navigate", "iframe"), ("no-cors", "image"), ("cors", "empty")):
        fetch = (("sec-fetch-site", site), ("sec-fetch-mode", mode), ("sec-fetch-dest", dest))
        found[dest] = [served(guard, "/runs", method, OWN, *fetch) for method in ("GET", "HEAD", "OPTIONS", "POST")]
    assert found.pop("document") == [200, 200, 403, 403]
    assert set(map(tuple, found.values())) == {(403, 403, 403, 403)}


@pytest.mark.parametrize(
    "name", ["origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest", "authorization", "content-type"]
)
def test_a_header_that_decides_stands_once(name: str) -> None:
    served = Served()
    guard = LocalGuard(served.app, PORT)  # type: ignore[arg-type]
    own = {"origin": f"http://127.0.0.1:{PORT}", "sec-fetch-site": "same-origin"}.get(name, "x")
    assert served(guard, "/", "POST", OWN, (name, own)) == 200
    assert served(guard, "/", "POST", OWN, (name, own), (name, "http://evil.example")) == 400


def test_the_application_sets_no_cookies() -> None:
    """marimo's own would go to every port of this machine, and last for two weeks."""
    served = Served([(b"Set-Cookie", b"session_lab=x"), (b"etag", b"1")])
    inner = guarded(served.app, PORT, TOKEN, inner="of-marimo")  # type: ignore[arg-type]
    assert served(inner, "/lab/", "GET", OWN, ("authorization", f"Bearer {TOKEN}"), ("cookie", "session_lab=x")) == 200
    names = [name.lower() for name, _ in served.sent[0]["headers"]]
    assert (b"etag" in names, b"set-cookie" in names) == (True, False)
    assert served.reached
    kept = {name: value for name, value in served.reached["headers"] if name in (b"cookie", b"authorization")}
    assert kept == {b"authorization": b"Bearer of-marimo"}


@pytest.mark.parametrize("begun", [False, True])
def test_a_failure_is_one_line_and_tells_the_visitor_nothing(begun: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def failing(_scope: object, _receive: object, send: Any) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 500, "headers": []})
        try:
            raise KeyError("a secret\nof the inside")
        except KeyError as error:
            raise RuntimeError("outer") from error

    served = Served()
    with caplog.at_level(logging.ERROR, "tradewright.guard"):
        assert served(Failures(failing), "/lab/\n", "POST") == 500  # type: ignore[arg-type]
    [line] = [record.getMessage() for record in caplog.records]
    assert line.startswith("POST '/lab/\\n' failed: KeyError: 'a secret\\nof the inside' (test_hostile_requests.py:")
    assert "\n" not in line
    assert len(served.sent) == (1 if begun else 2)
    assert not any(b"secret" in message.get("body", b"") for message in served.sent)


# ---- marimo's interface and its sessions

USED = [("GET", "/lab/"), ("GET", "/lab/assets/x.js"), ("GET", "/lab/@file/1-a.png"), ("HEAD", "/lab/"), ("GET", "/"),
        ("POST", "/lab/api/kernel/set_ui_element_value"), ("POST", "/lab/api/kernel/function_call"),
        ("websocket", "/lab/ws"), ("GET", "/health/live")]  # fmt: skip
UNUSED = [("websocket", "/lab/ws_sync"),
          ("websocket", "/lab/terminal/ws"), ("websocket", "/lab/"), ("websocket", "/ws"),
          ("POST", "/lab/api/home/workspace_files"), ("POST", "/lab/api/export/html"), ("POST", "/lab/auth/login"),
          ("POST", "/lab/api/kernel/read_code"), ("GET", "/lab/auth/login"), ("GET", "/lab/api/export/availability"),
          ("POST", "/lab/api/kernel/set_ui_element_value/"), ("PUT", "/lab/api/kernel/function_call"),
          ("POST", "/lab/"), ("OPTIONS", "/lab/"), ("TRACE", "/lab/"), ("get", "/lab/")]  # fmt: skip


def test_a_page_reaches_what_it_uses_of_marimo_and_no_more() -> None:
    served = Served()
    roads = AppRoads(served.app)  # type: ignore[arg-type]
    assert [row for row in USED if served(roads, row[1], row[0]) != 200] == []
    assert [row for row in UNUSED if served(roads, row[1], row[0]) not in (404, 1008)] == []


def steers(served: Served, owners: SessionOwners, visitor: Visitor, session: str) -> bool:
    noted = {VISITOR: {"name": visitor.name, "scope": visitor.scope.value}}

    async def front(scope: Any, receive: Any, send: Any) -> None:
        await owners({**scope, "meta": noted}, receive, send)

    return served(front, "/monitor/ws", "websocket", query=f"session_id={session}") == 200


def test_many_sessions_of_one_token_push_out_none_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.guard.MAX_SESSIONS", 3)
    served = Served()
    owners = SessionOwners(served.app)  # type: ignore[arg-type]
    assert steers(served, owners, ANN, "s_ann")
    assert all(steers(served, owners, BOB, f"s_{number}") for number in range(9))
    assert not steers(served, owners, BOB, "s_ann")
    asked = ("marimo-session-id", "s_ann")

    async def press(scope: Any, receive: Any, send: Any) -> None:
        await owners({**scope, "meta": {VISITOR: {"name": "ann", "scope": "trade"}}}, receive, send)

    assert served(press, "/monitor/api/kernel/set_ui_element_value", "POST", asked) == 200


@pytest.mark.parametrize("name", ["", "../x", "a" * 65, "s_%00", "s%0a", "s_%F0%9F%98%80", "a%20b"])
def test_a_session_has_a_name_of_one_form(name: str) -> None:
    served = Served()
    assert not steers(served, SessionOwners(served.app), ANN, name)  # type: ignore[arg-type]
