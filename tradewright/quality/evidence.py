"""The result of judging one series of bars, bound to the very bars that were judged. Loads no library of checks."""

from __future__ import annotations

from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel
from tradewright.quality.report import Finding, Severity


def bars_check(instrument: str, timeframe: Timeframe) -> str:
    """The name under which the quality of a series of bars is recorded."""
    return f"bars.{instrument}.{timeframe}"


def features_check(instrument: str) -> str:
    """The name under which the completeness of an instrument's newest features is recorded."""
    return f"features.{instrument}"


class QualityEvidence(FrozenModel):
    """The findings on one series of bars, with the fingerprint of the bars that were judged.

    Args:
        fingerprint: of the stored series, taken before it was read; empty where nothing is stored.
        rows: the number of bars judged.
        findings: gravest first.
    """

    instrument: str
    timeframe: Timeframe
    fingerprint: str
    rows: int
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> str:
        """The check's name."""
        return bars_check(self.instrument, self.timeframe)

    @property
    def passed(self) -> bool:
        """Whether these bars may be traded on: none of the findings blocks."""
        return not any(finding.severity is Severity.BLOCK for finding in self.findings)

    def detail(self) -> dict[str, object]:
        """The form that the ledger keeps beside the name and the result; examples are left out."""
        told = [{"code": str(row.code), "severity": str(row.severity), "message": row.message} for row in self.findings]
        return {
            "timeframe": str(self.timeframe),
            "fingerprint": self.fingerprint,
            "rows": self.rows,
            "findings": told,
        }
