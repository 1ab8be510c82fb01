"""The packages of a lock, as pip reads it: names, versions, hashes, and the platforms that they are for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = re.compile(r"^([A-Za-z0-9][\w.-]*)==([^\s;\\]+)[ \t]*(?:;([^\\\n]*))?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Locked:
    """One locked package; ``marker`` says for which platforms, empty for all."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]


def locked(lock: Path) -> list[Locked]:
    """The packages of a lock, in its order.

    Raises:
        ValueError: when it holds none, or one without a hash.
    """
    found = []
    for part in re.split(r"\n(?=[A-Za-z0-9])", lock.read_text(encoding="utf-8")):
        if (match := _PACKAGE.match(part)) is None:
            continue
        hashes = tuple(_HASH.findall(part))
        if not hashes:
            raise ValueError(f"{lock}: {match[1]} has no hash")
        found.append(Locked(match[1], match[2], (match[3] or "").strip(), hashes))
    if not found:
        raise ValueError(f"{lock}: no package is locked")
    return found
