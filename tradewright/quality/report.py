"""The findings on a bars table, as frozen values."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from tradewright.model.bars import Bars
from tradewright.model.base import FrozenModel

Figure = int | float | str


class Severity(StrEnum):
    """Whether a finding stops the assets that use the bars."""

    BLOCK = "BLOCK"
    """The table breaks its contract, or the vendor's suite calls it critical: nothing downstream may run."""
    WARN = "WARN"
    """A person should know: gaps, jumps, bad prints."""
    INFO = "INFO"
    """A property of the source, such as volumes that are always zero."""


class Code(StrEnum):
    """The code of a finding."""

    NO_BARS = "NO_BARS"
    CONTRACT = "CONTRACT"
    FUTURE = "FUTURE"
    GAPS = "GAPS"
    OUTSIDE_SESSION = "OUTSIDE_SESSION"
    ZERO_VOLUME = "ZERO_VOLUME"
    UNKNOWN_VOLUME = "UNKNOWN_VOLUME"
    FLAT_BARS = "FLAT_BARS"
    STALE_RUN = "STALE_RUN"
    """Bars repeat the one before them for longer than is usual in the series: a feed that stands still."""
    NO_SPREAD = "NO_SPREAD"
    CROSSED_QUOTES = "CROSSED_QUOTES"
    JUMPS = "JUMPS"
    POSSIBLE_SPLIT = "POSSIBLE_SPLIT"
    UNIT_CHANGE = "UNIT_CHANGE"
    """Prices change by a hundred or a thousand times, and volumes do not change the other way, as after a split."""
    BAD_PRINT = "BAD_PRINT"
    SECURITY_CHANGED = "SECURITY_CHANGED"
    TIMEFRAMES_DISAGREE = "TIMEFRAMES_DISAGREE"
    """Stored bars of a shorter timeframe add up to other prices."""
    SOURCES_DISAGREE = "SOURCES_DISAGREE"
    """The instrument that is declared as the second source has other prices."""
    EXPECTATION = "EXPECTATION"
    """An expectation of the declared suite is not met."""
    NOT_READABLE = "NOT_READABLE"
    """The feed or the store refused: there is nothing to judge."""
    QUARANTINED = "QUARANTINED"
    """A person set bars aside."""
    CONFIGURATION = "CONFIGURATION"
    """The declaration of an instrument or a calendar contradicts another one."""


class Finding(FrozenModel):
    """One finding, as a sentence and as figures.

    ``examples`` are at most five places, each a time stamp with what is there.
    """

    code: Code
    severity: Severity
    message: str
    figures: dict[str, Figure]
    examples: tuple[str, ...] = ()


PLACES, NEWEST = "places", "newest"
"""Figures of a finding about single bars: a hash of these bars, and when the newest of them starts."""


def places_of(bars: Bars, rows: npt.NDArray[np.bool_]) -> dict[str, Figure]:
    """What identifies the bars of a finding: their times and prices, whatever bars come after them.

    Args:
        rows: the bars of the finding, of which there is at least one.
    """
    columns = [column[rows].tobytes() for column in (bars.ts, bars.open, bars.high, bars.low, bars.close)]
    newest = int(bars.ts[rows][-1]) // 1_000_000_000
    return {
        PLACES: hashlib.sha256(b"".join(columns)).hexdigest()[:16],
        NEWEST: datetime.fromtimestamp(newest, UTC).isoformat(),
    }


class QualityReport(FrozenModel):
    """All findings on one series, gravest first."""

    instrument: str
    timeframe: str
    rows: int
    findings: tuple[Finding, ...]

    @property
    def blocking(self) -> bool:
        """Whether anything that uses these bars must not run."""
        return any(finding.severity is Severity.BLOCK for finding in self.findings)

    def of(self, code: Code) -> Finding | None:
        """The first finding of a kind; None when there is none."""
        return next((finding for finding in self.findings if finding.code is code), None)
