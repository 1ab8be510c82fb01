"""A reference for people: every code that ``decide`` and ``pre_send_check`` can give, every limit, and their page."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from tradewright.model.base import FrozenModel
from tradewright.model.decision import Verdict
from tradewright.model.hashing import decimal_text
from tradewright.policy.caps import CAPS, EXPOSURE_LIMITS, NEAR, QUANTITY_ROUNDS_TO_ZERO, ROUNDED_TO_LOT
from tradewright.policy.gate import RULES
from tradewright.policy.limits import Limits, RiskLimits, RuleLimits
from tradewright.policy.order_rules import UNREADABLE


class Entry(NamedTuple):
    """One code: its effect, its inputs, its source, whether it applies to exits and again before sending."""

    code: str
    effect: str
    inputs: str
    source: str
    exits: bool
    pre_send: bool


def catalogue() -> tuple[Entry, ...]:
    """Every code, each once, in the order in which the gate evaluates."""
    return (*_rules(), *_caps(), *_of_size(), *_of_approval())


def _rules() -> Iterator[Entry]:
    for rule in (UNREADABLE, *RULES):
        effect = "advisory" if rule.verdict is Verdict.APPROVE else rule.verdict.value
        yield Entry(rule.code, effect, rule.inputs, rule.source, rule.applies_to_exits, rule.pre_send)


def _caps() -> Iterator[Entry]:
    for cap in CAPS:
        yield Entry(
            cap.code, "caps, REJECT without headroom", cap.inputs, cap.source, cap.applies_to_exits, cap.pre_send
        )


def _of_size() -> Iterator[Entry]:
    yield Entry(QUANTITY_ROUNDS_TO_ZERO, "REJECT", "quantity after all caps, lot size", "R-EXEC-27", True, False)
    yield Entry(ROUNDED_TO_LOT, "advisory", "quantity asked, lot size", "R-EXEC-27", True, False)
    for exposure in EXPOSURE_LIMITS:
        yield Entry(NEAR + exposure.code, "advisory", exposure.inputs, "R-RISK-42", False, False)


def _of_approval() -> Iterator[Entry]:
    yield Entry("PAYLOAD_CHANGED", "REJECT", "every field of the approved order", "control 18", True, True)
    yield Entry("APPROVAL_EXPIRED", "REJECT", "expiry of the approval", "R-RISK-16, Q-18", True, True)
    yield Entry("RULES_CHANGED", "REJECT", "rules and limits in force", "control 18", True, True)


def rules_page() -> str:
    """The text of ``docs/rules.md``."""
    codes = ((e.code, e.effect, e.inputs, e.source, _yes(e.exits), _yes(e.pre_send)) for e in catalogue())
    said = {**_said_of(RuleLimits), **_said_of(RiskLimits), **_said_of(Limits)}
    limits = ((name, _shown(info.default), said.get(name, "")) for name, info in Limits.model_fields.items())
    return "\n".join(
        (
            _HEAD,
            *_table(("code", "effect", "inputs", "source", "applies to exits", "again before sending"), codes),
            "",
            "## Limits",
            "",
            "Fractions are of equity unless said otherwise. Each has a range; none switches a rule off.",
            "",
            *_table(("limit", "default", "meaning"), limits),
            "",
        )
    )


def _said_of(kind: type[FrozenModel]) -> dict[str, str]:
    """The text below each field of a class. It is read here, because no command but this needs it."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    return {
        field.target.id: inspect.cleandoc(str(text.value.value))
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }


_HEAD = """# The rules of the gate

Generated from `tradewright/policy` by `python -m tests.policy.write_rules`; a test compares it with the code.

Every intent gets one verdict: REJECT over REVIEW over APPROVE. All rules are evaluated and all findings are listed as
reasons; an advisory stops nothing. An input that is not known is a REJECT of its own, never a pass, and so is a figure
too large, too small or too long to compute with. The quantity of an order is the quantity asked or the smallest
headroom of the caps, rounded down to whole lots; an advisory names the cap that binds. An exit (a reduce-only intent)
must pass the rules that apply to exits and is capped by the holding alone; the other findings are listed as waived.
The sender evaluates again at the moment of sending, with a small grace on the caps (`recheck_drift`), because prices
move while an approval lives.

## Codes
"""


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for row in (header, ("---",) * len(header), *rows):
        yield "| " + " | ".join(cell.replace("\n", " ").replace("|", "\\|") for cell in row) + " |"


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, frozenset):
        return "empty"
    return "none" if value is None else str(value)
