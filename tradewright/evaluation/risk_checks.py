"""Checks of what holding the strategy would have felt like: drawdowns, idleness, the benchmark, what is still open."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import numpy as np

from tradewright.evaluation.drawdown import longest_span, underwater
from tradewright.evaluation.finding import Case, Finding, Severity
from tradewright.evaluation.sampling import DAY_NS
from tradewright.evaluation.words import count, money, percent


def benchmark(case: Case) -> Iterator[Finding]:
    """Whether the strategy did better than buying and holding the same instrument."""
    held = case.benchmark
    if len(held) < 2:
        return
    passive, active = float(held[-1]) / case.result.initial_cash - 1.0, case.metrics.total_return
    passive_fall = float(underwater(held).min())
    message = (
        f"The strategy returned {percent(active)} with a drawdown of {percent(case.metrics.bar_drawdown)},"
        f" buy and hold {percent(passive)} with {percent(passive_fall)}."
    )
    if active > passive:
        yield Finding("BENCHMARK_BEATEN", Severity.INFO, message)
    else:
        yield Finding("BENCHMARK_NOT_BEATEN", Severity.WARNING, message)


def deep_drawdown(case: Case) -> Iterator[Finding]:
    """The account fell far below its peak."""
    fall = case.metrics.bar_drawdown
    if fall <= case.limits.deep_drawdown:
        back = -fall / (1.0 + fall) if fall > -1 else None
        cure = f"; it takes a gain of {percent(back, 0)} to come back" if back is not None else ""
        message = f"The account fell {percent(-fall)} below its peak{cure}."
        yield Finding("DEEP_DRAWDOWN", Severity.WARNING, message)


def long_drawdown(case: Case) -> Iterator[Finding]:
    """The account stood below an earlier peak for a long time."""
    start, stop = longest_span(underwater(np.concatenate(([case.result.initial_cash], case.result.equity)))[1:] < 0)
    if stop == start:
        return
    ts = case.result.bars.ts
    days = float(ts[min(stop, len(ts) - 1)] - ts[start]) / DAY_NS
    if days >= case.limits.long_drawdown_days:
        ending = "and had not come back at the end" if stop == len(ts) else "before it came back"
        since = _day(int(ts[start]))
        message = f"The account stood under water for {count(round(days), 'day')} from {since} on {ending}."
        yield Finding("LONG_DRAWDOWN", Severity.WARNING, message)


def open_position(case: Case) -> Iterator[Finding]:
    """A position is still open at the end, so part of the result is on paper."""
    result = case.result
    if len(result.position) == 0 or result.position[-1] == 0:
        return
    value = float(result.equity[-1] - result.cash[-1])
    on_paper = case.metrics.net_profit - float(result.trades["profit"].sum())
    message = (
        f"A position worth {money(value)} is still open;"
        f" {money(on_paper)} of the net profit of {money(case.metrics.net_profit)} is on paper."
    )
    yield Finding("POSITION_LEFT_OPEN", Severity.INFO, message)


def low_exposure(case: Case) -> Iterator[Finding]:
    """The strategy is hardly ever in the market."""
    if case.metrics.fills and case.metrics.exposure < case.limits.low_exposure:
        message = f"A position was held on {percent(case.metrics.exposure)} of the bars only."
        yield Finding("LOW_EXPOSURE", Severity.INFO, message)


def flat_stretch(case: Case) -> Iterator[Finding]:
    """One long stretch without any position."""
    start, stop = longest_span(case.result.position == 0)
    bars = case.metrics.bars
    if case.metrics.fills and stop - start >= case.limits.flat_share * bars:
        when = f"{_day(int(case.result.bars.ts[start]))} to {_day(int(case.result.bars.ts[stop - 1]))}"
        message = f"No position was held for {count(stop - start, 'bar')} of {bars:,} in a row ({when})."
        yield Finding("LONG_FLAT_STRETCH", Severity.INFO, message)


def _day(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, tz=UTC).date().isoformat()
