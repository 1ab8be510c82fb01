"""A vendor on loopback: a server of HTTP whose answers a test gives, whole, late, cut or wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Asked:
    """A request that came in; ``body`` is empty for one of GET."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """An answer.

    Args:
        body: bytes as they are, or a document.
        cut: send so many bytes of the body and tear the connection.
        silent: tear the connection without a word.
    """

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"
    cut: int | None = None
    silent: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Respond = Callable[[Asked], Answer]


class VendorServer:
    """The running server.

    Attributes:
        asked: the requests so far.
        script: answers that go before those of ``respond``, the first one first.
        wrap: changes an answer of ``respond``.
    """

    def __init__(self, respond: Respond) -> None:
        self.asked: list[Asked] = []
        self.script: list[Answer] = []
        self.wrap: Callable[[Answer], Answer] = lambda answer: answer
        self._respond = respond
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.script.pop(0) if self.script else self.wrap(self._respond(asked))

    @contextmanager
    def running(self) -> Iterator[VendorServer]:
        self._server.daemon_threads = True
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer(b"")

            def do_POST(self) -> None:
                self._answer(self.rfile.read(int(self.headers["Content-Length"])))

            def _answer(self, body: bytes) -> None:
                parts = urlsplit(self.path)
                query = dict(parse_qsl(parts.query, keep_blank_values=True))
                made = server.answer(Asked(unquote(parts.path), query, dict(self.headers), body))
                if made.silent:
                    self.close_connection = True
                    return
                self.send_response(made.status)
                self.send_header("Content-Type", made.kind)
                self.send_header("Content-Length", str(len(made.content)))
                for name, value in made.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(made.content if made.cut is None else made.content[: made.cut])
                self.close_connection = self.close_connection or made.cut is not None

            def log_message(self, *_: object) -> None:
                """Tests look at ``asked``."""

        return Handler
