"""Security headers of every answer, and a content policy that names each inline script of a page by its hash."""

from __future__ import annotations

import base64
import hashlib
import re

from app.bounds import AsgiApp, Message, Receive, Scope, Send

MAX_PAGE = 4_194_304
"""Bytes of the largest page whose scripts are looked at; a larger one runs no inline script."""
_SCRIPT = re.compile(rb"<script\b([^>]*)>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_SOURCE = re.compile(rb"\bsrc\s*=", re.IGNORECASE)
_FIXED = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)


class SecurityHeaders:
    """ASGI middleware: adds the headers. A page is held until it is whole, for its scripts stand in its headers.

    The inline scripts that the server wrote run; none that gets into the page later does, and no text is run as code.
    Styles must be admitted inline: both marimo and Dagster set them from their scripts.
    """

    def __init__(self, app: AsgiApp, port: int, names: tuple[str, ...]) -> None:
        self._app = app
        self._sockets = " ".join(f"ws://{name}:{port}" for name in names if not name.startswith("["))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; the answer comes back with the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        plain = [row for row in scope["headers"] if row[0].lower() != b"accept-encoding"]  # to read the page
        await self._app({**scope, "headers": plain}, receive, _Answer(self, send).forward)

    def of(self, scripts: list[bytes]) -> list[tuple[bytes, bytes]]:
        """The headers of an answer with these inline scripts."""
        hashes = (f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in scripts)
        policy = (
            "default-src 'none'",
            " ".join(("script-src 'self'", *dict.fromkeys(hashes))),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src 'self' {self._sockets} data: blob:",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "form-action 'self'",
            "base-uri 'self'",
            "frame-ancestors 'none'",
        )
        return [(b"content-security-policy", "; ".join(policy).encode()), *_FIXED]


class _Answer:
    """One answer on its way out."""

    def __init__(self, headers: SecurityHeaders, send: Send) -> None:
        self._headers, self._send = headers, send
        self._start: Message | None = None
        self._page = bytearray()

    async def forward(self, message: Message) -> None:
        """Pass on a message; the beginning and the parts of a page wait for its end."""
        if message["type"] == "http.response.start":
            kind = dict(message.get("headers", [])).get(b"content-type", b"")
            if kind.startswith(b"text/html"):
                self._start = message
            else:
                await self._send(self._with(message, []))
        elif self._start is None:
            await self._send(message)
        else:
            self._page += message.get("body", b"")
            if not message.get("more_body") or len(self._page) > MAX_PAGE:
                page, start, self._start = bytes(self._page), self._start, None
                await self._send(self._with(start, inline_scripts(page)))
                await self._send({**message, "body": page})

    def _with(self, start: Message, scripts: list[bytes]) -> Message:
        headers = self._headers.of(scripts)
        if self._page:
            headers.append((b"cache-control", b"no-store"))
        ours = {name for name, _ in headers}
        others = [row for row in start.get("headers", []) if row[0].lower() not in ours]
        return {**start, "headers": [*others, *headers]}


def inline_scripts(page: bytes) -> list[bytes]:
    """The texts of the scripts that stand in a page, as a browser hashes them; none of a page that is too large."""
    if len(page) > MAX_PAGE:
        return []
    found = (match.groups() for match in _SCRIPT.finditer(page.replace(b"\r\n", b"\n").replace(b"\r", b"\n")))
    return [text for attributes, text in found if text and not _SOURCE.search(attributes)]
