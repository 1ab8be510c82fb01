"""The intermediate representation: terms over columns, numbers and parameters, folded and shared.

Terms of equal meaning are equal: operands that commute are ordered, a comparison is written with ``<`` or ``<=``,
``not`` is moved into the comparisons, and a lag is moved down to the columns. A value that is not known yet is NaN, and
a comparison with it is neither true nor false: no rule acts on it, also not under ``not``.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter

from tradewright.model.hashing import canonical_json

Value = float | str


class Op(StrEnum):
    """What a term is."""

    NUMBER = "number"
    PARAMETER = "parameter"
    COLUMN = "column"
    ADD = "add"
    SUBTRACT = "subtract"
    MULTIPLY = "multiply"
    DIVIDE = "divide"
    NEGATE = "negate"
    ABSOLUTE = "absolute"
    LEAST = "least"
    GREATEST = "greatest"
    MEAN = "mean"
    DEVIATION = "deviation"
    HIGHEST = "highest"
    LOWEST = "lowest"
    RANK = "rank"
    BARS_SINCE = "bars_since"
    LESS = "less"
    AT_MOST = "at_most"
    AND = "and"
    OR = "or"
    TRUE = "true"
    FALSE = "false"


ROLLING = frozenset({Op.MEAN, Op.DEVIATION, Op.HIGHEST, Op.LOWEST, Op.RANK, Op.BARS_SINCE})
"""Terms over the newest ``n`` values of another term: (term, n)."""

BOOLEAN = frozenset({Op.LESS, Op.AT_MOST, Op.AND, Op.OR, Op.TRUE, Op.FALSE})
_COMMUTE = frozenset({Op.ADD, Op.MULTIPLY, Op.LEAST, Op.GREATEST})
_OPPOSITE = {Op.TRUE: Op.FALSE, Op.FALSE: Op.TRUE, Op.AND: Op.OR, Op.OR: Op.AND}


@dataclass(frozen=True, eq=False)
class Term:
    """One node; made by the functions of this module alone. Terms are equal if their digests are.

    Args:
        op: what it is.
        args: operands. Of a column: the arguments of the indicator (numbers or parameters), then its lags.
        words: of a number, its value; of a parameter, its name; of a column: indicator, instrument, timeframe, and how
            many of ``args`` are arguments.
        digest: SHA-256 of all this; the same in every process.
    """

    op: Op
    args: tuple[Term, ...] = ()
    words: tuple[Value, ...] = ()
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        told = [self.op.value, [each.digest for each in self.args], [_text(word) for word in self.words]]
        object.__setattr__(self, "digest", hashlib.sha256(canonical_json(told).encode()).hexdigest())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Term) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def number(self) -> float | None:
        """The value of a number; None for any other term."""
        return float(self.words[0]) if self.op is Op.NUMBER else None

    @property
    def arguments(self) -> tuple[Term, ...]:
        """Of a column, the arguments of its indicator."""
        return self.args[: int(self.words[3])]

    @property
    def lags(self) -> tuple[Term, ...]:
        """Of a column, what its lag is the sum of: numbers or parameters, none for the newest value."""
        return self.args[int(self.words[3]) :]


def _text(word: Value) -> str:
    return float(word).hex() if isinstance(word, int | float) else word


def number(value: float) -> Term:
    """A constant."""
    return Term(Op.NUMBER, (), (float(value) + 0.0,))  # -0.0 is 0.0


def parameter(name: str) -> Term:
    """A parameter, whose value is known when the strategy is made."""
    return Term(Op.PARAMETER, (), (name,))


def column(indicator: str, arguments: Iterable[Term] = (), of: str = "", on: str = "") -> Term:
    """The newest value of a feature."""
    args = tuple(arguments)
    return Term(Op.COLUMN, args, (indicator, of, on, len(args)))


TRUE, FALSE = Term(Op.TRUE), Term(Op.FALSE)


def arithmetic(op: Op, *args: Term) -> Term:
    """A number of numbers, computed at once where all of them are constants, and plain where it changes nothing."""
    values = [arg.number for arg in args]
    if all(value is not None for value in values):
        result = calculated(op, *(float(value) for value in values if value is not None))
        if math.isfinite(result):
            return number(result)
    if op is Op.NEGATE and args[0].op is Op.NEGATE:
        return args[0].args[0]
    if op is Op.ABSOLUTE and args[0].op in (Op.ABSOLUTE, Op.NEGATE):
        return arithmetic(op, args[0].args[0]) if args[0].op is Op.NEGATE else args[0]
    if op is Op.MULTIPLY and 1.0 in values:
        return args[1 - values.index(1.0)]
    if (op is Op.DIVIDE and values[1] == 1.0) or (op is Op.SUBTRACT and values[1] == 0.0):
        return args[0]
    if op is Op.ADD and 0.0 in values:
        return args[1 - values.index(0.0)]
    if op in (Op.LEAST, Op.GREATEST) and args[0] == args[1]:
        return args[0]
    return Term(op, tuple(sorted(args, key=_order)) if op in _COMMUTE else args)


def calculated(op: Op, left: float, right: float = 0.0) -> float:
    """The value of an arithmetic term; NaN for a quotient by zero and where an operand is NaN."""
    match op:
        case Op.ADD:
            return left + right
        case Op.SUBTRACT:
            return left - right
        case Op.MULTIPLY:
            return left * right
        case Op.DIVIDE:
            return left / right if right != 0.0 else math.nan
        case Op.NEGATE:
            return -left
        case Op.ABSOLUTE:
            return abs(left)
        case Op.LEAST:
            return math.nan if math.isnan(left + right) else min(left, right)
        case Op.GREATEST:
            return math.nan if math.isnan(left + right) else max(left, right)
    raise ValueError(op)


def rolling(op: Op, term: Term, count: Term) -> Term:
    """A term over the newest ``count`` values of another."""
    return Term(op, (term, count))


def compared(left: Term, sign: str, right: Term) -> Term:
    """``left`` compared with ``right`` by one of ``< <= > >=``."""
    if sign in (">", ">="):
        left, right, sign = right, left, {">": "<", ">=": "<="}[sign]
    one, other = left.number, right.number
    if one is not None and other is not None:
        return TRUE if (one < other if sign == "<" else one <= other) else FALSE
    return Term(Op.LESS if sign == "<" else Op.AT_MOST, (left, right))


def opposite(term: Term) -> Term:
    """``not`` of a condition: unknown where it is unknown."""
    return rewritten(term, _opposite_of)


def _opposite_of(term: Term, again: Callable[[Term], Term]) -> Term:
    if term.op is Op.LESS:
        return compared(term.args[1], "<=", term.args[0])
    if term.op is Op.AT_MOST:
        return compared(term.args[1], "<", term.args[0])
    if term.op in (Op.AND, Op.OR):
        return joined(_OPPOSITE[term.op], [again(each) for each in term.args])
    return Term(_OPPOSITE[term.op])


def joined(op: Op, terms: Iterable[Term]) -> Term:
    """``and`` or ``or`` of conditions, each of them once, in an order of their own."""
    neutral, final = (TRUE, FALSE) if op is Op.AND else (FALSE, TRUE)
    parts: dict[Term, None] = {}
    for each in terms:
        parts.update(dict.fromkeys(each.args if each.op is op else (each,)))
    parts.pop(neutral, None)
    if final in parts:
        return final
    other = Op.OR if op is Op.AND else Op.AND
    kept = [each for each in parts if not (each.op is other and any(arg in parts for arg in each.args))]
    return Term(op, tuple(sorted(kept, key=_order))) if len(kept) > 1 else (kept[0] if kept else neutral)


def lagged(term: Term, lag: Term) -> Term:
    """A term as it was ``lag`` bars ago (a number or a parameter): its columns are read that much earlier."""
    if lag.number == 0.0:
        return term

    def earlier(each: Term, again: Callable[[Term], Term]) -> Term:
        if each.op is Op.COLUMN:
            return Term(Op.COLUMN, (*each.arguments, *_sum((*each.lags, lag))), each.words)
        if each.op in ROLLING:
            return Term(each.op, (again(each.args[0]), each.args[1]))
        if not each.args:
            return each
        parts = [again(arg) for arg in each.args]
        if each.op in (Op.AND, Op.OR):
            return joined(each.op, parts)
        if each.op in BOOLEAN:
            return Term(each.op, tuple(parts))
        return arithmetic(each.op, *parts)

    return rewritten(term, earlier)


def _sum(lags: Iterable[Term]) -> tuple[Term, ...]:
    """The lags of a column: its constant part, then its parameters in order."""
    rows = list(lags)
    fixed = sum(each.number or 0.0 for each in rows)
    named = sorted((each for each in rows if each.number is None), key=_order)
    return (*((number(fixed),) if fixed else ()), *named)


def rewritten(term: Term, change: Callable[[Term, Callable[[Term], Term]], Term]) -> Term:
    """A term changed from the top; each shared part once."""
    done: dict[Term, Term] = {}

    def again(each: Term) -> Term:
        if each not in done:
            done[each] = change(each, again)
        return done[each]

    return again(term)


def _order(term: Term) -> tuple[str, str]:
    return term.op.value, term.digest


def walk(*terms: Term, operands: Callable[[Term], Sequence[Term]] = attrgetter("args")) -> Iterator[Term]:
    """Every distinct term of some, operands before what uses them.

    Args:
        operands: those of a term that are entered.
    """
    seen: set[Term] = set()
    stack = [(each, False) for each in reversed(terms)]
    while stack:
        term, is_done = stack.pop()
        if is_done:
            yield term
        elif term not in seen:
            seen.add(term)
            stack.append((term, True))
            stack.extend((each, False) for each in reversed(operands(term)))
