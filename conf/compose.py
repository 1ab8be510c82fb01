"""YAML and overrides to frozen settings, with every problem on the way; the entrance of this package."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from conf.composition import (
    COMPOSITION_ERRORS,
    LOCK,
    Composed,
    composed,
    hydra,
    with_option,
)
from conf.composition_errors import option_problem
from conf.defaults import absent_defaults, chosen_options, defaults_problems, stand_ins
from conf.documents import document_problems
from conf.environment import ROOT, conf_folder, display_path, groups, odd_files, options, unread_files, yaml_files
from conf.overrides import compose_accepted, named_options, parse, refused, with_mode_of_environment, without_strategy
from conf.problems import ConfigProblems, Problem
from conf.rules import TABLE_GROUPS
from conf.scenarios import SCENARIO, scenario_problems
from conf.schema.settings import Settings
from conf.sources import files_in_place
from conf.strategy_kinds import found_once
from conf.suites import suite_problems
from conf.validate import validate
from conf.yaml_reader import holds, lint_yaml, load

_ODD = "is no plain file, and nothing reads it; remove it, or correct what it links to"
_UNREAD = "ends with {}, and only files that end with .yaml are read; rename or remove it"
_NO_GROUP = "lies in no group, and nothing reads it; move it into the folder of its group, or remove it"


def compose(overrides: Sequence[str] = (), folder: Path | None = None, *, swept: bool = False) -> Settings:
    """The settings in force.

    Args:
        overrides: Hydra's syntax: ``strategy=macd_trend``, ``strategy.fast=10``.
        folder: another folder of YAML files, for tests.
        swept: whether the parameters are but one set of a sweep, which need not go together.

    Raises:
        ConfigProblems: with every problem of the files that were chosen and of the overrides.
    """
    settings, problems = examine(overrides, folder, swept=swept)
    if settings is None or problems:
        raise ConfigProblems(problems)
    return settings


def compose_without_strategy(overrides: Sequence[str] = (), folder: Path | None = None) -> Settings:
    """The settings in force for all that has nothing to do with a strategy, such as the commands of an operator.

    No wrong strategy file stops it: where the chosen strategy is wrong, ``NO_STRATEGY`` stands in its place.

    Raises:
        ConfigProblems: when anything else is wrong; the problems are those under the chosen strategy.
    """
    settings, problems = examine(overrides, folder)
    if settings is not None and not problems:
        return settings
    settings, others = examine(without_strategy(overrides), folder)
    if settings is None or others:
        raise ConfigProblems(problems)
    return settings


def compose_strategies(
    overrides: Sequence[str] = (), folder: Path | None = None, names: Sequence[str] | None = None
) -> dict[str, Settings | ConfigProblems]:
    """The settings of every strategy file under the same overrides, or its problems, by name.

    Args:
        names: those that are wanted, whether their files are there or not; all that are there when it is left out.

    Raises:
        ConfigProblems: when a folder goes meanwhile.

    The rest of the configuration is composed once and the strategy exchanged in it. Only a file that refers to other
    keys or has defaults of its own, and overrides of a strategy's keys, need a composition each.
    """
    folder = folder or conf_folder()
    changes_strategies = any(text.lstrip("+~").startswith("strategy.") for text in overrides)
    with files_in_place(folder):
        base = None if changes_strategies else _base_without_strategy(overrides, folder)
        wanted = options("strategy", folder) if names is None else names
        with found_once(folder):
            return {name: _settings_of(name, base, overrides, folder) for name in wanted}


def examine(
    overrides: Sequence[str] = (), folder: Path | None = None, *, swept: bool = False
) -> tuple[Settings | None, list[Problem]]:
    """The settings, or None and all problems found on the way to them; files of other strategies are not looked at.

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    folder = folder or conf_folder()
    try:
        with files_in_place(folder):
            return _examine(overrides, folder, swept=swept)
    except ConfigProblems as error:
        return None, list(error.problems)


def _examine(overrides: Sequence[str], folder: Path, *, swept: bool = False) -> tuple[Settings | None, list[Problem]]:
    if traps := _traps(_files_of_no_strategy(folder), folder):
        return None, traps
    if traps := _traps([folder / "strategy" / f"{_chosen_strategy(overrides, folder)}.yaml"], folder):
        return None, traps
    return _examine_linted(overrides, folder, swept=swept)


def check(overrides: Sequence[str] = (), folder: Path | None = None) -> list[Problem]:
    """Every problem of every file: traps, the composition in force, and each option of each group in turn.

    Tables are looked at too (``conf/table_rules.py``). Files with traps are not composed: where only strategies that
    are not in force have some, everything else is still looked at.

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    return checked(overrides, folder)[1]


def checked(overrides: Sequence[str] = (), folder: Path | None = None) -> tuple[Settings | None, list[Problem]]:
    """The settings in force, None where they are wrong, and every problem that :func:`check` finds.

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    folder = folder or conf_folder()
    try:
        with files_in_place(folder):
            return _check(overrides, folder)
    except ConfigProblems as error:
        return None, list(error.problems)


def _check(overrides: Sequence[str], folder: Path) -> tuple[Settings | None, list[Problem]]:
    trapped = {path: found for path in yaml_files(folder) if (found := _traps([path], folder))}
    traps = [problem for found in trapped.values() for problem in found]
    traps += [
        Problem(display_path(path, folder), 0, "", "", _UNREAD.format(path.suffix)) for path in unread_files(folder)
    ]
    alone = [path for path in yaml_files(folder) if path.parent == folder and path.stem != ROOT]
    traps += [Problem(display_path(path, folder), 0, "", "", _NO_GROUP) for path in alone]
    traps += [Problem(display_path(path, folder), 0, "", "", _ODD) for path in odd_files(folder)]
    if not trapped.keys().isdisjoint(_files_of_no_strategy(folder)):
        return None, traps
    if folder / "strategy" / f"{_chosen_strategy(overrides, folder)}.yaml" in trapped:
        return None, traps
    with found_once(folder):
        settings, problems = _examine_linted(overrides, folder, tables=TABLE_GROUPS)
        problems = [*traps, *problems, *_problems_of_options(folder, trapped), *suite_problems(folder)]
    return settings, list(dict.fromkeys(problems))


def _problems_of_options(folder: Path, trapped: Collection[Path]) -> list[Problem]:
    """The problems of each option of each group, save those of files with traps."""
    problems = list[Problem]()
    with LOCK, hydra(folder):
        try:
            base = composed(stand_ins(absent := absent_defaults(folder, {}), folder), folder)
        except COMPOSITION_ERRORS as error:
            return absent or [option_problem(folder, "", ROOT, error)]
        for group in groups(folder):
            for option in options(group, folder):
                if folder / group / f"{option}.yaml" not in trapped:
                    problems += option_problems(base, group, option)
    return problems


def option_problems(base: Composed, group: str, option: str) -> list[Problem]:
    """The problems of one option of one group, exchanged in ``base``; inside of :func:`conf.composition.hydra`."""
    try:
        return validate(with_option(base, group, option), alone=group, tables={group} & TABLE_GROUPS)[1]
    except COMPOSITION_ERRORS as error:
        return [option_problem(base.folder, group, option, error)]


def _traps(paths: Iterable[Path], folder: Path) -> list[Problem]:
    return [problem for path in paths if path.exists() for problem in _file_problems(path, display_path(path, folder))]


def _file_problems(path: Path, shown: str) -> list[Problem]:
    """The traps of a file, and all that is wrong with a strategy that is a document or with a scenario."""
    if traps := lint_yaml(path, shown):
        return traps
    if len(Path(shown).parts) == 2 and path.stem == ROOT:
        return defaults_problems(path, shown)
    return document_problems(path, shown) or scenario_problems(path, shown)


def _files_of_no_strategy(folder: Path) -> list[Path]:
    """The files without which nothing runs; a wrong strategy or scenario is told by itself."""
    apart = (folder / "strategy", folder / SCENARIO)
    return [path for path in yaml_files(folder) if path.parent not in apart]


def _chosen_strategy(overrides: Sequence[str], folder: Path) -> str:
    """The strategy by its name: the last one named, else the one of the root file (linted before), else none."""
    named = named_options("strategy", overrides)
    entries = defaults if isinstance(defaults := load(folder / f"{ROOT}.yaml").get("defaults"), list) else []
    default = [str(entry["strategy"]) for entry in entries if isinstance(entry, dict) and "strategy" in entry]
    return ["", *default, *named][-1]


def _settings_of(name: str, base: Composed | None, overrides: Sequence[str], folder: Path) -> Settings | ConfigProblems:
    path = folder / "strategy" / f"{name}.yaml"
    try:
        with files_in_place(folder):
            if traps := _file_problems(path, display_path(path, folder)):  # also of one that is not there
                return ConfigProblems(traps)
            if base is None or _needs_composition(path):
                settings, problems = examine((*overrides, f"strategy='{name}'"), folder)
            else:
                settings, problems = _with_strategy(base, name)
    except ConfigProblems as error:  # it was removed meanwhile
        return error
    return ConfigProblems(problems) if settings is None or problems else settings


def _needs_composition(path: Path) -> bool:
    """Whether a linted file refers to other keys, or is made of other files."""
    return "${" in path.read_text(encoding="utf-8") or holds(path, ("defaults",))


def _with_strategy(base: Composed, name: str) -> tuple[Settings | None, list[Problem]]:
    try:
        return validate(with_option(base, "strategy", name))
    except COMPOSITION_ERRORS as error:
        return None, [option_problem(base.folder, "strategy", name, error)]


def _base_without_strategy(overrides: Sequence[str], folder: Path) -> Composed | None:
    """A composition with ``NO_STRATEGY``; None where overrides or files are wrong, which each strategy reports."""
    if _traps(_files_of_no_strategy(folder), folder):
        return None
    with LOCK, hydra(folder):
        parsed, problems = parse(with_mode_of_environment(without_strategy(overrides)))
        known = groups(folder)
        if problems or any(refused(item, folder, known) for item in parsed):
            return None
        with suppress(*COMPOSITION_ERRORS):
            return composed(parsed, folder)
    return None


def _examine_linted(
    overrides: Sequence[str],
    folder: Path,
    *,
    tables: Iterable[str] = (),
    swept: bool = False,
) -> tuple[Settings | None, list[Problem]]:
    """Compose and validate files that were linted."""
    with LOCK, hydra(folder):
        parsed, problems = parse(with_mode_of_environment(overrides))
        try:
            found, wrong = compose_accepted(parsed, folder)
        except COMPOSITION_ERRORS as error:
            absent = absent_defaults(folder, chosen_options(parsed, folder))
            return None, [*problems, *(absent or [option_problem(folder, "", ROOT, error)])]
    settings, rules = validate(found, tables=tables, swept=swept)
    return settings, [*problems, *wrong, *rules]
