"""The reasoner port: a language model can advise and can never act."""

from __future__ import annotations

from enum import StrEnum


class ReasoningStatus(StrEnum):
    """What became of the advice (R-RISK-15). Off means not applicable."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    OK = "OK"
    FAILED = "FAILED"


class Recommendation(StrEnum):
    """What an adviser may say (Q-17). ``BLOCK`` leads to a review, since an adviser may not decide."""

    ALLOW = "ALLOW"
    ALLOW_WITH_CAUTION = "ALLOW_WITH_CAUTION"
    BLOCK = "BLOCK"
