"""From a program to the strategy's decision: a plain Python function that the kernel compiles, and its features.

The text of the function is made of terms alone: every name in it is made here, and every number is a float's ``repr``.
Two documents of equal meaning give the same byte code, and so share results and machine code.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import FunctionType
from typing import Any, ClassVar, NamedTuple

from tradewright.dsl.arithmetic import greater, is_distance, lesser, quotient, square_root, value_at
from tradewright.dsl.program import Program
from tradewright.dsl.terms import FALSE, ROLLING, Op, Term, joined, walk
from tradewright.model.strategy import HOLD, NAN, NO_ORDER, Feature, GenerateSignal, order

_INFIX = {
    Op.ADD: "+", Op.SUBTRACT: "-", Op.MULTIPLY: "*", Op.LESS: "<", Op.AT_MOST: "<=", Op.AND: "and", Op.OR: "or",
}  # fmt: skip
_NAMED = {Op.DIVIDE: "quotient", Op.LEAST: "lesser", Op.GREATEST: "greater", Op.ABSOLUTE: "abs"}


class Lowered(NamedTuple):
    """A decision, its features (arguments are numbers or names of parameters), and its text."""

    generate_signal: GenerateSignal
    columns: tuple[Term, ...]
    text: str

    def features(self, values: Mapping[str, float]) -> tuple[Feature, ...]:
        """The features under these values of the parameters, in the order of the decision."""
        return features_of(self.columns, values)


def features_of(columns: tuple[Term, ...], values: Mapping[str, float]) -> tuple[Feature, ...]:
    """The features that columns are under these values of the parameters."""
    return tuple(_feature(each, values) for each in columns)


def _feature(term: Term, values: Mapping[str, float]) -> Feature:
    indicator, of, on = (str(word) for word in term.words[:3])
    numbers = [
        values[str(each.words[0])] if each.op is Op.PARAMETER else float(each.words[0]) for each in term.arguments
    ]
    whole = tuple(int(each) if float(each).is_integer() else each for each in numbers)
    return Feature(indicator, whole, of, on)


def lower(program: Program) -> Lowered:
    """The decision of a program. Nothing here loads the compiler."""
    writer = Writer(program)
    text = writer.text()
    requests = {"NO_ORDER": NO_ORDER, "order": order} if program.needs_requests else {}
    scope = functions_in(text, {"value_at": value_at, "HOLD": HOLD, **requests})
    return Lowered(scope["generate_signal"], tuple(writer.columns), text)


def functions_in(text: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """The functions of a text that a :class:`Writer` wrote, and what they name.

    Args:
        more: what they name beside arithmetic.
    """
    scope: dict[str, Any] = {
        "__name__": __name__, "quotient": quotient, "lesser": lesser, "greater": greater,
        "is_distance": is_distance, "square_root": square_root, "NAN": NAN, **more,
    }  # fmt: skip
    for code in compile(text, __file__, "exec").co_consts:  # nothing is executed: the functions alone are taken
        if hasattr(code, "co_code"):
            scope[code.co_name] = FunctionType(code, scope, code.co_name)
    return scope


def _named_operands(term: Term) -> tuple[Term, ...]:
    """The terms right below one that a statement names: not those inside of windows, columns' arguments and lags."""
    return () if term.op is Op.COLUMN or term.op in ROLLING else term.args


_DEEPEST = 12
"""Expressions within an expression of the text; a deeper one gets a statement of its own."""


def _effort(term: Term) -> int:
    """How long a term takes, roughly: windows most of all, then values of earlier bars."""
    terms = list(walk(term, operands=_named_operands))
    earlier = sum(each.op is Op.COLUMN and bool(each.lags) for each in terms)
    return len(terms) + 4 * earlier + 1_000 * sum(each.op in ROLLING for each in terms)


class Scope:
    """How the terms of one function are written: those that several others use by a name, the rest in their place.

    What stands in its place behind an ``and`` is computed only where it decides. Values of earlier bars always stand in
    their place, and are read again in each.
    """

    def __init__(self, i: str, *roots: Term) -> None:
        self.i = i
        self.texts: dict[Term, str] = {}
        self.depths: dict[Term, int] = {}
        self.named = 0
        self.uses = Counter(roots)
        for each in walk(*roots, operands=_named_operands):
            self.uses.update(_named_operands(each))

    def needs_name(self, term: Term) -> bool:
        """Whether a term gets a statement of its own."""
        if self.depths[term] > _DEEPEST:
            return True
        is_earlier = term.op is Op.COLUMN and bool(term.lags)
        return self.uses[term] > 1 and (term.op is Op.COLUMN or bool(term.args)) and not is_earlier

    def take(self, term: Term, text: str) -> str | None:
        """Keep the text of a term; the statement that names it, where it needs one."""
        self.depths[term] = 1 + max((self.depths[each] for each in _named_operands(term)), default=-1)
        if not self.needs_name(term):
            self.texts[term] = f"({text})" if term.op in _INFIX or term.op is Op.NEGATE else text
            return None
        self.texts[term], self.depths[term] = f"t{self.named}", 0
        self.named += 1
        return f"{self.texts[term]} = {text}"


class Writer:
    """Writes the functions of one program."""

    given: ClassVar[str] = "features, params"
    """What the functions of windows and values get beside the number of the bar."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.places = {name: place for place, name in enumerate(program.parameters)}
        self.columns: dict[Term, int] = {}
        self.windows: dict[Term, str] = {}
        self.functions: list[str] = []

    def text(self) -> str:
        """The text of a decision and of the functions that it calls."""
        lines = list(self._decision())
        body = "\n".join(f"    {line}" for line in lines)
        return "\n\n".join([*self.functions, f"def generate_signal(i, features, params, position):\n{body}\n"])

    def _decision(self) -> Iterator[str]:
        program = self.program
        prices = [getattr(side, key) for side in (program.buy, program.sell) for key in _PRICES]
        prices += [getattr(program.exits, key) for key, _percent, _sign in _EXITS]
        conditions = (program.hold, program.close, program.buy.condition, program.sell.condition)
        scope = Scope("i", *conditions, *(each for each in prices if each is not None))
        hold = "NO_ORDER" if program.needs_requests else "HOLD"
        flat = "order(0.0)" if program.needs_requests else "(0.0, NAN, NAN, NAN)"
        for term, answer in ((program.hold, hold), (program.close, flat)):
            if term is not FALSE:
                yield from self._statements(term, scope)
                yield f"if {scope.texts[term]}:"
                yield f"    return {answer}"
        for name, term in (("buys", program.buy.condition), ("sells", program.sell.condition)):
            yield from self._statements(term, scope)
            yield f"{name} = {scope.texts[term]}"
        yield "if buys == sells:"
        yield f"    return {hold}"
        yield "if position > 0.0 if buys else position < 0.0:"
        yield f"    return {hold}"
        yield "side = 1.0 if buys else -1.0"
        if "cooldown_bars" in self.places:
            asked = self._value(joined(Op.OR, (program.buy.condition, program.sell.condition)), "asked")
            yield f"for back in range(1, int(params[{self.places['cooldown_bars']}]) + 1):"
            yield f"    if i >= back and {asked}(i - back, features, params):"  # nothing was asked before the first bar
            yield f"        return {hold}"
        yield from self._orders(scope, hold)

    def _orders(self, scope: Scope, hold: str) -> Iterator[str]:
        program, given, names = self.program, {}, scope.texts
        if any(sign and (getattr(program.exits, key) or percent in self.places) for key, percent, sign in _EXITS):
            yield f"close = features[{self._column(CLOSE)}][i]"
        for key in _PRICES:
            buy, sell = getattr(program.buy, key), getattr(program.sell, key)
            if buy is None and sell is None:
                continue
            for term in filter(None, (buy, sell)):
                yield from self._statements(term, scope)
            yield f"{key} = {names.get(buy, 'NAN')} if buys else {names.get(sell, 'NAN')}"
            sides = [word for word, term in (("buys", buy), ("sells", sell)) if term is not None]
            yield f"if ({' or '.join(sides)}) and not is_distance({key}):"
            yield f"    return {hold}"
            given[key] = key
        for key, percent, sign in _EXITS:
            term = getattr(program.exits, key)
            if term is not None:
                yield from self._statements(term, scope)
                distance = names[term]
            elif percent in self.places:
                distance = f"params[{self.places[percent]}] * close"
            else:
                continue
            yield f"{key}_distance = {distance}"
            yield f"if not is_distance({key}_distance):"
            yield f"    return {hold}"
            given[key] = f"close {sign} side * {key}_distance" if sign else f"{key}_distance"
        if "max_hold_bars" in self.places:
            given["time_stop"] = f"params[{self.places['max_hold_bars']}]"
        if program.needs_requests:
            yield f"return order({', '.join(['side', *(f'{key}={value}' for key, value in given.items())])})"
        else:
            yield f"return (side, {', '.join(given.get(key, 'NAN') for key in ('limit', 'stop', 'take_profit'))})"

    def _column(self, term: Term) -> int:
        """The place of a column among the features; its lags do not count."""
        plain = Term(Op.COLUMN, term.arguments, term.words)
        return self.columns.setdefault(plain, len(self.columns))

    def _statements(self, term: Term, scope: Scope) -> Iterator[str]:
        """Lines that name what the text of a term refers to."""
        for each in walk(term, operands=_named_operands):
            if each not in scope.texts and (line := scope.take(each, self._expression(each, scope))) is not None:
                yield line

    def _expression(self, term: Term, scope: Scope) -> str:
        i, args = scope.i, [scope.texts.get(arg, "") for arg in term.args]
        match term.op:
            case Op.AND | Op.OR:
                return f" {_INFIX[term.op]} ".join(scope.texts[arg] for arg in sorted(term.args, key=_effort))
            case Op.NUMBER:
                return repr(float(term.words[0]))
            case Op.PARAMETER:
                return f"params[{self.places[str(term.words[0])]}]"
            case Op.TRUE | Op.FALSE:
                return repr(term.op is Op.TRUE)
            case Op.NEGATE:
                return f"-{args[0]}"
            case Op.COLUMN:
                column = f"features[{self._column(term)}]"
                if not term.lags and i == "i":
                    return self._newest(column)
                return self._earlier(column, " - ".join([i, *map(self._whole, term.lags)]))
        if term.op in ROLLING:
            return f"{self._window(term)}({i}, {self.given})"
        if term.op in _NAMED:
            return f"{_NAMED[term.op]}({', '.join(args)})"
        return f" {_INFIX[term.op]} ".join(args)

    def _newest(self, column: str) -> str:
        """The value of a column in the deciding bar."""
        return f"{column}[i]"

    def _earlier(self, column: str, bar: str) -> str:
        """The value of a column in a bar that may be before the first."""
        return f"value_at({column}, {bar})"

    def _whole(self, term: Term) -> str:
        if term.op is Op.PARAMETER:
            return f"int(params[{self.places[str(term.words[0])]}])"
        return repr(int(float(term.words[0])))

    def _value(self, term: Term, label: str) -> str:
        """The name of a function that computes a term in any bar, also in one before the first."""
        scope = Scope("j", term)
        lines = [*self._statements(term, scope), ""]
        lines[-1] = f"return {scope.texts[term]}"
        name = f"{label}_{len(self.functions)}"
        body = "\n".join(f"    {line}" for line in lines)
        self.functions.append(f"def {name}(j, {self.given}):\n{body}\n")
        return name

    def _window(self, term: Term) -> str:
        """The name of the function that computes a window in bar ``i``; it is written once."""
        if term not in self.windows:
            inner, count = term.args
            value = self._value(inner, "value")
            name = f"window_{len(self.windows)}"
            self.windows[term] = name
            loop = _LOOPS[term.op].replace("VALUE", value).replace("COUNT", self._whole(count))
            loop = loop.replace("features, params", self.given)
            self.functions.append(f"def {name}(i, {self.given}):\n{loop}")
        return self.windows[term]


_PRICES = ("limit", "stop_entry")
_EXITS = (("stop", "stop_loss_pct", "-"), ("take_profit", "take_profit_pct", "+"), ("trail", "", ""))
CLOSE = Term(Op.COLUMN, (), ("close", "", "", 0))

_EXTREME = """\
    best = VALUE(i, features, params)
    for back in range(1, COUNT):
        best = {choose}(best, VALUE(i - back, features, params))
    return best
"""
_LOOPS = {
    Op.MEAN: """\
    total = 0.0
    for back in range(COUNT):
        total += VALUE(i - back, features, params)
    return total / COUNT
""",
    Op.DEVIATION: """\
    total = 0.0
    for back in range(COUNT):
        total += VALUE(i - back, features, params)
    mean = total / COUNT
    squares = 0.0
    for back in range(COUNT):
        off = VALUE(i - back, features, params) - mean
        squares += off * off
    return square_root(squares / COUNT)
""",
    Op.HIGHEST: _EXTREME.format(choose="greater"),
    Op.LOWEST: _EXTREME.format(choose="lesser"),
    Op.RANK: """\
    newest = VALUE(i, features, params)
    below = 0.0
    for back in range(1, COUNT):
        value = VALUE(i - back, features, params)
        if value < newest:
            below += 1.0
        elif value == newest:
            below += 0.5
        elif not value > newest:
            return NAN
    return below / (COUNT - 1)
""",
    Op.BARS_SINCE: """\
    for back in range(COUNT):
        if VALUE(i - back, features, params):
            return float(back)
    return NAN
""",
}
"""Op -> the code of a window; ``VALUE`` is the function of one value, ``COUNT`` the number of bars."""
