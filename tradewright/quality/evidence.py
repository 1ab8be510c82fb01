"""The result of judging one series of bars, bound to the very bars that were judged. Loads no library of checks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel
from tradewright.quality.report import NEWEST, PLACES, Code, Finding, Severity
from tradewright.quality.score import SCORE, score


def bars_check(instrument: str, timeframe: Timeframe) -> str:
    """The name under which the quality of a series of bars is recorded."""
    return f"bars.{instrument}.{timeframe}"


def acceptance(instrument: str, timeframe: str, code: str) -> str:
    """The name under which a person's acceptance of a finding is recorded."""
    return f"accepted.{instrument}.{timeframe}.{code}"


def features_check(instrument: str) -> str:
    """The name under which the completeness of an instrument's newest features is recorded."""
    return f"features.{instrument}"


GRAVE = (Code.BAD_PRINT, Code.POSSIBLE_SPLIT, Code.UNIT_CHANGE)
"""Findings that block while one of their bars is among those that strategies still look at."""


class Acceptance(NamedTuple):
    """A person's word that the bars of a finding are as they should be.

    Args:
        places: identify the bars that the person saw; other bars are not accepted.
    """

    places: str
    actor: str
    reason: str


def weighed(finding: Finding, watched_from: datetime, accepted: Acceptance | None) -> Finding:
    """A finding with the severity that it has for orders.

    Args:
        watched_from: when the oldest of the bars that strategies look at starts.
        accepted: of this finding's code.
    """
    if finding.code not in GRAVE:
        return finding
    if accepted is not None and accepted.places == finding.figures[PLACES]:
        text = f"{finding.message}; accepted by {accepted.actor}: {accepted.reason}"
        return finding.model_copy(update={"severity": Severity.INFO, "message": text})
    is_recent = datetime.fromisoformat(str(finding.figures[NEWEST])) >= watched_from
    return finding.model_copy(update={"severity": Severity.BLOCK}) if is_recent else finding


class QualityEvidence(FrozenModel):
    """The findings on one series of bars, with the fingerprint of the bars that were judged.

    Args:
        fingerprint: of the stored series, taken before it was read; empty where nothing is stored.
        rows: the number of bars judged.
        rules: the digest of the rules that judged them.
        findings: gravest first.
    """

    instrument: str
    timeframe: Timeframe
    fingerprint: str
    rows: int
    rules: str
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """The check's name."""
        return bars_check(self.instrument, self.timeframe)

    @property
    def passed(self) -> bool:
        """Whether these bars may be traded on: none of the findings blocks."""
        return not any(finding.severity is Severity.BLOCK for finding in self.findings)

    @property
    def score(self) -> float:
        """The score of the bars, from 0 to 100 (:func:`tradewright.quality.score.score`)."""
        return score(self.findings)

    def detail(self) -> dict[str, object]:
        """The form that the ledger keeps beside the name and the result."""
        told = [
            {
                "code": str(row.code),
                "severity": str(row.severity),
                "message": row.message,
                "examples": list(row.examples),
            }
            for row in self.findings
        ]
        return {
            "timeframe": str(self.timeframe),
            "fingerprint": self.fingerprint,
            "rows": self.rows,
            "rules": self.rules,
            SCORE: self.score,
            "findings": told,
        }


_LOGGED = frozenset({str(Code.GAPS), str(Code.NO_SPREAD)})
_MISSING = re.compile(r"(\d+) of \d+ bars are missing")


def worth_a_warning(evidence: QualityEvidence, before: Iterable[object]) -> list[str]:
    """The findings on gaps and on spreads that are not known which the evidence before did not have.

    A gap is new where other bars are missing than before; a missing spread where none was before, because bars of
    trades have none throughout.

    Args:
        before: the findings of the evidence before, in the form that the ledger keeps.
    """
    rows = [row for row in before if isinstance(row, dict)]
    known = {_mark(str(row.get("code")), str(row.get("message")), row.get("examples") or ()) for row in rows}
    return [
        f"{row.message}{f' ({examples})' if (examples := ', '.join(row.examples)) else ''}"
        for row in evidence.findings
        if str(row.code) in _LOGGED and _mark(str(row.code), row.message, row.examples) not in known
    ]


def _mark(code: str, message: str, examples: Iterable[object]) -> tuple[object, ...]:
    """What makes a finding another one, whose counts grow with the bars."""
    found = _MISSING.search(message)
    return (code, found[1] if found else "", *(map(str, examples) if code == str(Code.GAPS) else ()))
