"""The feeds that instruments name as their own: files of ``conf/feed`` beside the one in force."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conf.composition import COMPOSITION_ERRORS, Composed, with_option
from conf.composition_errors import plain_reason
from conf.documents import load_option
from conf.environment import options
from conf.problems import RuleViolation, nearest

GROUP = "feed"
OWN = "feeds"
"""The key of the settings under which they stand; no file may give it."""


def own_feeds(composed: Composed, rows: Mapping[str, Any]) -> tuple[dict[str, Any], list[RuleViolation]]:
    """The values of each feed that a row of an instrument names, by the name of its file, and what is wrong."""
    found: dict[str, Any] = {}
    wrong = [RuleViolation((OWN,), None, "is not a key here")] if OWN in composed.tree else []
    for symbol, row in rows.items():
        named = row.get(GROUP) if isinstance(row, dict) else None
        if not isinstance(named, str):
            continue  # the schema says what is wrong with it
        if named not in found:
            found[named], rule = _values(composed, named)
        if found[named] is None:
            known = options(GROUP, composed.folder)
            wrong.append(RuleViolation(("instruments", symbol, GROUP), named, rule, nearest(named, known)))
    return {name: values for name, values in found.items() if values is not None}, wrong


def _values(composed: Composed, named: str) -> tuple[Any, str]:
    """What the file of a feed says, or None and why it cannot be an instrument's own."""
    if named not in (known := options(GROUP, composed.folder)):
        return None, f"must be a file of conf/{GROUP}: one of {', '.join(known)}"
    path = composed.folder / GROUP / f"{named}.yaml"
    if "defaults" in load_option(path):
        return None, f"is made of other files; only {GROUP}={named} can choose it"
    try:
        values = with_option(composed, GROUP, named).tree[GROUP]
    except COMPOSITION_ERRORS as error:
        return None, f"cannot be composed: {plain_reason(error)}"
    if isinstance(values, dict) and values.get("kind") == "scenario":
        return None, "must not be a scenario, whose clock is that of all instruments"
    return values, ""
