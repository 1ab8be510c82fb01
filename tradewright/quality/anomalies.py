"""Missing and unexpected bars against a calendar, and anomalies of prices, volumes and the security."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from tradewright.model.bar_rules import Mask
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.instrument import TickerSpan
from tradewright.quality.report import Code, Figure, Finding, Severity, places_of


def gap_findings(ts: Times, grid: Times) -> list[Finding]:
    """Compare bar starts with the starts of a complete history; both ascending, nanoseconds UTC.

    Only the span from the first to the last bar counts. A gap is a run of neighbouring grid slots without a bar. With
    no bars, or no grid in that span, there is nothing to find.
    """
    if len(ts) == 0:
        return []
    slots = grid[(grid >= ts[0]) & (grid <= ts[-1])]
    missing = ~np.isin(slots, ts, assume_unique=True)
    outside = ~np.isin(ts, slots, assume_unique=True)
    found = []
    if missing.any():
        found.append(_gaps(slots, missing))
    if outside.any():
        found.append(_outside(ts, outside))
    return found


def _gaps(slots: Times, missing: np.ndarray) -> Finding:
    starts = np.flatnonzero(np.diff(missing.astype(np.int8), prepend=0) == 1)
    ends = np.flatnonzero(np.diff(missing.astype(np.int8), append=0) == -1)
    lengths = ends - starts + 1
    order = np.argsort(-lengths, kind="stable")[:_EXAMPLES]
    total, share = int(missing.sum()), float(missing.mean())
    longest = int(lengths.max())
    return Finding(
        code=Code.GAPS,
        severity=Severity.WARN,
        message=f"{total} of {len(slots)} bars are missing ({share:.1%}): {len(starts)} gaps, the longest of {longest}",
        figures={
            "expected": len(slots),
            "missing": total,
            "gaps": len(starts),
            "share": share,
            "longest": longest,
            "longest_from": _text(slots[starts[order[0]]]),
        },
        examples=tuple(f"{_text(slots[starts[i]])}: {lengths[i]} bars" for i in order),
    )


def _outside(ts: Times, outside: np.ndarray) -> Finding:
    total, share = int(outside.sum()), float(outside.mean())
    return Finding(
        code=Code.OUTSIDE_SESSION,
        severity=Severity.INFO,
        message=f"{total} bars ({share:.1%}) start outside trading hours (extended hours, or a wrong calendar)",
        figures={"bars": total, "share": share},
        examples=tuple(_text(value) for value in ts[outside][:_EXAMPLES]),
    )


def _text(ns: np.int64) -> str:
    return pd.Timestamp(int(ns), tz="UTC").isoformat()


_EXAMPLES = 5
_JUMP_DEVIATIONS = 12.0
_LEAST_JUMP = 0.05
_SPLIT_RATIOS = (1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 15.0, 20.0, 25.0, 50.0, 100.0)
_SPLIT_TOLERANCE = 0.04
_SURE_SPLIT = 7.5
_LONGEST_HOLE = 20
_MAD_TO_DEVIATION = 1.4826


def volume_findings(bars: Bars) -> list[Finding]:
    """Zero and unknown volumes, flat bars, unknown or crossed spreads, as counts and shares."""
    flat = (bars.high == bars.low) & (bars.open == bars.close)
    found = [
        _counted(Code.ZERO_VOLUME, Severity.INFO, "have no volume", bars, bars.volume == 0),
        _counted(
            Code.UNKNOWN_VOLUME,
            Severity.INFO,
            "have an unknown volume: liquidity by volume is not known",
            bars,
            np.isnan(bars.volume),
        ),
        _counted(Code.FLAT_BARS, Severity.INFO, "are flat: one price all through", bars, flat),
        _counted(
            Code.NO_SPREAD,
            Severity.INFO,
            "have no spread: the instrument's default is used",
            bars,
            np.isnan(bars.spread),
        ),
        _counted(Code.CROSSED_QUOTES, Severity.WARN, "have a bid above the ask", bars, bars.spread < 0),
    ]
    return [finding for finding in found if finding is not None]


def price_findings(bars: Bars, grid: Times | None = None) -> list[Finding]:
    """Jumps and possible splits; see :func:`tradewright.quality.bad_prints.bad_print_finding` for single prices.

    The yardstick is the robust deviation (1.4826 x median absolute deviation) of close-to-close log returns. A jump is
    beyond 12 of it and 5 %; across missing bars the limit grows by the square root of the steps, as a random walk
    does. A possible split is an opening gap within 4 % of a usual ratio, or of 7.5 and more, that the bar's close
    keeps, with at most 20 bars missing before it. Prices at or below zero, and fewer than three bars, have no such
    findings.

    Args:
        bars: as traded, or adjusted for the splits that are known: those then explain themselves.
        grid: the starts of a complete history; None takes every bar for the next one.
    """
    if len(bars.ts) < 3 or np.any(bars.low <= 0):
        return []
    returns, steps = np.diff(np.log(bars.close)), _steps(bars.ts, grid)
    limit = max(_JUMP_DEVIATIONS * _deviation(returns), _LEAST_JUMP)
    jumps = np.append(False, np.abs(returns) > limit * np.sqrt(steps))
    splits, ratios = _splits(bars)
    splits[1:] &= steps <= _LONGEST_HOLE
    found = [
        _counted(
            Code.JUMPS,
            Severity.WARN,
            f"close more than {np.expm1(limit):.1%} away from the one before",
            bars,
            jumps,
            _moves(bars),
        ),
        _counted(Code.POSSIBLE_SPLIT, Severity.WARN, "open as after a split", bars, splits, ratios),
    ]
    return [finding for finding in found if finding is not None]


def _steps(ts: Times, grid: Times | None) -> Floats:
    """How many slots of the grid lie from each bar to the next, at least 1."""
    if grid is None:
        return np.ones(len(ts) - 1)
    return np.maximum(np.diff(np.searchsorted(grid, ts)), 1).astype(np.float64)


def security_finding(
    bars: Bars, symbol: str, spans: Iterable[TickerSpan], zone: str = "America/New_York"
) -> list[Finding]:
    """Bars from days on which, by the symbol map, the security of today traded under another ticker.

    Such bars belong to another security that used the ticker before: returns across the change mean nothing.
    """
    others, before = np.zeros(len(bars.ts), dtype=np.bool_), np.iinfo(np.int64).min
    last_other = None
    for span in spans:
        until = (pd.Timestamp(span.last) + pd.Timedelta(days=1)).tz_localize(zone).value
        if span.ticker.upper() != symbol.upper():
            others |= (bars.ts >= before) & (bars.ts < until)
            last_other = span.last
        before = until
    finding = _counted(
        Code.SECURITY_CHANGED,
        Severity.WARN,
        f"are of another security: {symbol} changed hands, last on {last_other}",
        bars,
        others,
    )
    return [finding] if finding else []


def _counted(
    code: Code, severity: Severity, what: str, bars: Bars, rows: Mask, details: Floats | None = None
) -> Finding | None:
    total = int(rows.sum())
    if total == 0:
        return None
    where = np.flatnonzero(rows)
    if details is not None:
        where = where[np.argsort(-np.abs(details[where]), kind="stable")]
    figures: dict[str, Figure] = {"bars": total, "share": total / len(rows)}
    if code is Code.POSSIBLE_SPLIT:
        figures |= places_of(bars, rows)
    if details is not None:
        figures["largest"] = float(details[where[0]])
    examples = tuple(_example(bars.ts, row, details) for row in where[:_EXAMPLES])
    message = f"{total} of {len(rows)} bars ({total / len(rows):.1%}) {what}"
    return Finding(code=code, severity=severity, message=message, figures=figures, examples=examples)


def _example(ts: Times, row: np.int64, details: Floats | None) -> str:
    text = pd.Timestamp(int(ts[row]), tz="UTC").isoformat()
    return text if details is None else f"{text}: {details[row]:+.3f}"


def _moves(bars: Bars) -> Floats:
    """Close-to-close returns as fractions, 0 for the first bar."""
    return np.append(0.0, bars.close[1:] / bars.close[:-1] - 1)


def _deviation(returns: Floats) -> float:
    return float(_MAD_TO_DEVIATION * np.median(np.abs(returns - np.median(returns))))


def _splits(bars: Bars) -> tuple[Mask, Floats]:
    """Where a bar opens at the ratio of a split to the close before and closes near its open; with that ratio."""
    gap = np.append(1.0, bars.close[:-1] / bars.open[1:])
    size = np.maximum(gap, 1 / gap)
    near = np.min(np.abs(np.log(size)[:, None] - np.log(_SPLIT_RATIOS)[None, :]), axis=1) < _SPLIT_TOLERANCE
    near |= size >= _SURE_SPLIT
    kept = np.abs(np.log(bars.close / bars.open)) < np.log(size) / 3
    return near & kept, gap
