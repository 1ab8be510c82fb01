"""Overrides in Hydra's syntax: parsed, split into the grid of a sweep, and explained where they are wrong."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, OverrideType, RangeSweep
from hydra.errors import ConfigCompositionException, HydraException

from conf.composition import (
    COMPOSITION_ERRORS,
    LOCK,
    NONE,
    Composed,
    composed,
)
from conf.composition_errors import first_line, option_problem, plain_reason, secret_problem
from conf.defaults import absent_defaults, chosen_options, stand_ins
from conf.environment import COMMAND_LINE, environment, groups, is_secret_value, options, place_of_override
from conf.explanations import field_names, is_declared
from conf.problems import ConfigProblems, Problem, nearest
from conf.schema.research import MOST_SETS
from conf.schema.settings import Settings
from conf.yaml_reader import reference_rule

_NO_FILE = re.compile(r"\.ya?ml$")
_FILE = re.compile(r".*/|\.py$")
_GROWN = re.compile(r"=\s*(extend_list|append|prepend)\(")
_KEY = re.compile(r"[+~]{0,2}[A-Za-z_][\w./@-]*", re.ASCII)
_MODE = re.compile(r"\+{0,2}mode=")
_NUMBER = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")


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
    """Refuse a grid of more than ``MOST_SETS`` sets, and one of none, before it is written out.

    Raises:
        ConfigProblems: with the number of sets, or the range that holds no value or has no end.
    """
    counts = [_count(item.value()) for item in moving]
    for item, each in zip(moving, counts, strict=True):
        if not 0 < each < math.inf:
            rule = "has no values or no end: write a range from the least to the most, range(5,25,5)"
            raise ConfigProblems([Problem(COMMAND_LINE, 0, item.key_or_group, item.input_line or "", rule)])
    count = math.prod(counts)
    if count > MOST_SETS:
        given = " ".join(item.input_line or "" for item in moving)
        rule = f"are {count:,} sets; at most {MOST_SETS:,} are tried at once"
        raise ConfigProblems([Problem(COMMAND_LINE, 0, "", given, rule)])


def _count(value: object) -> float:
    """How many values a part of a sweep stands for; 1 where Hydra alone can tell, infinite for a range without end."""
    if isinstance(value, ChoiceSweep):
        return len(value.list)
    if isinstance(value, RangeSweep) and value.start is not None and value.stop is not None and value.step:
        first, stop, step = float(value.start), float(value.stop), float(value.step)
        count = (stop - first) / step
        return max(0, math.ceil(count)) if math.isfinite(count) and math.isfinite(step) else math.inf
    return 1


def parse(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    """The overrides that parse, and a problem for each that does not; under :data:`~conf.composition.LOCK`."""
    parser, parsed, problems = OverridesParser.create(), [], []
    for text in overrides:
        if _GROWN.search(text):
            problems.append(Problem(place_of_override(text), 0, "", text, "must be the whole list: [A,B]"))
            continue
        try:
            parsed += parser.parse_overrides([text])
        except HydraException:
            problems.append(_unread(text, overrides))
    return parsed, problems


def _unread(text: str, overrides: Sequence[str]) -> Problem:
    """The problem of a word that is no override."""
    place, key = place_of_override(text), text.partition("=")[0].strip()
    if "=" in overrides:
        rule = "a setting is written without spaces around its sign: KEY=VALUE"
    elif "=" not in text:
        rule = "is no setting, which is written KEY=VALUE; an option begins with --, and --help lists those"
    elif not key:
        rule = "has no key before its sign; a setting is written KEY=VALUE"
    elif foreign := next((sign for sign in text if not sign.isascii()), ""):
        rule = f"holds {foreign!r} (U+{ord(foreign):04X}); type it anew, or put quotes around a value: '{_quoted(key)}'"
    elif not _KEY.fullmatch(key):
        rule = "is no KEY=VALUE: a key has letters, digits and _ with dots between them, and slashes in a group's name"
    else:
        rule = f"is no KEY=VALUE; a value with other signs wants quotes around the whole: '{_quoted(key)}'"
    return Problem(place, 0, "", f"{key}=..." if is_secret_value(text) else text, rule)


def _quoted(key: str) -> str:
    return f'{key}="VALUE"'


def named_options(group: str, overrides: Sequence[str]) -> list[str]:
    """The files of a group that overrides name, however they are written, in their order; the last one counts."""
    with LOCK:
        parsed, _ = parse([text for text in overrides if group in text])
    return [str(item.value()) for item in parsed if item.key_or_group == group]


def with_mode_of_environment(overrides: Sequence[str]) -> list[str]:
    """``MODE`` chooses the mode (R-CFG-04) unless the command line does; Hydra's defaults list cannot read it."""
    mode = environment("MODE")
    chosen = [f"mode={mode}"] if mode and not any(_MODE.match(text) for text in overrides) else []
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
    known = groups(folder)
    answers = [(item, refused(item, folder, known)) for item in parsed]
    problems = [problem for _, problem in answers if problem]
    asked = [item for item, problem in answers if not problem]
    absent = absent_defaults(folder, chosen_options(parsed, folder))
    problems += absent
    if not absent:
        with suppress(*COMPOSITION_ERRORS):
            return composed(asked, folder), problems
    accepted = stand_ins(absent_defaults(folder, {}), folder)
    ordered = sorted(asked, key=lambda override: "." in override.key_or_group)
    if accepted:  # where only defaults are wrong, all overrides are good: as one composition, not one for each
        with suppress(*COMPOSITION_ERRORS):
            return composed([*accepted, *ordered], folder), problems
    found = composed(accepted, folder)
    for item in ordered:
        try:
            found = composed([*accepted, item], folder)
        except COMPOSITION_ERRORS as error:
            problems.append(_explained(item, error, accepted, folder))
        else:
            accepted.append(item)
    return found, problems


def refused(item: Override, folder: Path, known: Sequence[str]) -> Problem | None:
    """The problem of an override that Hydra would take: several values or options at once, and its own settings.

    Args:
        known: the groups of the folder.
    """
    key, text = item.key_or_group, (item.input_line or "").partition("=")[2]
    place = place_of_override(item.input_line or "")
    if item.is_sweep_override():
        return Problem(place, 0, key, text, _several(key, text))
    if isinstance(item.value(), list) and key in known:
        return Problem(place, 0, key, text, _one_of(options(key, folder)))
    if key in known and _NO_FILE.search(text):
        files = options(key, folder)
        near = nearest(_NO_FILE.sub("", text), files)
        return Problem(place, 0, key, text, _one_of(files), near)
    if "." in key and (group := key.replace(".", "/")) in known and not isinstance(item.value(), dict):
        rule = f"is a group of settings, whose file is chosen with a slash: {group}=NAME"
        return Problem(place, 0, key, text, rule, f"{group}={nearest(text, options(group, folder)) or 'NAME'}")
    if re.split(r"\W", key, maxsplit=1)[0] == "hydra":
        return Problem(place, 0, key, "", "is not a key of the settings")
    if "[" in key:
        return Problem(place, 0, key, "", "is not a key of the settings", re.sub(r"\[(\w+)\]", r".\1", key))
    if rule := _no_plain_value(item, key in known):
        return Problem(place, 0, key, text, rule)
    if item.package is not None:
        return Problem(place, 0, f"{key}@{item.package}", "", "is not allowed; a file is chosen by GROUP=NAME")
    return _no_option(item, folder, known)


def _no_plain_value(item: Override, is_group: bool) -> str:
    """The rule that an override breaks though Hydra would take it, with another meaning than it seems to have."""
    if is_group and item.type in (OverrideType.ADD, OverrideType.FORCE_ADD):
        return "is a group of settings, whose file is chosen without a plus sign: GROUP=NAME"
    if rule := reference_rule((item.input_line or "").partition("=")[2]):
        return rule
    if isinstance(item.value(), dict) and not any(_leaves(item.value())):
        return "has no effect: a mapping is added to what is there; name a key in it"
    return ""


def _leaves(value: object) -> Iterator[bool]:
    for each in value.values() if isinstance(value, dict) else ():
        yield True if not isinstance(each, dict) else any(_leaves(each))


def _no_option(item: Override, folder: Path, known: Sequence[str]) -> Problem | None:
    """The problem of a plain name of which its group has no file; Hydra would read all others to find it out."""
    key, name = item.key_or_group, str(item.value())
    if key not in known or item.value() is None or item.package is not None or isinstance(item.value(), dict):
        return None
    if name == NONE or name in (files := options(key, folder)):
        return None
    near = nearest(_FILE.sub("", name), files)  # of a path, the file's name
    return Problem(place_of_override(item.input_line or ""), 0, key, name, _one_of(files), near)


def _one_of(files: Sequence[str]) -> str:
    return f"must be one of {', '.join(files)}"


def _several(key: str, text: str) -> str:
    """What to write in place of values with commas between them: a list, a number in plain digits, or a sweep."""
    if _NUMBER.fullmatch(text):
        return f"must be a number in plain digits, without commas: {text.replace(',', '')}"
    if key.endswith(("instruments", "restricted", "channels")):
        return f"must be a list: [{text}]"
    return "takes one value; several are for tradewright sweep alone"


def _explained(item: Override, error: Exception, accepted: Sequence[Override], folder: Path) -> Problem:
    key, value, place = item.key_or_group, str(item.value()), place_of_override(item.input_line or "")
    if unread := secret_problem(error):
        return unread
    known = options(key, folder) if key in groups(folder) else []
    if known and value not in known:
        return Problem(place, 0, key, value, _one_of(known), nearest(value, known))
    if known and value != NONE and item.type is OverrideType.CHANGE:
        return option_problem(folder, key, value, error)
    if isinstance(error, ConfigCompositionException):
        unknown = _unknown_key(key, item.value(), composed(accepted, folder).tree, folder)
        if unknown is not None:
            return replace(unknown, file=place)
    return Problem(place, 0, key, value, plain_reason(error))


def _unknown_key(key: str, value: object, whole: object, folder: Path) -> Problem | None:
    """The first part of a dotted key that is not there; None when all of it is.

    Args:
        value: the one that was given.
        whole: the tree without it.
    """
    parts, tree = key.split("."), whole
    for depth, part in enumerate(parts):
        if isinstance(tree, dict) and part in tree:
            tree = tree[part]
            continue
        names = sorted(tree) if isinstance(tree, dict) else []
        above, is_last = tuple(parts[:depth]), depth + 1 == len(parts)
        fields = field_names(Settings, above) if depth and is_last else []
        known = [name for name in fields if is_declared(Settings, (*above, name), value, whole)]
        near = nearest(part, [*names, *known] if depth else [*names, *groups(folder)])
        full = ".".join([*parts[:depth], near, *parts[depth + 1 :]]) if near else ""
        if not depth and len(parts) == 1:
            group = next((name for name in groups(folder) if name.endswith(f"/{part}")), "")
            full = group or next(_named(tree, part), full)
        return Problem(COMMAND_LINE, 0, key, "", "is not a key of the settings", full)
    return None


def _named(tree: object, name: str, above: str = "") -> Iterator[str]:
    """The dotted keys of a tree that end in a name: a setting is often written without its group."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        if key == name and above:
            yield f"{above}.{key}"
        yield from _named(value, name, f"{above}.{key}" if above else str(key))
