"""The digest of everything that turns decisions into numbers. Loads nothing, so that every process can afford it."""

from __future__ import annotations

import functools
import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

SOURCES = ("backtest", "fills", "indicators", "model/bars.py", "model/secondary.py", "model/strategy.py")
"""The files and folders of the package ``tradewright`` that decide on the numbers of a result."""


@functools.cache
def engine_digest() -> str:
    """SHA-256 over kernel, fill rules, indicators and :func:`versions`, computed once per process (decision 11).

    The source files count byte by byte: an edited comment invalidates what was stored, which costs a run and is never
    wrong.
    """
    return digest_of(Path(__file__).parents[1], versions())


@functools.cache
def versions() -> dict[str, str]:
    """The versions of everything that is not ours and can change a number."""
    return {"python": platform.python_version(), "numpy": version("numpy"), "numba": version("numba")}


def digest_of(root: Path, released: dict[str, str]) -> str:
    """SHA-256 over the :data:`SOURCES` under ``root`` with their paths, and over the versions of libraries."""
    digest = hashlib.sha256(repr(sorted(released.items())).encode())
    for name in SOURCES:
        place = root / name
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(f"\0{file.relative_to(root).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()
