"""A study with evidence from outside of the backtest: the look-ahead test and the gaps in the bars."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TypedDict, cast

import numpy as np

from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar_of
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.shared_study import shared_study
from tradewright.evaluation.study import CountTrials, MetricsConfig, StudyResult, study
from tradewright.model.allocation import Allocation, is_allocation, needs_shared_account
from tradewright.model.bars import BarKind, Bars, Timeframe, Times
from tradewright.model.instrument import Instrument
from tradewright.model.strategy import Strategy
from tradewright.quality.anomalies import gap_findings, volume_findings
from tradewright.quality.bad_prints import bad_print_finding
from tradewright.quality.check import severities_of
from tradewright.quality.price_moves import price_findings
from tradewright.quality.report import Code, Finding
from tradewright.quality.score import score, score_text
from tradewright.quality.thresholds import SHIPPED, QualityRules
from tradewright.research.bars import BaseBars, InstrumentBars

SUSPICIOUS = (Code.POSSIBLE_SPLIT, Code.UNIT_CHANGE, Code.BAD_PRINT, Code.CROSSED_QUOTES)
"""Findings on prices that put a backtest in doubt. A jump alone does not: companies report their earnings."""

SHOWN = 5
"""Scores that the report lists."""

Terms = Callable[[InstrumentBars], BacktestSpec]
"""The terms of a backtest of one instrument on its bars; ``cash`` is the whole account's."""


OtherSeries = tuple[InstrumentBars, Timeframe]
"""Bars of a longer timeframe or of another instrument, as a strategy reads them."""


def report(
    strategy: Strategy | Allocation,
    tables: Mapping[str, InstrumentBars],
    timeframe: Timeframe,
    terms: Terms,
    measures: MetricsConfig,
    cache: Path,
    *,
    facts: Mapping[str, str],
    count: CountTrials,
    look_ahead: Mapping[str, LookAheadEvidence] | None = None,
    bases: Mapping[str, BaseBars] | None = None,
    others: Mapping[str, Sequence[OtherSeries]] | None = None,
    rules: QualityRules = SHIPPED,
    shared: SharedAccount | None = None,
) -> StudyResult:
    """Backtest a strategy on its instruments, and report.

    Args:
        shared: the terms of one account for all instruments; None splits the cash. An allocation needs one.
        cache: the folder of stored results.
        facts: shown at the head of the report.
        count: records the trial.
        look_ahead: the results of the look-ahead test by instrument. Evidence on another strategy, other code or other
            bars than those of this study counts as none.
        bases: the stored bars of the instruments whose bars are made of shorter ones; they are judged as well.
        others: what the strategy reads beside the bars of an instrument; it is judged as well.
        rules: by which the bars are judged.

    Raises:
        ConfigError, DataError, StoreError: as :func:`tradewright.evaluation.study.study`.
    """
    made, shorter, beside = look_ahead or {}, bases or {}, others or {}
    judged = {
        symbol: _judged(strategy, item, timeframe, made.get(symbol), shorter.get(symbol), rules)
        for symbol, item in tables.items()
    }
    seen = {symbol: _with_others(found, symbol, beside.get(symbol, ()), rules) for symbol, (found, _) in judged.items()}
    bars = {symbol: item.bars for symbol, item in tables.items()}
    specs = {symbol: terms(item) for symbol, item in tables.items()}
    known: Known = {
        "count": count,
        "evidence": seen,
        "facts": {**facts, **_scores({symbol: each for symbol, (_seen, each) in judged.items() if each is not None})},
        "days": {symbol: session_days(item) for symbol, item in tables.items()},
        "data": {symbol: item.data_hash for symbol, item in tables.items()},
    }
    if shared is not None:
        return shared_study(strategy, bars, specs, shared, measures, cache, **known)
    if is_allocation(strategy):
        raise needs_shared_account(strategy.name)
    return study(cast("Strategy", strategy), bars, specs, measures, cache, **known)


class Known(TypedDict):
    """What both kinds of studies are told beside the terms."""

    count: CountTrials
    evidence: dict[str, ValidityEvidence]
    facts: dict[str, str]
    days: dict[str, Times]
    data: dict[str, str]


def session_days(item: InstrumentBars) -> Times:
    """The date of each bar's session by the instrument's calendar, in days since 1970."""
    return calendar_of(item.instrument).session_dates(item.bars.ts).astype(np.int64)


def first_and_last_day(item: InstrumentBars) -> tuple[date, date]:
    """The dates of the first and the last session; there must be bars."""
    first, last = calendar_of(item.instrument).session_dates(item.bars.ts[[0, -1]]).tolist()
    return first, last


def evidence(
    strategy: Strategy | Allocation,
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
    return _judged(strategy, item, timeframe, look_ahead, base, rules)[0]


def _judged(
    strategy: Strategy | Allocation,
    item: InstrumentBars,
    timeframe: Timeframe,
    look_ahead: LookAheadEvidence | None,
    base: BaseBars | None,
    rules: QualityRules,
) -> tuple[ValidityEvidence, float | None]:
    """The evidence on an instrument, and the score of its bars; None without bars."""
    covered = look_ahead is not None and look_ahead.covers(strategy, item.data_hash)
    tested = look_ahead if covered else None
    known = ValidityEvidence(
        look_ahead_free=None if tested is None else tested.free,
        look_ahead="" if tested is None or tested.free else f"{item.instrument.symbol}, {tested.findings[0]}",
        parameters=len(strategy.parameters()),
    )
    if len(item.bars.ts) == 0:
        return known, None
    grid = calendar_of(item.instrument).expected_starts(timeframe, item.bars.ts)
    found = (*gap_findings(item.bars.ts, grid, rules.severities), *_findings(item.in_one_unit, item.kind, grid, rules))
    of_base = _base_findings(item, base, rules) if base else ()
    doubted = SUSPICIOUS if item.kind is BarKind.TRADE else (*SUSPICIOUS, Code.NO_SPREAD)
    gaps = next((finding for finding in found if finding.code is Code.GAPS), None)
    seen = replace(
        known,
        bars=(*_told(f"{item.instrument.symbol}: ", found, doubted), *_told_of_base(item.instrument, base, of_base)),
        missing_bars=int(gaps.figures["missing"]) if gaps else 0,
        longest_gap_bars=int(gaps.figures["longest"]) if gaps else 0,
    )
    return seen, score((*found, *of_base))


def _with_others(
    seen: ValidityEvidence, symbol: str, others: Iterable[OtherSeries], rules: QualityRules
) -> ValidityEvidence:
    """The evidence on an instrument with the holes and doubtful prices of what is read beside its bars."""
    told: list[str] = []
    for item, timeframe in others:
        found = _base_findings(item, BaseBars(timeframe, item.bars), rules)
        head = f"{symbol}, of the {timeframe} bars of {item.instrument.symbol} that it reads: "
        told += _told(head, found, (*SUSPICIOUS, Code.GAPS))
    return replace(seen, bars=(*seen.bars, *told))


def _base_findings(item: InstrumentBars, base: BaseBars, rules: QualityRules) -> tuple[Finding, ...]:
    """The holes and the findings on prices and volumes of stored bars that longer ones are made of."""
    grid = calendar_of(item.instrument).expected_starts(base.timeframe, base.bars.ts)
    return (*gap_findings(base.bars.ts, grid, rules.severities), *_findings(base.bars, item.kind, grid, rules))


def _told_of_base(instrument: Instrument, base: BaseBars | None, found: Iterable[Finding]) -> tuple[str, ...]:
    made_of = f", of the {base.timeframe} bars it is made of" if base else ""
    return _told(f"{instrument.symbol}{made_of}: ", found, (*SUSPICIOUS, Code.GAPS))


def _scores(scores: Mapping[str, float]) -> dict[str, str]:
    """The score of the bars of each instrument as a line of the report, the lowest first; no line without bars."""
    named = [f"{symbol} {score_text(each)}" for symbol, each in sorted(scores.items(), key=lambda pair: pair[1])]
    more = [f"{len(named) - SHOWN} more"] if len(named) > SHOWN else []
    return {"score of the bars": ", ".join((*named[:SHOWN], *more))} if named else {}


def _findings(bars: Bars, kind: BarKind, grid: Times, rules: QualityRules) -> tuple[Finding, ...]:
    return (
        *price_findings(bars, grid, rules),
        *bad_print_finding(bars, rules.bad_print),
        *volume_findings(bars, severities_of(bars, rules, kind)),
    )


def _told(head: str, found: Iterable[Finding], codes: Collection[Code]) -> tuple[str, ...]:
    return tuple(f"{head}{row.message} ({row.code}, as at {row.examples[0]})" for row in found if row.code in codes)
