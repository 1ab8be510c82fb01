"""Backtests, as the command line and the lab ask for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from conf.schema.settings import Settings
from runtime.container import Container
from runtime.exchange_rates import account_currency
from runtime.research import symbols, timeframe
from runtime.study import known_text, run_study
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.calendars.registry import calendar_of
from tradewright.evaluation.equity_curve import Sampling, periods_per_year
from tradewright.evaluation.formatting import QUANTITY_DIGITS
from tradewright.evaluation.study import StudyResult
from tradewright.model.bars import BarKind
from tradewright.model.errors import DataError
from tradewright.store.bars import Coverage
from tradewright.store.files import write_bytes

LOOK_AHEAD = "LOOK_AHEAD"
"""The finding that makes a backtest void."""


@dataclass(frozen=True)
class FillLine:
    """One fill as people read it."""

    ts: str
    instrument: str
    side: str
    qty: float
    price: float
    fee: float


@dataclass(frozen=True)
class AdjustmentLine:
    """One corporate action that a position met; ``cause`` is SPLIT, CASH_IN_LIEU or DIVIDEND."""

    ts: str
    instrument: str
    cause: str
    qty: float
    """Units that came or went by a split, were settled in cash, or were held when a dividend was paid."""
    price: float
    """Per unit; 0 of a split."""
    cash: float
    """What the account got, negative where it paid, in its currency."""


@dataclass(frozen=True)
class BacktestReply:
    """The figures of one backtest. Ratios are fractions, drawdowns are negative (D16), money is in ``currency``."""

    strategy: str
    currency: str
    final_equity: float
    net_profit: float
    trades: int
    orders: int
    fees: float
    win_rate: float
    max_drawdown: float
    metrics: Mapping[str, object]
    findings: Sequence[Mapping[str, object]]
    fills: Sequence[FillLine]
    cache_key: str
    used_cache: bool
    config_hash: str
    data_hash: str
    code_hash: str
    void: str = ""
    """The reason why the result is void; empty where it is not."""
    made_of: Mapping[str, str] = field(default_factory=dict)
    """The timeframe of the stored bars that an instrument's bars are made of; only where they are made."""
    known_at: str = ""
    """The moment of ``backtest.known_at`` in UTC; empty where the bars are those that are stored now."""
    quotes: Sequence[str] = ()
    """The instruments whose bars are of quotes."""
    verdict: Mapping[str, object] = field(default_factory=dict)
    adjustments: Sequence[AdjustmentLine] = ()
    """The corporate actions of raw prices, where fills are told."""
    """What the evidence supports: ``code``, ``text``, ``figures``."""


def backtest(settings: Settings) -> BacktestReply:
    """Backtest the strategy in force.

    Raises:
        ConfigError, StoreError, DataError: naming what is wrong and what to do.
    """
    return reply_of(settings, run(settings))


def run(settings: Settings) -> StudyResult:
    """The whole study, for callers that draw it; the look-ahead test is part of it.

    Raises:
        DataError: when no instrument has a bar in the period.
        ConfigError, StoreError: naming what is wrong and what to do.
    """
    done = run_study(Container(settings))
    if not any(len(result.bars.ts) for result in done.results.values()):
        raise _no_bars(settings, list(done.results))
    return done


def _no_bars(settings: Settings, names: Sequence[str]) -> DataError:
    """The refusal of a period without bars, with the days that are stored."""
    house, backtest = Container(settings).for_research, settings.backtest
    stored = {name: house.bars.coverage(name, timeframe(settings)) for name in names}
    spans = (f"{name} {_days_of(house, name, span)}" for name, span in stored.items() if span)
    return DataError(
        f"no bar of {', '.join(names)} lies in the period",
        where=f"backtest.start={backtest.start} backtest.end={backtest.end}",
        remedy=f"choose a period within what is stored at {timeframe(settings)}: {', '.join(spans) or 'nothing'}",
        code="NO_BARS",
    )


def _days_of(house: Container, name: str, stored: Coverage) -> str:
    """The dates of the first and the last stored session."""
    ends = np.array([stored.first.value, stored.last.value])
    return " to ".join(calendar_of(house.instrument(name)).session_dates(ends).astype(str).tolist())


def reply_of(settings: Settings, done: StudyResult, *, with_fills: bool = True) -> BacktestReply:
    """A study in the form that is printed.

    Args:
        with_fills: whether its fills are listed line by line, which takes longer than the backtest (F11).
    """
    figures = done.metrics
    return BacktestReply(
        strategy=settings.strategy.name,
        currency=account_currency(settings),
        final_equity=float(done.account.equity[-1]) if len(done.account.equity) else done.account.initial_cash,
        net_profit=figures.net_profit,
        trades=figures.trades,
        orders=done.account.orders,
        fees=figures.fees,
        win_rate=figures.win_rate,
        max_drawdown=figures.max_drawdown,
        metrics=figures.as_dict(),
        findings=[{"account": name, **row.plain()} for name, row in done.report.findings()],
        fills=[line for name, result in done.results.items() for line in fill_lines(name, result)]
        if with_fills
        else [],
        cache_key=done.cache_key,
        used_cache=done.used_cache,
        config_hash=settings.config_hash,
        data_hash=done.data_hash,
        code_hash=done.code_hash,
        void=next((row.message for _, row in done.report.findings() if row.code == LOOK_AHEAD), ""),
        made_of=base_timeframes(settings),
        known_at=known_at_text(settings),
        quotes=quoted_instruments(settings),
        verdict=done.report.verdict.plain(),
        adjustments=[line for name, result in done.results.items() for line in adjustment_lines(name, result)]
        if with_fills
        else [],
    )


def void_text(ahead: str) -> str:
    """The reason why a result is void; empty where nothing looks ahead.

    Args:
        ahead: what the look-ahead test found.
    """
    return f"The strategy looks ahead and every figure here is void: {ahead}." if ahead else ""


def known_at_text(settings: Settings) -> str:
    """The moment of ``backtest.known_at`` for people; empty where there is none."""
    moment = Container(settings).known_at
    return "" if moment is None else known_text(moment)


def quoted_instruments(settings: Settings) -> tuple[str, ...]:
    """The instruments whose bars are of quotes."""
    store = Container(settings).bars
    return tuple(symbol for symbol in symbols(settings) if store.kind_of(symbol) is BarKind.QUOTE)


def base_timeframes(settings: Settings) -> dict[str, str]:
    """The timeframe of the stored bars that those of each instrument are made of, where they are made."""
    store, wanted = Container(settings).for_research.bars, timeframe(settings)
    bases = {symbol: store.base_of(symbol, wanted) for symbol in symbols(settings)}
    return {symbol: str(base) for symbol, base in bases.items() if base not in (None, wanted)}


def fill_lines(instrument: str, result: BacktestResult) -> list[FillLine]:
    """The fills of one instrument, oldest first."""
    stamps = pd.DatetimeIndex(result.bars.ts[result.fills["bar"]], tz="UTC")
    return [
        FillLine(
            ts=stamp.isoformat(),
            instrument=instrument,
            side="BUY" if row["side"] > 0 else "SELL",
            qty=float(f"{row['quantity']:.{QUANTITY_DIGITS}g}"),
            price=float(row["price"]),
            fee=float(row["fee"]),
        )
        for stamp, row in zip(stamps, result.fills, strict=True)
    ]


def adjustment_lines(instrument: str, result: BacktestResult) -> list[AdjustmentLine]:
    """The corporate actions of one instrument's account, oldest first."""
    stamps = pd.DatetimeIndex(result.bars.ts[result.adjustments["bar"]], tz="UTC")
    return [
        AdjustmentLine(
            ts=stamp.isoformat(),
            instrument=instrument,
            cause=FillReason(row["reason"]).name,
            qty=float(f"{row['quantity']:.{QUANTITY_DIGITS}g}"),
            price=float(row["price"]),
            cash=-float(row["side"] * row["quantity"] * row["price"] * row["rate"]) * result.multiplier,
        )
        for stamp, row in zip(stamps, result.adjustments, strict=True)
    ]


def write_full_report(settings: Settings, done: StudyResult, folder: Path) -> dict[str, Path]:
    """vectorbt's own report of each instrument, which also checks our accounting.

    Raises:
        VectorbtMissing: when the extra is not installed.
        RefereeDisagrees: when vectorbt arrives at another equity.
    """
    from tradewright.backtest.report import full_report  # vectorbt takes seconds to load

    written = {}
    days = {section.instrument: section.metrics.days_per_year for section in done.report.sections}
    together = done.metrics.days_per_year
    for name, result in done.results.items():
        path = folder / f"{settings.strategy.name}-{name}-full.html"
        in_a_year = periods_per_year(result.bars.ts, Sampling.BAR, days.get(name, together), result.days)
        write_bytes(path, full_report(result, name, in_a_year).plots.encode())
        written[name] = path
    return written
