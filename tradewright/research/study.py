"""A study with evidence from outside of the backtest: the look-ahead test and the gaps in the bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from tradewright.backtest.lookahead import NEWEST_BARS, LookAhead, look_ahead
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.study import MetricsConfig, StudyResult, study
from tradewright.model.bar_rules import select
from tradewright.model.bars import Timeframe
from tradewright.model.instrument import Instrument
from tradewright.model.strategy import Strategy
from tradewright.quality.anomalies import gap_findings
from tradewright.quality.report import Code
from tradewright.research.bars import InstrumentBars

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
    look_ahead_free: bool | None = None,
) -> StudyResult:
    """Backtest a strategy on its instruments, and report.

    Args:
        cache: the folder of stored results.
        facts: shown at the head of the report.
        look_ahead_free: the result of the look-ahead test; None where it was not made.

    Raises:
        ConfigError, DataError, StoreError: as :func:`tradewright.evaluation.study.study`.
    """
    return study(
        strategy,
        {symbol: item.bars for symbol, item in tables.items()},
        {symbol: terms(item.instrument) for symbol, item in tables.items()},
        measures,
        cache,
        evidence={symbol: evidence(item, timeframe, look_ahead_free) for symbol, item in tables.items()},
        facts=facts,
    )


def evidence(item: InstrumentBars, timeframe: Timeframe, look_ahead_free: bool | None) -> ValidityEvidence:
    """The look-ahead test's result and the gaps in the bars, measured on the instrument's own calendar."""
    if len(item.bars.ts) == 0:
        return ValidityEvidence(look_ahead_free=look_ahead_free)
    first, last = (pd.Timestamp(int(stamp), tz="UTC") for stamp in (item.bars.ts[0], item.bars.ts[-1]))
    grid = calendar(item.instrument.calendar).grid(timeframe, first, last)
    gaps = next((finding for finding in gap_findings(item.bars.ts, grid) if finding.code is Code.GAPS), None)
    return ValidityEvidence(
        look_ahead_free=look_ahead_free,
        missing_bars=int(gaps.figures["missing"]) if gaps else 0,
        longest_gap_bars=int(gaps.figures["longest"]) if gaps else 0,
    )


def look_ahead_findings(strategy: Strategy, tables: Mapping[str, InstrumentBars]) -> tuple[LookAhead, ...]:
    """The look-ahead test of a strategy on the newest bars of its first instrument; empty is the good result."""
    bars = next(iter(tables.values())).bars
    return look_ahead(strategy, select(bars, slice(-NEWEST_BARS, None)))
