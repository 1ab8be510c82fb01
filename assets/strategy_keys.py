"""The names of a strategy's assets: Dagster takes letters, digits and ``_``, and a file of ``conf/strategy`` more."""

from __future__ import annotations

import re

import dagster as dg

_OTHER = re.compile(r"[^A-Za-z0-9_]")


def asset_name(strategy: str) -> str:
    """A strategy's name as Dagster takes it: every other sign by its number, so that two names never become one."""
    return _OTHER.sub(lambda found: f"_{ord(found[0]):x}_", strategy)


def part_key(strategy: str, part: str) -> dg.AssetKey:
    """The asset of one part of a strategy's chain."""
    return dg.AssetKey(["strategy", asset_name(strategy), part])
