"""How much a document asks of the compiler and computes in one bar, and which values of parameters keep to that."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from tradewright.dsl.problem import Hint, Problem
from tradewright.dsl.program import Program
from tradewright.dsl.reach import valued, values_read
from tradewright.dsl.reading import DocumentReading
from tradewright.dsl.terms import ROLLING, Op, Term, walk
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import MOST_FEATURES

MOST_VALUES = 200_000
"""Values that all expressions together may compute in one bar: some ten thousandths of a second."""

MOST_TERMS = 4_000
"""Terms of all expressions together: a thousand of them take the compiler half a minute."""

MOST_COLUMNS, MOST_WINDOWS = MOST_FEATURES, 60
"""Different series and indicators, and windows over expressions; each of the two takes the compiler forty seconds."""

_MACD = "macd"


def effort_problems(reading: DocumentReading, program: Program) -> Iterator[Problem]:
    """More terms than a compiler takes, and windows within windows, of which one bar would take seconds."""
    document = reading.document
    tried = {name: max(map(float, values)) for name, values in document.grid.items()}
    most = {name: max(value, tried.get(name, value)) for name, value in document.values().items()}
    quiet, terms = program.cooldown(), list(walk(*(term for _, term in program.roots())))
    counts = {
        "terms": (len(terms), MOST_TERMS),
        "different series and indicators": (
            len({_plain(each) for each in terms if each.op is Op.COLUMN}),
            MOST_COLUMNS,
        ),
        "different windows over expressions": (sum(each.op in ROLLING for each in terms), MOST_WINDOWS),
    }
    for kind, (count, allowed) in counts.items():
        if count > allowed:
            told = f"the document stands for {count} {kind}, at most {allowed} are allowed"
            path = "rules" if program.allocation is None else "allocate"
            yield reading.problem(told, path, Hint(text="write fewer or shorter expressions"))
    paths = reading.terms() | ({} if quiet is None else {"params.cooldown_bars": quiet})
    needs = {path: values_read(most, term) for path, term in paths.items()}
    wide = {path: needed for path, needed in needs.items() if needed > MOST_VALUES}
    if not wide and (together := values_in_a_bar(program, most)) > MOST_VALUES:
        wide = {"rules" if program.allocation is None else "allocate": together}
    for path, needed in wide.items():
        yield reading.problem(_told(needed), path, Hint(text="shorten the windows, or do not put one into another"))


def _told(needed: float) -> str:
    return f"it computes {needed:.3g} values in every bar, at most {MOST_VALUES} are allowed"


def _plain(column: Term) -> Term:
    """A column without its lags: it is computed once for all of them."""
    return Term(Op.COLUMN, column.arguments, column.words)


def values_in_a_bar(program: Program, values: Mapping[str, float]) -> float:
    """How many values a program computes in one bar under these values of its parameters."""
    return values_read(values, *(term for _, term in program.roots()))


class AdmittedValues:
    """Which values of its parameters a program takes, beside the bounds of each: the check knows its own values alone.

    A file's values and its grid were checked; an override on the command line, a slider and a set of a sweep were not.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self._usual = {name: float(value) for name, (value, _) in program.parameters.items()}
        most = {name: float(bounds.most) for name, (_, bounds) in program.parameters.items()}
        self._may_be_wide = values_in_a_bar(program, most) > MOST_VALUES
        columns = (term for term in walk(*(each for _, each in program.roots())) if term.op is Op.COLUMN)
        macds = (term.arguments for term in columns if str(term.words[0]).startswith(_MACD))
        self._ordered = tuple(dict.fromkeys((fast, slow) for fast, slow, *_ in macds))

    def demand(self, values: Mapping[str, float], where: str) -> None:
        """Refuse values that are each within their bounds, and together are not admitted.

        Raises:
            ConfigError: naming the parameter and its bound.
        """
        for fast, slow in self._ordered:
            low, high = valued(fast, values), valued(slow, values)
            if low >= high:
                named = " and ".join(_shown(each, values) for each in (fast, slow))
                raise ConfigError(f"{_MACD} has {named}", where=where, remedy=f"{_MACD} needs fast < slow")
        if self._may_be_wide and (needed := values_in_a_bar(self._program, values)) > MOST_VALUES:
            name, bound = self._blamed(values)
            least = self._program.parameters[name][1].least
            remedy = f"{name} may be at most {bound:g} where the other parameters are as they are"
            if bound < least:
                remedy = f"lower {name} and the other windows"
            raise ConfigError(f"{name} = {values[name]:g}: {_told(needed)}", where=where, remedy=remedy)

    def _blamed(self, values: Mapping[str, float]) -> tuple[str, float]:
        """The parameter that was raised the most above its value in the document, and its greatest admitted value."""
        raised = {name: values[name] / max(usual, 1.0) for name, usual in self._usual.items() if values[name] > usual}
        bounds = {name: self._greatest(name, values) for name in raised or self._usual}
        fitting = {name: bound for name, bound in bounds.items() if bound < values[name]}
        kept = {name: bound for name, bound in fitting.items() if bound >= self._program.parameters[name][1].least}
        name = max(kept or fitting or bounds, key=lambda each: raised.get(each, 0.0))
        return name, bounds[name]

    def _greatest(self, name: str, values: Mapping[str, float]) -> float:
        """The greatest whole value of a parameter with which the others are admitted; 0 where none is."""
        low, high = 0, math.floor(values[name]) + 1
        while high - low > 1:
            middle = (low + high) // 2
            fits = values_in_a_bar(self._program, {**values, name: float(middle)}) <= MOST_VALUES
            low, high = (middle, high) if fits else (low, middle)
        return float(low)


def _shown(term: Term, values: Mapping[str, float]) -> str:
    """An argument with the parameter that it is."""
    value = f"{valued(term, values):g}"
    return f"{term.words[0]} = {value}" if term.op is Op.PARAMETER else value
