"""What is wrong with an allocation as a whole: keys of rules, a ranking without places, weights that say nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tradewright.dsl.allocation import EQUAL, MOST_HELD
from tradewright.dsl.document import STEERING
from tradewright.dsl.problem import Hint, Problem
from tradewright.dsl.program import AllocationTerms, Program
from tradewright.dsl.reach import Range
from tradewright.dsl.reading import DocumentReading
from tradewright.dsl.terms import Op, Term, walk

_OF_RULES = dict.fromkeys(STEERING, "it steers the orders of rules, and an allocation has none")


def allocation_problems(
    reading: DocumentReading, program: Program, terms: AllocationTerms, found: Mapping[Term, Range]
) -> Iterator[Problem]:
    """Every problem of an allocation but those of its condition and of its effort.

    Args:
        found: between which values its terms lie.
    """
    yield from _of_rules(reading)
    yield from _ranking(reading, terms)
    yield from _limits(reading, program, terms)
    yield from _sameness(reading, terms, found)
    if not found[terms.weights][1] > 0.0:
        hint = Hint(text="write what is above 0, such as 1 / stdev(close, 20)")
        yield reading.problem("it is never above 0, so that nothing would be held", "allocate.weights", hint)


def _of_rules(reading: DocumentReading) -> Iterator[Problem]:
    """Keys that only rules can use."""
    document = reading.document
    for name in document.params:
        if told := _OF_RULES.get(name):
            yield reading.problem(told, f"params.{name}", Hint(text="remove it", path=f"params.{name}"))
    if any(text is not None for _, text in document.exits):
        told = "an allocation has no protective orders: what it does not want any more is sold when it is asked"
        yield reading.problem(told, "exits", Hint(text="remove it", path="exits"))


def _ranking(reading: DocumentReading, terms: AllocationTerms) -> Iterator[Problem]:
    if terms.score is not None and terms.top is None:
        hint = Hint(text="write how many are held, allocate.top", path="allocate.top", value=1)
        yield reading.problem("a score without top ranks nothing", "allocate.score", hint)
    if terms.top is not None and terms.score is None:
        hint = Hint(text="write allocate.score, by which instruments are ranked, or remove it", path="allocate.top")
        yield reading.problem("top without a score ranks nothing", "allocate.top", hint)


def _limits(reading: DocumentReading, program: Program, terms: AllocationTerms) -> Iterator[Problem]:
    """Numbers of places that are none, and totals that are none or need credit; also as bounds of a parameter."""
    rows = (
        (
            "top",
            terms.top,
            float(MOST_HELD),
            True,
            f"a whole number from 1 to {MOST_HELD}, or a parameter with such bounds",
        ),
        ("total", terms.total, 1.0, False, "a number above 0, at most 1, or a parameter with such bounds"),
    )
    for name, term, most, whole, rule in rows:
        if term is not None and not _is_within(program, term, most, whole=whole):
            yield reading.problem(f"{name} must be {rule}", f"allocate.{name}", Hint(text="correct it"))


def _is_within(program: Program, term: Term, most: float, *, whole: bool) -> bool:
    if term.op is Op.PARAMETER:
        _, bounds = program.parameters[str(term.words[0])]
        is_whole, low, high = bounds.whole, bounds.least, bounds.most
    elif term.number is not None:
        is_whole, low, high = term.number.is_integer(), term.number, term.number
    else:
        return False
    return (is_whole and low >= 1 if whole else low > 0) and high <= most


def _sameness(reading: DocumentReading, terms: AllocationTerms, found: Mapping[Term, Range]) -> Iterator[Problem]:
    """A score or weights in which all instruments are equal."""
    if terms.score is not None and _is_same(terms.score, found):
        hint = Hint(text="rank by the instrument's own prices, as in roc(close, 20)")
        yield reading.problem("the score is the same for every instrument", "allocate.score", hint)
    if "allocate.weights" in reading.parts and _is_same(terms.weights, found):
        hint = Hint(text=f"write weights: {EQUAL}", path="allocate.weights", value=EQUAL)
        yield reading.problem("the weights are the same for every instrument", "allocate.weights", hint)


def _is_same(term: Term, found: Mapping[Term, Range]) -> bool:
    low, high = found[term]
    return low == high or not any(each.op is Op.COLUMN and _is_own(each) for each in walk(term))


def _is_own(column: Term) -> bool:
    """Whether a column tells of the instrument itself: not of another one, nor of the clock, which is that of all."""
    return not column.words[1] and not str(column.words[0]).startswith(("session_", "weekday_", "minute_of_day_"))
