"""``make dev``: refuses a taken port, works from any folder, and leaves nothing behind."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from app import dev
from app.guard import JsonPosts, guarded
from assets.home import open_instance
from assets.webserver import graph_application
from conf.environment import PROJECT

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
    deadline = time.monotonic() + 10
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
            app = guarded(JsonPosts(inner, "/graphql"), port, SECRET)
            server = uvicorn.Server(uvicorn.Config(app, log_level="critical", access_log=False))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [link]})
            thread.start()
            try:
                yield port
            finally:
                server.should_exit = True
                thread.join(30)


SECRET = "the-token-of-the-graph"
QUERY = json.dumps({"query": "{ version }"})
MUTATION = json.dumps({"query": 'mutation { shutdownRepositoryLocation(repositoryLocationName: "x") { __typename } }'})
BEARER = {"Authorization": f"Bearer {SECRET}"}
JSON = {"Content-Type": "application/json"}


def ask(port: int, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, str]:
    link = http.client.HTTPConnection(dev.HOST, port, timeout=30)
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
    running = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, env=dict(os.environ))
    try:
        deadline = time.monotonic() + 60
        while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(30) == 0
        wait_until_dead(int(noted.read_text()))
    finally:
        running.kill()
        running.wait()
