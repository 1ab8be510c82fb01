"""A digest of code: the part of a cache key that changes when a rule or a strategy changes."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Callable, Collection, Iterator, Mapping

NOTHING: Mapping[str, object] = types.MappingProxyType({})


def code_digest(function: Callable[..., object], replaced: Mapping[str, object] = NOTHING) -> str:
    """SHA-256 over the byte code of a function and of every plain function and constant that it names.

    Comments, documentation and line numbers do not count; a changed callee or constant does. ``replaced`` names
    globals that stand for something else. Byte code belongs to a Python version, and so does the digest.

    Raises:
        TypeError: not a plain module-level function.
    """
    digest = hashlib.sha256()
    for part in _parts(plain(function), replaced, set()):
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
    """The globals that a function names, with their values."""
    for name in function.__code__.co_names:
        if name in replaced:
            yield name, replaced[name]
        elif name in function.__globals__:
            yield name, function.__globals__[name]


def reaches(function: types.FunctionType, names: Collection[str]) -> bool:
    """Whether a function, or any plain function that it names, names one of ``names``; none may call itself."""
    return not set(names).isdisjoint(function.__code__.co_names) or any(
        reaches(value, names) for _, value in named(function, NOTHING) if isinstance(value, types.FunctionType)
    )


def _parts(
    function: types.FunctionType, replaced: Mapping[str, object], seen: set[types.FunctionType]
) -> Iterator[str]:
    if function in seen:
        return
    seen.add(function)
    yield from _code_parts(function.__code__, function.__doc__)
    for name, value in named(function, replaced):
        if isinstance(value, types.FunctionType):
            yield from _parts(value, replaced, seen)
        elif isinstance(value, (int, float, str, tuple)):
            yield f"{name}={value!r}"


def _code_parts(code: types.CodeType, documentation: str | None = None) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code_parts(constant)
        elif constant != documentation:
            yield repr(constant)
