"""YAML and overrides to frozen settings: the only module that touches Hydra or reads the environment.

Hydra's compose keeps its state in a global, so everything here runs under one lock.
"""

from __future__ import annotations

import os
import re
import shlex
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from dotenv import dotenv_values
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException, HydraException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from conf.problems import ConfigProblems, Problem, nearest
from conf.rules import TABLE_GROUPS
from conf.schema.settings import Settings
from conf.yaml_reader import holds, vet
from conf.composition import Composed
from conf.validate import field_names, validate
from tradewright.model.errors import ConfigError

PROJECT = Path(__file__).resolve().parent.parent
ROOT = "config"
COMMAND_LINE = "command line"
OVERRIDES = "TRADEWRIGHT_OVERRIDES"
ENV_FILE = "TRADEWRIGHT_ENV_FILE"
MOST_NODES = "1000000"
"""Of YAML in one file, for OmegaConf; :mod:`conf.yaml_reader` limits bytes, depth and aliases before it is asked."""
_NODES = "OMEGACONF_MAX_YAML_EXPANDED_NODES"
NO_STRATEGY = {
    "name": "none",
    "kind": "buy_and_hold",
    "confidence": 0.0,
    "size_pct": 0.0,
    "instruments": None,
    "timeframe": None,
}
"""Stands in for a strategy that cannot be read, in settings of which nobody asks for a strategy."""
NONE = "__none__"
ConfigStore.instance().store(group="strategy", name=NONE, node=NO_STRATEGY)
_LOCK = threading.RLock()


def conf_folder() -> Path:
    """The folder of the YAML files: ``TRADEWRIGHT_CONF`` where it is set, else the one beside this module."""
    return Path(environment("TRADEWRIGHT_CONF") or Path(__file__).parent).resolve()


def environment(name: str) -> str | None:
    """A value of the environment that no YAML file refers to, such as the token of the served apps."""
    return os.environ.get(name) or None


def load_environment() -> None:
    """Read ``.env`` of the project's folder, or the file that ``TRADEWRIGHT_ENV_FILE`` names, into the environment.

    Every program (command line, Dagster, the served apps) comes through here before it composes. A variable that is
    set already keeps its value, and an empty line means what no line means.
    """
    for name, value in dotenv_values(os.environ.get(ENV_FILE) or PROJECT / ".env").items():
        if value:
            os.environ.setdefault(name, value)


def environment_overrides() -> tuple[str, ...]:
    """The overrides that every program composes under: ``TRADEWRIGHT_OVERRIDES``, separated by spaces."""
    load_environment()
    return tuple(shlex.split(os.environ.get(OVERRIDES, "")))


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
    """The settings in force for all that has nothing to do with a strategy, such as the operator's desk.

    No wrong strategy file stops it: where the chosen strategy is wrong, ``NO_STRATEGY`` stands in its place.

    Raises:
        ConfigProblems: when anything else is wrong; the problems are those under the chosen strategy.
    """
    settings, problems = examine(overrides, folder)
    if settings is not None and not problems:
        return settings
    settings, others = _examine_apart(overrides, folder or conf_folder())
    if settings is None or others:
        raise ConfigProblems(problems)
    return settings


def compose_strategies(
    overrides: Sequence[str] = (), folder: Path | None = None
) -> dict[str, Settings | ConfigProblems]:
    """The settings of every strategy file under the same overrides, or its problems, by name.

    The rest of the configuration is composed once and the strategy exchanged in it. Only a file that refers to other
    keys or has defaults of its own, and overrides of a strategy's keys, need a composition each.
    """
    folder = folder or conf_folder()
    names = options("strategy", folder)
    base = None if any(_is_of_strategy(text) for text in overrides) else _base(overrides, folder)
    return {name: _settings_of(name, base, overrides, folder) for name in names}


def _settings_of(name: str, base: Composed | None, overrides: Sequence[str], folder: Path) -> Settings | ConfigProblems:
    path = folder / "strategy" / f"{name}.yaml"
    if traps := _traps([path], folder):
        return ConfigProblems(traps)
    if base is None or _needs_composition(path):
        settings, problems = examine((*overrides, f"strategy='{name}'"), folder)
    else:
        settings, problems = _exchanged(base, name)
    return ConfigProblems(problems) if settings is None or problems else settings


def _exchanged(base: Composed, name: str) -> tuple[Settings | None, list[Problem]]:
    try:
        return validate(_with_option(base, "strategy", name))
    except (HydraException, OmegaConfBaseException) as error:
        return None, [Problem(f"{base.folder.name}/strategy/{name}.yaml", 0, "", "", _first_line(error))]


def _base(overrides: Sequence[str], folder: Path) -> Composed | None:
    """A composition without a strategy; None where the overrides or the files are wrong, which each strategy tells."""
    if _traps(_files_apart(folder), folder):
        return None
    with _LOCK, _hydra(folder):
        parsed, problems = _parse([*_from_environment(overrides), *_apart(overrides)])
        if problems or any(_not_ours(item, folder) for item in parsed):
            return None
        with suppress(HydraException, OmegaConfBaseException):
            return _composed(parsed, folder)
    return None


def _needs_composition(path: Path) -> bool:
    """Whether a vetted file refers to other keys, or is made of other files."""
    text = path.read_text(encoding="utf-8")
    return "${" in text or holds(path, ("defaults",))


def _is_of_strategy(text: str) -> bool:
    return text.lstrip("+~").startswith("strategy.")


def _apart(overrides: Sequence[str]) -> list[str]:
    """The overrides without those of the strategy, and ``NO_STRATEGY`` chosen: Hydra reads no file for it."""
    others = [text for text in overrides if re.split(r"[.=@]", text.lstrip("+~"), maxsplit=1)[0] != "strategy"]
    return [*others, f"strategy={NONE}"]


def _files_apart(folder: Path) -> list[Path]:
    return [path for path in yaml_files(folder) if path.parent != folder / "strategy"]


def _examine_apart(overrides: Sequence[str], folder: Path) -> tuple[Settings | None, list[Problem]]:
    """The settings with ``NO_STRATEGY``, or None and all problems beside those of strategies."""
    if traps := _traps(_files_apart(folder), folder):
        return None, traps
    return _examine_vetted(_apart(overrides), folder, apart=True)


def examine(
    overrides: Sequence[str] = (), folder: Path | None = None, *, swept: bool = False
) -> tuple[Settings | None, list[Problem]]:
    """The settings, or None and all problems found on the way to them; files of other strategies are not looked at.

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    folder = folder or conf_folder()
    if traps := _traps(_files_apart(folder), folder):
        return None, traps
    if traps := _traps([folder / "strategy" / f"{_chosen_strategy(overrides, folder)}.yaml"], folder):
        return None, traps
    return _examine_vetted(overrides, folder, swept=swept)


def _traps(paths: Iterable[Path], folder: Path) -> list[Problem]:
    return [problem for path in paths if path.exists() for problem in vet(path, shown(path, folder))]


def _chosen_strategy(overrides: Sequence[str], folder: Path) -> str:
    """The strategy by its name: the last one named, else the one of the root file (vetted before), else none."""
    with _LOCK:
        parsed, _ = _parse(overrides)
    named = [str(item.value()) for item in parsed if item.key_or_group == "strategy"]
    root = yaml.safe_load((folder / f"{ROOT}.yaml").read_text(encoding="utf-8")) or {}
    entries = defaults if isinstance(defaults := root.get("defaults"), list) else []
    default = [str(entry["strategy"]) for entry in entries if isinstance(entry, dict) and "strategy" in entry]
    return ["", *default, *named][-1]


def check(overrides: Sequence[str] = (), folder: Path | None = None) -> list[Problem]:
    """Every problem of every file: traps, the composition in force, and each option of each group in turn.

    Tables are looked at too (``conf/table_rules.py``).

    Raises:
        ConfigError: when there is no folder of YAML files.
    """
    folder = folder or conf_folder()
    if traps := _traps(yaml_files(folder), folder):
        return traps
    _, problems = _examine_vetted(overrides, folder, tables=TABLE_GROUPS)
    with _LOCK, _hydra(folder):
        try:
            base = _composed((), folder)
        except (HydraException, OmegaConfBaseException) as error:
            return list(dict.fromkeys([*problems, _root_problem(error, folder)]))
        for group in groups(folder):
            for option in options(group, folder):
                problems += _option_problems(base, group, option)
    return list(dict.fromkeys(problems))


def _option_problems(base: Composed, group: str, option: str) -> list[Problem]:
    try:
        return validate(_with_option(base, group, option), alone=group, tables={group} & TABLE_GROUPS)[1]
    except (HydraException, OmegaConfBaseException) as error:
        return [Problem(f"{base.folder.name}/{group}/{option}.yaml", 0, "", "", _first_line(error))]


def groups(folder: Path | None = None) -> list[str]:
    """All groups, nested ones as ``backtest/costs``."""
    folder = folder or conf_folder()
    return sorted({str(path.parent.relative_to(folder)) for path in yaml_files(folder)} - {"."} - set(_TABLE_FOLDERS))


_TABLE_FOLDERS = ("expectations",)
"""Folders of YAML that is not composed: expectation suites are read by name."""


def options(group: str, folder: Path | None = None) -> list[str]:
    """The options of a group: the names of its files."""
    return sorted(path.stem for path in ((folder or conf_folder()) / group).glob("*.yaml"))


def yaml_files(folder: Path) -> list[Path]:
    """All YAML files of a conf folder, sorted.

    Raises:
        ConfigError: when it is none.
    """
    if not (folder / f"{ROOT}.yaml").is_file():
        remedy = "let TRADEWRIGHT_CONF name a folder of YAML files, or unset it for the one that ships"
        raise ConfigError(f"there is no {ROOT}.yaml", where=str(folder), remedy=remedy)
    return sorted(path for path in folder.rglob("*.yaml") if path.is_file())


def shown(path: Path, folder: Path) -> str:
    """A file as a person would name it: ``conf/strategy/macd_trend.yaml``."""
    return str(Path(folder.name) / path.relative_to(folder))


class Grid(NamedTuple):
    """A sweep as lists of overrides, one list per combination, in the order of the syntax."""

    fixed: list[str]
    combinations: list[list[str]]


def grid(overrides: Sequence[str]) -> Grid:
    """Hydra's own sweep syntax, ``strategy.fast=5,10 strategy.slow=range(20,60,20)``, split by Hydra's own splitter.

    Raises:
        ConfigProblems: for an override that does not parse, or whose values cannot be listed.
    """
    with _LOCK:
        parsed, problems = _parse(overrides)
        if problems:
            raise ConfigProblems(problems)
        moving = [item for item in parsed if item.is_sweep_override()]
        fixed = [item.input_line or "" for item in parsed if not item.is_sweep_override()]
        try:
            combinations = BasicSweeper.split_arguments(moving, None)[0] if moving else [[]]
        except (HydraException, ValueError) as error:
            rule = f"cannot be split into values: {_first_line(error)}; write 5,10,20 or range(5,25,5)"
            given = " ".join(item.input_line or "" for item in moving)
            raise ConfigProblems([Problem(COMMAND_LINE, 0, "", given, rule)]) from error
    return Grid(fixed, [list(combination) for combination in combinations])


def _examine_vetted(
    overrides: Sequence[str],
    folder: Path,
    *,
    tables: Iterable[str] = (),
    swept: bool = False,
    apart: bool = False,
) -> tuple[Settings | None, list[Problem]]:
    """Compose and validate; the files were vetted. ``apart`` from strategies, none was chosen."""
    with _LOCK, _hydra(folder):
        parsed, problems = _parse([*_from_environment(overrides), *overrides])
        problems += [problem for item in parsed if (problem := _not_ours(item, folder))]
        try:
            composed, refused = _accepted([item for item in parsed if not _not_ours(item, folder)], folder)
        except (HydraException, OmegaConfBaseException) as error:
            return None, [*problems, _root_problem(error, folder)]
        problems += refused
    if apart:
        composed = composed._replace(
            choices={name: each for name, each in composed.choices.items() if name != "strategy"}
        )
    settings, wrong = validate(composed, tables=tables, swept=swept)
    return settings, problems + wrong


def _root_problem(error: Exception, folder: Path) -> Problem:
    return Problem(f"{folder.name}/{ROOT}.yaml", 0, "", "", _first_line(error))


def _not_ours(item: Override, folder: Path) -> Problem | None:
    """Overrides that Hydra would take: several values or options at once, and its own settings."""
    key, text = item.key_or_group, (item.input_line or "").partition("=")[2]
    if item.is_sweep_override():
        return Problem(COMMAND_LINE, 0, key, text, "takes one value; several are for tradewright sweep alone")
    if isinstance(item.value(), list) and key in groups(folder):
        return Problem(COMMAND_LINE, 0, key, text, f"must be one of {', '.join(options(key, folder))}")
    if key.partition("/")[0].partition(".")[0] == "hydra":
        return Problem(COMMAND_LINE, 0, key, "", "is Hydra's own, not a key of the settings")
    return None


def _from_environment(overrides: Sequence[str]) -> list[str]:
    """``MODE`` chooses the mode (R-CFG-04) unless the command line does; Hydra's defaults list cannot read it."""
    mode = environment("MODE")
    return [f"mode={mode}"] if mode and not any(text.startswith("mode=") for text in overrides) else []


@contextmanager
def _hydra(folder: Path) -> Iterator[None]:
    before = os.environ.get(_NODES)
    os.environ[_NODES] = MOST_NODES
    try:
        with initialize_config_dir(config_dir=str(folder)):
            yield
    finally:
        if before is None:
            del os.environ[_NODES]
        else:
            os.environ[_NODES] = before


def _parse(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    parser, parsed, problems = OverridesParser.create(), [], []
    for text in overrides:
        try:
            parsed += parser.parse_overrides([text])
        except HydraException as error:
            rule = f"is not KEY=VALUE in Hydra's syntax: {_first_line(error)}; quote odd values: 'key=\"a b\"'"
            problems.append(Problem(COMMAND_LINE, 0, "", text, rule))
    return parsed, problems


def _accepted(parsed: Sequence[Override], folder: Path) -> tuple[Composed, list[Problem]]:
    """What all overrides compose to; else what the good ones do, and a problem for each bad one.

    Raises:
        HydraException: when the files do not compose even without overrides.
    """
    with suppress(HydraException, OmegaConfBaseException):
        return _composed(parsed, folder), []
    composed = _composed([], folder)
    accepted: list[Override] = []
    problems: list[Problem] = []
    for item in sorted(parsed, key=lambda override: "." in override.key_or_group):
        try:
            composed = _composed([*accepted, item], folder)
        except (HydraException, OmegaConfBaseException) as error:
            problems.append(_override_problem(item, error, accepted, folder))
        else:
            accepted.append(item)
    return composed, problems


def _override_problem(item: Override, error: Exception, accepted: Sequence[Override], folder: Path) -> Problem:
    key, value = item.key_or_group, str(item.value())
    known = options(key, folder) if key in groups(folder) else []
    if known and value not in known:
        return Problem(COMMAND_LINE, 0, key, value, f"must be one of {', '.join(known)}", nearest(value, known))
    if isinstance(error, ConfigCompositionException):
        unknown = _unknown_key(key, _composed(accepted, folder).tree, folder)
        if unknown is not None:
            return unknown
    return Problem(COMMAND_LINE, 0, key, value, _first_line(error))


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


def _composed(overrides: Sequence[Override], folder: Path) -> Composed:
    lines = [item.input_line or "" for item in overrides]
    with _told_apart():
        config = hydra_compose(ROOT, overrides=lines, return_hydra_config=True)
        chosen = _plain(config.hydra.runtime.choices)
        choices = {group: str(option) for group, option in chosen.items() if not group.startswith("hydra/")}
        OmegaConf.set_struct(config, False)
        del config["hydra"]
        tree = _plain(config)
    keys = {item.key_or_group: str(item.value()) for item in overrides}
    return Composed(tree, choices, keys, folder, _stage_file(folder, choices.get("stage", "")))


def _stage_file(folder: Path, option: str) -> dict[str, Any] | None:
    """The values of a file of ``conf/stage``, apart from every override; None where there is none of that name."""
    path = folder / "stage" / f"{option}.yaml"
    return _plain(OmegaConf.load(path)) if path.is_file() else None


@contextmanager
def _told_apart() -> Iterator[None]:
    """To shapes that they did not expect, Hydra and OmegaConf answer with whatever Python raises.

    Raises:
        HydraException: in its place.
    """
    try:
        yield
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError, yaml.YAMLError) as error:
        raise HydraException(f"cannot be composed ({type(error).__name__}: {error})") from error


def _with_option(base: Composed, group: str, option: str) -> Composed:
    """The base composition with one group's option exchanged; a file without defaults of its own is simply read.

    Raises:
        HydraException, OmegaConfBaseException: when the file does not fit.
    """
    content = OmegaConf.load(base.folder / group / f"{option}.yaml", max_yaml_expanded_nodes=int(MOST_NODES))
    if "defaults" in content:
        return _composed(OverridesParser.create().parse_overrides([f"{group}='{option}'"]), base.folder)
    *parents, last = group.split("/")
    tree = dict(base.tree)
    node: Any = tree
    for parent in parents:
        if not isinstance(below := node.get(parent), dict):
            raise HydraException(f"{parent} is no group of {ROOT}.yaml")
        node[parent] = dict(below)  # the base keeps its own
        node = node[parent]
    with _told_apart():
        node[last] = _plain(content)
    changed = base._replace(tree=tree, choices={**base.choices, group: option})
    return changed._replace(stage=_stage_file(base.folder, option)) if group == "stage" else changed


def _plain(config: Any) -> dict[str, Any]:
    """An OmegaConf mapping as plain values, interpolations resolved."""
    container: Any = OmegaConf.to_container(config, resolve=True)
    return {str(key): value for key, value in container.items()}


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
