"""A strategy tried on a small scenario: compiled, run on every bar, and tested for look-ahead; once per code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from tradewright.backtest.lookahead_evidence import tested_code
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import check_allocation_compiles, check_compiles, features_of
from tradewright.model.allocation import Allocation, is_allocation
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars, Times
from tradewright.model.errors import StoreError
from tradewright.model.hashing import content_hash
from tradewright.model.secondary import SecondaryBars, SecondarySeries
from tradewright.model.secondary_needs import needs_among
from tradewright.model.session_hours import UTC_HOURS
from tradewright.model.strategy import Strategy
from tradewright.store.files import write_bytes

COUNT, SEED, PRICE, MOVE = 300, 7, 100.0, 0.02
"""The bars of the scenario: days of a walk from PRICE, with a deviation of MOVE a day."""
DAY = 86_400 * 10**9
LONGER = 5
"""Bars of the scenario in one of a longer timeframe."""
FLAT = slice(120, 150)
"""Bars in which the price does not move: divisors are 0 there."""


def trial_bars(seed: int = SEED, count: int = COUNT) -> Bars:
    """The scenario: a walk of 300 days with a stretch in which nothing moves and nothing is traded."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, MOVE, count)
    moves[FLAT] = 0.0
    close = PRICE * np.exp(np.cumsum(moves))
    start = np.concatenate(([PRICE], close[:-1]))
    spread = np.where(moves == 0.0, 0.0, rng.uniform(0.0, MOVE, count))
    volume = np.where(moves == 0.0, 0.0, rng.uniform(1e3, 1e5, count))
    ts = np.arange(count, dtype=np.int64) * DAY
    high, low = np.maximum(start, close) * (1 + spread), np.minimum(start, close) * (1 - spread)
    return Bars(ts, start, high, low, close, volume, np.full(count, 5.0))


def trial_secondary(strategy: Strategy | Allocation, bars: Bars) -> SecondarySeries | None:
    """A series for each instrument and timeframe that the features name; None for a strategy on its own bars alone.

    Another instrument is another walk; every five bars are one of a longer timeframe.

    Args:
        bars: days, as of :func:`trial_bars`.
    """
    needs = needs_among(strategy.name, features_of(strategy))
    if not needs.any:
        return None
    closes, series = bars.ts + DAY, {}
    for seed, name in enumerate(sorted(needs.features), SEED + 1):
        source = trial_bars(seed, len(closes))._replace(ts=bars.ts) if name.of else bars
        other = _longer(source, closes) if name.timeframe else SecondaryBars(source, closes, closes)
        series[name] = replace(other, hours=UTC_HOURS)
    return SecondarySeries(closes, series, UTC_HOURS)


def _longer(bars: Bars, closes: Times) -> SecondaryBars:
    from tradewright.formats.resample import grouped  # pandas is loaded only where it is needed

    whole = len(closes) // LONGER * LONGER
    ends = closes[LONGER - 1 : whole : LONGER]
    starts = np.repeat(bars.ts[:whole:LONGER], LONGER)
    return SecondaryBars(grouped(select(bars, slice(0, whole)), starts), ends, ends)


def tried(strategy: Strategy | Allocation, kept: Path) -> tuple[str, ...]:
    """What the look-ahead test found of a strategy on the scenario; empty is the good result.

    A strategy that was found good is not tried again until its code, its parameters or the engine change.

    Args:
        kept: the folder that remembers it. Where it cannot be written, the strategy is tried each time.

    Raises:
        StrategyError, ConfigError: the strategy cannot be compiled, failed, or asks for a feature that is none.
    """
    mark = kept / content_hash([tested_code(strategy), Path(__file__).read_text(encoding="utf-8")])
    if mark.exists():
        return ()
    from tradewright.backtest.lookahead import look_ahead  # the compiler is loaded only where it is needed

    if is_allocation(strategy):
        found = _tried_allocation(strategy)
    else:
        single = cast("Strategy", strategy)
        bars = trial_bars()
        found = tuple(str(finding) for finding in look_ahead(single, bars, trial_secondary(single, bars)))
        check_compiles(single)
    if not found:
        _remember(mark)
    return found


def _tried_allocation(strategy: Allocation) -> tuple[str, ...]:
    """The look-ahead test of an allocation on three instruments, of which one begins late, and its compilation."""
    from tradewright.backtest.panel.allocation_lookahead import allocation_look_ahead  # the compiler is loaded here
    from tradewright.backtest.panel.panel import panel_of

    whole = trial_bars()
    late = select(trial_bars(SEED + 1), slice(COUNT // 3, None))
    bars = {"whole": whole, "late": late, "third": trial_bars(SEED + 2)}
    terms = {name: BacktestSpec(secondary=trial_secondary(strategy, table)) for name, table in bars.items()}
    found = allocation_look_ahead(strategy, panel_of(bars, terms))
    check_allocation_compiles(strategy)
    return found


def _remember(mark: Path) -> None:
    try:
        write_bytes(mark, b"")
    except StoreError:
        return
