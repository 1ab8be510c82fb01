"""The part of a document that shares one account out: which instruments are held, in which parts, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from tradewright.dsl.grammar import MAX_LENGTH
from tradewright.dsl.problem import Code, Hint, Problem
from tradewright.dsl.source import Source
from tradewright.model.allocation import Rebalance
from tradewright.model.base import FrozenModel

Expression = Annotated[str, Field(min_length=1, max_length=MAX_LENGTH)]
Figure = int | float

EQUAL = "equal"
"""Weights that are the same for all instruments that are held; no parameter may be called so."""

FORMS = ("rules", "allocate")
"""Keys of which a document has exactly one: what it decides on each instrument, or on all together."""

MOST_HELD = 1_000
"""The most places of a ranking."""


class AllocationForm(FrozenModel):
    """Target weights of all instruments together, long only.

    Args:
        every: it is asked at the close of the first bar of each such period.
        score: an expression; the instruments with the greatest values are held, ``top`` of them at the most.
        top: a whole number, or a parameter that is one; with ``score`` alone.
        hold_if: a boolean expression; an instrument is held only where it is true.
        weights: ``equal``, or an expression in proportion to which the parts are.
        total: what the weights add up to where no place is empty, as a fraction of the equity without the cash buffer:
            a number above 0, at most 1, or a parameter.
    """

    every: Rebalance
    score: Expression | None = None
    top: Figure | Expression | None = None
    hold_if: Expression | None = None
    weights: Expression = EQUAL
    total: Figure | Expression = 1.0


def one_form(source: Source) -> Iterator[Problem]:
    """Whether a document has neither rules nor an allocation, or both."""
    said = [name for name in FORMS if name in source.values]
    if said == ["allocate"] and source.values["allocate"] is None:
        told, hint = "allocate is empty", Hint(text="write allocate: {every: month}")
    elif not said:
        told, hint = "the key 'rules' is missing", Hint(text="write rules:, or allocate: for weights of all together")
    elif len(said) == len(FORMS):
        told, hint = "a document has rules or allocate, not both", Hint(text="remove one of them", path="allocate")
    else:
        return
    loc = source.locate(said[-1] if said else "rules")
    yield Problem(code=Code.SCHEMA_INVALID, message=told, loc=loc, hints=(hint,))
