"""Rules that ask for a person's approval (R-RISK-10..12, 15, C-45), and advisories (C-13, C-22, Q-16)."""

from __future__ import annotations

from tradewright.model.decision import Verdict
from tradewright.model.duration import limit_text
from tradewright.model.mode import Mode, Stage
from tradewright.model.ports import ReasoningStatus, Recommendation
from tradewright.policy.decimals import show
from tradewright.policy.order_context import OrderContext, Rule
from tradewright.policy.snapshot import Snapshot


def for_real(snapshot: Snapshot) -> bool:
    """Whether a mistake would cost money or trust: mode live, or a stage from the sandbox on."""
    return snapshot.mode is Mode.LIVE or snapshot.stage in (Stage.SANDBOX, Stage.LIVE_SMALL)


def _confidence(context: OrderContext) -> str:
    limit = context.limits.min_confidence
    if context.confidence is None or context.confidence >= limit:
        return ""
    return f"the confidence {show(context.confidence)} is below {show(limit)}"


def _caution(context: OrderContext) -> str:
    advice = context.snapshot.reasoning.recommendation
    return "the adviser allows with caution" if advice is Recommendation.ALLOW_WITH_CAUTION else ""


def _advised_against(context: OrderContext) -> str:
    advice = context.snapshot.reasoning.recommendation
    return "the adviser would block; a person decides" if advice is Recommendation.BLOCK else ""


def _adviser_failed(context: OrderContext) -> str:
    failed = context.snapshot.reasoning.status is ReasoningStatus.FAILED
    return "the adviser failed" if failed and for_real(context.snapshot) else ""


def _correlation(context: OrderContext) -> str:
    correlation, limit = context.snapshot.holdings.correlation, context.limits.max_correlation
    if correlation is None or correlation <= limit:
        return ""
    return f"the correlation {show(correlation)} with a holding is above {show(limit)}"


def _live(context: OrderContext) -> str:
    return "mode live: every entry needs a person" if context.snapshot.mode is Mode.LIVE else ""


def _manual_approval(context: OrderContext) -> str:
    stage = context.snapshot.stage
    return f"stage {stage} asks a person about every entry" if context.limits.manual_approval else ""


REVIEW_RULES: tuple[Rule, ...] = (
    Rule("LOW_CONFIDENCE", Verdict.REVIEW, "R-RISK-10", "confidence", _confidence, pre_send=False),
    Rule("ADVISER_CAUTION", Verdict.REVIEW, "R-RISK-11", "recommendation", _caution, pre_send=False),
    Rule("ADVISER_BLOCK", Verdict.REVIEW, "Q-17", "recommendation", _advised_against, pre_send=False),
    Rule(
        "ADVISER_FAILED", Verdict.REVIEW, "R-RISK-15, Q-16", "adviser's status, stage", _adviser_failed, pre_send=False
    ),
    Rule("CORRELATED", Verdict.REVIEW, "R-RISK-12, Q-15", "correlation with holdings", _correlation, pre_send=False),
    Rule("LIVE_NEEDS_PERSON", Verdict.REVIEW, "C-45", "mode", _live, pre_send=False),
    Rule("MANUAL_APPROVAL", Verdict.REVIEW, "C-45", "stage.manual_approval", _manual_approval, pre_send=False),
)
"""In the order in which their reasons are listed. Exits need no review (Q-19), and the sender does not evaluate these
rules again: a person has answered."""


def _drawdown_warning(context: OrderContext) -> str:
    drawdown, limits = context.snapshot.holdings.daily_drawdown, context.limits
    if drawdown is None or not limits.warn_daily_drawdown <= drawdown < limits.max_daily_drawdown:
        return ""
    return f"the day's drawdown {show(drawdown)}; at {show(limits.max_daily_drawdown)} entries stop"


def _age_relaxed(context: OrderContext) -> str:
    length = context.snapshot.market.bars_only_seconds
    return f"bars are the only source: {limit_text(length)} are added to the allowed age" if length else ""


def _converted(context: OrderContext) -> str:
    oldest = context.limits.max_rate_age_seconds
    return ", ".join(rate.told() for rate in context.rates() if rate.usable(oldest) is not None)


def _failure_ignored(context: OrderContext) -> str:
    failed = context.snapshot.reasoning.status is ReasoningStatus.FAILED
    return "the adviser failed; at this stage it does not matter" if failed and not for_real(context.snapshot) else ""


def _spread_not_watched(context: OrderContext) -> str:
    known = context.snapshot.market.spread_bps is not None
    return "" if known or for_real(context.snapshot) else "the spread is not known; at this stage it stops nothing"


def _tightened(context: OrderContext) -> str:
    return "; ".join(one.text for one in context.limits.tightened)


ADVISORIES: tuple[Rule, ...] = (
    Rule("DRAWDOWN_WARNING", Verdict.APPROVE, "C-13, R-RISK-42", "daily drawdown", _drawdown_warning, pre_send=False),
    Rule("DATA_AGE_RELAXED", Verdict.APPROVE, "C-22", "length of a bar", _age_relaxed, pre_send=False),
    Rule(
        "CONVERTED",
        Verdict.APPROVE,
        "R-PORT-17",
        "rates that the values were made with",
        _converted,
        applies_to_exits=True,
        pre_send=False,
    ),
    Rule(
        "ADVISER_FAILURE_IGNORED", Verdict.APPROVE, "Q-16", "adviser's status, stage", _failure_ignored, pre_send=False
    ),
    Rule(
        "SPREAD_NOT_WATCHED", Verdict.APPROVE, "R-RISK-30", "spread, mode, stage", _spread_not_watched, pre_send=False
    ),
    Rule(
        "LIMITS_TIGHTENED",
        Verdict.APPROVE,
        "R-RISK-40",
        "limits in force",
        _tightened,
        applies_to_exits=True,
        pre_send=False,
    ),
)
"""In the order in which they are listed."""
