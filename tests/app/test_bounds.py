"""Bounds of the local servers over real HTTP: heads, bodies, connections; and the least-privileged web page of all."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest
import uvicorn

from app import bounds
from app.bounds import BodyBound, BoundProtocol, Message, Receive, Scope, Send, server_config
from app.guard import guarded

TOKEN = "the-token_of-the-bounds"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HEAD_SECONDS = 0.4
SLOW = 300
"""Connections that never finish their head."""


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers with the length of the body."""
    if scope["type"] != "http":
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(len(body)).encode()})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The real server with a short time for heads."""
    link = socket.create_server(("127.0.0.1", 0), backlog=512)
    number = int(link.getsockname()[1])
    config = server_config(guarded(echo, number, TOKEN))

    class Short(BoundProtocol):
        seconds, most = HEAD_SECONDS, 64

    config.http_protocol_class = config.http = Short  # type: ignore[assignment]
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [link]})
    thread.start()
    try:
        yield number
    finally:
        server.should_exit = True
        thread.join(30)


def ask(port: int, method: str = "GET", body: object = None, **headers: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as link:
        link.request(method, "/", body, BEARER | headers)  # type: ignore[arg-type]
        reply = link.getresponse()
        return reply.status, reply.read().decode()


def raw(port: int, head: str) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=120)
    link.sendall(head.replace("\n", "\r\n").encode())
    return link


def seconds_until_closed(link: socket.socket) -> float:
    """How long a client that sends one byte at a time is listened to."""
    began = time.monotonic()
    with suppress(ConnectionResetError, BrokenPipeError):
        while time.monotonic() - began < 20:
            link.sendall(b"y")
            time.sleep(0.05)
    return time.monotonic() - began


def test_a_body_within_the_bound_arrives_whole(port: int) -> None:
    assert ask(port, "POST", b"x" * bounds.MAX_BODY) == (200, str(bounds.MAX_BODY))
    assert ask(port, "POST", iter([b"abc", b"def"])) == (200, "6")
    assert ask(port, "POST", b"") == (200, "0")
    assert ask(port) == (200, "0")


@pytest.mark.parametrize("with_token", [True, False])
@pytest.mark.parametrize("size", [bounds.MAX_BODY + 1, 400_000_000, 10**30])
def test_a_large_body_is_refused_before_it_is_sent(port: int, with_token: bool, size: int) -> None:
    """D9: a login body of 400 MB. Nothing of it is waited for, and the connection ends."""
    token = f"Authorization: Bearer {TOKEN}\n" if with_token else ""
    with raw(port, f"POST / HTTP/1.1\nHost: 127.0.0.1:{port}\n{token}Content-Length: {size}\n\n") as link:
        told = b""
        while part := link.recv(4096):
            told += part
        admitted = b"413" if with_token else b"401"
        assert told.split()[1] == (admitted if size < 10**20 else b"400")


def test_a_body_of_unknown_length_is_bounded_while_it_comes(port: int) -> None:
    parts = (b"x" * 65_536 for _ in range(40))
    with suppress(BrokenPipeError, ConnectionResetError):  # it may close before all of it is written
        assert ask(port, "POST", parts)[0] == 413
    assert ask(port) == (200, "0")


def test_a_body_that_drips_is_ended() -> None:
    """Without a server: the time is the middleware's own."""
    import asyncio

    sent: list[Message] = []
    reached: list[Scope] = []

    async def never() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    async def inner(scope: Scope, _receive: Receive, _send: Send) -> None:
        reached.append(scope)

    scope = {"type": "http", "method": "POST", "headers": [(b"content-length", b"9")]}
    asyncio.run(BodyBound(inner, seconds=0.05)(scope, never, send))
    assert sent[0]["status"] == 408
    assert reached == []


@pytest.mark.parametrize("start", ["", "GET", "GET / HTTP/1.1\n", "GET / HTTP/1.1\nHost: 127.0.0.1\nX: "])
def test_a_head_that_does_not_end_is_ended(port: int, start: str) -> None:
    with raw(port, start) as link:
        assert seconds_until_closed(link) < 10


def test_a_second_head_on_one_connection_has_its_time_too(port: int) -> None:
    head = f"GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nAuthorization: Bearer {TOKEN}\n\n"
    with raw(port, head) as link:
        assert b"200 OK" in link.recv(4096)
        assert seconds_until_closed(link) < 10


def test_slow_connections_do_not_keep_the_owner_out(port: int) -> None:
    """D9: 300 connections without a head; once their time is over the server answers."""
    with ExitStack() as held:
        for _ in range(SLOW):
            held.enter_context(raw(port, "GET / HTTP/1.1\nX: "))
        time.sleep(HEAD_SECONDS * 2)
        assert ask(port) == (200, "0")


UPGRADE = (
    "GET / HTTP/1.1\nHost: 127.0.0.1\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)
NO_HANDSHAKE = {
    "a body": "Content-Length: 5\n\nhello",
    "chunks": "Transfer-Encoding: chunked\n\n0\n\n",
    "a long line": f"X: {'a' * 9000}\n\n",
    "many lines": "".join(f"X{number}: a\n" for number in range(200)) + "\n",
}


@pytest.mark.parametrize("kind", NO_HANDSHAKE)
def test_what_cannot_become_a_websocket_is_ended_at_once(port: int, kind: str) -> None:
    with closing(raw(port, UPGRADE + NO_HANDSHAKE[kind])) as link:
        link.settimeout(20)
        assert b" 400 " in link.recv(4096).splitlines()[0]


def test_cookies_of_other_programs_do_not_keep_a_page_from_its_websocket(port: int) -> None:
    with closing(raw(port, f"{UPGRADE}Cookie: jupyter={'a' * 9000}; tradewright_1=x\n\n")) as link:
        link.settimeout(20)
        assert b" 403 " in link.recv(4096).splitlines()[0], "it is asked for its token, as everybody is"


def test_a_large_head_is_refused(port: int) -> None:
    with raw(port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nX: ") as link:
        with suppress(ConnectionResetError, BrokenPipeError):
            link.sendall(b"y" * 10_000_000)
        with suppress(ConnectionResetError):  # it may be closed with the rest unread
            assert b" 400 " in link.recv(4096).splitlines()[0]
    assert ask(port) == (200, "0")


def test_the_server_does_not_tell_its_name(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=120)) as link:
        link.request("GET", "/", headers=BEARER)
        reply = link.getresponse()
        assert "server" not in {name.lower() for name, _ in reply.getheaders()}
