"""Errors of a strategy's author: told with the file and the line, whether Python or the compiler finds them."""

from __future__ import annotations

import dis
import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import numpy as np

from tradewright.indicators.catalogue import resolve
from tradewright.model.allocation import Allocation, decision_of, is_allocation
from tradewright.model.bars import Timeframe
from tradewright.model.errors import StrategyError, TradewrightError
from tradewright.model.recursion import RECURSIONS, with_inputs
from tradewright.model.strategy import MOST_FEATURES, Action, Feature, OrderRequest, Strategy, is_order

RETURNS = (
    "return HOLD for no signal, else (target, limit, stop, take_profit): four numbers, NAN for a price not used; "
    "or NO_ORDER and order(...), on every way through it"
)
LIMITS = "a target lies between -1 (short) and 1 (long), NAN is no signal; prices are finite, or NAN for none"
REQUEST_LIMITS = (
    f"{LIMITS}; one of trail (above 0) and trail_percent (above 0, below 100) at most; time_stop is a whole number of "
    "bars from 1; good_for is bars from 1, DAY or GTC; fill_at is AT_OPEN or AT_CLOSE"
)

_PLACE = re.compile(r'(?:File "|Raised from )([^"\n]+?)(?:", line | \()(\d+)')
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_MEANINGS = (
    (r"NameError: name '(\w+)' is not defined", "the name {0!r} is not defined"),
    (r"Untyped global name '(\w+)'", "{0!r} cannot be used in a decision"),
    (r"Unknown attribute '(\w+)' of type (?:float|int)\d+", "a number has no {0!r}"),
    (r"Unknown attribute '(\w+)'", "there is no {0!r} in what stands before the dot"),
    (r"tuple index out of range|[Ii]ndex .*out of (?:range|bounds)", "it reads a feature or a parameter that is none"),
    (r"variable '([^'.]+)[^']*' referenced before assignment", "{0!r} has no value in some cases"),
    (r"Can(?:not|'t) unify return type from the following types: (.+)", "it returns different things: {0}"),
    (r"Cannot unify (\w+\([^)]*\)) and (\w+\([^)]*\)) for", "it returns different things: {0} and {1}"),
    (r"(?:Unsupported|Use of unsupported|does not support|not supported)", "the line uses Python that is not compiled"),
)
"""Words of the compiler and what they mean to an author; of several the first that is found."""


LENGTHS = ("", *Timeframe)
"""The timeframes of a feature; empty is that of the strategy's own bars."""


def features_of(strategy: Strategy | Allocation) -> tuple[Feature, ...]:
    """The columns that a strategy asks for, each of them known and with the arguments that it takes.

    Raises:
        ConfigError: no such indicator, or wrong arguments; file and line of ``prepare_state`` are named.
        StrategyError: ``prepare_state`` failed, or returned something else.
    """
    try:
        found: object = strategy.prepare_state()
    except StrategyError as error:
        raise type(error)(error.what, where=error.where or _place_of_state(strategy), remedy=error.remedy) from error
    except (Exception, SystemExit):
        with located_errors(strategy):
            raise
    remedy = 'return a tuple of features, such as (Feature("sma", (20,)), Feature("close"))'
    if not isinstance(found, tuple) or not all(isinstance(each, Feature) for each in found):
        raise StrategyError(f"prepare_state: it returns {found!r}", where=_place_of_state(strategy), remedy=remedy)
    if len(found) > MOST_FEATURES:
        what = f"prepare_state: it returns {len(found)} features"
        fewer = f"{MOST_FEATURES} at most are compiled in the time that people wait; name those that the decision reads"
        raise StrategyError(what, where=_place_of_state(strategy), remedy=fewer)
    for each in with_inputs(found):
        _check_feature(strategy, each)
    _check_labels(strategy, found)
    return found


def _check_labels(strategy: Strategy | Allocation, features: tuple[Feature, ...]) -> None:
    """Refuse a feature that remembers under the label of another: reports and signals tell them apart by it.

    The names of indicators are ours, and differ; those of what remembers are the author's.
    """
    known: dict[str, Feature] = {}
    for each in features:
        other = known.setdefault(each.label, each)
        if other != each and {each.indicator, other.indicator} & RECURSIONS.keys():
            what = f"prepare_state: two different features are shown as {each.label}, and one of them remembers"
            remedy = (
                f"give it a name of its own: remembered(..., names=({each.label.partition('(')[0] + '_2'!r},), ...)"
            )
            raise StrategyError(what, where=_place_of_state(strategy), remedy=remedy)


def _check_feature(strategy: Strategy | Allocation, feature: Feature) -> None:
    """Whether there is such a feature; those that a feature that remembers reads are asked about as well."""
    name = feature.indicator
    if wrong := _wrong_terms(name, feature.arguments, feature.of, feature.timeframe):
        what, remedy = wrong
        raise StrategyError(f"prepare_state: {what}", where=_place_of_state(strategy), remedy=remedy)
    try:
        resolve(feature)
    except TradewrightError as error:
        what = f"prepare_state: {error.where}: {error.what}" if error.where else f"prepare_state: {error.what}"
        raise type(error)(what, where=_place_of_state(strategy), remedy=error.remedy) from error


def _wrong_terms(name: object, arguments: object, of: object, timeframe: object) -> tuple[str, str] | None:
    """What no feature is made of, and what to write; an author may have written anything."""
    if not isinstance(name, str):
        return f"a feature is called {name!r}", 'write the name of an indicator, as Feature("close")'
    if not isinstance(arguments, tuple):
        return (
            f"the arguments of {name} are {arguments!r}",
            f'write Feature("{name}", ({arguments!r},)), with the comma',
        )
    if not all(isinstance(each, (int, float, np.number)) for each in arguments):
        return f"the arguments of {name} are {arguments!r}", "numbers are needed"
    if not isinstance(of, str) or timeframe not in LENGTHS:
        rule = f"of is the name of an instrument, timeframe one of {', '.join(Timeframe)}; leave out what is its own"
        return f"{name} is of {of!r} on {timeframe!r}", rule
    return None


def _place_of_state(strategy: Strategy | Allocation) -> str:
    """The file and line of ``prepare_state``, which a sweep of many sets need not look up for each of them."""
    return f"strategy {strategy.name}, {_line_of(strategy.prepare_state)}"


def action_of(strategy: Strategy, action: object, bar: int) -> Action | OrderRequest:
    """The action that a decision returned, if it is one: four numbers, or a request.

    Raises:
        StrategyError: anything else.
    """
    if not isinstance(action, OrderRequest) and (not isinstance(action, tuple) or len(action) != 4):
        raise strategy_error(strategy, f"it returned {action!r} in bar {bar}", RETURNS)
    for part in action:
        if isinstance(part, (bool, np.bool_)) or not isinstance(part, (int, float, np.number)):
            raise strategy_error(strategy, f"it returned {action!r} in bar {bar}: {part!r} is no number", RETURNS)
    return action


def limited_action(strategy: Strategy, action: object, bar: int) -> Action | OrderRequest:
    """The action that a decision returned, within its limits; the kernel itself would trade a target of 5 as one of 1.

    Raises:
        StrategyError: no action, a target outside of [-1, 1], an infinite price, or a request beyond its limits.
    """
    found = action_of(strategy, action, bar)
    if not is_order(OrderRequest(*found)):
        raise beyond_limits(strategy, found, bar)
    return found


def beyond_limits(strategy: Strategy, action: Action | OrderRequest, bar: int) -> StrategyError:
    """The error of an action beyond its limits."""
    if not isinstance(action, OrderRequest):
        return strategy_error(strategy, f"it returned {tuple(map(float, action))} in bar {bar}", LIMITS)
    told = ", ".join(f"{name}={value:g}" for name, value in action._asdict().items() if value == value)
    return strategy_error(strategy, f"it returned order({told}) in bar {bar}", REQUEST_LIMITS)


@contextmanager
def located_errors(strategy: Strategy | Allocation) -> Iterator[None]:
    """Name the line of the strategy's file in which an error arises; an error from elsewhere passes unchanged.

    Raises:
        StrategyError: the decision failed, or uses what cannot be compiled.
    """
    try:
        yield
    except TradewrightError:
        raise
    except (Exception, SystemExit) as error:  # a person's code may raise anything
        frames = traceback.extract_tb(error.__traceback__)
        found = [frame for frame in frames if frame.filename in _files(strategy)]
        if not found and any("numba" in Path(frame.filename).parts for frame in frames):
            raise _uncompilable(strategy, error) from error
        if not found:
            raise
        what, remedy = _python_words(strategy, error)
        raise strategy_error(strategy, what, remedy, found[-1]) from error


def strategy_error(
    strategy: Strategy | Allocation,
    what: str,
    remedy: str,
    frame: traceback.FrameSummary | None = None,
    line: int = 0,
    *,
    error_code: str = "",
) -> StrategyError:
    """The error with file and line of a frame, else of the strategy's decision; of a document with its file alone."""
    if place := _document_of(strategy):
        return StrategyError(what, where=f"strategy {strategy.name}, {place}", remedy=remedy, code=error_code)
    code = decision_of(strategy).__code__
    decision = "allocate" if is_allocation(strategy) else "generate_signal"
    name = "prepare_state" if frame is not None and frame.name == "prepare_state" else decision
    file, number = (code.co_filename, line or code.co_firstlineno) if frame is None else (frame.filename, frame.lineno)
    where = f"strategy {strategy.name}, {file}, line {number}"
    return StrategyError(f"{name}: {what}", where=where, remedy=remedy, code=error_code)


def _document_of(strategy: Strategy | Allocation) -> str:
    """The file of a document; its decision is made of its rules and stands in no file that a person wrote.

    One that was read from no file, as that of a package, is ``its document``.
    """
    made = type(strategy)
    return str(getattr(made, "place", "") or "its document") if hasattr(made, "program") else ""


def line_in(strategy: Strategy | Allocation, error: BaseException | None = None) -> str:
    """File and line of the strategy in which an error arose, or of its decision; the file without its folders."""
    code = decision_of(strategy).__code__
    frames = traceback.extract_tb(error.__traceback__) if error is not None else []
    lines = [frame.lineno for frame in frames if frame.filename == code.co_filename]
    return f"{Path(code.co_filename).name}:{lines[-1] if lines else code.co_firstlineno}"


def _files(strategy: Strategy | Allocation) -> set[str]:
    """The file of the decision and the file of the class."""
    module = sys.modules.get(type(strategy).__module__)
    return {decision_of(strategy).__code__.co_filename, str(getattr(module, "__file__", ""))}


def _line_of(function: object) -> str:
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}, line {code.co_firstlineno}" if code is not None else "its class"


def _python_words(strategy: Strategy | Allocation, error: BaseException) -> tuple[str, str]:
    """What went wrong, and what to do about it."""
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, IndexError) and "tuple" in str(error):
        numbers = f"{len(strategy.prepare_state())} features and {len(strategy.parameters())} parameters"
        return f"{what}: the decision gets {numbers}", "count from 0, in the order of prepare_state and of the fields"
    if isinstance(error, IndexError):
        return what, "read bars from 0 to i only; return HOLD while there are too few"
    if isinstance(error, ZeroDivisionError):
        return what, "ask whether the divisor is 0 first"
    return what, "correct the line; a decision gets numbers only"


def check_compiles(strategy: Strategy) -> None:
    """Compile the decision by itself; the compiler sees also what no bar has reached.

    Raises:
        StrategyError: it cannot be compiled, or returns something else than four numbers on some way through it.
    """
    from tradewright.backtest.compiled import compile_decision, is_answer  # loads the compiler, only where it is needed

    with located_errors(strategy):
        features, parameters = strategy.prepare_state(), strategy.parameters()
        returned = compile_decision(strategy.generate_signal, len(features), len(parameters))
    if not is_answer(returned):
        nothing = returned.startswith(("none", "Optional"))
        kind = "nothing on some way through it" if nothing else f"something else than four numbers: {returned}"
        raise strategy_error(strategy, f"it returns {kind}", RETURNS)


def check_allocation_compiles(strategy: Allocation) -> None:
    """Compile an allocation by itself.

    Raises:
        StrategyError: it cannot be compiled, or says on some way through it something else than whether to trade.
    """
    from tradewright.backtest.compiled import compile_allocation  # the compiler is loaded only where it is needed

    with located_errors(strategy):
        features, parameters = strategy.prepare_state(), strategy.parameters()
        returned = compile_allocation(strategy.allocate, len(features), len(parameters))
    if returned != "bool":
        kind = (
            "nothing on some way through it"
            if returned.startswith(("none", "Optional"))
            else f"something else: {returned}"
        )
        raise strategy_error(strategy, f"it returns {kind}", "return True to trade, False to leave all as it is")


def _uncompilable(strategy: Strategy | Allocation, error: BaseException) -> StrategyError:
    """The compiler's error in words of the author, with the line that it names."""
    if isinstance(error, RecursionError):
        what = "it cannot be compiled: it has more windows, features and conditions than the compiler takes"
        return strategy_error(strategy, what, "write fewer or shorter rules, with fewer different windows")
    code = decision_of(strategy).__code__
    text = _COLOUR.sub("", str(error))
    lines = [int(line) for name, line in _PLACE.findall(text) if Path(name).name == Path(code.co_filename).name]
    if (
        not lines
        and not is_allocation(strategy)
        and "compile_decision" not in {each.name for each in traceback.extract_tb(error.__traceback__)}
    ):
        try:
            check_compiles(cast("Strategy", strategy))  # by itself its place is told better than from within the kernel
        except StrategyError as better:
            return better
    meaning = compiler_words(text)
    if missing := re.match(r"the name '(\w+)'", meaning):
        named = (each for each in dis.get_instructions(code) if each.argval == missing[1])
        lines = [each.positions.lineno for each in named if each.positions and each.positions.lineno][:1] or lines
    remedy = "the decision is compiled: use numbers, tuples, numpy and the math module there"
    return strategy_error(strategy, f"it cannot be compiled: {meaning}", remedy, line=lines[-1] if lines else 0)


def compiler_words(told: str) -> str:
    """An error of the compiler in words of an author."""
    text = _COLOUR.sub("", told)
    for pattern, words in _MEANINGS:
        if found := re.search(pattern, text):
            return words.format(*found.groups()).replace("none", "None (no return)")
    return "the line uses a call or an operation that is not compiled"
