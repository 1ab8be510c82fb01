"""From a program that shares an account out to the allocation that the panel kernel compiles, and its features.

The written function has no arrays of its own: ``out`` holds the scores while the greatest are looked for, and the
weights after it. Each term is computed once for each instrument, those of the weights of a ranking for the held alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, NamedTuple

from tradewright.dsl.arithmetic import INFINITE, is_finite, value_in
from tradewright.dsl.lowering import CLOSE, Scope, Writer, features_of, functions_in
from tradewright.dsl.program import ONE, AllocationTerms, Program
from tradewright.dsl.terms import TRUE, Op, Term, opposite, walk
from tradewright.model.allocation import Allocate
from tradewright.model.strategy import Feature


class LoweredAllocation(NamedTuple):
    """An allocation, its columns, and its text."""

    allocate: Allocate
    columns: tuple[Term, ...]
    text: str

    def features(self, values: Mapping[str, float]) -> tuple[Feature, ...]:
        """The features under these values of the parameters, in the order of the allocation."""
        return features_of(self.columns, values)


def lower_allocation(program: Program, terms: AllocationTerms) -> LoweredAllocation:
    """The allocation of a program. Nothing here loads the compiler."""
    writer = _AllocationWriter(program)
    text = writer.allocation(terms)
    scope = functions_in(text, {"value_in": value_in, "is_finite": is_finite, "INFINITE": INFINITE})
    return LoweredAllocation(scope["allocate"], tuple(writer.columns), text)


_RANK = """\
last, place, taken = INFINITE, -1, 0
while taken < top:
    best, at = NAN, -1
    for n in range(len(out)):
        score = out[n]
        if (score < last or (score == last and n > place)) and not score <= best:
            best, at = score, n
    if at < 0:
        break
    last, place = best, at
    taken += 1
"""
"""From scores in ``out`` (NaN: none) to the least that is held, and its place; of equal ones the first is greater."""


_STRICT = frozenset({
    Op.ADD, Op.SUBTRACT, Op.MULTIPLY, Op.DIVIDE, Op.NEGATE, Op.ABSOLUTE, Op.LEAST, Op.GREATEST
})  # fmt: skip
"""Terms that are not known where one of their operands is not."""


def _tells_a_bar(term: Term) -> bool:
    """Whether a term is known only where the instrument has begun and has not ended: all its columns are NaN there."""
    found = walk(term, operands=lambda each: each.args if each.op in _STRICT else ())
    return any(each.op is Op.COLUMN and not each.lags for each in found)


class _AllocationWriter(Writer):
    """Writes the functions of one allocation: those of windows and values get the number of an instrument as well."""

    given: ClassVar[str] = "features, params, n"

    def _newest(self, column: str) -> str:
        return f"{column}[i, n]"

    def _earlier(self, column: str, bar: str) -> str:
        return f"value_in({column}, {bar}, n)"

    def allocation(self, terms: AllocationTerms) -> str:
        """The text of all functions."""
        body = "\n".join(f"    {line}" for line in self._lines(terms))
        return "\n\n".join([*self.functions, f"def allocate(i, features, params, weights, out):\n{body}\n"])

    def _lines(self, terms: AllocationTerms) -> Iterator[str]:
        yield "there, total = 0, 0.0"
        yield "for n in range(len(out)):"
        yield from (f"    {line}" for line in self._instrument(terms))
        if terms.score is not None and terms.top is not None:
            yield f"top = {self._whole(terms.top)}"
            yield from _RANK.splitlines()
            yield from self._held(terms.weights)
            yield "if taken > 0:"
            yield "    total = total * top / taken"  # empty places stay in cash
        yield "if total > 0.0:"
        yield "    for n in range(len(out)):"
        yield f"        out[n] = {self._expression(terms.total, Scope('i', terms.total))} * (out[n] / total)"
        yield "if total == INFINITE:"  # parts without a finite sum have no shares
        yield "    return False"
        yield "return there > 0"

    def _instrument(self, terms: AllocationTerms) -> Iterator[str]:
        """What the first look at an instrument leaves in ``out``: its score, or without a ranking its part."""
        ranked, refused = terms.score, opposite(terms.hold_if)
        wanted = [terms.weights, *((ranked,) if ranked is not None else ())]
        told = () if any(map(_tells_a_bar, wanted)) else (CLOSE,)
        asked = (*told, *wanted, *((terms.hold_if, refused) if terms.hold_if != TRUE else ()))
        scope = Scope("i", *asked, *asked)  # each is used where it is looked at, and where it is taken
        for term in asked:
            yield from self._statements(term, scope)
        names = scope.texts
        known = [f"{names[each]} == {names[each]}" for each in told]
        if terms.weights != ONE:
            known.append(f"is_distance({names[terms.weights]})")
        if ranked is not None:
            known.append(f"is_finite({names[ranked]})")
        if terms.hold_if != TRUE:
            known.append(f"({names[terms.hold_if]} or {names[refused]})")
        yield "out[n] = NAN" if ranked is not None else "out[n] = 0.0"
        yield f"if {' and '.join(known)}:"
        yield "    there += 1"
        yield f"    if {names.get(terms.hold_if, 'True')}:"
        yield f"        out[n] = {names[terms.weights if ranked is None else ranked]}"
        if ranked is None:
            yield "        total += out[n]"

    def _held(self, weights: Term) -> Iterator[str]:
        """The parts of those that a ranking left."""
        part = repr(weights.number)
        if weights.number is None:
            part = f"{self._value(weights, 'part')}(i, {self.given})"
        yield "for n in range(len(out)):"
        yield "    score = out[n]"
        yield "    out[n] = 0.0"
        yield "    if score > last or (score == last and n <= place):"
        yield f"        out[n] = {part}"
        yield "        total += out[n]"
