"""From the plain kernel and a strategy's plain decision to machine code, kept across processes.

A function is compiled together with everything plain that it calls. The code is specialised on the strategy by putting
its ``generate_signal`` in the place of the kernel's. Machine code is kept by numba beside ``kernel.py`` (in
``__pycache__``; in the user's cache directory where that cannot be written), under a name that carries a digest of all
the code it was made from, and of how: a changed rule or strategy is another name, and is never served by stale code.

Every part carries such a digest in its name, not the entry alone. Numba tells functions of one name apart by a counter
that starts anew in each process; of two stored kernels that were made in two processes, each with a part of the same
name and count, the linker would take one part for both, and one strategy would run the decision of the other.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from numba import njit
from numba import types as types_of_numba

from tradewright.backtest import kernel, lookahead_scan
from tradewright.backtest.account import BarArrays
from tradewright.backtest.code import answers_with_requests, code_digest, helper_digest, is_own, named, plain, reaches
from tradewright.backtest.engine_digest import versions
from tradewright.backtest.panel import allocation_kernel, decision_kernel
from tradewright.backtest.spec import KernelParameters
from tradewright.fills.slippage import SlippageTerms
from tradewright.model.allocation import Allocate
from tradewright.model.hashing import content_hash
from tradewright.model.recursion import Step
from tradewright.model.strategy import Action, GenerateSignal, OrderRequest, order

Compiled = Callable[..., Any]

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "_nrt": False, "no_cfunc_wrapper": True}
"""No reference counts: the kernel allocates nothing, and counting each view of a column would cost seven times the
work. Division by zero gives infinity, as in numpy. A wrapper that is never called would still hold a copy of all that
is inlined, and be compiled."""

CHECKED_OPTIONS: dict[str, Any] = {**OPTIONS, "boundscheck": True}

PART_OPTIONS: dict[str, Any] = {**OPTIONS, "no_cpython_wrapper": True}

SHARED = ("tradewright.backtest.", "tradewright.fills.")
"""The packages whose functions are the same for all strategies, and are compiled once for each shape of run."""

RARE = frozenset(
    {
        *("simulate", "match_resting", "at_the_close", "record_fill", "record_trade"),
        *("take_action", "settle_fraction", "note", "fill_share", "work_on", "work_at_open", "leave_in_time"),
        *(
            "adjust_member",
            "adjust_targets",
            "adjust_weights",
            "fill_targets",
            "apply_all",
            "reduce_one",
            "apply_one",
            "match_all",
            "match_one",
            "close_ended",
            "open_book",
        ),
    }
)
"""The parts of the kernels that are called once per run, or that most bars of most runs never reach."""


class Shape(NamedTuple):
    """Constants of the kernels (:mod:`tradewright.backtest.account`); what a run cannot need is not compiled."""

    REQUESTS: bool = False
    PARTIAL_FILLS: bool = False
    ACTIONS: bool = False
    SLIPPAGE: bool = False
    CONVERSION: bool = False
    FEE_RATES: bool = False


def shape_of(rules: KernelParameters, market: BarArrays) -> Shape:
    """What runs with these rules on these bars may need; whether there are requests is the strategy's."""
    slips = rules.quoted or rules.slippage[:-1] != (0.0,) * len(SlippageTerms._fields[:-1])
    return Shape(
        PARTIAL_FILLS=rules.volume_share > 0.0,
        ACTIONS=len(market.actions) > 0,
        SLIPPAGE=slips,
        CONVERSION=len(market.rate_open) > 0,
        FEE_RATES=len(market.fee_open) > 0,
    )


def _argument_types(owner: object) -> Iterator[str]:
    """The named tuples among the annotations of a function or class, and those inside of them, with their fields."""
    for kind in get_type_hints(owner).values():
        if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
            yield f"{kind.__module__}.{kind.__qualname__}{kind._fields}"
            yield from _argument_types(kind)


ENTRIES = (kernel.simulate_sets, allocation_kernel.simulate_allocation, decision_kernel.simulate_decisions)
ARGUMENT_TYPES = tuple(name for entry in ENTRIES for name in _argument_types(entry))
"""A part of every name: numba finds the types of stored code by name, and fails where one was renamed."""

MADE_BY = content_hash([Path(__file__).read_text(encoding="utf-8"), versions(), ARGUMENT_TYPES])
"""How machine code is made: this very file with its options, the versions of the compiler, the types of arguments."""


def _stamp(digest: str) -> str:
    """The part of a name that says what machine code was made from, and how."""
    return content_hash([digest, MADE_BY])[:16]


def simulator(generate_signal: GenerateSignal, features: int, params: int, shape: Shape) -> Compiled:
    """:func:`~tradewright.backtest.kernel.simulate_sets` compiled for one strategy and its numbers of features, params.

    It runs without the interpreter lock. The shape is that of the rules and bars of the run (:func:`shape_of`).
    """
    shape = shape._replace(REQUESTS=answers_with_requests(generate_signal))
    return _simulator(generate_signal, features, params, shape)


@functools.lru_cache(maxsize=256)
def _simulator(generate_signal: GenerateSignal, features: int, params: int, shape: Shape) -> Compiled:
    answer = {"generate_signal": generate_signal, "answer_as_request": _reader_of(generate_signal)}
    place: dict[str, object] = {**answer, **shape._asdict()}
    code = code_digest(kernel.simulate_sets, place)
    digest = _stamp(code)
    place.update(chosen_columns=_column_chooser(features), chosen_values=_value_chooser(params))
    entry = _copy(plain(kernel.simulate_sets), place, {})
    entry.__qualname__ = f"simulate_sets_{digest}_{features}_{params}"
    compiled: Compiled = njit(entry, cache=True, **OPTIONS)
    return compiled


def allocation_simulator(allocate: Allocate, *, actions: bool = False, fee_rates: bool = False) -> Compiled:
    """:func:`~tradewright.backtest.panel.allocation_kernel.simulate_allocation` compiled for one allocation."""
    return _allocation_simulator(allocate, _panel_shape(actions, fee_rates))


@functools.lru_cache(maxsize=256)
def _allocation_simulator(allocate: Allocate, shape: Shape) -> Compiled:
    entry, place = allocation_kernel.simulate_allocation, {"allocate": allocate, **shape._asdict()}
    return _entry(entry, place, code_digest(entry, place))


def panel_simulator(
    generate_signal: GenerateSignal, features: int, *, actions: bool = False, fee_rates: bool = False
) -> Compiled:
    """:func:`~tradewright.backtest.panel.decision_kernel.simulate_decisions` compiled for one strategy."""
    return _panel_simulator(generate_signal, features, _panel_shape(actions, fee_rates))


def _panel_shape(actions: bool, fee_rates: bool) -> Shape:
    return Shape(ACTIONS=actions, SLIPPAGE=True, CONVERSION=True, FEE_RATES=fee_rates)


@functools.lru_cache(maxsize=256)
def _panel_simulator(generate_signal: GenerateSignal, features: int, shape: Shape) -> Compiled:
    entry, place = decision_kernel.simulate_decisions, {"generate_signal": generate_signal, **shape._asdict()}
    digest = code_digest(entry, place)
    return _entry(entry, {**place, "chosen_columns": _column_chooser(features)}, digest, f"_{features}")


def _entry(function: Callable[..., object], place: Mapping[str, object], digest: str, suffix: str = "") -> Compiled:
    """The entry of a panel kernel with a strategy's function in its place, kept under the digest of all its code."""
    entry = _copy(plain(function), place, {})
    entry.__qualname__ = f"{function.__name__}_{_stamp(digest)}{suffix}"
    compiled: Compiled = njit(entry, cache=True, **OPTIONS)
    return compiled


@functools.lru_cache(maxsize=256)
def look_ahead_scanner(generate_signal: GenerateSignal, features: int, params: int) -> Compiled:
    """:func:`~tradewright.backtest.lookahead_scan.scan` compiled for one strategy, with every index checked."""
    place = {"generate_signal": generate_signal, "answer_as_request": _reader_of(generate_signal)}
    code = code_digest(lookahead_scan.scan, place)
    digest = _stamp(code)
    place["truncated"] = _cutter(features)
    entry = _copy(plain(lookahead_scan.scan), place, {}, _checked_part)
    entry.__qualname__ = f"scan_{digest}_{features}_{params}"
    compiled: Compiled = njit(entry, cache=True, **CHECKED_OPTIONS)
    return compiled


@functools.lru_cache(maxsize=256)
def memory_loop(loop: Callable[..., None], step: Step, features: int, arguments: int) -> Compiled:
    """A loop of :mod:`tradewright.backtest.remembered_scan` compiled for one step, with every index checked."""
    place = {"step": step}
    entry = _copy(plain(loop), place, {}, _checked_part)
    entry.__qualname__ = f"{loop.__name__}_{_stamp(code_digest(loop, place))}_{features}_{arguments}"
    compiled: Compiled = njit(entry, cache=True, **CHECKED_OPTIONS)
    return compiled


def _four_numbers(action: Action) -> OrderRequest:
    """Four numbers as a request; of what they cannot name, nothing."""
    return order(action[0], action[1], action[2], action[3])


def _itself(request: OrderRequest) -> OrderRequest:
    """A request as it is."""
    return request


def _reader_of(generate_signal: GenerateSignal) -> Callable[..., OrderRequest]:
    """What makes a request of a decision's answer: which of the two it is must be known when it is compiled."""
    return _itself if answers_with_requests(generate_signal) else _four_numbers


@functools.lru_cache(maxsize=256)
def decision_alone(generate_signal: GenerateSignal, features: int, params: int) -> Compiled:
    """A decision compiled by itself, with every index checked, for the arguments that the kernel gives it.

    Machine code is kept as that of the kernel is, so that the same decision is compiled once.

    Raises:
        numba.core.errors.NumbaError: it cannot be compiled.
    """
    compiled: Compiled = njit(_copy(plain(generate_signal), {}, {}, _checked_part), cache=True, **CHECKED_OPTIONS)
    number, tuple_of = types_of_numba.float64, types_of_numba.UniTuple
    column = types_of_numba.Array(number, 1, "C", readonly=True)
    columns, numbers = tuple_of(column, features or 1), tuple_of(number, params or 1)  # type: ignore[no-untyped-call]
    compiled.compile((types_of_numba.int64, columns, numbers, number))  # type: ignore[attr-defined]
    return compiled


def compile_decision(generate_signal: GenerateSignal, features: int, params: int) -> str:
    """Compile a decision by itself, as the kernel would, and name the type of what it returns.

    Raises:
        numba.core.errors.NumbaError: it cannot be compiled.
    """
    compiled = decision_alone(generate_signal, features, params)
    return str(compiled.nopython_signatures[0].return_type)  # type: ignore[attr-defined]


def is_answer(returned: str) -> bool:
    """Whether the type of what a decision returns is four numbers or a request, on every way through it."""
    is_known = "Tuple" in returned or OrderRequest.__name__ in returned
    return is_known and not returned.startswith(("none", "Optional"))


@functools.lru_cache(maxsize=256)
def plain_simulator(generate_signal: GenerateSignal, features: int, params: int, shape: Shape) -> Callable[..., None]:
    """:func:`~tradewright.backtest.kernel.simulate_sets` as plain Python around a decision that is compiled by itself.

    It takes what :func:`simulator` takes, with logs as record arrays, and gives the same bytes.

    Raises:
        numba.core.errors.NumbaError: the decision cannot be compiled.
    """
    decision = decision_alone(generate_signal, features, params)
    answer = {"generate_signal": decision, "answer_as_request": _reader_of(generate_signal)}
    shape = shape._replace(REQUESTS=answers_with_requests(generate_signal))
    return _copy(plain(kernel.simulate_sets), {**answer, **shape._asdict()}, {}, _as_it_is)


def _as_it_is(function: types.FunctionType) -> Compiled:
    return function


def compile_allocation(allocate: Allocate, features: int, params: int) -> str:
    """As :func:`compile_decision`, of an allocation.

    Raises:
        numba.core.errors.NumbaError: it cannot be compiled.
    """
    compiled = njit(_copy(plain(allocate), {}, {}, _checked_part), cache=True, **CHECKED_OPTIONS)
    number, tuple_of = types_of_numba.float64, types_of_numba.UniTuple
    table, column = (types_of_numba.Array(number, size, "C", readonly=size == 2) for size in (2, 1))
    tables, numbers = tuple_of(table, features or 1), tuple_of(number, params or 1)  # type: ignore[no-untyped-call]
    compiled.compile((types_of_numba.int64, tables, numbers, column, column))
    return str(compiled.nopython_signatures[0].return_type)


def _checked_part(function: Callable[..., object]) -> Compiled:
    compiled: Compiled = njit(function, **CHECKED_OPTIONS)
    return compiled


def _cutter(count: int, first: int = 0) -> Compiled:
    """A function that makes a tuple of views of the first values of ``count`` columns, in halves as the choosers do."""
    if count == 1:
        return _checked_part(_called(f"cut_{first}", lambda features, stop: (features[first][:stop],)))
    half = count // 2
    head, tail = _cutter(half, first), _cutter(count - half, first + half)
    cut = lambda features, stop: head(features, stop) + tail(features, stop)  # noqa: E731 - compiles
    return _checked_part(_called(f"cut_{first}_{count}", cut))


def _called(name: str, function: Callable[..., object]) -> Callable[..., object]:
    """The function under a name of its own; see the head of this file."""
    function.__qualname__ = name
    return function


def _part(function: Callable[..., object], *, cache: bool = False) -> Compiled:
    """A part of the kernel, inlined unless rare.

    A call passes every array anew, which would cost more than what the part does; a copy of a rare one at each place
    would be compiled in vain.
    """
    compiled: Compiled = njit(function, cache=cache, forceinline=function.__name__ not in RARE, **PART_OPTIONS)
    return compiled


def _column_chooser(count: int, first: int = 0) -> Compiled:
    """A function that makes a tuple of ``count`` columns; a tuple's length must be known when it is compiled.

    Of halves, and those of halves: the compiler calls itself for each function within another, and forty would be more
    than Python's stack takes.
    """
    if count == 1:
        return _part(_called(f"column_{first}", lambda columns, row: (columns[row[first]],)))
    half = count // 2
    head, tail = _column_chooser(half, first), _column_chooser(count - half, first + half)
    choose = lambda columns, row: head(columns, row) + tail(columns, row)  # noqa: E731 - compiles
    return _part(_called(f"column_{first}_{count}", choose))


def _value_chooser(count: int, first: int = 0) -> Compiled:
    """A function that makes a tuple of ``count`` numbers, in halves as well."""
    if count == 1:
        return _part(_called(f"value_{first}", lambda row: (row[first],)))
    half = count // 2
    head, tail = _value_chooser(half, first), _value_chooser(count - half, first + half)
    choose = lambda row: head(row) + tail(row)  # noqa: E731 - compiles
    return _part(_called(f"value_{first}_{count}", choose))


@functools.cache
def _shared(function: types.FunctionType, digest: str, shape: Shape) -> Compiled:
    """A rule of this package, the same for all strategies: compiled once, kept under the digest of all it names."""
    copy = _copy(function, shape._asdict(), {})
    copy.__qualname__ = f"{function.__name__}_{_stamp(digest)}"
    return _part(copy, cache=True)


def _of_all(function: types.FunctionType, replaced: Mapping[str, object]) -> Compiled | None:
    """The compiled function where it is the same for all strategies; None for one that reaches a strategy's code."""
    if not function.__module__.startswith(SHARED) or reaches(function, replaced.keys() - set(Shape._fields)):
        return None
    chosen = {name: bool(replaced.get(name, True)) for name in Shape._fields if reaches(function, (name,))}
    shape = Shape(**chosen)
    return _shared(function, code_digest(function, shape._asdict()), shape)


def _copy(
    original: types.FunctionType,
    replaced: Mapping[str, object],
    done: dict[types.FunctionType, Compiled],
    part: Callable[[types.FunctionType], Compiled] = _part,
) -> types.FunctionType:
    """The function over globals of its own, in which every plain function is one that ``part`` compiled."""
    scope: dict[str, Any] = {**original.__globals__}
    for name, value in named(original, replaced):
        if isinstance(value, types.FunctionType) and is_own(value) and value not in done:
            own = _of_all(value, replaced) if part is _part else None
            done[value] = own or part(_copy(value, replaced, done, part))
        scope[name] = done.get(value, value) if isinstance(value, types.FunctionType) else value
    copy = types.FunctionType(original.__code__, scope, original.__name__, original.__defaults__, original.__closure__)
    copy.__kwdefaults__ = original.__kwdefaults__
    copy.__qualname__ = f"{original.__name__}_{_stamp(helper_digest(original, replaced))}"
    copy.__module__ = kernel.__name__  # numba imports it when the code is loaded, and a strategy's file may be gone
    return copy
