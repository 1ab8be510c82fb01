"""Who may talk to the served apps: the guard's whole matrix, and the real server behind it."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import itertools
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from multiprocessing import shared_memory
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from app.guard import LocalGuard, Scope
from app.network import ServeError
from app.serve import build
from app.token_gate import TokenGate
from app.tokens import checked_token, new_token
from tests.support.desk_store import prepare
from tests.support.served import Served, served

PORT = 8321
OWN = [f"127.0.0.1:{PORT}", f"localhost:{PORT}", f"[::1]:{PORT}"]
FOREIGN = ["evil.example", f"evil.example:{PORT}", f"127.0.0.1.evil.example:{PORT}", "127.0.0.1@evil.example", ""]
NO_ORIGIN = None
OWN_ORIGINS = [NO_ORIGIN, *(f"http://{host}" for host in OWN)]
FOREIGN_ORIGINS = ["null", "", "http://evil.example", f"http://evil.example:{PORT}", "http://127.0.0.1", "file://"]
METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "websocket"]


def asked(method: str, host: str | None, origin: str | None, **headers: str) -> str:
    """What becomes of a request: ``passed``, or how the guard ended it."""
    sent: list[dict[str, object]] = []
    reached: list[Scope] = []

    async def inner(scope: Scope, _receive: object, send: object) -> None:
        reached.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})  # type: ignore[operator]

    async def send(message: object) -> None:
        sent.append(message)  # type: ignore[arg-type]

    given = {"host": host, "origin": origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
    kind = "websocket" if method == "websocket" else "http"
    scope: Scope = {"type": kind, "method": method, "path": "/", "headers": raw}
    asyncio.run(LocalGuard(inner, PORT)(scope, None, send))  # type: ignore[arg-type]
    if reached:
        return "passed"
    return "closed 1008" if sent[0]["type"] == "websocket.close" and sent[0]["code"] == 1008 else str(sent[0]["status"])


def refusal(method: str) -> str:
    return "closed 1008" if method == "websocket" else "403"


@pytest.mark.parametrize(("method", "host", "origin"), list(itertools.product(METHODS, OWN, OWN_ORIGINS)))
def test_our_own_pages_pass(method: str, host: str, origin: str | None) -> None:
    assert asked(method, host, origin) == "passed"


@pytest.mark.parametrize(("method", "host"), list(itertools.product(METHODS, FOREIGN)))
def test_a_foreign_host_is_refused(method: str, host: str) -> None:
    assert asked(method, host, NO_ORIGIN) == "400"
    assert asked(method, host, f"http://{host}") == "400"


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_host_is_refused(method: str) -> None:
    assert asked(method, None, NO_ORIGIN) == "400"


@pytest.mark.parametrize(("method", "origin"), list(itertools.product(METHODS, FOREIGN_ORIGINS)))
def test_a_foreign_origin_is_refused(method: str, origin: str) -> None:
    assert asked(method, OWN[0], origin) == refusal(method)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_change_from_another_site_is_refused_even_without_an_origin(site: str) -> None:
    for method in ("POST", "PUT", "DELETE", "websocket"):
        assert asked(method, OWN[0], NO_ORIGIN, sec_fetch_site=site) == refusal(method)
        assert asked(method, OWN[0], NO_ORIGIN, sec_fetch_site="same-origin") == "passed"
    assert asked("GET", OWN[0], NO_ORIGIN, sec_fetch_site=site) == "403"
    assert asked("GET", OWN[0], NO_ORIGIN, sec_fetch_site=site, sec_fetch_mode="navigate") == "passed"


GUESSED = ["x" * 40, "1234567890123456", "abcdefghijklmnopqrst", "passwordpassword", "0101010101010101", "longer" * 50]


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 15, "a-token_for-te" + "é", "a-token_for-tests\n", "two words, long enough", *GUESSED]
)
def test_a_weak_token_is_refused(token: str) -> None:
    with pytest.raises(ServeError, match="a token"):
        build(PORT, token)
    assert checked_token("sixteen letters!".replace(" ", "-")) == "sixteen-letters!"


def test_tokens_cannot_be_guessed() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(len(token) >= 32 for token in made)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def server(store: Path) -> Iterator[Served]:
    with served(prepare(store)) as running:
        yield running


def answer(server: Served, path: str, method: str = "GET", body: str | None = None, **headers: str) -> tuple[int, str]:
    """Status and text of a request to the real server."""
    link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, path, body, named)
        reply = link.getresponse()
        return reply.status, reply.read().decode(errors="replace") + str(reply.headers)
    finally:
        link.close()


def known(server: Served, path: str, method: str = "GET", body: str | None = None, **headers: str) -> tuple[int, str]:
    """The same for somebody who has the token."""
    named = {"Authorization": f"Bearer {server.token}", **headers}
    return answer(server, f"{path}?access_token={server.token}" if path == "/" else path, method, body, **named)


def test_the_token_leaves_the_address_and_a_cookie_takes_its_place(server: Served) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)) as link:
        link.request("GET", f"/monitor/?a=1&access_token={server.token}")
        reply = link.getresponse()
        reply.read()
    assert (reply.status, reply.headers["location"]) == (303, "/monitor/?a=1")
    cookie = reply.headers["set-cookie"]
    assert server.token not in cookie
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    named = cookie.partition(";")[0]
    assert answer(server, "/monitor/", Cookie=named)[0] == 200
    assert answer(server, "/monitor/", Cookie=named[:-1])[0] == 401


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "///evil.example"])
def test_signing_in_never_leads_to_another_host(path: str) -> None:
    sent: list[dict[str, object]] = []

    async def send(message: object) -> None:
        sent.append(message)  # type: ignore[arg-type]

    token = new_token()
    scope: Scope = {
        "type": "http", "method": "GET", "path": path, "headers": [], "query_string": f"access_token={token}".encode(),
    }  # fmt: skip
    asyncio.run(TokenGate(None, token, PORT)(scope, None, send))  # type: ignore[arg-type]
    location = dict(sent[0]["headers"])[b"location"].decode()  # type: ignore[call-overload]
    assert location.startswith("/")
    assert location[1:2] not in ("/", "\\")


def test_the_content_policy_runs_no_strings_and_knows_one_websocket(server: Served) -> None:
    text = known(server, "/monitor/")[1]
    policy = next(line for line in text.splitlines() if line.lower().startswith("content-security-policy:"))
    assert "unsafe-eval" not in policy
    assert "default-src 'none'" in policy
    (scripts,) = [part for part in policy.split(";") if part.strip().startswith("script-src")]
    assert "unsafe-inline" not in scripts
    assert scripts.count("'sha256-") >= 1
    assert f"ws://127.0.0.1:{server.port}" in policy
    assert " ws: " not in policy
    assert " wss:" not in policy


PAGES = [
    "/",
    "/lab/",
    "/monitor/",
    "/lab/api/status",
    "/monitor/api/kernel/takeover",
    "/lab/terminal/ws",
    "/monitor/ws",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("query", ["", "?access_token=wrong", "?access_token="])
def test_without_the_token_nothing_is_served(server: Served, path: str, query: str) -> None:
    status, text = answer(server, path + query)
    assert status in (303, 401, 403, 404, 405), text
    assert "marimo-mode" not in text
    assert "Strategy lab" not in text
    assert server.token not in text


def test_with_the_token_the_pages_come_and_may_not_be_framed(server: Served) -> None:
    signs = {"/": "Strategy lab", "/lab/": "strategy lab", "/documents/": "strategy documents"}
    signs |= {"/monitor/": "monitor", "/quality/": "quality"}
    for path, sign in signs.items():
        status, text = known(server, path)
        assert status == 200
        assert sign in text
        assert "frame-ancestors 'none'" in text
        assert "nosniff" in text
        assert text.lower().count("referrer-policy:") == 1
    assert answer(server, "/health/live")[1].startswith("live")


@pytest.mark.parametrize("path", ["/", "/lab/", "/monitor/", "/health/live"])
@pytest.mark.parametrize(
    "headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}], ids=str
)
def test_foreign_requests_are_refused_even_with_the_token(server: Served, path: str, headers: dict[str, str]) -> None:
    status, text = known(server, path, **headers)
    assert status == (400 if "Host" in headers else 403)
    assert "Tradewright" not in text


TOKENS = {"right": True, "wrong": False, "none": False}
HOSTS = {
    "own": "127.0.0.1:{port}",
    "by name": "localhost:{port}",
    "foreign": "evil.example:{port}",
}
ORIGINS = {"none": None, "own": "http://127.0.0.1:{port}", "foreign": "http://evil.example", "null": "null"}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/", "/monitor/"])
def test_token_host_origin_and_method_in_every_combination(server: Served, path: str, method: str) -> None:
    """Answered only where all are right; a foreign page is refused whatever it knows."""
    wrong = []
    for token, host, origin in itertools.product(TOKENS, HOSTS, ORIGINS):
        headers = {"Host": HOSTS[host].format(port=server.port)}
        if text := ORIGINS[origin]:
            headers["Origin"] = text.format(port=server.port)
        if token != "none":
            headers["Authorization"] = f"Bearer {server.token if token == 'right' else 'guessed'}"
        query = {"right": f"?access_token={server.token}", "wrong": "?access_token=guessed", "none": ""}[token]
        status, text = answer(server, path + (query if path == "/" else ""), method, **headers)
        ours = host in ("own", "by name") and origin in ("none", "own")
        answered = status == 200 and ("Strategy lab" in text or "marimo" in text)
        expected = ours and TOKENS[token] and method == "GET"
        if answered != expected or (not ours and status not in (400, 403)) or (server.token in text and not expected):
            wrong.append((token, host, origin, status))
    assert wrong == []


STUCK = """
import socket, sys, threading
from app import serve

async def stuck(scope, receive, send):
    if scope["type"] != "http":
        return
    threading.Thread(target=threading.Event().wait).start()  # what an interpreter waits for at its end
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"never done", "more_body": True})
    await receive()
    await receive()

serve.build, serve.PATIENCE = (lambda port, token, others: stuck), 0.5
link = socket.create_server(("127.0.0.1", 0))
sys.stderr.write(f"{link.getsockname()[1]}\\n")
sys.stderr.flush()
serve.run(link, "token")
"""


@pytest.mark.parametrize("signalled", [signal.SIGTERM, signal.SIGINT])
def test_the_server_ends_when_it_is_asked_to_whatever_a_notebook_waits_for(signalled: signal.Signals) -> None:
    root = Path(__file__).parents[2]
    with subprocess.Popen([sys.executable, "-c", STUCK], stderr=subprocess.PIPE, text=True, cwd=root) as process:
        try:
            assert process.stderr is not None
            port = int(process.stderr.readline())
            with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as link:
                link.request("GET", "/")
                assert link.getresponse().read(10) == b"never done"
                process.send_signal(signalled)
                assert process.wait(timeout=120) == 0
        finally:
            process.kill()


def upgrade(server: Served, path: str, **options: object) -> int:
    """The status of a websocket upgrade: 101 where it is accepted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("http_proxy", raising=False)
        try:
            with connect(f"ws://127.0.0.1:{server.port}{path}", proxy=None, **options):  # type: ignore[arg-type]
                return 101
        except InvalidStatus as error:
            return error.response.status_code


@pytest.mark.parametrize("app", ["lab", "documents", "monitor", "quality"])
def test_websockets_are_guarded_as_pages_are(server: Served, app: str) -> None:
    path, token = f"/{app}/ws?session_id=s_{app}abc", f"&access_token={server.token}"
    own = f"http://127.0.0.1:{server.port}"
    assert upgrade(server, path + token, origin=own) == 101
    assert upgrade(server, path, origin=own) == 403
    assert upgrade(server, path + token, origin="http://evil.example") == 403
    assert upgrade(server, path + token, origin="null") == 403
    assert upgrade(server, path + token, additional_headers={"Sec-Fetch-Site": "cross-site"}) == 403


def test_a_rebound_name_opens_no_websocket(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as link:
        link.sendall(
            f"GET /monitor/ws?session_id=s_1&access_token={server.token} HTTP/1.1\r\n"
            f"Host: evil.example:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        assert b" 400 " in link.recv(4096).splitlines()[0]


CODE = {"cellIds": ["x"], "codes": ["import os; os.abort()"]}


@pytest.mark.parametrize(
    "path", ["/api/kernel/run", "/api/kernel/save", "/api/kernel/scratchpad/run", "/api/files/create"]
)
@pytest.mark.parametrize("app", ["lab", "documents", "monitor", "quality"])
def test_nobody_runs_code_of_their_own(server: Served, app: str, path: str) -> None:
    """With the token one may move the sliders, not the program."""
    headers = {"Content-Type": "application/json", "Marimo-Session-Id": "s_1"}
    status, _ = known(server, f"/{app}{path}", "POST", json.dumps(CODE), **headers)
    assert status in (401, 403, 404, 405)


def test_no_memory_of_other_programs_is_read(server: Served) -> None:
    """Before its first page marimo would look there for the pictures of a page."""
    shared = shared_memory.SharedMemory(create=True, size=64)
    try:
        shared.buf[:6] = b"canary"
        try:
            _, found = known(server, f"/lab/@file/64-{shared.name.lstrip('/')}")
        except http.client.IncompleteRead as cut:  # marimo begins before it looks
            found = cut.partial.decode()
        assert "canary" not in found
    finally:
        shared.close()
        shared.unlink()


GETS = [
    "/", "/lab/", "/documents/", "/monitor/", "/quality/", "/health/live", "/lab/api/status", "/lab/api/version",
    "/monitor/api/status/connections",
    "/monitor/api/kernel/set_ui_element_value", "/monitor/api/kernel/interrupt", "/lab/api/export/html",
]  # fmt: skip


def test_get_never_changes_state(server: Served, store: Path) -> None:
    before = prints(store)
    for method, path in itertools.product(("GET", "HEAD"), GETS):
        known(server, path, method)
    assert prints(store) == before


def prints(folder: Path) -> dict[str, str]:
    """A fingerprint of every file of the store; a reader of SQLite has an index in memory and an empty log."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in (".lock",))
    kept = {str(path): path.read_bytes() for path in files if not path.name.endswith("-shm")}
    return {name: hashlib.sha256(text).hexdigest() for name, text in kept.items() if text or not name.endswith("-wal")}


@pytest.mark.parametrize("road", ["api/home/workspace_files", "api/export/html", "api/kernel/read_code"])
def test_the_server_has_none_of_marimos_roads_that_no_page_uses(server: Served, road: str) -> None:
    status, text = known(server, f"/lab/{road}", "POST", "{}", Content_Type="application/json")
    assert (status, "nothing is served here" in text) == (404, True), text
