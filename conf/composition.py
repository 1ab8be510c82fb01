"""Hydra: YAML files and overrides to one plain tree, and where each of its values was written.

The only module that runs Hydra. Hydra keeps its state in a global, so a caller holds :data:`LOCK` and is inside of
:func:`hydra` while it composes.
"""

from __future__ import annotations

import hashlib
import os
import pickle  # nosec B403: this process alone writes what is read
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from hydra import compose as hydra_compose
from hydra import initialize_config_search_path
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigLoadError, ConfigResult
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from omegaconf.resolvers import oc

from conf.documents import STRATEGY, as_option, key_in_document, load_option
from conf.environment import (
    COMMAND_LINE,
    ROOT,
    display_path,
    place_of_override,
    place_of_variable,
    secret_in_file,
    variable_behind,
)
from conf.explanations import is_declared
from conf.problems import Problem
from conf.schema.settings import Settings
from conf.sources import contents
from conf.yaml_reader import Key, holds, lint_bytes, load, locate, values

COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException)
LOCK = threading.RLock()
_ITEM = re.compile(r"\.\d+$")
_KEPT = 32


class _Base(NamedTuple):
    """The files that some choices name, composed: references unresolved, and closed against keys that are not there.

    The tree is kept pickled: a copy of it is made seven times as fast as by ``copy.deepcopy``.
    """

    pickled: bytes
    choices: dict[str, str]

    def config(self) -> DictConfig:
        """A tree of one's own."""
        config: DictConfig = pickle.loads(self.pickled)  # noqa: S301  # nosec B301
        return config


_bases: dict[object, _Base] = {}
"""The newest compositions of files, by all that they are made of; guarded by ``LOCK``."""
NO_STRATEGY = {
    "name": "none",
    "kind": "none",
    "confidence": 0.0,
    "size_pct": 0.0,
    "instruments": None,
    "timeframe": None,
}
"""The strategy of settings that are composed without one. Its kind is that of no file, so that none can break it."""
NONE = "__none__"
ConfigStore.instance().store(group="strategy", name=NONE, node=NO_STRATEGY)


def _variable(name: str, *default: object) -> object:
    """What ``${oc.env:NAME,default}`` stands for: OmegaConf's own answer, and a secret that stands in a file."""
    return secret_in_file(name) or oc.env(name, *default)


OmegaConf.register_resolver("oc.env", _variable, replace=True)


class _YamlSource(FileConfigSource):
    """Hydra's files, read as YAML 1.2; Hydra's own reader takes ``no`` for false."""

    @staticmethod
    def scheme() -> str:
        return "yaml"

    def load_config(self, config_path: str) -> ConfigResult:
        name = self._normalize_file_name(config_path)
        path = Path(self.path, name)
        if ".." in path.parts or not path.is_relative_to(self.path):
            raise ConfigLoadError(f"{name} lies outside of {self.path}")
        if not path.is_file():
            raise ConfigLoadError(f"there is no file {path}")
        try:
            node = pickle.loads(_node(path.read_bytes(), path.parent.name))  # noqa: S301  # nosec B301
        except _Trapped as error:  # of a file that was not chosen by its name, and so not looked at before
            raise ConfigLoadError(str(replace(error.problem, file=str(path)))) from error
        return ConfigResult(self.scheme(), self.full_path(), node, {"package": None})


class _Trapped(Exception):
    """A file with a trap; ``problem`` is the first, without the name of the file."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@lru_cache(maxsize=128)
def _node(data: bytes, group: str) -> bytes:
    """The content of a file as Hydra takes it, pickled: each composition gets a copy, and many are made of one file.

    A strategy that is a document is composed as the strategy file that it stands for.

    Raises:
        _Trapped: whatever way led Hydra to it, a file with a trap is not composed.
    """
    if traps := lint_bytes(data, ""):
        raise _Trapped(traps[0])
    found = values(data.decode("utf-8")) or {}
    found = as_option(found) if group == STRATEGY else found
    return pickle.dumps(OmegaConf.create(found), pickle.HIGHEST_PROTOCOL)


class Composed(NamedTuple):
    """The tree that Hydra made, the option of each group, the overrides, and the values of the stage's file."""

    tree: dict[str, Any]
    choices: Mapping[str, str]
    overrides: Mapping[str, str]
    folder: Path
    stage: Mapping[str, Any] | None = None
    places: Mapping[str, str] = {}

    def override_of(self, key: Key) -> str:
        """Where the override of a key was written; empty where the files alone give its value."""
        dotted = ".".join(key)
        named = (name for name in self.overrides if "." in name and f"{dotted}.".startswith(f"{_whole(name)}."))
        return next((self.places.get(name, COMMAND_LINE) for name in named), "")

    def _override_around(self, key: Key) -> str:
        """Where a key that no file has was written, or its row, in whole or in part: ``+polcy.x=1``, ``~strategy``."""
        for depth in range(len(key), 0, -1):
            if any(path.is_file() and holds(path, rest) for path, rest in self._sources(key[:depth])):
                return ""
            dotted = ".".join(key[:depth])
            named = (name for name in self.overrides if name == dotted or name.startswith(f"{dotted}."))
            if (name := next(named, "")) and name not in self.choices:
                return self.places.get(name, COMMAND_LINE)
        return ""

    def place(self, key: Key) -> tuple[str, int]:
        """The file and line that gave a key its value, or its parent where it is missing; the command line wins.

        Where the file takes the value from a variable that is set, the variable is named, and by which line.
        """
        if said := self.override_of(key):
            return said, 0
        sources = [(path, rest) for path, rest in self._sources(key) if path.is_file()]
        whole = [(path, rest) for path, rest in sources if holds(path, rest)]
        if said := self._override_around(key):
            return said, 0
        parent = [(path, rest) for path, rest in sources if rest[1:] and holds(path, rest[:-1])]
        path, rest = [*whole, *parent, *sources][0]
        shown, line = display_path(path, self.folder), locate(path, rest)
        if whole and line and (name := variable_behind(path.read_text(encoding="utf-8").splitlines()[line - 1])):
            return f"{place_of_variable(name)} (read by {shown}:{line})", 0
        return shown, line

    def _sources(self, key: Key) -> Iterator[tuple[Path, Key]]:
        """Where a key may stand: the nearest group's chosen file, those it is made of, the wider groups, the root."""
        for depth in range(len(key), 0, -1):
            group = "/".join(key[:depth])
            if group in self.choices:
                folder = self.folder / group
                chosen = folder / f"{self.choices[group]}.yaml"
                yield chosen, key[depth:]
                if group == STRATEGY:
                    yield chosen, key_in_document(key[depth:])
                if chosen.is_file() and holds(chosen, ("defaults",)):
                    yield from ((path, key[depth:]) for path in sorted(folder.glob("*.yaml")) if path != chosen)
        if key[0] == "feeds" and len(key) > 1:  # of an instrument: a file beside the chosen one
            yield self.folder / "feed" / f"{key[1]}.yaml", key[2:]
        yield self.folder / f"{ROOT}.yaml", key


@contextmanager
def hydra(folder: Path) -> Iterator[None]:
    """Hydra on a folder of YAML files that :func:`conf.yaml_reader.lint_yaml` has found in order."""
    Plugins.instance().register(_YamlSource)
    with initialize_config_search_path([f"{_YamlSource.scheme()}://{folder}"]):
        yield


def composed(overrides: Sequence[Override], folder: Path) -> Composed:
    """The files under these overrides.

    Raises:
        HydraException, OmegaConfBaseException: when they do not compose.
    """
    tree, choices = _tree(overrides, folder)
    choices = {group: option for group, option in choices.items() if option != NONE}
    keys = {_written(item): str(item.value()) for item in overrides}
    places = {_written(item): place_of_override(item.input_line or "") for item in overrides}
    return Composed(tree, choices, keys, folder, _stage_file(folder, choices.get("stage", "")), places)


def _written(item: Override) -> str:
    """The key of an override; of a group that is taken out, ``~backtest/costs``, where its values stood."""
    return item.key_or_group.replace("/", ".") if item.type is OverrideType.DEL else item.key_or_group


def _whole(name: str) -> str:
    """The key of a list, of an override of one of its items: ``universe.instruments.0``."""
    return _ITEM.sub("", name)


def _tree(overrides: Sequence[Override], folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The tree and the chosen options.

    The files are composed once for all overrides that only give values: Hydra takes a seventh of a second for them. Its
    own last step then gives the values, and references are resolved anew each time.
    """
    giving = [item for item in overrides if _only_gives_a_value(item, folder)]
    base = _base(tuple(item.input_line or "" for item in overrides if item not in giving), folder)
    config = base.config()
    with _other_errors_too():
        for item in giving:
            _give(item, config)
        return _plain(config), dict(base.choices)


def _only_gives_a_value(item: Override, folder: Path) -> bool:
    """Whether an override names a key below the root of the tree, and so no file, no package and nothing of Hydra."""
    key = item.key_or_group
    plain = "." in key and "/" not in key and item.package is None and not item.is_sweep_override()
    return plain and not key.startswith("hydra") and not (folder / key).exists()


def _give(item: Override, config: DictConfig) -> None:
    """Give a value as Hydra does; one that the files leave out is added where the schema has a place for it."""
    try:
        ConfigLoaderImpl._apply_overrides_to_config([item], config)  # noqa: SLF001
    except HydraException:
        tree, key = OmegaConf.to_container(config, resolve=False), tuple(item.key_or_group.split("."))
        if item.type is not OverrideType.CHANGE or not is_declared(Settings, key, item.value(), tree):
            raise
        ConfigLoaderImpl._apply_overrides_to_config([replace(item, type=OverrideType.FORCE_ADD)], config)  # noqa: SLF001


def _base(lines: tuple[str, ...], folder: Path) -> _Base:
    """What Hydra makes of the files and of overrides that choose among them: the same of the same.

    It may read a variable of the environment on the way; such a one is named in a file or an override.
    """
    texts = contents(folder)
    written = b"\n".join([*(text for _, text in texts), *map(os.fsencode, lines)])
    named = frozenset((name, value) for name, value in os.environ.items() if os.fsencode(name) in written)
    made_of = (lines, tuple((name, hashlib.sha256(text).digest()) for name, text in texts), named)
    if made_of not in _bases:
        made = _composed(lines)
        while len(_bases) >= _KEPT:
            del _bases[next(iter(_bases))]
        _bases[made_of] = made
    return _bases[made_of]


def _composed(lines: Sequence[str]) -> _Base:
    with _other_errors_too():
        config = hydra_compose(ROOT, overrides=list(lines), return_hydra_config=True)
        chosen = _plain(config.hydra.runtime.choices)
        choices = {group: str(option) for group, option in chosen.items() if not group.startswith("hydra/")}
        OmegaConf.set_struct(config, False)
        del config["hydra"]
        OmegaConf.set_struct(config, True)
        return _Base(pickle.dumps(config, pickle.HIGHEST_PROTOCOL), choices)


def with_option(base: Composed, group: str, option: str) -> Composed:
    """The base composition with one group's option exchanged; a file without defaults of its own is simply read.

    Raises:
        HydraException, OmegaConfBaseException: when the file does not fit.
    """
    content = load_option(base.folder / group / f"{option}.yaml")
    if "defaults" in content:
        if base.choices.get(group) == option and not base.overrides:
            return base  # nothing to exchange, and Hydra need not make it again
        stand_ins = [f"{key}='{value}'" for key, value in base.overrides.items() if "." not in key and key != group]
        lines = [*stand_ins, f"{group}='{option}'"]
        return composed(OverridesParser.create().parse_overrides(lines), base.folder)
    *parents, last = group.split("/")
    tree = dict(base.tree)
    node: Any = tree
    for parent in parents:
        if not isinstance(below := node.get(parent), dict):
            raise HydraException(f"{parent} is no group of {ROOT}.yaml")
        node[parent] = dict(below)  # the base keeps its own
        node = node[parent]
    with _other_errors_too():
        node[last] = content if _is_plain(content) else _plain(OmegaConf.create(content))
    changed = base._replace(tree=tree, choices={**base.choices, group: option})
    return changed._replace(stage=_stage_file(base.folder, option)) if group == "stage" else changed


def _stage_file(folder: Path, option: str) -> dict[str, Any] | None:
    """The values of a file of ``conf/stage``, apart from every override; None where there is none of that name."""
    path = folder / "stage" / f"{option}.yaml"
    return _plain(OmegaConf.create(load(path))) if path.is_file() else None


@contextmanager
def _other_errors_too() -> Iterator[None]:
    """Hydra and OmegaConf answer shapes that they do not expect with any of Python's own errors.

    Raises:
        HydraException: in their place.
    """
    try:
        yield
    except (AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise HydraException(f"cannot be composed ({type(error).__name__}: {error})") from error


def _is_plain(content: object) -> bool:
    """Whether OmegaConf makes of some content just this content: no reference, no missing value, no rare type."""
    if isinstance(content, dict):
        return all(type(key) is str and _is_plain(value) for key, value in content.items())
    if isinstance(content, list):
        return all(map(_is_plain, content))
    if type(content) is str:
        return "$" not in content and "\\" not in content and content != "???"
    return content is None or type(content) in (bool, int, float)


def _plain(config: Any) -> dict[str, Any]:
    """An OmegaConf mapping as plain values, interpolations resolved."""
    container: Any = OmegaConf.to_container(config, resolve=True)
    return {str(key): value for key, value in container.items()}
