"""A section of a risk report: all that is said about one instrument, or about all of them together."""

from __future__ import annotations

from dataclasses import dataclass

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.finding import Finding
from tradewright.evaluation.metrics import Metrics
from tradewright.evaluation.monthly import YearRow

TOGETHER = "All instruments"
"""The name of the pooled account's section."""


@dataclass(frozen=True)
class Section:
    """One account with its figures, findings (gravest first) and monthly table."""

    instrument: str
    """Its name, or :data:`TOGETHER` for the pooled account of several instruments."""
    result: BacktestResult
    metrics: Metrics
    findings: tuple[Finding, ...]
    months: tuple[YearRow, ...]
