"""The risk report of a strategy: metrics, findings, monthly table and charts, for Dagster and as one HTML file."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tradewright.backtest.result import BacktestResult
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.benchmark import Benchmark
from tradewright.evaluation.charts import account_markdown, account_svg
from tradewright.evaluation.check_input import CheckInput, FindingLimits
from tradewright.evaluation.checks import find, verdict
from tradewright.evaluation.equity_curve import MONTHS, Sampling, monthly_table
from tradewright.evaluation.finding import (
    TOGETHER,
    AccountSection,
    Finding,
    Severity,
    ValidityEvidence,
    pooled_validity_evidence,
)
from tradewright.evaluation.formatting import groups, markdown_table, percent
from tradewright.evaluation.html_report import report_page
from tradewright.evaluation.metrics import evaluate
from tradewright.evaluation.rolling import metrics_window
from tradewright.evaluation.trial_count import TrialCount
from tradewright.evaluation.verdict import SkillVerdict
from tradewright.model.errors import DataError
from tradewright.model.risk_free import RiskFree
from tradewright.store.files import write_bytes

if TYPE_CHECKING:
    import plotly.graph_objects as go

Drawings = Mapping[str, Callable[[], "go.Figure | None"]]
"""Pictures by title, drawn when they are shown; None where there is nothing to draw."""
DETAILED = 6
"""Sections of a report with charts and all figures; each takes half a megabyte (F6)."""


@dataclass(frozen=True)
class RiskReport:
    """One strategy on one or more instruments.

    ``sections`` begins with the pooled account where there are several instruments; the verdict is on the first one.
    """

    strategy: str
    sections: tuple[AccountSection, ...]
    verdict: SkillVerdict
    facts: Mapping[str, str] = field(default_factory=dict)
    """Facts that identify the run: mode, config hash, data hash, parameters."""
    instruments: int = 0
    """The instruments of a shared account, which has one section; 0 where each instrument has its own."""
    drawings: Drawings = field(default_factory=dict)
    """Pictures of the whole run, before the sections."""

    def plain(self) -> dict[str, float | int | bool | str | list[str]]:
        """Plain figures: every metric of the whole account, the number of findings over all sections, the verdict."""
        severities = [finding.severity for _, finding in self.findings()]
        return self.sections[0].metrics.as_dict() | {
            "instruments": self.instruments or max(1, len(self.sections) - 1),
            "critical_findings": severities.count(Severity.CRITICAL),
            "warnings": severities.count(Severity.WARNING),
            "verdict": self.verdict.code.value,
        }

    def markdown(self) -> dict[str, str]:
        """Tables and pictures: ``figures``, ``months`` and ``account`` of :meth:`detailed`; all ``findings``."""
        return {
            "figures": self._figures_markdown(),
            "findings": markdown_table(
                ("finding", "severity", "account", "message"),
                ((each.code, each.severity.value, name, each.message) for name, each in self.findings()),
                text_columns=4,
            ),
            "months": "\n\n".join(f"**{_literal(each.instrument)}**\n\n{_months(each)}" for each in self.detailed()),
            "account": "\n\n".join(
                account_markdown(each.result, f"{self.strategy} on {each.instrument}") for each in self.detailed()
            ),
        }

    def detailed(self) -> tuple[AccountSection, ...]:
        """The sections that are shown with charts, months and all figures, in the order of ``sections``.

        They are at most :data:`DETAILED`, so that a report stays small whatever the number of instruments: the first
        section, then those with the gravest findings. The others are told by their headline and their findings.
        """
        if len(self.sections) <= DETAILED:
            return self.sections
        gravest = dict.fromkeys([self.sections[0].instrument, *(name for name, _ in self.findings())])
        names = list(dict.fromkeys([*gravest, *(each.instrument for each in self.sections)]))[:DETAILED]
        return tuple(each for each in self.sections if each.instrument in names)

    def findings(self) -> tuple[tuple[str, Finding], ...]:
        """Every finding with its section's name, ranked over all sections, gravest first."""
        gravity = list(Severity)
        found = [(each.instrument, finding) for each in self.sections for finding in each.findings]
        found.sort(key=lambda pair: (gravity.index(pair[1].severity), pair[1].rank))
        return tuple((name, replace(finding, rank=rank)) for rank, (name, finding) in enumerate(found, start=1))

    def pictures(self) -> dict[str, str]:
        """A small SVG of equity and drawdown per instrument."""
        return {
            each.instrument: account_svg(each.result, f"{self.strategy} on {each.instrument}") for each in self.sections
        }

    def html(self) -> str:
        """The whole report as one HTML document that needs nothing from outside."""
        made = {title: draw() for title, draw in self.drawings.items()}
        drawn = {title: figure for title, figure in made.items() if figure is not None}
        return report_page(self.strategy, self.sections, self.verdict, self.facts, self.detailed(), drawn)

    def write(self, path: Path) -> None:
        """Write the HTML document, whole or not at all.

        Raises:
            StoreError: when the place cannot be written.
        """
        write_bytes(path, self.html().encode())

    def _figures_markdown(self) -> str:
        shown = self.detailed()
        names = [each.instrument for each in shown]
        columns = [[line for group in groups(each.metrics) for line in group.lines] for each in shown]
        rows = ((lines[0].label, *(line.text for line in lines)) for lines in zip(*columns, strict=True))
        return markdown_table(("figure", *names), rows)


def risk_report(
    strategy: str,
    results: Mapping[str, BacktestResult],
    *,
    sampling: Sampling = Sampling.SESSION,
    days_per_year: float | Mapping[str, float] = 252,
    risk_free: RiskFree = 0.0,
    benchmark: Benchmark | None = None,
    windows: Sequence[int] = (),
    evidence: Mapping[str, ValidityEvidence] | None = None,
    tried: TrialCount | None = None,
    limits: FindingLimits | None = None,
    facts: Mapping[str, str] | None = None,
) -> RiskReport:
    """Evaluate one strategy's results, by instrument, and make its report.

    Args:
        results: instrument -> backtest, at least one.
        days_per_year: the sampled days of a year, for all or by instrument; all together are measured by the most.
        benchmark: what the accounts are measured against; the instruments held when None.
        windows: the lengths of rolling figures, in periods.
        evidence: instrument -> evidence from outside of the backtest (look-ahead test, gaps).
        tried: the trials on these bars, this one included; None stands for this one alone.
        limits: the thresholds of findings.
        facts: shown at the head of the report; they identify the run.

    Raises:
        DataError: for no results, or for a result that cannot be measured.
    """
    if not results:
        raise DataError("no backtest to report on", where=strategy, remedy="backtest at least one instrument first")
    known = {instrument: (evidence or {}).get(instrument, ValidityEvidence()) for instrument in results}
    accounts = dict(results)
    days = dict(days_per_year) if isinstance(days_per_year, Mapping) else dict.fromkeys(results, days_per_year)
    days[TOGETHER] = max(days[name] for name in results)
    if len(results) > 1:
        accounts = {TOGETHER: pooled(results), **accounts}
        known[TOGETHER] = pooled_validity_evidence(list(known.values()))
    judged = next(iter(accounts))  # the trials are those of the whole account
    known[judged] = replace(known[judged], tried=tried or TrialCount())
    cases = {
        name: CheckInput(
            result, evaluate(result, sampling, days[name], risk_free, benchmark), known[name], limits or FindingLimits()
        )
        for name, result in accounts.items()
    }
    sections = tuple(_section(name, case, windows, risk_free) for name, case in cases.items())
    return RiskReport(strategy, sections, verdict(next(iter(cases.values()))), dict(facts or {}))


def _section(name: str, case: CheckInput, windows: Sequence[int], risk_free: RiskFree) -> AccountSection:
    known = case.metrics
    rolling = metrics_window(case.result, windows, known.sampling, known.days_per_year, risk_free)
    return AccountSection(name, case.result, known, find(case), monthly_table(case.result), rolling)


def _months(section: AccountSection) -> str:
    rows = (
        (str(row.year), *("" if each is None else percent(each, 1) for each in row.months), percent(row.total, 1))
        for row in section.months
    )
    return markdown_table(("year", *MONTHS, "year's return"), rows)


def _literal(name: str) -> str:
    return html.escape(name, quote=False).replace("*", "\\*").replace("_", "\\_")
