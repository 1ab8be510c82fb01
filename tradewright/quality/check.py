"""All checks of one series in one call."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
import pandas as pd

from tradewright.model.bar_rules import bars_of, intact
from tradewright.model.bars import BarKind, Bars, Timeframe, Times
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument, TickerSpan
from tradewright.quality.agreement import OtherBars, agreeing, agreement_finding
from tradewright.quality.anomalies import gap_findings, quarantine_finding, security_finding, volume_findings
from tradewright.quality.bad_prints import bad_print_finding
from tradewright.quality.pandera_schema import explain
from tradewright.quality.price_moves import price_findings
from tradewright.quality.report import Code, Finding, QualityReport, Severity
from tradewright.quality.stale_runs import stale_finding
from tradewright.quality.thresholds import SHIPPED, QualityRules, Severities
from tradewright.store.dataset import Quarantine

_ORDER = list(Severity)
MAPPED = "lean"
"""The source whose tickers the symbol maps tell."""


def check_bars(
    frame: pd.DataFrame,
    instrument: Instrument,
    timeframe: Timeframe,
    *,
    now: datetime,
    grid: Times | None = None,
    symbol_map: Iterable[TickerSpan] = (),
    adjusted: Bars | None = None,
    rules: QualityRules = SHIPPED,
    aside: Sequence[Quarantine] = (),
    of_base: Sequence[Quarantine] = (),
    others: Sequence[OtherBars] = (),
    kind: BarKind = BarKind.TRADE,
) -> QualityReport:
    """Check a bars table.

    A fast pass decides whether the contract holds; Pandera explains where it does not, and then the figures about gaps
    and quirks are left out, because they would be about broken bars. No bars at all block.

    Args:
        now: the present; a bar that starts later blocks.
        grid: the starts of a complete history (``Calendar.grid``); None leaves out what needs a calendar.
        symbol_map: the tickers of the security, oldest first (``Actions.symbol_map``).
        rules: thresholds and severities.
        adjusted: the same bars adjusted for the splits that are known, which then are no jumps; None where none are.
        aside: the quarantines in force of these bars.
        of_base: those of the shorter bars that these are made of.
        others: other bars of the same market. A price that a second source has too is no bad print.
        kind: of the bars; a spread that is unknown or below zero weighs more in quotes, where fills are priced by it.
    """
    set_aside = quarantine_finding(len(frame), aside, rules.severities.quarantined)
    if len(frame) == 0:
        none = Finding(code=Code.NO_BARS, severity=Severity.BLOCK, message="there are no bars", figures={"bars": 0})
        return _report(instrument, timeframe, frame, [none, *set_aside])
    if not _sound(frame, timeframe, now, instrument.negative_prices):
        broken = explain(frame, timeframe, now, negative_prices=instrument.negative_prices)
        return _report(instrument, timeframe, frame, [*broken, *set_aside])
    bars = bars_of(frame)
    found = price_findings(bars if adjusted is None else adjusted, grid, rules)
    seconds, least = [each for each in others if each.code is Code.SOURCES_DISAGREE], rules.agreement.least_difference
    confirmed = [agreeing(bars, each, least) for each in seconds]
    found += [*bad_print_finding(bars, rules.bad_print, confirmed), *stale_finding(bars, grid, rules)]
    grade, ticker = severities_of(bars, rules, kind), instrument.ticker(MAPPED)
    found += volume_findings(bars, grade)
    found += security_finding(bars, ticker, symbol_map, severity=grade.security_changed)
    found += [row for each in others for row in agreement_finding(bars, each, rules)]
    found += gap_findings(bars.ts, grid, grade, (*aside, *of_base)) if grid is not None else []
    return _report(instrument, timeframe, frame, [*found, *set_aside])


def severities_of(bars: Bars, rules: QualityRules, kind: BarKind) -> Severities:
    """The severities for a kind: of quotes, unknown spreads are told, and crossed bars among the newest block."""
    grade = rules.severities
    if kind is BarKind.TRADE:
        return grade
    told = Severity.WARN if grade.no_spread is Severity.INFO else grade.no_spread
    crossed = bool(np.any(bars.spread[-rules.watched_bars :] < 0.0))
    return grade.model_copy(
        update={"no_spread": told, "crossed_quotes": Severity.BLOCK if crossed else grade.crossed_quotes}
    )


def _sound(frame: pd.DataFrame, timeframe: Timeframe, now: datetime, negative_prices: bool) -> bool:
    try:
        bars = bars_of(frame)
    except DataError:
        return False
    if any(frame[name].dtype != np.float64 for name in frame if name in bars._fields[1:]):
        return False
    return intact(bars, timeframe, negative_prices=negative_prices) and bool(bars.ts[-1] <= pd.Timestamp(now).value)


def _report(instrument: Instrument, timeframe: Timeframe, frame: pd.DataFrame, found: list[Finding]) -> QualityReport:
    findings = tuple(sorted(found, key=lambda finding: _ORDER.index(finding.severity)))
    return QualityReport(instrument=instrument.symbol, timeframe=timeframe, rows=len(frame), findings=findings)
