"""Vendors of live data on loopback: links that say what a test has them say, and break when it wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

HOLD, TEAR = "hold", "tear"
"""What a link does after its last message: stay silent, or break without a word."""


@dataclass
class Session:
    """One link: its messages, as documents or as raw text, and how it ends.

    Args:
        refuse: the HTTP status that its making is answered with; 0 for a link that stands.
    """

    messages: Sequence[object] = ()
    end: str = HOLD
    refuse: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class LiveServer:
    """The running server.

    Attributes:
        sessions: what the links do, one after the other; a further link is silent.
        heard: the messages of the clients; of HTTP their requests.
        paths: the addresses that were asked for.
    """

    sessions: list[Session] = field(default_factory=list)
    heard: list[object] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    address: str = ""
    over: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Session:
        return self.sessions.pop(0) if self.sessions else Session()


def told(message: object) -> str:
    return message if isinstance(message, str) else json.dumps(message)


@contextmanager
def web_socket(greet: Callable[[ServerConnection, LiveServer], bool] = lambda *_: True) -> Iterator[LiveServer]:
    """A vendor that speaks WebSocket.

    Args:
        greet: what comes before the messages of a link; False ends it.
    """
    server = LiveServer()

    def refuse(connection: ServerConnection, request: object) -> object:
        server.paths.append(request.path)  # type: ignore[attr-defined]
        if server.sessions and (status := server.sessions[0].refuse):
            headers = server.sessions.pop(0).headers
            answer = connection.respond(status, "no\n")
            for name, value in headers.items():
                answer.headers[name] = value
            return answer
        return None

    def talk(connection: ServerConnection) -> None:
        session = server.next()
        with suppress(ConnectionClosed):
            if not greet(connection, server):
                return
            for message in session.messages:
                connection.send(told(message))
            if session.end == TEAR:
                connection.socket.shutdown(socket.SHUT_RDWR)
                return
            while not server.over.is_set():
                with suppress(TimeoutError):
                    server.heard.append(json.loads(connection.recv(timeout=0.02)))

    with serve(talk, "127.0.0.1", 0, process_request=refuse) as running:  # type: ignore[arg-type]
        server.address = f"ws://127.0.0.1:{running.socket.getsockname()[1]}"
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            running.shutdown()
            thread.join()


@contextmanager
def endless_answer() -> Iterator[LiveServer]:
    """A vendor that answers HTTP in parts, without an end."""
    server, listener = LiveServer(), socket.create_server(("127.0.0.1", 0))
    server.address = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def talk(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            request = connection.recv(65536).decode()
            server.heard.append(request)
            server.paths.append(request.split()[1])
            session = server.next()
            if session.refuse:
                body = told(session.messages[0]) if session.messages else ""
                extra = "".join(f"{name}: {value}\r\n" for name, value in session.headers.items())
                head = f"HTTP/1.1 {session.refuse} No\r\n{extra}Content-Length: {len(body)}\r\n\r\n"
                connection.sendall((head + body).encode())
                return
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            content = "".join(f"{told(message)}\n" for message in session.messages).encode()
            half = len(content) // 2 + 3  # a part ends within a line
            for part in (content[:half], content[half:]):
                if part:
                    connection.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            if session.end == HOLD:
                server.over.wait()

    def accept() -> None:
        while not server.over.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                threads.append(threading.Thread(target=talk, args=(connection,)))
                threads[-1].start()

    threads = [threading.Thread(target=accept)]
    threads[0].start()
    try:
        yield server
    finally:
        server.over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for thread in threads:
            thread.join()
