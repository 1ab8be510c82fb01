"""Entry points of installed distributions: their files are read once in a process, whatever groups are asked for."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any


def entry_points(group: str) -> tuple[EntryPoint, ...]:
    """Those of a group, in the order of the distributions; one that is installed later is found by the next process."""
    return tuple(_all().select(group=group))


@cache
def _all() -> Any:
    return importlib.metadata.entry_points()
