"""The columns of features that remember, and the proof that none of them knows a later bar."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numba.core.errors import NumbaError

from tradewright.backtest import remembered_scan
from tradewright.backtest.compiled import memory_loop
from tradewright.backtest.remembered import place_of, short_place_of
from tradewright.backtest.remembered_scan import Matrix
from tradewright.backtest.strategy_errors import compiler_words
from tradewright.indicators.registry import columns
from tradewright.model.bars import Bars, Floats
from tradewright.model.errors import StrategyError
from tradewright.model.recursion import RECURSIONS, Recursion, with_inputs
from tradewright.model.secondary import SecondarySeries
from tradewright.model.strategy import NAN, Feature

PROBE_BARS = 256
"""Bars that the proof steps through in plain Python first: its errors are those of the author."""
EXTREME = 1e6
"""How far beyond the greatest value of a column its made-up futures lie, as a multiple."""


class Foreknown(NamedTuple):
    """A feature that knew the future: in ``bar`` it was ``known``, and ``cut`` with another future."""

    feature: Feature
    bar: int
    known: float
    cut: float
    place: str


def stepped(recursion: Recursion, inputs: tuple[Floats, ...], arguments: tuple[float, ...]) -> tuple[Floats, ...]:
    """A column for each number that is remembered.

    Raises:
        StrategyError: the step cannot be compiled, or reads a bar, a feature or an argument that there is not.
    """
    memory, table = _memory(recursion, len(inputs[0]))
    if len(inputs[0]):
        read_only = tuple(map(_read_only, inputs))
        try:
            loop = memory_loop(remembered_scan.remember, recursion.step, len(inputs), len(arguments))
            loop(read_only, arguments, memory, table)
        except Exception as error:  # a person's code may raise anything
            bars = PROBE_BARS if isinstance(error, NumbaError) else len(inputs[0])
            _in_python(recursion, read_only, arguments, bars)
            with _told(recursion, len(inputs), arguments):
                raise
    return tuple(table)


def foreknown(features: Sequence[Feature], bars: Bars, secondary: SecondarySeries | None) -> Iterator[Foreknown]:
    """The first value of each feature that remembers and is another one with a made-up future, very high or very low.

    Every bar is looked at, in time that grows with their number alone.

    Raises:
        StrategyError: the author's step failed.
    """
    for feature in dict.fromkeys(each for each in with_inputs(features) if each.indicator in RECURSIONS):
        recursion = RECURSIONS[feature.indicator]
        line = recursion.names.index(feature.indicator)
        found = columns(recursion.inputs, bars, secondary)
        _in_python(recursion, tuple(map(_read_only, found)), feature.arguments, PROBE_BARS)
        whole = stepped(recursion, found, feature.arguments)[line]
        for sign in (1.0, -1.0):
            cut = _revealed(recursion, found, feature.arguments, sign)[line]
            equal = (whole == cut) | (np.isnan(whole) & np.isnan(cut))
            if not equal.all():
                bar = int(np.argmin(equal))
                yield Foreknown(feature, bar, float(whole[bar]), float(cut[bar]), short_place_of(recursion.step))
                break


def _revealed(recursion: Recursion, inputs: tuple[Floats, ...], arguments: tuple[float, ...], sign: float) -> Matrix:
    """What is remembered on columns whose future is made up, and revealed bar after bar."""
    values = np.array(inputs)
    top = np.nanmax(np.abs(values), axis=1, initial=1.0, where=np.isfinite(values))[:, None]
    futures = np.repeat(sign * EXTREME * top, values.shape[1], axis=1)
    memory, table = _memory(recursion, values.shape[1])
    with _told(recursion, len(inputs), arguments):
        loop = memory_loop(remembered_scan.reveal, recursion.step, len(inputs), len(arguments))
        loop(tuple(map(_read_only, futures)), values, futures, arguments, memory, table)
    return table


def _in_python(recursion: Recursion, inputs: tuple[Floats, ...], arguments: tuple[float, ...], bars: int) -> None:
    """Step through the first bars as Python, whose errors have the author's line.

    Args:
        inputs: read-only columns.

    Raises:
        StrategyError: the step failed, or returned something.
    """
    memory, _table = _memory(recursion, 0)
    with _told(recursion, len(inputs), arguments), np.errstate(all="ignore"):
        for i in range(min(bars, len(inputs[0]))):
            returned: object = recursion.step(i, inputs, arguments, memory)
            if returned is not None:
                what = f"{recursion.step.__name__}: it returned {returned!r} in bar {i}, and nobody reads that"
                remedy = "write what is remembered into the memory, as memory[0] = ..., and return nothing"
                raise StrategyError(what, where=place_of(recursion.step), remedy=remedy)


def _memory(recursion: Recursion, bars: int) -> tuple[Floats, Matrix]:
    return np.full(len(recursion.names), NAN), np.empty((len(recursion.names), bars))


def _read_only(values: Floats) -> Floats:
    """The one kind of array that is compiled for, as of the kernel."""
    array = np.ascontiguousarray(values, dtype=np.float64).view()
    array.flags.writeable = False
    return array


@contextmanager
def _told(recursion: Recursion, features: int, arguments: tuple[float, ...]) -> Iterator[None]:
    """Name the line of the author's file in which an error arises.

    Raises:
        StrategyError: the step failed, or uses what cannot be compiled.
    """
    step = recursion.step
    name, where = step.__name__, place_of(step)
    try:
        yield
    except StrategyError:
        raise
    except NumbaError as error:
        what, remedy = compiler_words(str(error)), "use numbers, tuples, numpy and the math module there"
        raise StrategyError(f"{name}: it cannot be compiled: {what}", where=where, remedy=remedy) from error
    except (Exception, SystemExit) as error:  # a person's code may raise anything
        file, remedy = step.__code__.co_filename, "correct the line"
        if isinstance(error, IndexError):
            numbers = f"{features} features, {len(arguments)} arguments and {len(recursion.names)} numbers of memory"
            remedy = f"read bars from 0 to i only; there are {numbers}, counted from 0"
        lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == file]
        place = f"{file}, line {lines[-1]}" if lines else where
        raise StrategyError(f"{name}: {type(error).__name__}: {error}", where=place, remedy=remedy) from error
