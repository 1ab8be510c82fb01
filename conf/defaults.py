"""Defaults lists: the option that each entry names for a group, and the entries that name no file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from ruamel.yaml.error import YAMLError

from conf.composition import NONE
from conf.environment import ROOT, display_path, groups, options
from conf.problems import Problem, nearest
from conf.yaml_reader import locate, values


def chosen_options(overrides: Sequence[Override], folder: Path) -> dict[str, str]:
    """The option that overrides choose for each group; of several the last one counts."""
    known = {*groups(folder), "strategy"}  # also where all of its files are gone
    return {item.key_or_group: str(item.value()) for item in overrides if item.key_or_group in known}


def absent_defaults(folder: Path, chosen: Mapping[str, str]) -> list[Problem]:
    """A problem for each entry, of the defaults lists in force, that names an option without a file.

    Args:
        folder: of YAML files; of one that is no YAML nothing is told here.
        chosen: the options that overrides choose, whose entries are not looked at.
    """
    return list(_absent(folder, folder / f"{ROOT}.yaml", "", chosen, set()))


def defaults_problems(path: Path, shown: str) -> list[Problem]:
    """What is wrong with the defaults list of the root file as such: it is not there, or names a group twice.

    Args:
        path: a file that has been linted.
        shown: its name in messages.
    """
    entries = _entries(path)
    if not entries:
        rule = "is missing: the list of the groups, each with one of its files, as in `- risk: default`"
        return [Problem(shown, locate(path, ("defaults",)), "defaults", "", rule)]
    problems, seen = list[Problem](), set[str]()
    for index, entry in enumerate(entries):
        for name in entry if isinstance(entry, dict) else [entry]:
            group = str(name).removeprefix("optional ").removeprefix("/").strip()
            if group in seen and isinstance(name, str):
                line = locate(path, ("defaults", str(index)))
                problems.append(Problem(shown, line, f"defaults.{group}", "", "is given twice; keep one"))
            seen.add(group)
    return problems


def stand_ins(absent: Sequence[Problem], folder: Path) -> list[Override]:
    """Overrides under which the rest of the configuration composes: no strategy, the first option of other groups."""
    wanted = (problem.key.replace(".", "/") for problem in absent)
    found = {group: [NONE] if group == "strategy" else options(group, folder)[:1] for group in wanted}
    texts = [f"{group}='{option}'" for group, first in found.items() for option in first]
    return list(OverridesParser.create().parse_overrides(texts))


def _absent(folder: Path, path: Path, above: str, chosen: Mapping[str, str], seen: set[Path]) -> Iterator[Problem]:
    entries = [] if path in seen else _entries(path)
    seen.add(path)
    for index, entry in enumerate(entries):
        for name, option in entry.items() if isinstance(entry, dict) else ():
            if not isinstance(option, str) or "${" in option or not name.replace("/", "").isidentifier():
                continue  # of Hydra's rarer forms Hydra itself tells what is wrong
            group = name[1:] if name.startswith("/") else f"{above}/{name}".strip("/")
            file = folder / group / f"{chosen.get(group, option)}.yaml"
            if file.is_file():
                yield from _absent(folder, file, group, chosen, seen)
            elif group not in chosen:
                yield _problem(folder, path, locate(path, ("defaults", str(index))), group, option)


def _entries(path: Path) -> list[object]:
    """The entries of a file's defaults list; none for a file that is no YAML, which was not chosen and not linted."""
    try:
        found: object = values(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YAMLError, RecursionError, ValueError):
        return []
    entries = found.get("defaults") if isinstance(found, dict) else None
    return entries if isinstance(entries, list) else []


def _problem(folder: Path, path: Path, line: int, group: str, option: str) -> Problem:
    known, where, key = options(group, folder), display_path(path, folder), group.replace("/", ".")
    if not known:
        rule = f"has no file in {display_path(folder / group, folder)}"
        return Problem(where, line, key, option, rule, nearest(group, groups(folder)))
    return Problem(where, line, key, option, f"must be one of {', '.join(known)}", nearest(option, known))
