"""The names of variables that are read, and those that nobody reads, because a slip of the keyboard made another name.

A misspelt ``TRADEWRIGHT_OVERRIDES`` would leave the mode as it ships, a misspelt ``POSTGRES_URL`` another ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from conf.env_file import values_of
from tradewright.model.errors import ConfigError

PREFIX = "TRADEWRIGHT"
OURS = frozenset(
    f"{PREFIX}_{name}"
    for name in (
        *("ALERT_WEBHOOK", "ALERT_WEBHOOK_FILE", "CONF", "ENV_FILE", "KEYS", "OVERRIDES", "PACKAGE_KEY"),
        *("PACKAGE_KEY_FILE", "PROJECT", "TOKEN", "TOKEN_FILE", "TOKENS", "REAL_DATA", "TESTS", "TEST_POSTGRES"),
    )
)
"""Every name with the prefix that some program of the house reads; the last three are of its tests."""
OTHERS = (
    "MODE", "TZ", "DATA_CACHE_DIR", "DATA_REMOTE_PROVIDERS", "POLYGON_API_KEY", "OANDA_API_TOKEN", "OANDA_ACCOUNT_ID",
    "APCA_API_KEY_ID", "APCA_API_SECRET_KEY", "THEGRAPH_API_KEY", "POSTGRES_URL", "REDIS_URL",
)  # fmt: skip
"""Every name without it that the shipped YAML refers to."""
_LONG = 8
"""Characters from which on a name that is one slip away from another is hardly a name of its own."""


class Unread(NamedTuple):
    """A name that nothing reads, and the right one that is nearest; empty where none is near."""

    name: str
    near: str


def demand_read(
    lines: Mapping[str, int], file: Path | None, environ: Mapping[str, str], referred_to: Callable[[], Collection[str]]
) -> None:
    """Refuse a name that looks like ours and is none, in the file of variables or in the environment.

    Args:
        lines: the names in the file, each with its line.
        file: None where there is none.
        environ: the variables of the environment.
        referred_to: the names that YAML files refer to, which are right; asked where a name looks wrong alone.

    Raises:
        ConfigError: with the place of the first one, and the nearest right name; also for a variable of the file that
            only the environment can give, because the file is found by it.
    """
    for name in {f"{PREFIX}_PROJECT", f"{PREFIX}_ENV_FILE"} & set(lines):
        value = values_of(file).get(name) if file else None
        if file and value and value != environ.get(name):
            what, remedy = "has no effect in this file, which is found by it", "set it in the environment"
            raise ConfigError(f"{name} {what}", where=f"{file.name}:{lines[name]}", remedy=remedy)
    found = [*unread(lines, of_file=True), *unread(environ, of_file=False)]
    if not found:
        return
    known: Collection[str] = ()
    with suppress(ConfigError):  # there is no folder of YAML files
        known = referred_to()
    for name, near in found:
        if name not in known:
            where = f"{name} in {file.name}:{lines[name]}" if file and name in lines else f"{name} in the environment"
            remedy = f"did you mean {near}? Else take it out" if near else "take it out; .env.example lists every name"
            raise ConfigError("nothing reads a variable of this name", where=where, remedy=remedy)


def unread(names: Iterable[str], *, of_file: bool) -> list[Unread]:
    """Those of some names that look like ours and are none.

    In the environment, which holds the variables of every program, these are names that begin with ``TRADEWRIGHT``, or
    with a word one slip away from it; in a file of ours also those one slip away from another name that is read.
    """
    found = []
    for name in names:
        if _has_prefix(name):
            if name not in OURS:
                found.append(Unread(name, _nearest(name)))
        elif of_file and (near := _near_other(name)):
            found.append(Unread(name, near))
    return found


def _has_prefix(name: str) -> bool:
    first, _, rest = name.upper().partition("_")
    return (first.startswith(PREFIX) and first + rest != PREFIX) or (rest != "" and _is_one_slip(first, PREFIX))


def _near_other(name: str) -> str:
    """The name without the prefix that one is a slip away from; of short ones other letters are another name."""
    ending = "_FILE" if name.upper().endswith("_FILE") else ""
    written = name[: len(name) - len(ending)]
    for right in OTHERS:
        slip = _is_one_slip(written.upper(), right) and (
            len(right) >= _LONG or sorted(written.upper()) == sorted(right)
        )
        if slip or written.upper() == right != written:
            return right + ending
    return ""


def _is_one_slip(word: str, right: str) -> bool:
    """Whether one letter is left out, one too many, another, or two neighbours are exchanged."""
    if word == right or abs(len(word) - len(right)) > 1:
        return False
    at = next((place for place, (one, other) in enumerate(zip(word, right, strict=False)) if one != other), -1)
    if at < 0:
        return True  # the last letter is missing, or one stands behind it
    rest, wanted = word[at:], right[at:]
    exchanged = rest[:2] == wanted[1::-1] and rest[2:] == wanted[2:]
    return exchanged or rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:]


def _nearest(name: str) -> str:
    from conf.problems import nearest  # only where something is wrong

    word = name.upper().partition("_")[2] or name.upper().removeprefix(PREFIX)
    rights = {right.removeprefix(f"{PREFIX}_"): right for right in sorted(OURS)} | {right: right for right in OTHERS}
    return rights.get(nearest(word, rights), "")
