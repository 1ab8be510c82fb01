"""Stored bars to evidence on their quality, judged by the declared checks and recorded for gate and sender."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from conf.environment import SOURCE, conf_folder
from runtime.container import Container
from runtime.feeds import timeframes_judged
from tradewright.calendars.registry import calendar
from tradewright.ledger.check_results import CheckResult
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import Bars, PriceView, Timeframe
from tradewright.model.errors import DataError, StoreError
from tradewright.model.instrument import Instrument
from tradewright.quality.check import check_bars
from tradewright.quality.evidence import QualityEvidence, features_check
from tradewright.quality.expectations import Outcome, QualityExtraMissing, SuiteResult, load_suite, run_suite
from tradewright.quality.report import Code, Finding, QualityReport, Severity
from tradewright.research.bars import ADJUSTABLE
from tradewright.store.actions import NoFactors
from tradewright.store.bars import BarStore

SUITE = "expectations/bars.yaml"
"""Of the folder of YAML files; the one that ships where that has none."""


def report_on(house: Container, symbol: str, timeframe: Timeframe) -> QualityReport:
    """The contract and the anomalies of a stored series.

    Raises:
        ConfigError: for an instrument that is not defined.
        StoreError: for bars that are missing or damaged.
    """
    store, instrument = house.bar_store, house.instrument(symbol)
    frame = store.read(symbol, timeframe)
    ends = (frame["ts"].iloc[0], frame["ts"].iloc[-1]) if len(frame) else (pd.Timestamp(0, tz="UTC"),) * 2
    grid = calendar(instrument.calendar).grid(timeframe, *ends)
    return check_bars(
        frame,
        instrument,
        timeframe,
        now=house.clock.now(),
        grid=grid,
        symbol_map=store.actions.symbol_map(symbol),
        adjusted=_split_adjusted(store, instrument, frame),
    )


def _split_adjusted(store: BarStore, instrument: Instrument, frame: pd.DataFrame) -> Bars | None:
    """The bars adjusted for the splits of the stored table; None where there is no table, or nothing to adjust."""
    if instrument.asset_class not in ADJUSTABLE or not len(frame):
        return None
    try:
        return store.actions.view(instrument.symbol, bars_of(frame), PriceView.SPLIT_ADJUSTED)
    except NoFactors:
        return None


def evidence_on(house: Container, symbol: str, timeframe: Timeframe, more: Sequence[Finding] = ()) -> QualityEvidence:
    """The evidence on a stored series, not recorded.

    Args:
        more: findings of other checks on the same bars.

    Raises:
        ConfigError, StoreError: as :func:`report_on`.
    """
    fingerprint = house.bar_store.fingerprint(symbol, timeframe)  # before the bars are read, so that it is never newer
    report = report_on(house, symbol, timeframe)
    findings = sorted((*more, *report.findings), key=lambda row: list(Severity).index(row.severity))
    return QualityEvidence(
        instrument=symbol, timeframe=timeframe, fingerprint=fingerprint, rows=report.rows, findings=tuple(findings)
    )


def suite_on(house: Container, symbol: str) -> SuiteResult | None:
    """The declared suite over an instrument's deciding bars, with Data Docs; None where the extra is not installed."""
    frame = house.bar_store.read(symbol, house.settings.universe.timeframe)
    own = conf_folder() / SUITE
    try:
        suite = load_suite(own if own.is_file() else SOURCE / "conf" / SUITE)
        return run_suite(frame, suite, house.root / "data_docs" / symbol)
    except QualityExtraMissing:
        return None


def findings_of_suite(suite: SuiteResult | None) -> list[Finding]:
    """A finding for each expectation that is not met; those that the suite calls critical block."""
    return [_unmet(row) for row in suite.failed] if suite else []


def findings_of_tables(problems: Iterable[str]) -> list[Finding]:
    """A blocking finding for each contradiction between the declared tables."""
    return [Finding(code=Code.CONFIGURATION, severity=Severity.BLOCK, message=text, figures={}) for text in problems]


def record(house: Container, evidence: QualityEvidence) -> CheckResult:
    """Record evidence in the ledger, where gate and sender read it."""
    return house.ledger.checks.record(evidence.name, evidence.passed, evidence.detail())


def judge(
    house: Container,
    symbol: str,
    timeframes: Iterable[Timeframe] = (),
    *,
    of_all: Sequence[Finding] = (),
    of_deciding: Sequence[Finding] = (),
) -> dict[Timeframe, QualityEvidence]:
    """Judge every stored series of an instrument that an order may depend on, and record the evidence.

    Args:
        timeframes: on which strategies decide, beside those of the universe.
        of_all: findings of other checks that stand against all series.
        of_deciding: findings of other checks on the universe's timeframe.

    Raises:
        ConfigError, StoreError: as :func:`report_on`.
    """
    universe, judged = house.settings.universe.timeframe, {}
    for each in timeframes_judged(house, symbol, timeframes):
        judged[each] = evidence_on(house, symbol, each, [*of_all, *(of_deciding if each is universe else ())])
    for evidence in judged.values():
        record(house, evidence)
    return judged


def record_features(house: Container, symbol: str, fingerprint: str, unknown: Sequence[str]) -> CheckResult:
    """Record whether the newest features are complete.

    Args:
        fingerprint: of the bars they were computed from, taken before these were read.
        unknown: the features without a value.
    """
    timeframe = str(house.settings.universe.timeframe)
    detail = {"timeframe": timeframe, "fingerprint": fingerprint, "unknown": list(unknown)}
    return house.ledger.checks.record(features_check(symbol), not unknown, detail)


@contextmanager
def failing_bars(house: Container, symbol: str, timeframes: Iterable[Timeframe]) -> Iterator[None]:
    """An error inside fails the checks of these bars: those of an hour ago must not speak for data that broke now."""
    try:
        yield
    except (DataError, StoreError) as error:
        for timeframe in dict.fromkeys(timeframes):
            record(house, _refused(house, symbol, timeframe, str(error)))
        raise


@contextmanager
def failing_features(house: Container, symbol: str) -> Iterator[None]:
    """An error inside fails the check of an instrument's features."""
    try:
        yield
    except (DataError, StoreError) as error:
        row = {"code": str(Code.NOT_READABLE), "severity": str(Severity.BLOCK), "message": str(error)}
        timeframe = house.settings.universe.timeframe
        told = {"timeframe": str(timeframe), "fingerprint": _fingerprint(house, symbol, timeframe), "findings": [row]}
        house.ledger.checks.record(features_check(symbol), False, told)
        raise


def _unmet(row: Outcome) -> Finding:
    counted = f", {row.unexpected} times ({row.share:.1%})" if row.unexpected else ""
    text = f"{row.type} of {row.about} is not met{counted}{': ' + row.error if row.error else ''}"
    severity = {"critical": Severity.BLOCK, "warning": Severity.WARN, "info": Severity.INFO}[row.severity]
    return Finding(code=Code.EXPECTATION, severity=severity, message=text, figures={}, examples=row.examples)


def _refused(house: Container, symbol: str, timeframe: Timeframe, text: str) -> QualityEvidence:
    finding = Finding(code=Code.NOT_READABLE, severity=Severity.BLOCK, message=text, figures={})
    fingerprint = _fingerprint(house, symbol, timeframe)
    return QualityEvidence(instrument=symbol, timeframe=timeframe, fingerprint=fingerprint, rows=0, findings=(finding,))


def _fingerprint(house: Container, symbol: str, timeframe: Timeframe) -> str:
    """The fingerprint of a stored series; empty where the manifest is damaged, which is then what failed."""
    try:
        return house.bar_store.fingerprint(symbol, timeframe)
    except StoreError:
        return ""
