"""Tokens of the local servers: their rules, their scopes, the file of further ones, and the visitors who hold them."""

from __future__ import annotations

import os
import re
import secrets
import stat
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path

from app.network import ServeError
from conf.environment import TOKENS_FILE, environment

MIN_TOKEN, MAX_TOKEN = 16, 256
"""Characters of the shortest and the longest token that is admitted."""
MIN_DIFFERENT, MIN_STEPS = 8, 6
"""Different characters of a token, and different distances between neighbours: no ``aaaa``, ``1234``, ``abab``."""
MOST_TOKENS, _MOST_BYTES = 100, 65_536
VISITOR = "tradewright_visitor"
"""The entry of an ASGI scope's ``meta`` with the name and the scope of the one who asks."""
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)


class Scope(StrEnum):
    """What the holder of a token may do; each scope includes those before it."""

    LOOK = "look"
    """Read the apps and Dagster's pages, compute studies."""
    TRADE = "trade"
    """Answer decisions, send, cancel, flatten, stop, reconcile: what makes or ends orders that the gate approved."""
    ADMIN = "admin"
    """Lift a stop or a freeze, adopt, settle, confirm, save a variant or a version, export and import packages, and
    everything that Dagster can be told."""

    def includes(self, other: Scope) -> bool:
        """Whether a holder of this scope may do what the other one allows."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class TokenName(str):
    """The name of the token by which somebody was admitted: known, where a name given with ``--actor`` is a claim."""

    __slots__ = ()


@dataclass(frozen=True)
class Visitor:
    """Who uses a server.

    Args:
        name: of the token; empty for the one that the server's own user was given.
    """

    name: str
    scope: Scope

    @property
    def actor(self) -> str:
        """The name for the audit log, beside the user of the operating system; empty for that user alone."""
        return TokenName(self.name) if self.name else ""


OWNER = Visitor("", Scope.ADMIN)
"""The user of the operating system who started the program."""


@dataclass(frozen=True)
class Token:
    """A token with what its holder may do."""

    text: str = field(repr=False)
    visitor: Visitor = OWNER


def new_token() -> str:
    """A random token of 32 characters."""
    return secrets.token_urlsafe(24)


def checked_token(token: str, where: str = "token") -> str:
    """The token itself.

    Raises:
        ServeError: for a token that is too short or too long, holds other characters than printable ASCII, or repeats
            itself.
    """
    remedy = "leave it out to have one made, or make one: python -c 'import secrets; print(secrets.token_urlsafe(24))'"
    if not MIN_TOKEN <= len(token) <= MAX_TOKEN:
        what = f"a token has {MIN_TOKEN} to {MAX_TOKEN} characters"
    elif not (token.isascii() and token.isprintable() and " " not in token):
        what = "a token consists of printable ASCII characters"
    elif len(set(token)) < MIN_DIFFERENT or len({ord(b) - ord(a) for a, b in pairwise(token)}) < MIN_STEPS:
        what = "a token that repeats itself or counts is guessed"
    else:
        return token
    raise ServeError(what, where=where, remedy=remedy)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """Further tokens: lines ``NAME SCOPE TOKEN`` of a file of its owner alone; lines that start with ``#`` are none.

    Raises:
        ServeError: for a file that is missing, not a plain one, another user's or readable by others, and for a line
            that is none of these, a token that is not admitted, or one that stands twice. No token is repeated.
    """
    tokens: list[Token] = []
    for number, line in enumerate(_owned_text(path).splitlines(), 1):
        words = [] if line.lstrip().startswith("#") else line.split()
        if not words:
            continue
        tokens.append(_token(words, f"{path}:{number}"))
        if len(tokens) > MOST_TOKENS:
            raise ServeError(f"more than {MOST_TOKENS} tokens", where=str(path), remedy="remove those out of use")
        if len({row.text for row in tokens}) < len(tokens) or len({row.visitor.name for row in tokens}) < len(tokens):
            raise ServeError(
                "a name or a token stands twice", where=f"{path}:{number}", remedy="give each person one token"
            )
    return tuple(tokens)


def further_tokens() -> tuple[Token, ...]:
    """The tokens of the file that ``TRADEWRIGHT_TOKENS`` names; none where it is unset.

    Raises:
        ServeError: as :func:`read_tokens`.
    """
    named = environment(TOKENS_FILE)
    return read_tokens(Path(named).expanduser()) if named else ()


def _token(words: list[str], where: str) -> Token:
    if len(words) != 3 or not _NAME.fullmatch(words[0]) or words[1] not in tuple(Scope):
        remedy = "write NAME SCOPE TOKEN: a name of a-z, 0-9, _ and -, then look, trade or admin, then the token"
        raise ServeError("this is no token", where=where, remedy=remedy)
    return Token(checked_token(words[2], where), Visitor(words[0], Scope(words[1])))


def _owned_text(path: Path) -> str:
    """The text of a plain file of mode 0600 or stricter that belongs to the present user."""
    remedy = f"make it a plain file of your own: chmod 600 {path}"
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ServeError(f"cannot be read: {error.strerror}", where=str(path), remedy=remedy) from error
    try:
        found = os.fstat(number)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise ServeError("others may read or replace these tokens", where=str(path), remedy=remedy)
        text = os.read(number, _MOST_BYTES + 1)
    finally:
        os.close(number)
    if len(text) > _MOST_BYTES:
        raise ServeError(f"larger than {_MOST_BYTES} bytes", where=str(path), remedy="remove tokens out of use")
    return text.decode("utf-8", "replace")
