"""Stored bars to evidence on their quality, judged by the declared checks and recorded for gate and sender."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import pandas as pd

from runtime.container import Container
from runtime.feeds import timeframes_judged
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampled_bars import base_among
from tradewright.calendars.resampling import resampled
from tradewright.ledger.check_results import CheckResult
from tradewright.model.bar_rules import bars_of
from tradewright.model.bars import Bars, PriceView, Timeframe
from tradewright.model.errors import DataError, StoreError
from tradewright.model.instrument import Instrument
from tradewright.quality.agreement import OtherBars, mostly_whole
from tradewright.quality.check import check_bars
from tradewright.quality.evidence import (
    GRAVE,
    Acceptance,
    QualityEvidence,
    acceptance,
    bars_check,
    features_check,
    weighed,
    worth_a_warning,
)
from tradewright.quality.report import Code, Finding, QualityReport, Severity
from tradewright.quality.score import recorded_score, score_text
from tradewright.research.bars import ADJUSTABLE
from tradewright.store.actions import NoFactors
from tradewright.store.bars import BarStore

LOG = logging.getLogger("tradewright.quality")


def report_on(house: Container, symbol: str, timeframe: Timeframe) -> QualityReport:
    """The contract and the anomalies of a series, stored or made.

    Raises:
        ConfigError: for an instrument that is not defined.
        StoreError: for bars that are missing or damaged.
    """
    store, instrument, base = house.bars, house.instrument(symbol), house.bars.base_of(symbol, timeframe)
    shorter = house.quarantines.in_force(symbol, base) if base is not None and base is not timeframe else ()
    frame = store.read(symbol, timeframe)
    grid = calendar_of(instrument).expected_starts(timeframe, pd.DatetimeIndex(frame["ts"]).as_unit("ns").asi8)
    return check_bars(
        frame,
        instrument,
        timeframe,
        now=house.clock.now(),
        grid=grid,
        symbol_map=store.actions.symbol_map(symbol),
        adjusted=_split_adjusted(store, instrument, frame),
        rules=house.settings.quality,
        aside=house.quarantines.in_force(symbol, timeframe),
        of_base=shorter,
        others=[*_of_shorter(house, instrument, timeframe), *_of_second_source(house, instrument, timeframe)],
        kind=store.kind_of(symbol),
    )


def _of_shorter(house: Container, instrument: Instrument, timeframe: Timeframe) -> Iterator[OtherBars]:
    """What the stored bars of the longest shorter timeframe add up to; nothing where the bars themselves are made."""
    stored = house.bar_store.timeframes(instrument.symbol)
    base = base_among([each for each in stored if each is not timeframe], timeframe)
    if timeframe not in stored or base is None:
        return
    market, bars = calendar_of(instrument), house.bars.read_bars(instrument.symbol, base)
    made = resampled(market, bars, base, timeframe)
    whole = mostly_whole(made, bars.ts, market.expected_starts(base, bars.ts))
    yield OtherBars(Code.TIMEFRAMES_DISAGREE, f"what the stored {base} bars add up to", whole)


def _of_second_source(house: Container, instrument: Instrument, timeframe: Timeframe) -> Iterator[OtherBars]:
    """The bars of the second source, stored or made; none of them where it has none."""
    other = instrument.second_source
    if other is None:
        return
    is_known = house.bars.coverage(other, timeframe) is not None
    bars = house.bars.read_bars(other, timeframe) if is_known else Bars.none()
    yield OtherBars(Code.SOURCES_DISAGREE, f"the {timeframe} bars of {other}", bars, is_declared=True)


def _split_adjusted(store: BarStore, instrument: Instrument, frame: pd.DataFrame) -> Bars | None:
    """The bars adjusted for the splits of the stored table; None where there is no table, or nothing to adjust."""
    if instrument.asset_class not in ADJUSTABLE or not len(frame):
        return None
    try:
        return store.actions.view(instrument.symbol, bars_of(frame), PriceView.SPLIT_ADJUSTED)
    except NoFactors:
        return None


def evidence_on(
    house: Container, symbol: str, timeframe: Timeframe, more: Sequence[Finding] = (), *, weigh: bool = True
) -> QualityEvidence:
    """The evidence on a series, not recorded. Bars that are made are judged, and the stored ones that they are made of.

    Args:
        more: findings of other checks on the same bars.
        weigh: whether findings on the newest bars block, and those that a person accepted do not; needs the ledger.

    Raises:
        ConfigError, StoreError: as :func:`report_on`.
        LedgerError: when acceptances cannot be read.
    """
    fingerprint = house.bars.fingerprint(symbol, timeframe)  # before the bars are read, so that it is never newer
    report, base = report_on(house, symbol, timeframe), house.bars.base_of(symbol, timeframe)
    found = findings_of(house, report, timeframe, weigh=weigh)
    if base is not None and base is not timeframe:
        shorter = findings_of(house, report_on(house, symbol, base), timeframe, weigh=weigh)
        text = f"of the {base} bars that they are made of: "
        found += [row.model_copy(update={"message": f"{text}{row.message}"}) for row in shorter]
    findings = sorted((*more, *found), key=lambda row: list(Severity).index(row.severity))
    return QualityEvidence(
        instrument=symbol,
        timeframe=timeframe,
        fingerprint=fingerprint,
        rows=report.rows,
        rules=house.settings.quality.digest,
        findings=tuple(findings),
    )


def findings_of(house: Container, report: QualityReport, deciding: Timeframe, *, weigh: bool = True) -> list[Finding]:
    """The findings of a report, with their weight for orders after what people accepted.

    Args:
        deciding: whose newest bars strategies look at; longer than the report's where it is on bars that those are
            made of.
        weigh: False for the findings as they are.
    """
    return [_weighed(house, report, row, deciding) if weigh else row for row in report.findings]


def _weighed(house: Container, report: QualityReport, finding: Finding, deciding: Timeframe) -> Finding:
    if finding.code not in GRAVE:
        return finding
    name = acceptance(report.instrument, report.timeframe, finding.code)
    told = house.ledger.checks.newest([name]).get(name)
    accepted = Acceptance(told.about("places"), told.about("actor"), told.about("reason")) if told else None
    bars = house.bars.read_bars(report.instrument, deciding)
    watched = pd.Timestamp(int(bars.ts[-house.settings.quality.watched_bars :][0]), tz="UTC").to_pydatetime()
    return weighed(finding, watched, accepted)


def findings_of_tables(problems: Iterable[str]) -> list[Finding]:
    """A blocking finding for each contradiction between the declared tables."""
    return [Finding(code=Code.CONFIGURATION, severity=Severity.BLOCK, message=text, figures={}) for text in problems]


def record(house: Container, evidence: QualityEvidence) -> CheckResult:
    """Record evidence in the ledger, where gate and sender read it; new gaps and missing spreads are logged."""
    before = house.ledger.checks.newest([evidence.name]).get(evidence.name)
    for told in worth_a_warning(evidence, [] if before is None else before.listed("findings")):
        LOG.warning("%s %s: %s", evidence.instrument, evidence.timeframe, told)
    return house.ledger.checks.record(evidence.name, evidence.passed, evidence.detail())


def scores_on_record(house: Container, symbol: str, timeframe: Timeframe, most: int) -> list[tuple[datetime, str]]:
    """The newest scores of a series on record, newest first, as text.

    Raises:
        LedgerError: when the ledger cannot be read.
    """
    results = house.ledger.checks.history(bars_check(symbol, timeframe), most)
    return [(row.at, score_text(recorded_score(row.detail))) for row in results]


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


def _refused(house: Container, symbol: str, timeframe: Timeframe, text: str) -> QualityEvidence:
    finding = Finding(code=Code.NOT_READABLE, severity=Severity.BLOCK, message=text, figures={})
    return QualityEvidence(
        instrument=symbol,
        timeframe=timeframe,
        fingerprint=_fingerprint(house, symbol, timeframe),
        rows=0,
        rules=house.settings.quality.digest,
        findings=(finding,),
    )


def _fingerprint(house: Container, symbol: str, timeframe: Timeframe) -> str:
    """The fingerprint of a stored series; empty where the manifest is damaged, which is then what failed."""
    try:
        return house.bars.fingerprint(symbol, timeframe)
    except StoreError:
        return ""
