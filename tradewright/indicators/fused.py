"""Multiply and add with one rounding.

Kernels in other files are cached with this inside: whoever changes it must remove the ``__pycache__`` folders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from numba import types
from numba.extending import intrinsic


@intrinsic
def _fma(_typing: Any, _a: Any, _b: Any, _c: Any) -> tuple[Any, Callable[..., Any]]:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: tuple[Any, ...]) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


fma = cast(Callable[[float, float, float], float], _fma)
"""``fma(a, b, c)`` = a * b + c, rounded once, on every machine; inside kernels only.

With ``c = (1 - a) * x`` it keeps a mean that has reached ``x`` exactly there, in less time than two roundings take."""
