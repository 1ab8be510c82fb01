"""The strategies that a configuration can name: found in folders and among entry points, never listed by hand.

Every public subclass of ``BaseStrategy`` or ``BaseAllocation`` in a module of this folder or of a project's own one, or
behind an entry point of the group ``tradewright.strategies``, is a strategy; its ``name`` is the kind that a
configuration names. So is every document in a folder of YAML files (``strategies/documents.py``). A module or a
document that cannot be loaded stops no other strategy: its error is raised when its own strategy is asked for.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import pkgutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import NamedTuple, TypeVar

import strategies
from strategies.base import BaseAllocation, BaseStrategy, Kind
from strategies.documents import document_class, documents_in
from tradewright.model.base import NAME_PATTERN
from tradewright.model.errors import ConfigError
from tradewright.model.installed import entry_points

GROUP = "tradewright.strategies"
SHIPPED = Path(__file__).resolve().parent
"""This folder. The path of the package is a project's folder where that stands on Python's path before an editable
install of ours."""
RESERVED = frozenset({"manual"})
"""Names that no strategy may have: intents of people carry this one."""

_OWN_MODULES = frozenset({"agent", "base", "discovery", "documents"})
"""Modules of the folder that hold no strategy; the first loads the backtest, which not every process may."""

BASES = (BaseStrategy, BaseAllocation)

_RENAME = "give each its own name"

_OWN_PACKAGE = "project_strategies"
"""The package whose modules are the files of a project's folder."""


class Candidate(NamedTuple):
    """A place where a strategy may be: a module of the folder or an entry point.

    Args:
        name: of the module or the entry point; a broken strategy is known by it.
        load: imports it and gives the classes that it offers.
    """

    name: str
    load: Callable[[], Iterable[Kind]]


class Discovery(NamedTuple):
    """All strategies found: usable classes by kind, and the errors of the broken ones by kind or module name."""

    usable: Mapping[str, Kind]
    broken: Mapping[str, ConfigError]

    def strategy_class(self, kind: str) -> Kind:
        """The class of a kind.

        Raises:
            ConfigError: its file is broken (file and line are given), or no such kind (the nearest name is given).
        """
        if kind in self.broken:
            raise self.broken[kind]
        if kind not in self.usable:
            remedy = _nearest(kind, self.usable)
            remedy += f"; broken: {', '.join(self.broken)}" if self.broken else ""
            raise ConfigError(f"there is no strategy {kind!r}", where="strategy.kind", remedy=remedy)
        return self.usable[kind]

    def build(self, kind: str, values: Mapping[str, float | str]) -> BaseStrategy | BaseAllocation:
        """The strategy of a kind with these parameters and other instruments; what is not named keeps its default.

        Raises:
            ConfigError: no such kind or parameter (the nearest name is given), or a value that is not admitted.
        """
        found = self.strategy_class(kind)
        known = {**found.parameter_rules(), **found.other_instruments()}
        for name in values:
            if name not in known:
                raise ConfigError(f"{kind} has no parameter {name!r}", where="strategy", remedy=_nearest(name, known))
        return found(**values)

    @property
    def per_instrument(self) -> dict[str, type[BaseStrategy]]:
        """The strategies that decide on each instrument by itself: all but the allocations."""
        return {name: kind for name, kind in self.usable.items() if issubclass(kind, BaseStrategy)}

    def is_allocation(self, kind: str) -> bool:
        """Whether a kind decides on all instruments together; no kind and a broken one do not."""
        return issubclass(self.usable.get(kind, BaseStrategy), BaseAllocation)


@functools.lru_cache(maxsize=16)
def found_in(own: Path | None) -> Discovery:
    """The strategies that ship, those of other distributions, and those of a project's own folder.

    Args:
        own: the project's folder of strategies; None where there is none.
    """
    owned = own_candidates(own) if own else ()
    return discover((*candidates_in(SHIPPED, strategies.__name__), *installed_candidates(), *owned))


def with_documents(found: Discovery, folder: Path | None) -> Discovery:
    """The strategies found, and the documents of a folder of YAML files; those of a shared name are broken.

    A document that is written or changed is found at once; a Python file by the next process. Each is compiled when its
    own name is asked for, or all are gone through: the grammar takes longer than many a command.

    Args:
        folder: None where there is none.
    """
    written = documents_in(folder) if folder else {}
    texts = {path.stem: (path, text) for path, text in written.items()}

    def asked(name: str) -> Discovery:
        made = _compiled(*texts[name])
        usable = {**_only(found.usable, name), **made.usable}
        if name in found.usable and name in made.usable:
            where = f"{_place_of(made.usable[name])}, {_place_of(found.usable[name])}"
            twice = ConfigError(f"several strategies have the name {name!r}", where=where, remedy=_RENAME)
            return Discovery({}, {name: twice})
        return Discovery(usable, {**_only(found.broken, name), **made.broken})

    if not texts:
        return found
    return Discovery(
        _Asked(found.usable, texts, lambda name: asked(name).usable),
        _Asked(found.broken, texts, lambda name: asked(name).broken),
    )


_Found = TypeVar("_Found")


class _Asked(Mapping[str, _Found]):
    """What is known of the strategies in Python, and of documents as soon as one's name is asked for.

    Args:
        ask: what is known under the name of a document.
    """

    def __init__(
        self, known: Mapping[str, _Found], documents: Iterable[str], ask: Callable[[str], Mapping[str, _Found]]
    ) -> None:
        self._known, self._documents, self._ask = known, frozenset(documents), ask

    def __getitem__(self, name: str) -> _Found:
        return (self._ask(name) if name in self._documents else self._known)[name]

    def __iter__(self) -> Iterator[str]:
        return (name for name in sorted({*self._known, *self._documents}) if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _only(known: Mapping[str, _Found], name: str) -> dict[str, _Found]:
    return {name: known[name]} if name in known else {}


@functools.lru_cache(maxsize=256)
def _compiled(path: Path, text: str) -> Discovery:
    return discover([Candidate(path.stem, lambda: (document_class(path, text),))])


def discover(candidates: Iterable[Candidate]) -> Discovery:
    """Load every candidate; one that fails, a reserved name, and a name that two classes share are broken."""
    found: dict[str, list[Kind]] = {}
    broken: dict[str, ConfigError] = {}
    for candidate in candidates:
        try:
            classes = tuple(candidate.load())
            for kind in classes:
                found.setdefault(_checked(kind), []).append(kind)
        except KeyboardInterrupt:  # a person's own
            raise
        except BaseException as error:  # noqa: BLE001  (a strategy file may fail in any way, and must stop no other)
            broken[candidate.name] = _as_config_error(candidate.name, error)
    for name, namesakes in found.items():
        if len(set(namesakes)) > 1:
            places = ", ".join(sorted({f"{_place_of(each, whole=True)}, {_class_of(each)}" for each in namesakes}))
            broken[name] = ConfigError(f"several strategies have the name {name!r}", where=places, remedy=_RENAME)
    usable = {name: namesakes[0] for name, namesakes in sorted(found.items()) if name not in broken}
    return Discovery(MappingProxyType(usable), MappingProxyType(broken))


def candidates_in(folder: Path, package: str) -> Iterator[Candidate]:
    """Every module and folder of a package that lies in a folder, its own machinery left out."""
    for module in pkgutil.iter_modules([str(folder)]):
        if module.name not in _OWN_MODULES:
            yield Candidate(module.name, _loader_of(f"{package}.{module.name}"))


def installed_candidates() -> Iterator[Candidate]:
    """The entry points of other distributions; each names a module or a class."""
    for entry in entry_points(group=GROUP):
        yield Candidate(entry.name, lambda entry=entry: _offered(entry.load()))  # type: ignore[misc]


def own_candidates(folder: Path) -> Iterator[Candidate]:
    """Every module and folder of a project's folder; none may have the name of a module that ships.

    An ``__init__.py`` is refused: where the project stands on Python's path, it would hide the strategies that ship.
    """
    _own_package(folder)
    shipped = {module.name for module in pkgutil.iter_modules([str(SHIPPED)])}
    if (folder / "__init__.py").exists():
        yield Candidate("__init__", _refusal(folder / "__init__.py", "it hides the strategies that ship", "remove it"))
    for module in pkgutil.iter_modules([str(folder)]):
        if module.name in shipped:
            place, ships = folder / module.name, SHIPPED / f"{module.name}.py"
            place = place if module.ispkg else place.with_suffix(".py")
            yield Candidate(module.name, _refusal(place, f"it has the name of {ships}, which ships", "rename it"))
        else:
            yield Candidate(module.name, _loader_of(f"{_OWN_PACKAGE}.{module.name}"))


def _own_package(folder: Path) -> None:
    """Let the modules of ``_OWN_PACKAGE`` be the files of this folder; those of another folder are forgotten."""
    before = sys.modules.get(_OWN_PACKAGE)
    if before is not None and list(before.__path__) == [str(folder)]:
        return
    for name in [name for name in sys.modules if name.partition(".")[0] == _OWN_PACKAGE]:
        del sys.modules[name]
    package = ModuleType(_OWN_PACKAGE, "The strategies of a project.")
    package.__path__ = [str(folder)]
    sys.modules[_OWN_PACKAGE] = package
    importlib.invalidate_caches()  # a file that was written a moment ago is seen


def _refusal(file: Path, what: str, remedy: str) -> Callable[[], Iterable[Kind]]:
    def refuse() -> Iterable[Kind]:
        raise ConfigError(f"the file cannot be a strategy: {what}", where=str(file), remedy=remedy)

    return refuse


def _loader_of(module: str) -> Callable[[], Iterable[Kind]]:
    return lambda: _offered(importlib.import_module(module))


def _offered(loaded: object) -> Iterable[Kind]:
    """The class itself, or the public strategies that a module defines; imported ones belong to their own module."""
    if not isinstance(loaded, ModuleType):
        if isinstance(loaded, type) and issubclass(loaded, BASES):
            return (loaded,)
        raise ConfigError(f"{loaded!r} is neither a strategy class nor a module", where=GROUP)
    if all(name.startswith("__") for name in vars(loaded)) and not hasattr(loaded, "__path__"):
        place = "/".join(Path(loaded.__file__ or loaded.__name__).parts[-2:])
        remedy = "write a class of BaseStrategy in it (docs/strategies.md), or remove the file"
        raise ConfigError("the file is empty, and holds no strategy", where=place, remedy=remedy)
    own = (value for name, value in vars(loaded).items() if not name.startswith("_") and isinstance(value, type))
    mine = (value for value in own if value.__module__ == loaded.__name__)
    return tuple(value for value in mine if issubclass(value, BASES) and value not in BASES)


def _checked(kind: Kind) -> str:
    """The name of a class whose form is right and whose defaults are within their bounds.

    Raises:
        ConfigError: with the file and the line of the class.
    """
    try:
        _check_form(kind)
        kind.parameter_rules()
        kind()
        return _checked_name(kind)
    except ConfigError as error:  # only now is the line looked for, by which the whole file is read again
        raise ConfigError(error.what, where=f"{_place_of(kind)}, {kind.__qualname__}", remedy=error.remedy) from error
    except (TypeError, ValueError, AttributeError) as error:
        what, remedy = f"its defaults make no strategy: {type(error).__name__}: {error}", "correct the class"
        raise ConfigError(what, where=f"{_place_of(kind)}, {kind.__qualname__}", remedy=remedy) from error


def _check_form(kind: Kind) -> None:
    """Refuse a class whose decision cannot be called, or whose parameters would not be seen."""
    name, arguments = "generate_signal", "i, features, params, position"
    if issubclass(kind, BaseAllocation):
        name, arguments = "allocate", "i, features, params, weights, out"
    held = inspect.getattr_static(kind, name, None)
    decision = getattr(kind, name, None)
    if held is None:
        raise ConfigError(f"it has no {name}", remedy=f"write {name} = staticmethod({name}) in the class")
    if hasattr(decision, "py_func"):
        raise ConfigError(f"{name} is compiled already", remedy="leave @njit out, the platform compiles it")
    if not isinstance(decision, FunctionType) or decision.__closure__:
        raise ConfigError(f"{name} is not a function of the module", remedy="define it outside of the class")
    if not isinstance(held, staticmethod):
        remedy = f"write {name} = staticmethod({name}) in the class"
        raise ConfigError(f"{name} is a method, and would get the strategy first", remedy=remedy)
    try:
        inspect.signature(decision).bind(*arguments.split(", "))
    except TypeError as error:
        what, remedy = f"{name} cannot be called with ({arguments}): {error}", f"define it as {name}({arguments})"
        raise ConfigError(what, remedy=remedy) from error
    own = {name for name, hint in vars(kind).get("__annotations__", {}).items() if "ClassVar" not in str(hint)}
    if own and "__dataclass_fields__" not in vars(kind):
        remedy = "put @dataclass(frozen=True) above the class"
        raise ConfigError(f"its parameters are not seen: {', '.join(sorted(own))}", remedy=remedy)


def _class_of(kind: Kind) -> str:
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__qualname__}"


def _place_of(kind: Kind, *, whole: bool = False) -> str:
    """File and line of a class, else its module; the file with its folder, or its whole path."""
    if place := vars(kind).get("place", ""):
        return str(place)  # of a document
    try:
        file, line = inspect.getsourcefile(kind) or "", inspect.getsourcelines(kind)[1]
    except (OSError, TypeError):
        return kind.__module__
    return f"{file if whole else '/'.join(Path(file).parts[-2:])}:{line}"


def _checked_name(kind: Kind) -> str:
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise ConfigError(f"name = {name!r}", remedy="give the class a name of letters, digits and _")
    if name in RESERVED:
        raise ConfigError(f"the name {name!r} is reserved", remedy="choose another name")
    return name


def _as_config_error(name: str, error: BaseException) -> ConfigError:
    """The error with the file and line of the strategy where it arose."""
    if isinstance(error, ConfigError):
        return error
    if isinstance(error, SyntaxError):
        file, line, what = error.filename or f"strategies/{name}.py", error.lineno or 1, error.msg
    else:
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if Path(frame.filename).stem == name or name in Path(frame.filename).parts]
        last = own[-1] if own else frames[-1]
        file, line, what = last.filename, last.lineno or 0, str(error)
    place = "/".join(Path(file).parts[-2:])
    return ConfigError(
        f"strategy {name!r} cannot be loaded: {type(error).__name__}: {what}",
        where=f"{place}:{line}",
        remedy="correct the file; other strategies are not affected",
    )


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
