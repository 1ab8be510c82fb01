"""Tokens, cookies, the throttle and the sessions of the local servers, without a server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from app import token_gate, tokens
from app.guard import SessionOwners
from app.network import ServeError
from app.token_gate import Throttle, TokenGate, visitor_of
from app.tokens import OWNER, Scope, Token, Visitor, further_tokens, read_tokens

PORT = 8321
OWN, ANN, BOB = "the-owners_own-token", "ann_trades-with_this", "bob-may_look-around"
TOKENS = (Token(OWN), Token(ANN, Visitor("ann", Scope.TRADE)), Token(BOB, Visitor("bob", Scope.LOOK)))


class Asked:
    """One gate, and what became of the last request."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.gate = TokenGate(self._inner, TOKENS, PORT, clock=lambda: self.now)  # type: ignore[arg-type]
        self.reached: dict[str, Any] | None = None
        self.answer: dict[str, Any] = {}

    async def _inner(self, scope: dict[str, Any], _receive: object, _send: object) -> None:
        self.reached = scope

    def __call__(self, method: str = "GET", query: str = "", **headers: str) -> int:
        """The status; 200 when the application was reached."""
        self.reached, sent = None, []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": method, "path": "/", "headers": raw, "query_string": query.encode()}
        asyncio.run(self.gate(scope, None, send))  # type: ignore[arg-type]
        self.answer = sent[0] if sent else {}
        return 200 if self.reached else int(self.answer["status"])

    def sign_in(self, token: str) -> str:
        """The cookie of a first visit."""
        assert self(query=f"access_token={token}") == 303
        return dict(self.answer["headers"])[b"set-cookie"].decode().partition(";")[0]


@pytest.fixture
def asked() -> Asked:
    return Asked()


def bearer(token: str) -> str:
    return f"Bearer {token}"


@pytest.mark.parametrize("row", TOKENS, ids=lambda row: row.visitor.name or "owner")
def test_each_token_admits_its_visitor(asked: Asked, row: Token) -> None:
    assert asked(authorization=bearer(row.text)) == 200
    assert asked.reached
    assert visitor_of(asked.reached) == row.visitor
    assert asked(cookie=asked.sign_in(row.text)) == 200
    assert asked.reached
    assert visitor_of(asked.reached) == row.visitor


def test_the_application_gets_neither_tokens_nor_cookies(asked: Asked) -> None:
    cookie = asked.sign_in(ANN)
    assert asked(cookie=f"other=1; {cookie}", authorization="Basic x", accept="text/html") == 200
    assert asked.reached
    assert asked.reached["headers"] == [(b"accept", b"text/html")]


def test_a_visitor_cannot_name_himself(asked: Asked) -> None:
    assert asked(authorization=bearer(BOB), tradewright_visitor="admin") == 200
    assert asked.reached
    assert visitor_of(asked.reached) == Visitor("bob", Scope.LOOK)
    assert visitor_of({"type": "http"}) is None


def test_a_cookie_lives_twelve_hours_and_no_longer_than_the_server(asked: Asked) -> None:
    cookie = asked.sign_in(ANN)
    asked.now += token_gate.SESSION_SECONDS
    assert asked(cookie=cookie) == 200
    asked.now += 1
    assert asked(cookie=cookie) == 401
    asked.now -= token_gate.SESSION_SECONDS + 2
    assert asked(cookie=cookie) == 401, "of the future"
    assert Asked()(cookie=Asked().sign_in(ANN)) == 401, "of another server"


@pytest.mark.parametrize("change", ["1", "", ".", "x.y", "٣.a", "9" * 30 + ".a", "1000001.", "1000000"])
def test_a_forged_cookie_admits_nobody(asked: Asked, change: str) -> None:
    name, _, value = asked.sign_in(OWN).partition("=")
    assert asked(cookie=f"{name}={change}") == 401
    proof = value.partition(".")[2]
    assert asked(cookie=f"{name}=1000001.{proof}") == 401, "another time under the same proof"


def test_a_page_of_another_site_neither_signs_in_nor_spends_tries(asked: Asked) -> None:
    for site in ("cross-site", "same-site"):
        assert asked(query=f"access_token={OWN}", sec_fetch_site=site) == 401
        assert asked(authorization=bearer(OWN), sec_fetch_site=site) == 401
        for _ in range(token_gate.MOST_TRIES + 10):
            assert asked(query="access_token=wrong", sec_fetch_site=site) == 401
    assert asked(authorization=bearer(OWN)) == 200


def test_guessing_is_slowed_and_those_who_are_in_stay_in(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr(asked.gate, "_throttle", Throttle(lambda: now[0]))
    cookie = asked.sign_in(ANN)
    found = [asked(query=f"access_token=guess{number}") for number in range(token_gate.MOST_TRIES + 1)]
    assert found == [401] * token_gate.BURST + [429] * (token_gate.MOST_TRIES + 1 - token_gate.BURST)
    assert asked(authorization=bearer(OWN)) == 429, "not even the right one tells itself"
    assert (b"retry-after", b"60") in asked.answer["headers"]
    assert asked(cookie=cookie) == 200
    now[0] += 60
    assert asked(authorization=bearer(OWN)) == 200
    assert asked(query="access_token=guess") == 401


def test_a_wrong_token_is_told_in_the_log_without_itself(asked: Asked, caplog: pytest.LogCaptureFixture) -> None:
    asked(query="access_token=canary-5521")
    assert "wrong token" in caplog.text
    assert "canary" not in caplog.text


# ---- the file of tokens


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_file_names_visitors_and_scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "tokens", f"# people\n\nann trade {ANN}\nbob  look\t{BOB}\n")
    assert read_tokens(path) == TOKENS[1:]
    assert further_tokens() == ()
    monkeypatch.setenv("TRADEWRIGHT_TOKENS", str(path))
    assert further_tokens() == TOKENS[1:]
    assert ANN not in repr(read_tokens(path))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622, 0o644, 0o660])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ServeError, match="others may read") as caught:
        read_tokens(written(tmp_path / "tokens", f"ann trade {ANN}\n", mode))
    assert ANN not in str(caught.value)


def test_only_a_plain_file_of_bounded_size_is_read(tmp_path: Path) -> None:
    plain = written(tmp_path / "tokens", f"ann trade {ANN}\n")
    (tmp_path / "link").symlink_to(plain)
    os.mkfifo(tmp_path / "pipe", 0o600)
    large = written(tmp_path / "large", "#" * 70_000)
    for path in (tmp_path / "link", tmp_path / "pipe", tmp_path / "none", tmp_path, large):
        with pytest.raises(ServeError):
            read_tokens(path)


LINES = {
    "two words": f"ann {ANN}",
    "an unknown scope": f"ann root {ANN}",
    "a name that is an escape": f"\x1b[1mann look {ANN}",
    "a large name": f"Ann look {ANN}",
    "a short token": "ann look canary",
    "a token that repeats itself": "ann look canarycanarycanary",
    "one name twice": f"ann look {ANN}\nann trade {BOB}",
    "one token twice": f"ann look {ANN}\nbob trade {ANN}",
    "too many": "\n".join(f"p{n} look {n:03}-{ANN}" for n in range(tokens.MOST_TOKENS + 1)),
}


@pytest.mark.parametrize("name", LINES)
def test_a_wrong_line_is_named_by_its_number_and_not_repeated(tmp_path: Path, name: str) -> None:
    with pytest.raises(ServeError) as caught:
        read_tokens(written(tmp_path / "tokens", LINES[name]))
    assert str(tmp_path / "tokens") in str(caught.value)
    assert not [word for word in LINES[name].split() if len(word) > 6 and word in str(caught.value)]


# ---- sessions of the apps


def steer(owners: SessionOwners, visitor: Visitor, kind: str, session: str, method: str = "POST") -> bool:
    """Whether a request for a session passes."""
    sent: list[object] = []

    async def send(message: object) -> None:
        sent.append(message)

    note = {tokens.VISITOR: {"name": visitor.name, "scope": visitor.scope.value}}
    scope: dict[str, Any] = {"type": kind, "method": method, "path": "/monitor/api", "meta": note, "headers": []}
    if kind == "websocket":
        scope["query_string"] = f"session_id={session}".encode()
    else:
        scope["headers"] = [(b"marimo-session-id", session.encode())]
    asyncio.run(owners(scope, None, send))  # type: ignore[arg-type]
    return not sent


async def passed(_scope: object, _receive: object, _send: object) -> None:
    """An application that accepts everything."""


def test_a_session_is_steered_by_the_token_that_opened_it() -> None:
    owners = SessionOwners(passed)  # type: ignore[arg-type]
    ann, bob = TOKENS[1].visitor, TOKENS[2].visitor
    assert not steer(owners, ann, "http", "s_1"), "nobody has opened it"
    assert steer(owners, ann, "websocket", "s_1")
    assert steer(owners, ann, "http", "s_1")
    assert steer(owners, ann, "websocket", "s_1"), "the same page connects again"
    for kind in ("http", "websocket"):
        assert not steer(owners, bob, kind, "s_1")
        assert not steer(owners, OWNER, kind, "s_1")
    assert steer(owners, bob, "http", "s_other", "GET")
    assert not steer(owners, bob, "http", "s_1", "GET")


def test_no_more_sessions_are_remembered_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.guard.MAX_SESSIONS", 3)
    owners, ann = SessionOwners(passed), TOKENS[1].visitor  # type: ignore[arg-type]
    assert all(steer(owners, ann, "websocket", f"s_{number}") for number in range(9))
    assert not steer(owners, ann, "http", "s_0")
    assert steer(owners, ann, "http", "s_8")
