"""Features of an author's own that remember: declared here, computed in ``remembered_columns``.

They are features like any other: computed before the run, once for all sets of a sweep that agree in them, the same in
backtest, sweep, signals and live. What a strategy did is no part of them; its position is given to its decision.
Nothing here loads the compiler.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from pathlib import Path

from tradewright.backtest.code import code_digest
from tradewright.model.bars import Floats
from tradewright.model.errors import StrategyError
from tradewright.model.hashing import content_hash
from tradewright.model.recursion import RECURSIONS, Recursion, Step
from tradewright.model.strategy import Feature

TAKES = 4
"""Arguments of a step."""


def remembered(
    step: Step, names: Sequence[str], inputs: Sequence[Feature], arguments: Sequence[float] = ()
) -> tuple[Feature, ...]:
    """One feature for each number that ``step`` remembers, to be returned by ``prepare_state`` among the others.

    The value in bar ``i`` is what the memory holds after the step of bar ``i``; the first bar is the first of the bars
    that are read, as for an exponential mean.

    Args:
        step: a plain module-level function, ``step(i, features, arguments, memory)``.
        names: of the numbers, as reports and signals show them.
        inputs: the features that the step reads, at least one, in its order; they may remember as well.
        arguments: numbers that it gets, such as parameters of the strategy.

    Raises:
        StrategyError: one of them is something else.
    """
    said = tuple(names) if not isinstance(names, str) else ()
    read, where = tuple(inputs), place_of(step)
    if not said or not all(isinstance(each, str) and each.isidentifier() for each in said) or len({*said}) < len(said):
        what, remedy = f"remembered: the names are {names!r}", 'write a name for each number, as ("trend", "since")'
        raise StrategyError(what, where=where, remedy=remedy)
    if not read or not all(isinstance(each, Feature) and isinstance(each.arguments, tuple) for each in read):
        what, remedy = (
            f"remembered: it reads {inputs!r}",
            'write the features that it reads, as (Feature("sma", (20,)),)',
        )
        raise StrategyError(what, where=where, remedy=remedy)
    numbers = tuple(map(float, arguments))
    if not all(map(math.isfinite, numbers)):
        what = f"remembered: the arguments are {arguments!r}"
        raise StrategyError(what, where=where, remedy="finite numbers are needed")
    made_of = content_hash([_digest(step), said, [each.terms for each in read]])[:16]
    found = tuple(f"{name}#{made_of}" for name in said)
    RECURSIONS.update(dict.fromkeys(found, Recursion(step, read, found, _run)))
    return tuple(Feature(name, numbers) for name in found)


def place_of(step: object) -> str:
    """File and line of a function; empty for what has none."""
    code = getattr(step, "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}" if code is not None else ""


def short_place_of(step: Step) -> str:
    """File and line of a step, the file without its folders."""
    code = step.__code__
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def _digest(step: Step) -> str:
    """Of the code of a step.

    Raises:
        StrategyError: it is no plain function of four arguments.
    """
    remedy = "write def step(i, features, arguments, memory), at the level of the module"
    try:
        digest = code_digest(step)
    except TypeError as error:
        what = f"remembered: {getattr(step, '__name__', repr(step))} is no plain function of a module"
        raise StrategyError(what, where=place_of(step), remedy=remedy) from error
    kinds = [each.kind for each in inspect.signature(step).parameters.values()]
    if len(kinds) != TAKES or any(kind is not inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds):
        what = f"remembered: {step.__name__}{inspect.signature(step)} takes other arguments"
        raise StrategyError(what, where=place_of(step), remedy=remedy)
    if inspect.iscoroutinefunction(step) or inspect.isgeneratorfunction(step) or inspect.isasyncgenfunction(step):
        what = f"remembered: {step.__name__} is a generator or a coroutine"
        raise StrategyError(what, where=place_of(step), remedy=remedy)
    return digest


def _run(recursion: Recursion, inputs: tuple[Floats, ...], arguments: tuple[float, ...]) -> tuple[Floats, ...]:
    from tradewright.backtest.remembered_columns import stepped  # the compiler is loaded only where it is needed

    return stepped(recursion, inputs, arguments)
