"""The declared expectations of stored bars, as findings. Only research loads it: it needs Great Expectations."""

from __future__ import annotations

from conf.environment import SOURCE, conf_folder
from conf.suites import read_suite
from runtime.container import Container
from tradewright.quality.expectations import Outcome, QualityExtraMissing, SuiteResult, run_suite
from tradewright.quality.report import Code, Figure, Finding, Severity

SUITE = "expectations/bars.yaml"
"""Of the folder of YAML files; the one that ships where that has none."""


def suite_on(house: Container, symbol: str) -> SuiteResult | None:
    """The declared suite over an instrument's deciding bars, with Data Docs; None where the extra is not installed."""
    frame = house.bars.read(symbol, house.settings.universe.timeframe)
    own = conf_folder() / SUITE
    suite = read_suite(own if own.is_file() else SOURCE / "conf" / SUITE)
    try:
        return run_suite(frame, suite, house.root / "data_docs" / symbol)
    except QualityExtraMissing:
        return None


def findings_of_suite(suite: SuiteResult | None) -> list[Finding]:
    """A finding for each expectation that is not met; those that the suite calls critical block."""
    return [_unmet(row) for row in suite.failed] if suite else []


def _unmet(row: Outcome) -> Finding:
    counted = f", {row.unexpected} times ({row.share:.1%})" if row.unexpected else ""
    text = f"{row.type} of {row.about} is not met{counted}{': ' + row.error if row.error else ''}"
    severity = {"critical": Severity.BLOCK, "warning": Severity.WARN, "info": Severity.INFO}[row.severity]
    figures: dict[str, Figure] = {"bars": row.unexpected, "share": row.share} if row.unexpected else {}
    return Finding(code=Code.EXPECTATION, severity=severity, message=text, figures=figures, examples=row.examples)
