"""The strategies that a configuration can name: found in this folder and among entry points, never listed by hand.

Every public subclass of ``BaseStrategy`` in a module of ``strategies/``, or behind an entry point of the group
``tradewright.strategies``, is a strategy; its ``name`` is the kind that a configuration names. A module that cannot be
imported stops no other strategy: its error is raised when its own strategy is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import FunctionType, MappingProxyType, ModuleType
from typing import NamedTuple

import strategies
from strategies.base import BaseStrategy, Parameter
from tradewright.model.base import NAME_PATTERN
from tradewright.model.errors import ConfigError

GROUP = "tradewright.strategies"
RESERVED = frozenset({"manual"})
"""Names that no strategy may have: intents of people carry this one."""

_OWN_MODULES = frozenset({"agent", "base", "discovery"})
"""Modules of the folder that hold no strategy; the first loads the backtest, which not every process may."""


class Candidate(NamedTuple):
    """A place where a strategy may be: a module of the folder or an entry point.

    Args:
        name: of the module or the entry point; a broken strategy is known by it.
        load: imports it and gives the classes that it offers.
    """

    name: str
    load: Callable[[], Iterable[type[BaseStrategy]]]


class Discovery(NamedTuple):
    """All strategies found: usable classes by kind, and the errors of the broken ones by kind or module name."""

    usable: Mapping[str, type[BaseStrategy]]
    broken: Mapping[str, ConfigError]


def discover(candidates: Iterable[Candidate]) -> Discovery:
    """Load every candidate; one that fails, a reserved name, and a name that two classes share are broken."""
    found: dict[str, list[type[BaseStrategy]]] = {}
    broken: dict[str, ConfigError] = {}
    for candidate in candidates:
        try:
            classes = tuple(candidate.load())
            for kind in classes:
                found.setdefault(_checked(kind), []).append(kind)
        except Exception as error:  # noqa: BLE001  (a strategy file may fail in any way, and must stop no other)
            broken[candidate.name] = _as_config_error(candidate.name, error)
    for name, namesakes in found.items():
        if len(set(namesakes)) > 1:
            places = ", ".join(sorted(f"{each.__module__}.{each.__qualname__}" for each in namesakes))
            broken[name] = ConfigError(
                f"several strategies have the name {name!r}", where=places, remedy="give each its own name"
            )
    usable = {name: namesakes[0] for name, namesakes in sorted(found.items()) if name not in broken}
    return Discovery(MappingProxyType(usable), MappingProxyType(broken))


def candidates_in(package: ModuleType) -> Iterator[Candidate]:
    """Every module and folder of a package, its own machinery left out."""
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in _OWN_MODULES:
            yield Candidate(module.name, _loader_of(f"{package.__name__}.{module.name}"))


def installed_candidates() -> Iterator[Candidate]:
    """The entry points of other distributions; each names a module or a class."""
    for entry in entry_points(group=GROUP):
        yield Candidate(entry.name, lambda entry=entry: _offered(entry.load()))  # type: ignore[misc]


def _loader_of(module: str) -> Callable[[], Iterable[type[BaseStrategy]]]:
    return lambda: _offered(importlib.import_module(module))


def _offered(loaded: object) -> Iterable[type[BaseStrategy]]:
    """The class itself, or the public strategies that a module defines; imported ones belong to their own module."""
    if not isinstance(loaded, ModuleType):
        if isinstance(loaded, type) and issubclass(loaded, BaseStrategy):
            return (loaded,)
        raise ConfigError(f"{loaded!r} is neither a strategy class nor a module", where=GROUP)
    own = (value for name, value in vars(loaded).items() if not name.startswith("_") and isinstance(value, type))
    mine = (value for value in own if value.__module__ == loaded.__name__)
    return tuple(value for value in mine if issubclass(value, BaseStrategy) and value is not BaseStrategy)


def _checked(kind: type[BaseStrategy]) -> str:
    """The name of a class whose form is right and whose defaults are within their bounds.

    Raises:
        ConfigError: with the file and the line of the class.
    """
    place = _place_of(kind)
    try:
        _check_form(kind)
        kind.parameter_rules()
        kind()
    except ConfigError as error:
        raise ConfigError(error.what, where=f"{place}, {kind.__qualname__}", remedy=error.remedy) from error
    except (TypeError, ValueError, AttributeError) as error:
        what, remedy = f"its defaults make no strategy: {type(error).__name__}: {error}", "correct the class"
        raise ConfigError(what, where=f"{place}, {kind.__qualname__}", remedy=remedy) from error
    return _checked_name(kind, f"{place}, {kind.__qualname__}")


def _check_form(kind: type[BaseStrategy]) -> None:
    """Refuse a class whose decision cannot be called, or whose parameters would not be seen."""
    held = inspect.getattr_static(kind, "generate_signal", None)
    decision = getattr(kind, "generate_signal", None)
    assign = "write generate_signal = staticmethod(generate_signal) in the class"
    if held is None:
        raise ConfigError("it has no generate_signal", remedy=assign)
    if hasattr(decision, "py_func"):
        raise ConfigError("generate_signal is compiled already", remedy="leave @njit out, the platform compiles it")
    if not isinstance(decision, FunctionType) or decision.__closure__:
        raise ConfigError("generate_signal is not a function of the module", remedy="define it outside of the class")
    if not isinstance(held, staticmethod):
        raise ConfigError("generate_signal is a method, and would get the strategy first", remedy=assign)
    try:
        inspect.signature(decision).bind(0, (), (), 0.0)
    except TypeError as error:
        raise ConfigError(
            f"generate_signal cannot be called with (i, features, params, position): {error}",
            remedy="define it as generate_signal(i, features, params, position)",
        ) from error
    own = {name for name, hint in vars(kind).get("__annotations__", {}).items() if "ClassVar" not in str(hint)}
    if own and "__dataclass_fields__" not in vars(kind):
        remedy = "put @dataclass(frozen=True) above the class"
        raise ConfigError(f"its parameters are not seen: {', '.join(sorted(own))}", remedy=remedy)


def _place_of(kind: type[BaseStrategy]) -> str:
    """File and line of a class, else its module."""
    try:
        file, line = inspect.getsourcefile(kind) or "", inspect.getsourcelines(kind)[1]
    except (OSError, TypeError):
        return kind.__module__
    return f"{'/'.join(Path(file).parts[-2:])}:{line}"


def _checked_name(kind: type[BaseStrategy], where: str) -> str:
    name = getattr(kind, "name", None)
    if not isinstance(name, str) or not NAME_PATTERN.fullmatch(name):
        raise ConfigError(f"name = {name!r}", where=where, remedy="give the class a name of letters, digits and _")
    if name in RESERVED:
        raise ConfigError(f"the name {name!r} is reserved", where=where, remedy="choose another name")
    return name


def _as_config_error(name: str, error: Exception) -> ConfigError:
    """The error with the file and line of the strategy where it arose."""
    if isinstance(error, ConfigError):
        return error
    if isinstance(error, SyntaxError):
        file, line, what = error.filename or name, error.lineno or 0, error.msg
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


_FOUND = discover((*candidates_in(strategies), *installed_candidates()))

STRATEGIES: Mapping[str, type[BaseStrategy]] = _FOUND.usable
"""Kind -> class, in alphabetical order."""

BROKEN: Mapping[str, ConfigError] = _FOUND.broken
"""Kind, module or entry point -> the reason why there is no strategy of that name."""


def strategy_class(kind: str) -> type[BaseStrategy]:
    """The class of a kind.

    Raises:
        ConfigError: its file is broken (file and line are given), or no such kind (the nearest name is given).
    """
    if kind in BROKEN:
        raise BROKEN[kind]
    if kind not in STRATEGIES:
        raise ConfigError(f"there is no strategy {kind!r}", where="strategy.kind", remedy=_nearest(kind, STRATEGIES))
    return STRATEGIES[kind]


def parameters_of(kind: str) -> dict[str, Parameter]:
    """The parameters of a kind by name: default, bounds, whether whole.

    Raises:
        ConfigError: no such kind.
    """
    return strategy_class(kind).parameter_rules()


def build(kind: str, values: Mapping[str, float]) -> BaseStrategy:
    """The strategy of a kind with these parameters; those that are not named keep their defaults.

    Raises:
        ConfigError: no such kind or parameter (the nearest name is given), or a value that is not admitted.
    """
    rules = parameters_of(kind)
    for name in values:
        if name not in rules:
            raise ConfigError(f"{kind} has no parameter {name!r}", where="strategy", remedy=_nearest(name, rules))
    return strategy_class(kind)(**values)


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    text = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}"
    return f"{text}; broken: {', '.join(BROKEN)}" if BROKEN and known is STRATEGIES else text
