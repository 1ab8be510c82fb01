"""Conditions that no price can change, and which part of the text makes them so."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import combinations

from tradewright.dsl.document import StrategyDocument
from tradewright.dsl.grammar import Syntax, parse, printed
from tradewright.dsl.meaning import Reader
from tradewright.dsl.reach import Range, ranged
from tradewright.dsl.terms import FALSE, TRUE, Op, Term, compared, joined

_COMPARISONS = ("<", "<=", ">", ">=")
_CROSSES = {"crossover": (">", "above"), "crossunder": ("<", "below")}


def constancy(term: Term, found: Mapping[Term, Range]) -> str | None:
    """``always`` or ``never`` for a condition that is constant, None for any other.

    Args:
        found: the ranges of the term and of all below it (:func:`tradewright.dsl.reach.ranged`).
    """
    low, high = found[term]
    if term in (TRUE, FALSE) or low == high:
        return "always" if high else "never"
    return None


def parts(text: str) -> list[str]:
    """The operands of the outermost ``and`` or ``or`` of a condition that can be read; itself, without one."""
    node = parse(text)
    return [printed(each) for each in _operands(node, node.kind)]


def _operands(node: Syntax, kind: str) -> Iterator[Syntax]:
    if node.kind != kind or kind not in ("and", "or"):
        yield node
        return
    for child in node.children:
        yield from _operands(child, kind)


def reason(document: StrategyDocument, text: str, bounds: Mapping[str, Range]) -> str:
    """Why a constant condition is so, in the words of its text; empty where no single part tells it.

    Args:
        text: the condition, which can be read.
        bounds: of the parameters.
    """
    node, reader = parse(text), Reader(document)
    if node.kind in ("and", "or"):
        return _of_parts(reader, parts(text), Op(node.kind), bounds)
    if node.kind in _COMPARISONS:
        one, other = map(printed, node.children)
        return _of_sides(reader, (one, other), node.kind, bounds)
    if node.kind == "call" and node.text in _CROSSES:
        sign, word = _CROSSES[node.text]
        one, other = map(printed, node.children)
        now = compared(reader.figure(one), sign, reader.figure(other))
        return f"{one} is never {word} {other}" if constancy(now, ranged(bounds, now)) == "never" else ""
    return ""


def _of_parts(reader: Reader, texts: list[str], op: Op, bounds: Mapping[str, Range]) -> str:
    """One part that settles an ``and`` or an ``or`` by itself, else two that do so together."""
    terms = [reader.condition(each) for each in texts]
    settles, both = ("never", "exclude one another") if op is Op.AND else ("always", "leave nothing out")
    for text, term in zip(texts, terms, strict=True):
        if constancy(term, ranged(bounds, term)) == settles:
            why = reason(reader.document, text, bounds)
            return f"{text!r} {settles} is" + (f": {why}" if why else "")
    for (one, first), (other, second) in combinations(zip(texts, terms, strict=True), 2):
        together = joined(op, (first, second))
        if constancy(together, ranged(bounds, together)) == settles:
            return f"{one!r} and {other!r} {both}"
    return ""


def _of_sides(reader: Reader, sides: tuple[str, str], sign: str, bounds: Mapping[str, Range]) -> str:
    """What a comparison compares: one thing with itself, values that never meet, or prices that a bar orders."""
    one, other = sides
    left, right = reader.figure(one), reader.figure(other)
    if left == right:
        return "both sides are the same"
    found = ranged(bounds, left, right)
    if unknown := [text for text, term in ((one, left), (other, right)) if math.isnan(found[term][0])]:
        return f"{unknown[0]} is never known"
    if found[left][1] <= found[right][0] or found[right][1] <= found[left][0]:
        told = [(text, found[term]) for text, term in ((one, left), (other, right)) if term.number is None]
        return " and ".join(f"{text} {_span(*span)}" for text, span in told)
    word = "above" if sign in (">", ">=") else "below"
    strictly = compared(left, sign[0], right)
    if constancy(strictly, ranged(bounds, strictly)) == "never":
        return f"{one} is never {word} {other}"
    return f"{one} is never {'below' if word == 'above' else 'above'} {other}"


def _span(low: float, high: float) -> str:
    if low == high:
        return f"is {low:g}"
    if math.isinf(high):
        return f"is never below {low:g}"
    return f"is never above {high:g}" if math.isinf(low) else f"lies between {low:g} and {high:g}"
