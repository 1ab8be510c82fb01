"""Review rules: any of them sends the intent to a person (R-RISK-10..12, 15, C-45). Exits need no review (Q-19)."""

from __future__ import annotations

from tradewright.model.decision import Verdict
from tradewright.model.mode import Mode, Stage
from tradewright.model.reasoner import ReasoningStatus, Recommendation
from tradewright.policy.case import Case
from tradewright.policy.rule import Rule, show
from tradewright.policy.snapshot import Snapshot


def for_real(snapshot: Snapshot) -> bool:
    """Whether a mistake would cost money or trust: mode live, or a stage from the sandbox on."""
    return snapshot.mode is Mode.LIVE or snapshot.stage in (Stage.SANDBOX, Stage.LIVE_SMALL)


def _confidence(case: Case) -> str:
    limit = case.limits.min_confidence
    if case.confidence is None or case.confidence >= limit:
        return ""
    return f"the confidence {show(case.confidence)} is below {show(limit)}"


def _caution(case: Case) -> str:
    advice = case.snapshot.reasoning.recommendation
    return "the adviser allows with caution" if advice is Recommendation.ALLOW_WITH_CAUTION else ""


def _advised_against(case: Case) -> str:
    advice = case.snapshot.reasoning.recommendation
    return "the adviser would block; it may not decide" if advice is Recommendation.BLOCK else ""


def _adviser_failed(case: Case) -> str:
    failed = case.snapshot.reasoning.status is ReasoningStatus.FAILED
    return "the adviser failed" if failed and for_real(case.snapshot) else ""


def _correlation(case: Case) -> str:
    correlation, limit = case.snapshot.holdings.correlation, case.limits.max_correlation
    if correlation is None or correlation <= limit:
        return ""
    return f"the correlation {show(correlation)} with a holding is above {show(limit)}"


def _stage(case: Case) -> str:
    snapshot = case.snapshot
    return f"stage {snapshot.stage}, mode {snapshot.mode}: every entry needs a person" if for_real(snapshot) else ""


REVIEW_RULES: tuple[Rule, ...] = (
    Rule("LOW_CONFIDENCE", Verdict.REVIEW, "R-RISK-10", "confidence", _confidence, at_send=False),
    Rule("ADVISER_CAUTION", Verdict.REVIEW, "R-RISK-11", "recommendation", _caution, at_send=False),
    Rule("ADVISER_BLOCK", Verdict.REVIEW, "Q-17", "recommendation", _advised_against, at_send=False),
    Rule(
        "ADVISER_FAILED", Verdict.REVIEW, "R-RISK-15, Q-16", "adviser's status, stage", _adviser_failed, at_send=False
    ),
    Rule("CORRELATED", Verdict.REVIEW, "R-RISK-12, Q-15", "correlation with holdings", _correlation, at_send=False),
    Rule("STAGE_NEEDS_PERSON", Verdict.REVIEW, "C-45", "mode, stage", _stage, at_send=False),
)
"""In the order in which their reasons are listed. The sender does not ask them again: a person has answered."""
