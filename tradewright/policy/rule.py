"""A rule: one small pure question to a case."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from tradewright.model.decision import Reason, Verdict
from tradewright.model.hashing import decimal_text
from tradewright.policy.case import Case

Hit = Callable[[Case], str]
"""Asks the case; the empty text when the rule is not hit, else the finding with its figures. What is not known is for
the rules of ``unknown.py``: a hit function answers the empty text to it."""


class Rule(NamedTuple):
    """A rule and where it applies.

    Args:
        code: what a reason carries.
        verdict: what a hit leads to; ``APPROVE`` makes it a remark.
        source: the row or control that asks for it.
        looks_at: the inputs, in words.
        hit: the question.
        binds_exits: whether reduce-only orders must pass it too (Q-19); where not, a hit is remarked as waived.
        at_send: whether the sender asks again (R-RISK-39).
    """

    code: str
    verdict: Verdict
    source: str
    looks_at: str
    hit: Hit
    binds_exits: bool = False
    at_send: bool = True

    def ask(self, case: Case) -> Reason | None:
        """The reason that this rule gives, or None when it is not hit."""
        text = self.hit(case)
        if not text:
            return None
        if case.exit and not self.binds_exits and self.verdict is not Verdict.APPROVE:
            return Reason(code=self.code, verdict=Verdict.APPROVE, text=f"waived for a reduce-only order: {text}")
        return Reason(code=self.code, verdict=self.verdict, text=text)


def show(value: Decimal) -> str:
    """A number for a reason's text: no exponent, at most 12 decimals, no trailing zeros."""
    return decimal_text(value.quantize(Decimal("1e-12")))
