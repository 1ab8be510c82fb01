"""The catalogue: every code that the gate or its recheck can give, and every limit, for people to look up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from tradewright.model.decision import Verdict
from tradewright.model.hashing import decimal_text
from tradewright.policy.caps import CAPS, EXPOSURES
from tradewright.policy.controls import UNREADABLE
from tradewright.policy.gate import RULES
from tradewright.policy.limits import Limits
from tradewright.policy.sizing import NEAR, ROUNDED_TO_LOT, ROUNDS_TO_ZERO


class Entry(NamedTuple):
    """One code: what it leads to, what it looks at, who asks for it, and where it applies."""

    code: str
    effect: str
    looks_at: str
    source: str
    exits: bool
    at_send: bool


def catalogue() -> tuple[Entry, ...]:
    """Every code, each once, in the order in which the gate asks."""
    return (*_rules(), *_caps(), *_of_size(), *_of_approval())


def _rules() -> Iterator[Entry]:
    for rule in (UNREADABLE, *RULES):
        effect = "remark" if rule.verdict is Verdict.APPROVE else rule.verdict.value
        yield Entry(rule.code, effect, rule.looks_at, rule.source, rule.binds_exits, rule.at_send)


def _caps() -> Iterator[Entry]:
    for cap in CAPS:
        yield Entry(cap.code, "caps, REJECT without room", cap.looks_at, cap.source, cap.binds_exits, cap.at_send)


def _of_size() -> Iterator[Entry]:
    yield Entry(ROUNDS_TO_ZERO, "REJECT", "quantity after all caps, lot size", "R-EXEC-27", True, False)
    yield Entry(ROUNDED_TO_LOT, "remark", "quantity asked, lot size", "R-EXEC-27", True, False)
    for exposure in EXPOSURES:
        yield Entry(NEAR + exposure.code, "remark", exposure.looks_at, "R-RISK-42", False, False)


def _of_approval() -> Iterator[Entry]:
    yield Entry("PAYLOAD_CHANGED", "REJECT", "every field of the approved order", "control 18", True, True)
    yield Entry("APPROVAL_EXPIRED", "REJECT", "expiry of the approval", "R-RISK-16, Q-18", True, True)
    yield Entry("RULES_CHANGED", "REJECT", "rules and limits in force", "control 18", True, True)


def rules_page() -> str:
    """The text of ``docs/rules.md``."""
    codes = ((e.code, e.effect, e.looks_at, e.source, _yes(e.exits), _yes(e.at_send)) for e in catalogue())
    limits = ((name, _shown(info.default), info.description or "") for name, info in Limits.model_fields.items())
    return "\n".join(
        (
            _HEAD,
            *_table(("code", "effect", "looks at", "asked by", "binds exits", "asked again at sending"), codes),
            "",
            "## Limits",
            "",
            "Fractions are of equity unless said otherwise. Each has a range; none switches a rule off.",
            "",
            *_table(("limit", "default", "meaning"), limits),
            "",
        )
    )


_HEAD = """# The rules of the gate

Generated from `tradewright/policy` by `python -m tests.policy.write_rules`; a test compares it with the code.

Every intent gets one verdict: REJECT over REVIEW over APPROVE. All rules are asked and all that are hit are listed as
reasons; a remark stops nothing. What is not known is a REJECT of its own, never a pass. An order's quantity is what was
asked or what the smallest cap has room for, rounded down to whole lots; the cap that binds is remarked by its code.
An exit (a reduce-only intent) must pass the rules that bind exits and is capped by the holding alone; the others
are remarked as waived. The sender asks again at the moment of sending, with a small grace on the caps
(`recheck_drift`), because prices move while an approval lives.

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
