"""Digests of code: the part of a cache key that changes when a rule or a strategy changes (decision 11).

Two digests are computed, and none is typed by hand:

- :func:`code_digest` of one decision, over the byte code and every value that it can reach: helpers, helpers compiled
  by ``@njit``, default arguments, closures, constants, arrays, and attributes of modules and classes.
- :func:`~tradewright.backtest.engine_digest.engine_digest` of everything that turns decisions into numbers: the source
  of kernel, fill rules and indicators, and the versions of Python, numpy and numba.

:func:`code_identity` joins them. Nothing here loads the compiler.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import sys
import types
from collections.abc import Callable, Collection, Iterator, Mapping

import numpy as np

from tradewright.backtest.engine_digest import engine_digest
from tradewright.model.errors import StrategyError
from tradewright.model.strategy import OrderRequest

NOTHING: Mapping[str, object] = types.MappingProxyType({})

LIBRARIES = frozenset({*sys.stdlib_module_names, "numpy", "numba", "llvmlite"})
"""Top-level modules whose code is known by a version, and is not looked into."""

Seen = set[int]


def code_identity(generate_signal: Callable[..., object]) -> str:
    """One hash for all the code behind a result: the decision with its helpers, and the engine with its versions.

    Raises:
        TypeError, StrategyError: as :func:`code_digest`.
    """
    return hashlib.sha256(f"{code_digest(generate_signal)}\0{engine_digest()}".encode()).hexdigest()


def code_digest(function: Callable[..., object], replaced: Mapping[str, object] = NOTHING) -> str:
    """SHA-256 over the byte code of a function and over everything of ours that it names, however it names it.

    Comments, documentation and line numbers do not count. ``replaced`` names globals that stand for something else.
    Byte code belongs to a Python version, and so does the digest.

    Raises:
        TypeError: not a plain module-level function.
        StrategyError: it names a value whose changes cannot be seen, such as an object of a class of its own.
    """
    return helper_digest(plain(function), replaced)


def helper_digest(function: types.FunctionType, replaced: Mapping[str, object]) -> str:
    """The digest of a function that may have a closure, as a helper may; see :func:`code_digest`."""
    digest = hashlib.sha256()
    for part in _parts(function, replaced, set()):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()


def plain(function: Callable[..., object]) -> types.FunctionType:
    """The function itself, if it is a plain one without a closure.

    Raises:
        TypeError: anything else: a method, a partial, a lambda over local names.
    """
    if not isinstance(function, types.FunctionType) or function.__closure__:
        raise TypeError(f"{function!r} is not a plain module-level function")
    return function


def named(function: types.FunctionType, replaced: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The globals that a function names, with their values; those of code nested in it are among them."""
    for name in _names(function.__code__):
        if name in replaced:
            yield name, replaced[name]
        elif name in function.__globals__:
            yield name, function.__globals__[name]


def is_own(function: types.FunctionType) -> bool:
    """Whether a function is code of ours or of a strategy, and not of a library."""
    return (function.__module__ or "").partition(".")[0] not in LIBRARIES


def reaches(function: types.FunctionType, names: Collection[str]) -> bool:
    """Whether a function, or any plain function that it names, names one of ``names``; none may call itself."""
    return not set(names).isdisjoint(function.__code__.co_names) or any(
        reaches(value, names) for _, value in named(function, NOTHING) if isinstance(value, types.FunctionType)
    )


@functools.lru_cache(maxsize=256)
def answers_with_requests(function: Callable[..., object]) -> bool:
    """Whether a decision names :class:`OrderRequest` or one of its values, itself or through a helper or module."""
    return _names_requests(plain(function), set())


def _names_requests(function: types.FunctionType, seen: Seen) -> bool:
    if id(function) in seen or not is_own(function):
        return False
    seen.add(id(function))
    values = [value for _, value in named(function, NOTHING)]
    for module in [value for value in values if isinstance(value, types.ModuleType)]:
        values += [getattr(module, name) for name in _names(function.__code__) if hasattr(module, name)]
    plain_ones = (getattr(value, "py_func", value) for value in values)
    return any(
        value is OrderRequest
        or isinstance(value, OrderRequest)
        or (isinstance(value, types.FunctionType) and _names_requests(value, seen))
        for value in plain_ones
    )


def _names(code: types.CodeType) -> tuple[str, ...]:
    nested = (name for each in code.co_consts if isinstance(each, types.CodeType) for name in _names(each))
    return tuple(dict.fromkeys((*code.co_names, *nested)))


def _parts(function: types.FunctionType, replaced: Mapping[str, object], seen: Seen) -> Iterator[str]:
    if id(function) in seen:
        return
    seen.add(id(function))
    yield from _code_parts(function.__code__, function.__doc__)
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    kept = {
        **{f"default {place}": value for place, value in enumerate(function.__defaults__ or ())},
        **{f"default {name}": value for name, value in (function.__kwdefaults__ or {}).items()},
        **{f"closure {name}": cell.cell_contents for name, cell in cells.items()},
        **dict(named(function, replaced)),
    }
    for name, value in kept.items():
        yield from _value_parts(name, value, function, replaced, seen)


def _value_parts(
    name: str, value: object, user: types.FunctionType, replaced: Mapping[str, object], seen: Seen
) -> Iterator[str]:
    """The text of one value that ``user`` names; of modules and classes only the attributes that it names too."""
    compiled = getattr(value, "py_func", None)
    inner = _inner(name, value, user)
    if isinstance(value, types.FunctionType):
        yield from _parts(value, replaced, seen) if is_own(value) else (f"{name}={value.__module__}.{value.__name__}",)
    elif isinstance(compiled, types.FunctionType):
        yield f"{name}=compiled {sorted(getattr(value, 'targetoptions', {}).items())!r}"
        yield from _parts(compiled, replaced, seen)
    elif inner is not None:
        if id(value) not in seen or not isinstance(value, (types.ModuleType, type)):
            seen.add(id(value))
            yield f"{name}={type(value).__name__} {getattr(value, '__name__', len(inner))}"
            for key, each in inner.items():
                yield from _value_parts(key, each, user, replaced, seen)
    else:
        yield f"{name}={_text(name, value, user)}"


def _inner(name: str, value: object, user: types.FunctionType) -> dict[str, object] | None:
    """The values inside of a value by name; None for a value without any."""
    match value:
        case types.ModuleType() | type():
            home = value.__name__ if isinstance(value, types.ModuleType) else value.__module__
            ours = () if home.partition(".")[0] in LIBRARIES else (*_names(user.__code__), "_fields")
            return {f"{name}.{each}": getattr(value, each) for each in ours if hasattr(value, each)}
        case tuple() | list() if not all(isinstance(each, (int, float, str)) for each in value):
            return {f"{name}[{place}]": each for place, each in enumerate(value)}
        case dict():
            return {f"{name}[{key!r}]": each for key, each in value.items()}
    return None


def _text(name: str, value: object, user: types.FunctionType) -> str:
    match value:
        case np.ndarray() if not value.dtype.hasobject:
            return f"{value.dtype.str}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()}"
        case np.generic():
            return f"{value.dtype.str} {value!r}"
        case enum.Enum():
            return f"{type(value).__qualname__}.{value.name} {value.value!r}"
        case types.BuiltinFunctionType() | np.ufunc():
            return f"{getattr(value, '__module__', '')}.{value.__name__}"
    text = repr(sorted(map(repr, value)) if isinstance(value, (set, frozenset)) else value)
    if " at 0x" in text:
        raise StrategyError(
            f"{user.__name__} uses {name}, a {type(value).__name__}, whose changes cannot be seen",
            where=f"{user.__code__.co_filename}, line {user.__code__.co_firstlineno}",
            remedy="use numbers, text, tuples, numpy arrays and functions there",
        )
    return text


def _code_parts(code: types.CodeType, documentation: str | None = None) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code_parts(constant)
        elif constant != documentation:
            yield repr(constant)
