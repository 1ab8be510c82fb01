"""Remarks: what a person should see although it stops nothing (C-13, C-22, Q-16)."""

from __future__ import annotations

from tradewright.model.decision import Verdict
from tradewright.model.reasoner import ReasoningStatus
from tradewright.policy.case import Case
from tradewright.policy.review import for_real
from tradewright.policy.rule import Rule, show


def _drawdown_warning(case: Case) -> str:
    drawdown, limits = case.snapshot.holdings.daily_drawdown, case.limits
    if drawdown is None or not limits.warn_daily_drawdown <= drawdown < limits.max_daily_drawdown:
        return ""
    return f"the day's drawdown {show(drawdown)}; at {show(limits.max_daily_drawdown)} entries stop"


def _age_relaxed(case: Case) -> str:
    length = case.snapshot.market.bars_only_seconds
    return f"bars are the only source: {show(length)} s are added to the allowed age" if length else ""


def _failure_ignored(case: Case) -> str:
    failed = case.snapshot.reasoning.status is ReasoningStatus.FAILED
    return "the adviser failed; at this stage it does not matter" if failed and not for_real(case.snapshot) else ""


REMARK_RULES: tuple[Rule, ...] = (
    Rule("DRAWDOWN_WARNING", Verdict.APPROVE, "C-13, R-RISK-42", "daily drawdown", _drawdown_warning, at_send=False),
    Rule("DATA_AGE_RELAXED", Verdict.APPROVE, "C-22", "length of a bar", _age_relaxed, at_send=False),
    Rule(
        "ADVISER_FAILURE_IGNORED", Verdict.APPROVE, "Q-16", "adviser's status, stage", _failure_ignored, at_send=False
    ),
)
"""In the order in which they are listed."""
