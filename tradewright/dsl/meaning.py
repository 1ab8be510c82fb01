"""From the syntax of an expression to its term: names, signatures, types and units."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from itertools import islice

from tradewright.dsl.document import SIZE, StrategyDocument
from tradewright.dsl.functions import (
    AHEAD,
    FUNCTIONS,
    OTHER_NAMES,
    SERIES,
    UNITS,
    UNREADABLE,
    Argument,
    Function,
    Kind,
    Unit,
)
from tradewright.dsl.grammar import Syntax, parse, printed
from tradewright.dsl.problem import Code, Refusal
from tradewright.dsl.reach import valued
from tradewright.dsl.terms import Op, Term, arithmetic, column, compared, joined, number, opposite, parameter, walk
from tradewright.model.bars import Timeframe
from tradewright.model.base import NAME_PATTERN

MAX_TERMS = 2_000
_SIGNS = {"+": Op.ADD, "-": Op.SUBTRACT, "*": Op.MULTIPLY, "/": Op.DIVIDE}
_COMPARISONS = ("<", "<=", ">", ">=")


@dataclass(frozen=True)
class Typed:
    """A term with its type; ``unit`` of a number."""

    term: Term
    is_boolean: bool
    unit: Unit = Unit.ANY


@dataclass
class Reader:
    """Reads the expressions of one document.

    ``warnings`` are (character, message) of the last expression; ``used`` the parameters that were named.
    """

    document: StrategyDocument
    warnings: list[tuple[int, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def condition(self, text: str) -> Term:
        """The term of a boolean expression.

        Raises:
            Refusal: it cannot be read, or is a number.
        """
        return self._read(text, is_boolean=True)

    def figure(self, text: str) -> Term:
        """The term of an expression that is a number.

        Raises:
            Refusal: it cannot be read, or is a condition.
        """
        return self._read(text, is_boolean=False)

    def _read(self, text: str, *, is_boolean: bool) -> Term:
        self.warnings.clear()
        tree = parse(text)
        typed = self._typed(tree)
        if typed.is_boolean != is_boolean:
            wanted, found = ("a condition", "a number") if is_boolean else ("a number", "a condition")
            hint = "compare it with something, as in close > 100" if is_boolean else "leave the comparison out"
            raise Refusal(Code.STATIC_FAIL, f"{wanted} is needed here, this is {found}", tree.start, hint)
        return _bounded(typed.term, tree)

    def _typed(self, node: Syntax) -> Typed:
        match node.kind:
            case "number":
                return self._number(node)
            case "name":
                return self._name(node)
            case "call":
                return self._call(node)
            case "series":
                return self._elsewhere(node)
            case "sign":
                inner = self._operand(node.children[0], "-")
                return Typed(arithmetic(Op.NEGATE, inner.term), False, inner.unit)
            case "not":
                return Typed(opposite(self._truth(node.children[0], "not").term), True)
            case "or" | "and":
                parts = [self._truth(child, node.kind).term for child in node.children]
                return Typed(joined(Op(node.kind), parts), True)
        left, right = (self._operand(child, node.kind) for child in node.children)
        if node.kind in _COMPARISONS:
            self._same_unit(left, right, node, "compared with")
            return Typed(compared(left.term, node.kind, right.term), True)
        return self._arithmetic(node, left, right)

    def _arithmetic(self, node: Syntax, left: Typed, right: Typed) -> Typed:
        term = arithmetic(_SIGNS[node.kind], left.term, right.term)
        if node.kind in ("+", "-"):
            self._same_unit(left, right, node, "added to" if node.kind == "+" else "subtracted from")
            return Typed(term, False, right.unit if left.unit is Unit.ANY else left.unit)
        units = {left.unit, right.unit}
        plain = units & {Unit.ANY, Unit.RATIO}
        if node.kind == "/" and left.unit == right.unit and left.unit is not Unit.ANY:
            return Typed(term, False, Unit.RATIO)
        unit = left.unit if len(units) == 1 and plain else next(iter(units - plain), Unit.ANY) if plain else Unit.ANY
        return Typed(term, False, unit if node.kind == "*" or right.unit in plain else Unit.ANY)

    def _same_unit(self, left: Typed, right: Typed, node: Syntax, verb: str) -> None:
        if Unit.ANY not in (left.unit, right.unit) and left.unit != right.unit:
            self.warnings.append((node.start, f"a {left.unit} is {verb} a {right.unit}"))

    def _number(self, node: Syntax) -> Typed:
        value = float(node.text)
        if value == float("inf"):
            raise Refusal(Code.PARSE_ERROR, f"{node.text} is too large", node.start)
        return Typed(number(value), False)

    def _name(self, node: Syntax) -> Typed:
        name = node.text
        if name in SERIES:
            return Typed(column(name), False, UNITS[name])
        if name == SIZE:
            told = f"{SIZE} is how much is bought, and no part of a rule"
            raise Refusal(Code.STATIC_FAIL, told, node.start, "write the number, or a parameter of its own")
        if name in self.document.params:
            self.used.add(name)
            return Typed(parameter(name), False)
        if name in FUNCTIONS:
            raise Refusal(Code.PARSE_ERROR, f"{name} is a function", node.start, f"write {_called(name)}")
        near = difflib.get_close_matches(name.lower(), [*SERIES, *self.document.params, *FUNCTIONS], n=1)
        hint = f"did you mean {near[0]}?" if near else f"write it under params, or one of {', '.join(SERIES)}"
        if name.lower() in UNREADABLE:
            hint = "a rule cannot read that; docs/dsl.md says what a document reads"
        elif name.lower() in OTHER_NAMES and name not in near:
            hint = f"did you mean {_called(OTHER_NAMES[name.lower()])}?"
        raise Refusal(Code.STATIC_FAIL, f"there is no series or parameter {name!r}", node.start, hint)

    def _operand(self, node: Syntax, sign: str) -> Typed:
        typed = self._typed(node)
        if typed.is_boolean:
            hint = "join conditions by and, or" if sign in _COMPARISONS else "write a number"
            raise Refusal(Code.STATIC_FAIL, f"{sign} takes numbers, this is a condition", node.start, hint)
        return typed

    def _truth(self, node: Syntax, word: str) -> Typed:
        typed = self._typed(node)
        if not typed.is_boolean:
            hint = f"compare it, as in {printed(node)} > 0"
            raise Refusal(Code.STATIC_FAIL, f"{word} takes conditions, this is a number", node.start, hint)
        return typed

    def _elsewhere(self, node: Syntax) -> Typed:
        """A series or an indicator of another instrument or on a longer timeframe."""
        of, on = node.text.split(" ")
        if on and on not in tuple(Timeframe):
            known = ", ".join(Timeframe)
            raise Refusal(Code.PARSE_ERROR, f"there is no timeframe {on!r}", node.children[0].end, f"one of {known}")
        if of and not NAME_PATTERN.fullmatch(of):
            told = f"{of[:70]!r} is no name of an instrument"
            hint = "letters, digits and . _ : / -, a letter or a digit first, at most 64"
            raise Refusal(Code.STATIC_FAIL, told, node.children[0].end, hint)
        inner = self._typed(node.children[0])
        if inner.term.op is not Op.COLUMN or inner.term.lags or inner.term.words[1] or inner.term.words[2]:
            hint = "write it at the series, as in sma(close on 1d, 50), or at an indicator, as in atr(14) on 1d"
            raise Refusal(Code.STATIC_FAIL, "`of` and `on` belong to a series or an indicator", node.start, hint)
        return Typed(column(str(inner.term.words[0]), inner.term.arguments, of, on), False, inner.unit)

    def _call(self, node: Syntax) -> Typed:
        name = node.text
        if name not in FUNCTIONS:
            raise _unsupported(name, node)
        function = FUNCTIONS[name]
        if len(node.children) != len(function.arguments):
            told = f"{name} takes {len(function.arguments)} arguments, not {len(node.children)}"
            raise Refusal(Code.STATIC_FAIL, told, node.start, f"write {_called(name)}")
        pairs = zip(function.arguments, node.children, strict=True)
        given = [self._argument(argument, child, name) for argument, child in pairs]
        return self._applied(name, function, given, node)

    def _applied(self, name: str, function: Function, given: list[Typed], node: Syntax) -> Typed:
        self._ordered(name, given, node)
        if name == "lag" and given[0].is_boolean:
            return Typed(function.build(*(each.term for each in given)), True)
        if len(given) == 2 and given[1].unit is not Unit.ANY:
            self._same_unit(given[0], given[1], node, "compared with")
        unit = function.unit or (given[0].unit if given else Unit.ANY)
        built = _bounded(function.build(*(each.term for each in given)), node)
        return Typed(built, function.gives is Kind.BOOLEAN, unit)

    def _ordered(self, name: str, given: list[Typed], node: Syntax) -> None:
        if name.startswith("macd"):
            fast, slow = (valued(each.term, self.document.values()) for each in given[1:3])
            if fast >= slow:
                raise Refusal(Code.STATIC_FAIL, f"{name} needs fast < slow", node.start, "exchange them")

    def _argument(self, argument: Argument, node: Syntax, name: str) -> Typed:
        match argument.kind:
            case Kind.CLOSE:
                return self._close(node, name)
            case Kind.WINDOW | Kind.LAG:
                return self._whole(argument, node, name)
            case Kind.CONSTANT:
                return self._constant(argument, node, name)
            case Kind.BOOLEAN:
                return self._truth(node, name)
        if name == "lag":
            return self._typed(node)
        return self._operand(node, name)

    def _close(self, node: Syntax, name: str) -> Typed:
        typed = self._typed(node)
        if typed.term.op is not Op.COLUMN or typed.term.words[0] != "close" or typed.term.lags:
            told = f"{name} is of the close alone"
            raise Refusal(Code.STATIC_FAIL, told, node.start, "write close, close of NAME or close on 1d there")
        return typed

    def _whole(self, argument: Argument, node: Syntax, name: str) -> Typed:
        """A number of bars or minutes: a whole number or a parameter that takes whole numbers alone."""
        typed = self._constant(argument, node, name)
        value, least = typed.term.number, argument.least
        unit = "minutes" if argument.name == "minutes" else "bars"
        if value is not None:
            if not value.is_integer():
                raise Refusal(Code.STATIC_FAIL, f"{argument.name} = {value:g} is no whole number", node.start)
            if value > 10_000:
                raise Refusal(Code.STATIC_FAIL, f"{argument.name} = {value:g} is more than 10000 {unit}", node.start)
        elif not self.document.is_whole(str(typed.term.words[0])):
            told = f"the parameter {node.text} is no whole number of {unit}"
            raise Refusal(Code.STATIC_FAIL, told, node.start, "give it a whole value, min and max")
        elif self.document.bounds(str(typed.term.words[0])).most > 10_000:
            told = f"the parameter {node.text} may be more than 10000 {unit}"
            raise Refusal(Code.STATIC_FAIL, told, node.start, "lower its max")
        lowest = value if value is not None else self.document.bounds(str(typed.term.words[0])).least
        if lowest < least:
            raise _too_small(argument, lowest, node)
        return typed

    def _constant(self, argument: Argument, node: Syntax, name: str) -> Typed:
        typed = self._operand(node, name)
        if typed.term.op is not Op.PARAMETER and typed.term.number is None:
            told = f"{argument.name} of {name} must be a number or a parameter"
            raise Refusal(Code.STATIC_FAIL, told, node.start, "write a number, or a name from params")
        lowest = typed.term.number
        if lowest is None:
            lowest = self.document.bounds(str(typed.term.words[0])).least
        if argument.kind is Kind.CONSTANT and lowest < argument.least:
            raise _too_small(argument, lowest, node)
        return typed


def _bounded(term: Term, node: Syntax) -> Term:
    """A term that is not too large; looked at on the way, because each ``change`` of a ``change`` doubles it."""
    if next(islice(walk(term), MAX_TERMS, None), None) is not None:
        raise Refusal(Code.STATIC_FAIL, f"the expression stands for more than {MAX_TERMS} terms", node.start)
    return term


def _called(name: str) -> str:
    """A function with the names of its arguments."""
    return f"{name}({', '.join(argument.name for argument in FUNCTIONS[name].arguments)})"


def _too_small(argument: Argument, lowest: float, node: Syntax) -> Refusal:
    if argument.kind is Kind.LAG:
        told = f"a lag of {lowest:g} bars reads a bar to come: look-ahead"
        return Refusal(Code.STATIC_FAIL, told, node.start, "a lag is 0 or more; for a parameter, raise its min")
    told = f"{argument.name} may be {lowest:g}, the least is {argument.least:g}"
    return Refusal(
        Code.STATIC_FAIL, told, node.start, f"write {argument.least:g} or more; for a parameter, raise its min"
    )


def _unsupported(name: str, node: Syntax) -> Refusal:
    if name.lower() in AHEAD:
        told = f"{name} would read bars to come: look-ahead"
        return Refusal(Code.UNSUPPORTED_FUN, told, node.start, "lag(x, n) reads bars that are over")
    near = [OTHER_NAMES[name.lower()]] if name.lower() in OTHER_NAMES else []
    near += difflib.get_close_matches(name.lower(), FUNCTIONS, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(FUNCTIONS)}"
    return Refusal(Code.UNSUPPORTED_FUN, f"there is no function {name!r}", node.start, hint)
