"""The security headers: on every answer, once; a page's own scripts by their hash, and no others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any

import pytest

from app import headers
from app.headers import SecurityHeaders, inline_scripts

SECOND = b"\nb\n"
LOADED = b"<script type=module src='/x.js'></script>"
PAGE = b"<html><script>let a = 1</script>" + LOADED + b"<SCRIPT nonce=x>\r\nb\r\n</SCRIPT ></html>"


def answered(parts: list[bytes], kind: bytes, **given: bytes) -> tuple[dict[bytes, bytes], bytes, list[bytes]]:
    """The headers, the body and the names of all headers of an answer."""
    sent: list[dict[str, Any]] = []
    asked: list[dict[str, Any]] = []

    async def inner(scope: dict[str, Any], _receive: object, send: Any) -> None:
        asked.append(scope)
        own = [(name.replace("_", "-").encode(), value) for name, value in given.items()]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), *own]})
        for number, part in enumerate(parts):
            await send({"type": "http.response.body", "body": part, "more_body": number + 1 < len(parts)})

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"accept-encoding", b"gzip"), (b"host", b"x")]}
    asyncio.run(SecurityHeaders(inner, 8000, ("127.0.0.1", "[::1]"))(scope, None, send))  # type: ignore[arg-type]
    assert asked[0]["headers"] == [(b"host", b"x")], "a packed page could not be read"
    start, *bodies = sent
    names = [name for name, _ in start["headers"]]
    return dict(start["headers"]), b"".join(row["body"] for row in bodies), names


def named(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"


def script_source(found: dict[bytes, bytes]) -> str:
    return next(
        part for part in found[b"content-security-policy"].decode().split("; ") if part.startswith("script-src")
    )


@pytest.mark.parametrize("cut", [len(PAGE), 1, 30, 100])
def test_a_page_names_its_own_scripts_and_is_not_kept(cut: int) -> None:
    found, body, _ = answered([PAGE[:cut], PAGE[cut:]], b"text/html; charset=utf-8")
    assert body == PAGE
    assert script_source(found) == f"script-src 'self' {named(b'let a = 1')} {named(SECOND)}"
    assert found[b"cache-control"] == b"no-store"


@pytest.mark.parametrize("kind", [b"text/html", b"application/json", b"text/plain", b""])
def test_every_answer_has_the_headers_and_none_twice(kind: bytes) -> None:
    theirs = {"content_security_policy": b"default-src *", "referrer_policy": b"unsafe-url", "x_other": b"1"}
    found, body, names = answered([b"text"], kind, **theirs)
    assert body == b"text"
    assert len(names) == len(set(names))
    assert b"frame-ancestors 'none'" in found[b"content-security-policy"]
    assert (found[b"x-content-type-options"], found[b"x-frame-options"]) == (b"nosniff", b"DENY")
    assert (found[b"referrer-policy"], found[b"x-other"]) == (b"no-referrer", b"1")
    assert script_source(found) == "script-src 'self'"


def test_what_is_no_page_is_passed_on_as_it_comes_and_runs_nothing() -> None:
    found, body, _ = answered([PAGE, PAGE], b"text/plain")
    assert body == PAGE + PAGE
    assert script_source(found) == "script-src 'self'"


def test_a_page_too_large_to_look_at_runs_no_inline_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "MAX_PAGE", 50)
    found, body, _ = answered([PAGE, PAGE], b"text/html")
    assert body == PAGE + PAGE
    assert script_source(found) == "script-src 'self'"
    assert inline_scripts(PAGE) == []
