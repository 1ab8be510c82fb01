"""A study with evidence from outside of the backtest: the look-ahead test and the gaps in the bars."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar_of
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.study import MetricsConfig, StudyResult, study
from tradewright.model.bars import Bars, Timeframe, Times
from tradewright.model.instrument import Instrument
from tradewright.model.strategy import Strategy
from tradewright.quality.anomalies import gap_findings, volume_findings
from tradewright.quality.bad_prints import bad_print_finding
from tradewright.quality.price_moves import price_findings
from tradewright.quality.report import Code, Finding
from tradewright.quality.thresholds import SHIPPED, QualityRules
from tradewright.research.bars import BaseBars, InstrumentBars

SUSPICIOUS = (Code.POSSIBLE_SPLIT, Code.UNIT_CHANGE, Code.BAD_PRINT, Code.CROSSED_QUOTES)
"""Findings on prices that put a backtest in doubt. A jump alone does not: companies report their earnings."""

Terms = Callable[[InstrumentBars], BacktestSpec]
"""The terms of a backtest of one instrument on its bars; ``cash`` is the whole account's."""


def report(
    strategy: Strategy,
    tables: Mapping[str, InstrumentBars],
    timeframe: Timeframe,
    terms: Terms,
    measures: MetricsConfig,
    cache: Path,
    *,
    facts: Mapping[str, str],
    look_ahead: Mapping[str, LookAheadEvidence] | None = None,
    bases: Mapping[str, BaseBars] | None = None,
    rules: QualityRules = SHIPPED,
) -> StudyResult:
    """Backtest a strategy on its instruments, and report.

    Args:
        cache: the folder of stored results.
        facts: shown at the head of the report.
        look_ahead: the results of the look-ahead test by instrument. Evidence on another strategy, other code or other
            bars than those of this study counts as none.
        bases: the stored bars of the instruments whose bars are made of shorter ones; they are judged as well.
        rules: by which the bars are judged.

    Raises:
        ConfigError, DataError, StoreError: as :func:`tradewright.evaluation.study.study`.
    """
    made, shorter = look_ahead or {}, bases or {}
    seen = {
        symbol: evidence(strategy, item, timeframe, made.get(symbol), shorter.get(symbol), rules)
        for symbol, item in tables.items()
    }
    return study(
        strategy,
        {symbol: item.bars for symbol, item in tables.items()},
        {symbol: terms(item) for symbol, item in tables.items()},
        measures,
        cache,
        evidence=seen,
        facts=facts,
        days={symbol: session_days(item) for symbol, item in tables.items()},
    )


def session_days(item: InstrumentBars) -> Times:
    """The date of each bar's session by the instrument's calendar, in days since 1970."""
    return calendar_of(item.instrument).session_dates(item.bars.ts).astype(np.int64)


def first_and_last_day(item: InstrumentBars) -> tuple[date, date]:
    """The dates of the first and the last session; there must be bars."""
    first, last = calendar_of(item.instrument).session_dates(item.bars.ts[[0, -1]]).tolist()
    return first, last


def evidence(
    strategy: Strategy,
    item: InstrumentBars,
    timeframe: Timeframe,
    look_ahead: LookAheadEvidence | None,
    base: BaseBars | None = None,
    rules: QualityRules = SHIPPED,
) -> ValidityEvidence:
    """The look-ahead test's result and the gaps in the bars, measured on the instrument's own calendar.

    Args:
        base: the stored bars that these are made of; holes in them are findings of their own.
    """
    covered = look_ahead is not None and look_ahead.covers(strategy, item.data_hash)
    tested = look_ahead if covered else None
    known = ValidityEvidence(
        look_ahead_free=None if tested is None else tested.free,
        look_ahead="" if tested is None or tested.free else f"{item.instrument.symbol}, {tested.findings[0]}",
    )
    if len(item.bars.ts) == 0:
        return known
    grid = calendar_of(item.instrument).expected_starts(timeframe, item.bars.ts)
    gaps = next((finding for finding in gap_findings(item.bars.ts, grid) if finding.code is Code.GAPS), None)
    return replace(
        known,
        bars=(
            *suspicious_bars(item, grid, rules),
            *(suspicious_base(item.instrument, base, rules) if base else ()),
        ),
        missing_bars=int(gaps.figures["missing"]) if gaps else 0,
        longest_gap_bars=int(gaps.figures["longest"]) if gaps else 0,
    )


def suspicious_bars(item: InstrumentBars, grid: Times, rules: QualityRules = SHIPPED) -> tuple[str, ...]:
    """The prices among these bars that look wrong, in the view that was read; each finding with its gravest place."""
    return _told(f"{item.instrument.symbol}: ", _findings(item.bars, grid, rules), SUSPICIOUS)


def suspicious_base(instrument: Instrument, base: BaseBars, rules: QualityRules = SHIPPED) -> tuple[str, ...]:
    """The holes and the prices that look wrong among stored bars that longer ones are made of."""
    grid = calendar_of(instrument).expected_starts(base.timeframe, base.bars.ts)
    found = (*gap_findings(base.bars.ts, grid), *_findings(base.bars, grid, rules))
    return _told(f"{instrument.symbol}, of the {base.timeframe} bars it is made of: ", found, (*SUSPICIOUS, Code.GAPS))


def _findings(bars: Bars, grid: Times, rules: QualityRules) -> tuple[Finding, ...]:
    return (
        *price_findings(bars, grid, rules),
        *bad_print_finding(bars, rules.bad_print),
        *volume_findings(bars),
    )


def _told(head: str, found: Iterable[Finding], codes: Collection[Code]) -> tuple[str, ...]:
    return tuple(f"{head}{row.message} ({row.code}, as at {row.examples[0]})" for row in found if row.code in codes)
