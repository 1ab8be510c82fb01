"""Features that remember: each bar's value is made of the bar before's and of other features."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from tradewright.model.bars import Floats
from tradewright.model.strategy import Feature

Step = Callable[[int, tuple[Floats, ...], tuple[float, ...], Floats], None]
"""(bar index, feature columns, arguments, memory) -> nothing. The memory is what the step left in the bar before, NaN
in the first, and is written in place. Reads columns at indices <= i only, uses only what numba compiles and nothing but
its arguments, and makes no arrays."""


class Recursion(NamedTuple):
    """What a feature that remembers is made of.

    Args:
        step: the author's function.
        inputs: the features that it reads, in its order.
        names: of the features, one for each number that it remembers.
        run: (this, columns of the inputs, arguments) -> a column for each number.
    """

    step: Step
    inputs: tuple[Feature, ...]
    names: tuple[str, ...]
    run: Callable[[Recursion, tuple[Floats, ...], tuple[float, ...]], tuple[Floats, ...]]


RECURSIONS: dict[str, Recursion] = {}
"""Those that were declared in this process, by the name of their feature, which tells code and inputs."""


def with_inputs(features: Iterable[Feature]) -> Iterator[Feature]:
    """Features and all that those which remember are made of, inputs after what reads them."""
    for feature in features:
        yield feature
        if feature.indicator in RECURSIONS:
            yield from with_inputs(RECURSIONS[feature.indicator].inputs)
