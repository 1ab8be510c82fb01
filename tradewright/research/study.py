"""A study with evidence from outside of the backtest: the look-ahead test and the gaps in the bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar_of
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.study import MetricsConfig, StudyResult, study
from tradewright.model.bars import Timeframe, Times
from tradewright.model.instrument import Instrument
from tradewright.model.strategy import Strategy
from tradewright.quality.anomalies import gap_findings, volume_findings
from tradewright.quality.bad_prints import bad_print_finding
from tradewright.quality.price_moves import price_findings
from tradewright.quality.report import Code
from tradewright.quality.rules import SHIPPED, QualityRules
from tradewright.research.bars import InstrumentBars

SUSPICIOUS = (Code.POSSIBLE_SPLIT, Code.UNIT_CHANGE, Code.BAD_PRINT, Code.CROSSED_QUOTES)
"""Findings on prices that put a backtest in doubt. A jump alone does not: companies report their earnings."""

Terms = Callable[[Instrument], BacktestSpec]
"""The terms of a backtest of one instrument; ``cash`` is the whole account's."""


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
    rules: QualityRules = SHIPPED,
) -> StudyResult:
    """Backtest a strategy on its instruments, and report.

    Args:
        cache: the folder of stored results.
        facts: shown at the head of the report.
        look_ahead: the results of the look-ahead test by instrument. Evidence on another strategy, other code or other
            bars than those of this study counts as none.
        rules: by which the bars are judged.

    Raises:
        ConfigError, DataError, StoreError: as :func:`tradewright.evaluation.study.study`.
    """
    made = look_ahead or {}
    return study(
        strategy,
        {symbol: item.bars for symbol, item in tables.items()},
        {symbol: terms(item.instrument) for symbol, item in tables.items()},
        measures,
        cache,
        evidence={
            symbol: evidence(strategy, item, timeframe, made.get(symbol), rules) for symbol, item in tables.items()
        },
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
    rules: QualityRules = SHIPPED,
) -> ValidityEvidence:
    """The look-ahead test's result and the gaps in the bars, measured on the instrument's own calendar."""
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
        bars=suspicious_bars(item, grid, rules),
        missing_bars=int(gaps.figures["missing"]) if gaps else 0,
        longest_gap_bars=int(gaps.figures["longest"]) if gaps else 0,
    )


def suspicious_bars(item: InstrumentBars, grid: Times, rules: QualityRules = SHIPPED) -> tuple[str, ...]:
    """The prices among these bars that look wrong, in the view that was read; each finding with its gravest place."""
    found = (
        *price_findings(item.bars, grid, rules),
        *bad_print_finding(item.bars, rules.bad_print),
        *volume_findings(item.bars),
    )
    return tuple(
        f"{item.instrument.symbol}: {row.message} ({row.code}, as at {row.examples[0]})"
        for row in found
        if row.code in SUSPICIOUS
    )
