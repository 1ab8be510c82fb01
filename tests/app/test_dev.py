"""``make dev``: refuses a taken port, works from any folder, and leaves nothing behind."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from app import dev
from app.bounds import MAX_BODY, server_config
from app.guard import JsonPosts, guarded
from app.tokens import Scope, Token, Visitor
from assets.home import open_instance
from assets.webserver import graph_application, reads
from conf.environment import SOURCE
from tests.support.chromium import chromium, needs_chromium

PARENT = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pid: int) -> None:
    deadline = time.monotonic() + 120
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


def test_a_taken_port_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert dev.main(["--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}: cannot listen: Address already in use" in said
    assert f"--port {port + 1}" in said


def test_the_server_is_a_program_of_this_environment() -> None:
    program, *words = dev.command(3111)
    assert Path(program).is_file()
    assert words == ["-m", "app.dev", "--serve", "--port", "3111"]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Dagster's real web server without code locations, behind the guard; its port."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path_factory.mktemp("home")))
        link = socket.create_server((dev.HOST, 0))
        port = int(link.getsockname()[1])
        with open_instance() as instance, graph_application(instance, None) as inner:
            app = guarded(JsonPosts(inner, "/graphql", reads), port, SECRET, OTHERS)
            server = uvicorn.Server(server_config(app))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [link]})
            thread.start()
            try:
                yield port
            finally:
                server.should_exit = True
                thread.join(120)


SECRET = "the-token-of-the-graph"
LOOKER, TRADER = "looks_at-the-graph-9", "trades_on-the-desk-7"
OTHERS = (Token(LOOKER, Visitor("bob", Scope.LOOK)), Token(TRADER, Visitor("ann", Scope.TRADE)))
QUERY = json.dumps({"query": "{ version }"})
MUTATION = json.dumps({"query": 'mutation { shutdownRepositoryLocation(repositoryLocationName: "x") { __typename } }'})
BEARER = {"Authorization": f"Bearer {SECRET}"}
JSON = {"Content-Type": "application/json"}


def ask(port: int, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
    link = http.client.HTTPConnection(dev.HOST, port, timeout=120)
    try:
        link.request(method, path, body, headers)
        reply = link.getresponse()
        return reply.status, reply.read().decode(errors="replace")
    finally:
        link.close()


def test_the_owner_reads_the_graph(graph: int) -> None:
    status, text = ask(graph, "POST", "/graphql", QUERY, {**BEARER, **JSON})
    assert (status, "version" in text) == (200, True)
    origin = {"Origin": f"http://127.0.0.1:{graph}"}
    assert ask(graph, "POST", "/graphql", QUERY, {**BEARER, **JSON, **origin})[0] == 200
    assert ask(graph, "GET", "/", None, BEARER)[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "/graphql", MUTATION, {**BEARER, **JSON, "Host": "evil.example"}, 400),
        ("GET", "/", None, {**BEARER, "Host": "evil.example"}, 400),
        ("POST", "/graphql", MUTATION, {**BEARER, **JSON, "Origin": "http://evil.example"}, 403),
        ("POST", "/graphql", MUTATION, {**BEARER, **JSON, "Origin": "null"}, 403),
        ("POST", "/graphql", MUTATION, {**BEARER, **JSON, "Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", "/graphql", MUTATION, JSON, 401),
        ("POST", "/graphql", MUTATION, {**JSON, "Authorization": "Bearer guessed"}, 401),
        ("POST", f"/graphql?access_token={SECRET}", MUTATION, JSON, 401),
        ("GET", "/", None, {}, 401),
        ("GET", "/graphql?query=mutation", None, {}, 401),
        ("GET", "/graphql?query=mutation%7Bx%7D", None, BEARER, 405),
        ("GET", "/graphql/?query=mutation%7Bx%7D", None, BEARER, 405),
        ("HEAD", "/graphql?query=mutation%7Bx%7D", None, BEARER, 405),
        ("POST", "/graphql", MUTATION, {**BEARER, "Content-Type": "text/plain"}, 415),
        ("POST", "/report_asset_materialization/x", "{}", JSON, 401),
    ],
)
def test_nobody_else_drives_the_graph(
    graph: int, method: str, path: str, body: str | None, headers: dict[str, str], status: int
) -> None:
    found, text = ask(graph, method, path, body, headers)
    assert found == status, text
    assert "data" not in text


@pytest.mark.parametrize(
    ("headers", "token", "status"),
    [
        ({}, True, 101),
        ({}, False, 403),
        ({"Origin": "http://evil.example"}, True, 403),
        ({"Origin": "null"}, True, 403),
        ({"Sec-Fetch-Site": "cross-site"}, True, 403),
    ],
)
def test_websockets_of_the_graph_are_guarded_too(graph: int, headers: dict[str, str], token: bool, status: int) -> None:
    given = {**headers, **(BEARER if token else {})}
    try:
        with connect(
            f"ws://{dev.HOST}:{graph}/graphql",
            proxy=None,
            additional_headers=given,
            subprotocols=[Subprotocol("graphql-ws")],
        ):
            found = 101
    except InvalidStatus as error:
        found = error.response.status_code
    assert found == status


HOSTS = {
    "127.0.0.1:{port}": True,
    "localhost:{port}": True,
    "evil.example:{port}": False,
    "127.0.0.1.evil.example": False,
}
ORIGINS = {
    "": True,
    "http://127.0.0.1:{port}": True,
    "http://evil.example": False,
    "null": False,
    "http://localhost": False,
}
TOKENS = {SECRET: True, "guessed-by_a-page": False, "": False}
TYPES = {"application/json": 200, "text/plain": 415, "application/x-www-form-urlencoded": 415, "": 415}


def test_method_host_origin_token_and_type_in_every_combination(graph: int) -> None:
    """D1: answered where all five are right, and with the status of the first that is wrong."""
    wrong = []
    for method, (host, own), (origin, ours), (token, known), (kind, status) in itertools.product(
        ("POST", "GET", "PUT", "DELETE"), HOSTS.items(), ORIGINS.items(), TOKENS.items(), TYPES.items()
    ):
        if not known and (kind, method) != ("application/json", "POST"):
            continue  # the type is looked at behind the token
        headers = {"Host": host.format(port=graph), "Content-Type": kind, "Origin": origin.format(port=graph)}
        given = {name: value for name, value in headers.items() if value}
        if token:
            given["Authorization"] = f"Bearer {token}"
        expected = status if method == "POST" else 405
        for right, refusal in ((known, 401), (ours, 403), (own, 400)):
            expected = expected if right else refusal
        found, text = ask(graph, method, "/graphql?query=%7Bversion%7D", QUERY, given)
        if found != expected or ("data" in text) != (found == 200):
            wrong.append((method, host, origin, token, kind, found))
    assert wrong == []


@pytest.mark.parametrize("token", [LOOKER, TRADER])
def test_a_token_without_the_scope_admin_reads_the_graph_and_changes_nothing(graph: int, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", **JSON}
    assert ask(graph, "POST", "/graphql", QUERY, headers) == ask(graph, "POST", "/graphql", QUERY, {**BEARER, **JSON})
    assert ask(graph, "GET", "/", None, headers)[0] == 200
    for body in (MUTATION, SNEAKY, "[]", "{", json.dumps([json.loads(QUERY), json.loads(MUTATION)])):
        assert ask(graph, "POST", "/graphql", body, headers)[0] == 403
    assert ask(graph, "POST", "/report_asset_materialization/x", "{}", headers)[0] == 403
    assert ask(graph, "POST", "/graphql", MUTATION, {**BEARER, **JSON})[0] == 200


SNEAKY = json.dumps(
    {"query": "query A { version } mutation B { reloadWorkspace { __typename } }", "operationName": "B"}
)


@pytest.mark.parametrize(
    ("text", "is_query"),
    [
        ("{ version }", True),
        ("query A { ...F } fragment F on Query { version }", True),
        ("mutation { reloadWorkspace { __typename } }", False),
        ("\ufeff# query\nmutation { reloadWorkspace { __typename } }", False),
        ("subscription { x }", False),
        ("query A { version } mutation B { x }", False),
        ("fragment F on Query { version }", False),
        ("{ version", False),
        ("{" * 5000, False),
        ("{" + "a " * 30_000 + "}", False),
        ("", False),
    ],
)
def test_what_is_no_query_for_certain_is_taken_for_a_change(text: str, is_query: bool) -> None:
    assert reads(json.dumps({"query": text}).encode()) is is_query


def test_no_other_spelling_of_the_address_carries_a_mutation(graph: int) -> None:
    """A GET would also be sent by a picture in a page of another port, with the cookie."""
    asked = quote(json.loads(MUTATION)["query"])
    spellings = ("/graphql", "/graphql/", "/graphql%0A", "/graphql%0D", "/%67raphql", "//graphql", "/./graphql")
    for token, path in itertools.product((SECRET, LOOKER), spellings):
        status, text = ask(graph, "GET", f"{path}?query={asked}", None, {"Authorization": f"Bearer {token}"})
        assert (status in (400, 405), "shutdownRepositoryLocation" in text) == (True, False), (path, status, text)


def test_dagsters_own_server_takes_posts_alone_and_shows_no_notebooks(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(tmp_path))
        with open_instance() as instance, graph_application(instance, None) as inner:
            routes = inner._app.router.routes  # type: ignore[attr-defined]
    methods = {row.path: getattr(row, "methods", None) for row in routes if row.path.startswith("/graphql")}
    assert {"POST"} in methods.values() or methods["/graphql"] is None
    assert all(row.methods == {"POST"} for row in routes if row.path == "/graphql" and hasattr(row, "methods"))
    assert not any("notebook" in row.path for row in routes)


@pytest.mark.parametrize("body", [b"", b"null", b"1", b"[]", b"{}", b'{"query": 1}', b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_request_is_none_to_read(body: bytes) -> None:
    assert reads(body) is False


def test_no_mutation_goes_through_the_websocket(graph: int) -> None:
    with connect(
        f"ws://{dev.HOST}:{graph}/graphql",
        proxy=None,
        additional_headers=BEARER,
        subprotocols=[Subprotocol("graphql-ws")],
    ) as link:
        link.send(json.dumps({"type": "connection_init"}))
        assert json.loads(link.recv(30))["type"] == "connection_ack"
        link.send(json.dumps({"type": "start", "id": "1", "payload": json.loads(MUTATION)}))
        answer = json.loads(link.recv(30))
    assert answer["type"] == "error"
    assert "data" not in answer["payload"]


def test_a_large_message_ends_the_websocket(graph: int) -> None:
    with connect(
        f"ws://{dev.HOST}:{graph}/graphql",
        proxy=None,
        additional_headers=BEARER,
        subprotocols=[Subprotocol("graphql-ws")],
    ) as link:
        with suppress(ConnectionClosed):  # it may close before all of it is written
            link.send("x" * (MAX_BODY + 1))
        with pytest.raises(ConnectionClosed):
            link.recv(30)


def test_the_pages_work_behind_a_cookie_and_load_no_script_of_others(graph: int) -> None:
    link = http.client.HTTPConnection(dev.HOST, graph, timeout=120)
    link.request("GET", f"/runs?access_token={SECRET}")
    reply = link.getresponse()
    reply.read()
    link.close()
    assert (reply.status, reply.headers["location"]) == (303, "/runs")
    named = {"Cookie": str(reply.headers["set-cookie"]).partition(";")[0]}
    status, page = ask(graph, "GET", "/runs", None, named)
    assert (status, "Dagster" in page) == (200, True)
    assert ask(graph, "POST", "/graphql", QUERY, {**named, **JSON})[0] == 200
    script = re.findall(r'<script[^>]*src="([^"]+)"', page)[0]
    assert script.startswith("/")
    assert ask(graph, "GET", script, None, named)[0] == 200


@pytest.mark.browser
@needs_chromium
def test_dagsters_pages_work_in_a_browser_under_our_content_policy(graph: int, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as page:
        page.open(f"http://{dev.HOST}:{graph}/?access_token={SECRET}")
        page.await_text("Overview", "Runs", "Deployment")
        assert "access_token" not in page.run("location.href")
        page.open(f"http://{dev.HOST}:{graph}/runs")
        page.await_text("Runs", "No runs")
        refused = [text for text in page.complaints if "Content Security Policy" in text]
    assert refused == []


def test_make_dev_reads_the_token_of_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """D3."""
    (tmp_path / ".env").write_text(f"TRADEWRIGHT_TOKEN={SECRET}\n")
    monkeypatch.setenv("TRADEWRIGHT_ENV_FILE", str(tmp_path / ".env"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    given = []
    monkeypatch.setattr(dev, "follow", lambda _program, token: given.append(token) or 0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert dev.main(["--port", str(port)]) == 0
    assert given == [SECRET]


def test_its_status_is_the_programs_and_its_children_go_with_it(tmp_path: Path) -> None:
    noted = tmp_path / "child"
    assert dev.follow([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert dev.follow([sys.executable, "-c", PARENT, str(noted), "0"]) == 0
    wait_until_dead(int(noted.read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    noted = tmp_path / "child"
    code = (
        f"from app.dev import follow; raise SystemExit(follow({[sys.executable, '-c', PARENT, str(noted), '600']!r}))"
    )
    running = subprocess.Popen([sys.executable, "-c", code], cwd=SOURCE, env=dict(os.environ))
    try:
        deadline = time.monotonic() + 240
        while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(240) == 0
        wait_until_dead(int(noted.read_text()))
    finally:
        running.kill()
        running.wait()
