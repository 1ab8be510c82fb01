"""One stored series as the quality page shows it: score, findings with places, days, prices, what is set aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from app.operations.data_quality import FindingLine, SeriesFindings, judged_series, series_findings
from app.operations.formatting import local, refusal_text
from app.operations.monitor_view import Row
from app.operations.quality_charts import calendar_figure, price_figure, score_figure
from app.operations.quarantine import QuarantineRow, quarantines
from app.output import printable
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.calendars.registry import calendar_of
from tradewright.evaluation.formatting import MetricRow, count
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.errors import TradewrightError
from tradewright.quality.coverage import DailyCoverage, daily_coverage
from tradewright.quality.report import Severity
from tradewright.quality.score import score_text

if TYPE_CHECKING:
    import plotly.graph_objects as go

HISTORY = 60
"""Recorded checks whose scores are drawn."""


@dataclass(frozen=True)
class QualityView:
    """A series, ready for display; with ``problem`` nothing else is known.

    Args:
        tiles: score, newest check, bars, findings, what is set aside.
        findings: gravest first.
        places: every place of a finding whose bar is named, gravest first; none of mere properties of the source.
        aside: the quarantines, newest first.
        years: those of the calendar, newest first.
    """

    problem: str = ""
    tiles: tuple[MetricRow, ...] = ()
    findings: tuple[Row, ...] = ()
    places: tuple[Row, ...] = ()
    aside: tuple[Row, ...] = ()
    years: tuple[str, ...] = ()
    line: str = ""
    series: SeriesFindings | None = None
    bars: Bars | None = None
    coverage: DailyCoverage | None = None
    quarantines: tuple[QuarantineRow, ...] = ()

    @cached_property
    def history(self) -> go.Figure:
        """The scores on record."""
        recorded = self.series.recorded[::-1] if self.series else ()
        return score_figure([(row.at, row.score) for row in recorded])

    def calendar(self, year: str | None) -> go.Figure:
        """The days of a year, by how many of their bars are there."""
        return calendar_figure(self.coverage, year)

    def prices(self, year: str | None) -> go.Figure:
        """The closes of a year, with the bars of findings and the spans that are set aside."""
        marks = [(pd.Timestamp(row["bar"]), f"{row['finding']}: {row['what']}") for row in self.places]
        aside = [(row.first, row.last) for row in self.quarantines if row.released_at is None]
        return price_figure(self.bars, year, marks, aside)


def series_names(settings: Settings) -> tuple[list[str], str]:
    """The series that can be chosen, as ``BTC 1m``, those that orders look at first, and why there are none."""
    universe = settings.universe
    try:
        with Container(settings) as house:
            found = sorted(
                judged_series(house),
                key=lambda each: (each[1] is not universe.timeframe, each[0] not in universe.instruments, *each),
            )
            names = [f"{symbol} {timeframe}" for symbol, timeframe in found]
    except (TradewrightError, OSError) as error:
        return [], printable(refusal_text(error))
    return names, "" if names else "no bars are stored: tradewright import brings files"


def key_of(name: str) -> tuple[str, Timeframe]:
    """The instrument and the timeframe of a name such as ``BTC 1m``."""
    symbol, _, timeframe = name.rpartition(" ")
    return symbol, Timeframe(timeframe)


def quality_view(settings: Settings, name: str) -> QualityView:
    """Judge a series now; a refusal comes back as text."""
    try:
        with Container(settings) as house:
            return _view(house, *key_of(name))
    except (TradewrightError, OSError) as error:
        return QualityView(problem=printable(refusal_text(error)))


def _view(house: Container, symbol: str, timeframe: Timeframe) -> QualityView:
    found = series_findings(house, symbol, timeframe, everything=True, kept=HISTORY)
    bars, market = house.bars.read_bars(symbol, timeframe), calendar_of(house.instrument(symbol))
    grid = market.expected_starts(timeframe, bars.ts)
    coverage = daily_coverage(bars.ts, grid, market.session_dates(grid))
    aside, tz = quarantines(house, symbol, timeframe), house.settings.base.tz
    blocking = sum(row.severity == Severity.BLOCK for row in found.findings)
    return QualityView(
        tiles=_tiles(found, coverage, aside, blocking),
        findings=tuple(_finding(row) for row in found.findings),
        places=tuple(place for row in found.findings if row.severity != Severity.INFO for place in _places(row)),
        aside=tuple(_aside(row, tz) for row in aside[::-1]),
        years=tuple(str(year) for year in np.unique(coverage.days.astype("datetime64[Y]"))[::-1]),
        line=f"score {score_text(found.score)} bars {found.rows} findings {len(found.findings)} blocking {blocking}",
        series=found,
        bars=bars,
        coverage=coverage,
        quarantines=aside,
    )


def _tiles(
    found: SeriesFindings, coverage: DailyCoverage, aside: Sequence[QuarantineRow], blocking: int
) -> tuple[MetricRow, ...]:
    before = next((score_text(row.score) for row in found.recorded), "none")
    whole = int((coverage.share == 1).sum())
    held = [row for row in aside if row.released_at is None]
    return (
        MetricRow("Score", score_text(found.score), f"of 100; on record {before}"),
        MetricRow("Newest check", found.state, "entries pass" if found.state == "passed" else "entries are refused"),
        MetricRow("Bars", f"{found.rows:,}", f"{found.instrument} {found.timeframe}"),
        MetricRow("Whole days", f"{whole:,} of {len(coverage.days):,}", "all expected bars are there"),
        MetricRow("Findings", str(len(found.findings)), f"{blocking} keep entries back"),
        MetricRow("Set aside", f"{sum(row.rows for row in held):,}", f"bars, by {count(len(held), 'act')}"),
    )


def _finding(row: FindingLine) -> Row:
    return {
        "severity": row.severity,
        "finding": row.code,
        "what": printable(row.message),
        "such as": printable(next(iter(row.examples), "")),
    }


def _places(row: FindingLine) -> Iterator[Row]:
    """The places of a finding that begin with the start of a bar."""
    for example in row.examples:
        stamp, _, what = example.partition(": ")
        try:
            datetime.fromisoformat(stamp)
        except ValueError:
            continue
        yield {"severity": row.severity, "finding": row.code, "bar": stamp, "what": printable(what or row.message)}


def _aside(row: QuarantineRow, tz: str) -> Row:
    return {
        "number": str(row.number),
        "first": f"{row.first:%Y-%m-%dT%H:%M:%S+00:00}",
        "last": f"{row.last:%Y-%m-%dT%H:%M:%S+00:00}",
        "bars": f"{row.rows:,}",
        "since": local(row.at, tz),
        "by": printable(row.actor),
        "why": printable(row.reason),
        "released": "" if row.released_at is None else local(row.released_at, tz),
    }
