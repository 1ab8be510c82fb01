"""Whether one condition holds only where another one does."""

from __future__ import annotations

from tradewright.dsl.terms import Op, Term

_MOST_PAIRS = 2_500
"""Of parts that are compared with one another; of more, equal ones alone count."""


def implies(term: Term, other: Term) -> bool:
    """Whether one condition certainly holds only where another does, by their parts alone.

    A part implies itself, ``a <= b`` of ``a < b``, and a wider bound of the same value: ``rsi < 40`` of ``rsi <= 30``.
    """
    strong = set(term.args) if term.op is Op.AND else {term}
    weak = set(other.args) if other.op is Op.AND else {other}
    if weak <= strong or _each_follows(strong, weak):
        return True
    if other.op is Op.OR:
        some = set(other.args)
        one_of = not strong.isdisjoint(some) or _any_follows(strong, some)
        return one_of or (term.op is Op.OR and (set(term.args) <= some or _each_leads(set(term.args), some)))
    return False


def _each_follows(strong: set[Term], weak: set[Term]) -> bool:
    few = len(strong) * len(weak) <= _MOST_PAIRS
    return few and all(any(_follows(one, other) for one in strong) for other in weak)


def _any_follows(strong: set[Term], weak: set[Term]) -> bool:
    few = len(strong) * len(weak) <= _MOST_PAIRS
    return few and any(_follows(one, other) for one in strong for other in weak)


def _each_leads(strong: set[Term], weak: set[Term]) -> bool:
    few = len(strong) * len(weak) <= _MOST_PAIRS
    return few and all(any(_follows(one, other) for other in weak) for one in strong)


def _follows(one: Term, other: Term) -> bool:
    """Whether a part without ``and`` and ``or`` holds only where another one does."""
    if one == other:
        return True
    if not {one.op, other.op} <= {Op.LESS, Op.AT_MOST}:
        return False
    is_sharper = one.op is Op.LESS or other.op is Op.AT_MOST
    (left, right), (low, high) = one.args, other.args
    if left == low and right == high:
        return is_sharper
    if left == low and right.number is not None and high.number is not None:
        return right.number < high.number or (right.number == high.number and is_sharper)
    if right == high and left.number is not None and low.number is not None:
        return left.number > low.number or (left.number == low.number and is_sharper)
    return False
