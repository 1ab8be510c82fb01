"""Overrides in Hydra's syntax: parsed, split into the grid of a sweep, and explained where they are wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep
from hydra.errors import ConfigCompositionException, HydraException

from conf.composition import COMPOSITION_ERRORS, LOCK, NONE, Composed, composed, first_line
from conf.defaults import absent_defaults, chosen_options, stand_ins
from conf.environment import environment, groups, options
from conf.explanations import field_names
from conf.problems import ConfigProblems, Problem, nearest
from conf.schema.research import MOST_SETS
from conf.schema.settings import Settings

COMMAND_LINE = "command line"


class Grid(NamedTuple):
    """A sweep as lists of overrides, one list per combination, in the order of the syntax."""

    fixed: list[str]
    combinations: list[list[str]]


def grid(overrides: Sequence[str]) -> Grid:
    """Hydra's own sweep syntax, ``strategy.fast=5,10 strategy.slow=range(20,60,20)``, split by Hydra's own splitter.

    Raises:
        ConfigProblems: for an override that does not parse, or whose values cannot be listed.
    """
    with LOCK:
        parsed, problems = parse(overrides)
        if problems:
            raise ConfigProblems(problems)
        moving = [item for item in parsed if item.is_sweep_override()]
        fixed = [item.input_line or "" for item in parsed if not item.is_sweep_override()]
        _demand_few(moving)
        try:
            combinations = BasicSweeper.split_arguments(moving, None)[0] if moving else [[]]
        except (HydraException, ValueError) as error:
            rule = f"cannot be split into values: {first_line(error)}; write 5,10,20 or range(5,25,5)"
            given = " ".join(item.input_line or "" for item in moving)
            raise ConfigProblems([Problem(COMMAND_LINE, 0, "", given, rule)]) from error
    return Grid(fixed, [list(combination) for combination in combinations])


def _demand_few(moving: Sequence[Override]) -> None:
    """Refuse a grid of more than ``MOST_SETS`` sets before it is written out.

    Raises:
        ConfigProblems: with the number of sets.
    """
    count = math.prod(_count(item.value()) for item in moving)
    if count > MOST_SETS:
        given = " ".join(item.input_line or "" for item in moving)
        rule = f"are {count:,} sets; at most {MOST_SETS:,} are tried at once"
        raise ConfigProblems([Problem(COMMAND_LINE, 0, "", given, rule)])


def _count(value: object) -> int:
    """How many values a part of a sweep stands for; 1 where Hydra alone can tell."""
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep) and value.start is not None and value.stop is not None and value.step:
        return max(0, math.ceil((float(value.stop) - float(value.start)) / float(value.step)))
    return 1


def parse(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    """The overrides that parse, and a problem for each that does not; under :data:`~conf.composition.LOCK`."""
    parser, parsed, problems = OverridesParser.create(), [], []
    for text in overrides:
        try:
            parsed += parser.parse_overrides([text])
        except HydraException as error:
            rule = f"is not KEY=VALUE in Hydra's syntax: {first_line(error)}; quote odd values: 'key=\"a b\"'"
            problems.append(Problem(COMMAND_LINE, 0, "", text, rule))
    return parsed, problems


def with_mode_of_environment(overrides: Sequence[str]) -> list[str]:
    """``MODE`` chooses the mode (R-CFG-04) unless the command line does; Hydra's defaults list cannot read it."""
    mode = environment("MODE")
    chosen = [f"mode={mode}"] if mode and not any(text.startswith("mode=") for text in overrides) else []
    return [*chosen, *overrides]


def without_strategy(overrides: Sequence[str]) -> list[str]:
    """The overrides but those of the strategy, and ``NO_STRATEGY`` chosen, for which Hydra reads no file."""
    others = [text for text in overrides if re.split(r"[.=@]", text.lstrip("+~"), maxsplit=1)[0] != "strategy"]
    return [*others, f"strategy={NONE}"]


def compose_accepted(parsed: Sequence[Override], folder: Path) -> tuple[Composed, list[Problem]]:
    """The composition under all overrides, or under the good ones with a problem for each bad one.

    A default that has no file is a problem unless an override replaces it; the rest is composed all the same.

    Raises:
        HydraException: when the files do not compose even without overrides.
    """
    problems = [problem for item in parsed if (problem := refused(item, folder))]
    asked = [item for item in parsed if not refused(item, folder)]
    absent = absent_defaults(folder, chosen_options(asked, folder))
    problems += absent
    if not absent:
        with suppress(*COMPOSITION_ERRORS):
            return composed(asked, folder), problems
    accepted = stand_ins(absent_defaults(folder, {}), folder)
    found = composed(accepted, folder)
    for item in sorted(asked, key=lambda override: "." in override.key_or_group):
        try:
            found = composed([*accepted, item], folder)
        except COMPOSITION_ERRORS as error:
            problems.append(_explained(item, error, accepted, folder))
        else:
            accepted.append(item)
    return found, problems


def refused(item: Override, folder: Path) -> Problem | None:
    """The problem of an override that Hydra would take: several values or options at once, and its own settings."""
    key, text = item.key_or_group, (item.input_line or "").partition("=")[2]
    if item.is_sweep_override():
        return Problem(COMMAND_LINE, 0, key, text, "takes one value; several are for tradewright sweep alone")
    if isinstance(item.value(), list) and key in groups(folder):
        return Problem(COMMAND_LINE, 0, key, text, f"must be one of {', '.join(options(key, folder))}")
    if key.partition("/")[0].partition(".")[0] == "hydra":
        return Problem(COMMAND_LINE, 0, key, "", "is Hydra's own, not a key of the settings")
    return None


def _explained(item: Override, error: Exception, accepted: Sequence[Override], folder: Path) -> Problem:
    key, value = item.key_or_group, str(item.value())
    known = options(key, folder) if key in groups(folder) else []
    if known and value not in known:
        return Problem(COMMAND_LINE, 0, key, value, f"must be one of {', '.join(known)}", nearest(value, known))
    if isinstance(error, ConfigCompositionException):
        unknown = _unknown_key(key, composed(accepted, folder).tree, folder)
        if unknown is not None:
            return unknown
    return Problem(COMMAND_LINE, 0, key, value, first_line(error))


def _unknown_key(key: str, tree: object, folder: Path) -> Problem | None:
    """The first part of a dotted key that is not there; None when all of it is."""
    parts = key.split(".")
    for depth, part in enumerate(parts):
        if isinstance(tree, dict) and part in tree:
            tree = tree[part]
            continue
        names = sorted(tree) if isinstance(tree, dict) else []
        if part in field_names(Settings, tuple(parts[:depth])):
            return Problem(COMMAND_LINE, 0, key, "", "has no value in the files; add it with a plus sign", f"+{key}")
        near = nearest(part, names if depth else [*names, *groups(folder)])
        full = ".".join([*parts[:depth], near, *parts[depth + 1 :]]) if near else ""
        return Problem(COMMAND_LINE, 0, key, "", "is not a key of the settings", full)
    return None
