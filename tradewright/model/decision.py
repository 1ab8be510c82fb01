"""Decisions: the gate's verdict on an intent, with coded reasons."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from tradewright.model.base import FrozenModel, Instant, Number
from tradewright.model.market_context import MarketContext


class Verdict(StrEnum):
    """The gate's three answers, in rising precedence."""

    APPROVE = "APPROVE"
    REVIEW = "REVIEW"
    REJECT = "REJECT"


class Reason(FrozenModel):
    """The finding of one rule: its code, its effect, and the figures."""

    code: str = Field(pattern=r"^[A-Z][A-Z0-9_]*$")
    verdict: Verdict
    """The verdict by this reason alone; ``APPROVE`` marks an advisory, such as the cap that binds."""
    text: str


class Decision(FrozenModel):
    """The verdict on one intent under one rule set.

    Args:
        approved_quantity: in units, after all caps and rounding; 0 for a REJECT.
        approved_size_pct: the approved notional as a share of equity (R-RISK-03).
        expires_at: after this the decision authorises nothing; the intent must be decided again.
        rule_set_hash: of the rules and limits applied.
        snapshot_hash: of the inputs that they read.
        market: the context in which it was made; None in a decision of an older version.
    """

    decision_id: str
    intent_id: str
    verdict: Verdict
    reasons: tuple[Reason, ...]
    approved_quantity: Number
    approved_size_pct: float
    decided_at: Instant
    expires_at: Instant
    rule_set_hash: str
    snapshot_hash: str
    market: MarketContext | None = Field(default=None, exclude_if=lambda context: context is None)
