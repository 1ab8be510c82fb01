"""Missing and unexpected bars against a calendar, those set aside, and anomalies of volumes, spreads, the security."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from tradewright.model.bars import Bars, Times
from tradewright.model.instrument import TickerSpan
from tradewright.quality.counted import EXAMPLES, counted, is_among, stamp_text
from tradewright.quality.report import Code, Finding, Severity
from tradewright.quality.thresholds import SHIPPED, Severities
from tradewright.store.dataset import Quarantine


def gap_findings(
    ts: Times, grid: Times, severities: Severities = SHIPPED.severities, aside: Iterable[Quarantine] = ()
) -> list[Finding]:
    """Compare bar starts with the starts of a complete history; both ascending, nanoseconds UTC.

    Only the span from the first to the last bar counts. A gap is a run of neighbouring grid slots without a bar. With
    no bars, or no grid in that span, there is nothing to find.

    Args:
        aside: the quarantines of these bars, or of shorter ones that they are made of; a slot that one of them reaches
            into is no gap.
    """
    if len(ts) == 0:
        return []
    slots = grid[np.searchsorted(grid, ts[0]) : np.searchsorted(grid, ts[-1], "right")]
    if np.array_equal(slots, ts):
        return []
    inside, outside = is_among(slots, ts), ~is_among(ts, slots)
    missing = ~inside
    for row in aside:
        first = np.searchsorted(slots, row.bars.first, "right") - 1  # the slot that holds the first of its bars
        missing[max(0, int(first)) : np.searchsorted(slots, row.bars.last, "right")] = False
    found = []
    if missing.any():
        found.append(_gaps(slots, missing, severities.gaps))
    if outside.any():
        found.append(_outside(ts, outside, severities.outside_session))
    return found


def quarantine_finding(
    rows: int, aside: Sequence[Quarantine], severity: Severity = SHIPPED.severities.quarantined
) -> list[Finding]:
    """The bars of a series that people set aside.

    Args:
        rows: the bars that are left.
        aside: the quarantines in force.
    """
    if not aside:
        return []
    total, newest = sum(row.bars.rows for row in aside), aside[::-1]
    return [
        Finding(
            code=Code.QUARANTINED,
            severity=severity,
            message=f"{total} of {total + rows} bars ({total / (total + rows):.1%}) are set aside",
            figures={"bars": total, "share": total / (total + rows), "acts": len(aside)},
            examples=tuple(
                f"{stamp_text(row.bars.first)} to {stamp_text(row.bars.last)}: {row.bars.rows} bars, by {row.actor}: "
                f"{row.reason}"
                for row in newest[:EXAMPLES]
            ),
        )
    ]


def _gaps(slots: Times, missing: np.ndarray, severity: Severity) -> Finding:
    starts = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(missing.astype(np.int8), append=0) == -1)
    lengths = ends - starts + 1
    order = np.argsort(-lengths, kind="stable")[:EXAMPLES]
    total, share = int(missing.sum()), float(missing.mean())
    longest = int(lengths.max())
    return Finding(
        code=Code.GAPS,
        severity=severity,
        message=f"{total} of {len(slots)} bars are missing ({share:.1%}): {len(starts)} gaps, the longest of {longest}",
        figures={
            "expected": len(slots),
            "missing": total,
            "gaps": len(starts),
            "share": share,
            "longest": longest,
            "longest_from": stamp_text(slots[starts[order[0]]]),
        },
        examples=tuple(f"{stamp_text(slots[starts[i]])}: {lengths[i]} bars" for i in order),
    )


def _outside(ts: Times, outside: np.ndarray, severity: Severity) -> Finding:
    total, share = int(outside.sum()), float(outside.mean())
    return Finding(
        code=Code.OUTSIDE_SESSION,
        severity=severity,
        message=f"{total} bars ({share:.1%}) start outside trading hours (extended hours, or a wrong calendar)",
        figures={"bars": total, "share": share},
        examples=tuple(stamp_text(value) for value in ts[outside][:EXAMPLES]),
    )


def volume_findings(bars: Bars, severities: Severities = SHIPPED.severities) -> list[Finding]:
    """Zero and unknown volumes, flat bars, unknown or crossed spreads, as counts and shares."""
    flat = (bars.high == bars.low) & (bars.open == bars.close)
    found = [
        counted(Code.ZERO_VOLUME, severities.zero_volume, "have no volume", bars, bars.volume == 0),
        counted(
            Code.UNKNOWN_VOLUME,
            severities.unknown_volume,
            "have an unknown volume: liquidity by volume is not known",
            bars,
            np.isnan(bars.volume),
        ),
        counted(Code.FLAT_BARS, severities.flat_bars, "are flat: one price all through", bars, flat),
        counted(
            Code.NO_SPREAD,
            severities.no_spread,
            "have no spread: the instrument's default is used",
            bars,
            np.isnan(bars.spread),
        ),
        counted(Code.CROSSED_QUOTES, severities.crossed_quotes, "have a bid above the ask", bars, bars.spread < 0),
    ]
    return [finding for finding in found if finding is not None]


def security_finding(
    bars: Bars,
    ticker: str,
    spans: Iterable[TickerSpan],
    zone: str = "America/New_York",
    severity: Severity = SHIPPED.severities.security_changed,
) -> list[Finding]:
    """Bars from days on which, by the symbol map, the security of today traded under another ticker, or not at all.

    Such bars belong to another security that used the ticker then: returns across the change mean nothing.

    Args:
        ticker: the one of the bars, in the words of the map.
        spans: oldest first; one without a ticker ends on the day before the security was listed.
        zone: whose midnights begin the days.
    """
    others, before = np.zeros(len(bars.ts), dtype=np.bool_), np.iinfo(np.int64).min
    last_other = None
    for span in spans:
        until = (pd.Timestamp(span.last) + pd.Timedelta(days=1)).tz_localize(zone).value
        if span.ticker.upper() != ticker.upper():
            others |= (bars.ts >= before) & (bars.ts < until)
            last_other = span.last
        before = until
    text = f"are of another security: the one of today does not trade as {ticker.upper()} on their days, last on"
    finding = counted(Code.SECURITY_CHANGED, severity, f"{text} {last_other}", bars, others)
    return [finding] if finding else []
