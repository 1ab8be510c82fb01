"""The decisions of an allocation as plain Python: the target weights in force, and since which bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from tradewright.backtest.panel.allocation_kernel import FAULT_KIND, SOUND, Weights, are_sound
from tradewright.backtest.panel.engine import PanelRun, caps_of, refusal, run_allocation
from tradewright.backtest.panel.member_results import member_results
from tradewright.backtest.panel.panel import Panel, deciding_bars, feature_tables
from tradewright.backtest.panel.sets import PanelGround
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.strategy_errors import located_errors
from tradewright.model.allocation import Allocation, Tables
from tradewright.model.bars import Floats


class Rebalanced(NamedTuple):
    """The target weights that an allocation gave at the close of one bar.

    Args:
        bar: its place on the union of times.
        weights: one per instrument, fractions of the equity without the cash buffer, negative for a short.
        features: of each feature its values on that bar, one per instrument.
    """

    bar: int
    weights: Floats
    features: tuple[Floats, ...]


def traded_terms(spec: BacktestSpec) -> BacktestSpec:
    """Terms under which decisions reach the market at the next open and fill whole, as they do in trading."""
    return replace(spec, bar_delay=1, fill_market="next_open", volume_share=None, close_at_end=False)


def newest_rebalance(strategy: Allocation, ground: PanelGround) -> Rebalanced | None:
    """The rebalance in force after the newest close; None for an allocation that never wished to trade.

    The allocation is replayed over all bars in the account of a backtest, so that the weights that it sees are those
    of that account, and not those of a venue: the same bars give the same signals.

    Args:
        ground: with the terms of :func:`traded_terms`.

    Raises:
        StrategyError: the strategy's own code failed, or gave weights that are not admitted.
    """
    return next(_rebalances(strategy, ground), None)


def rebalances(strategy: Allocation, ground: PanelGround) -> list[Rebalanced]:
    """Every rebalance, oldest first; arguments and errors as for :func:`newest_rebalance`."""
    return list(_rebalances(strategy, ground))[::-1]


def _rebalances(strategy: Allocation, ground: PanelGround) -> Iterator[Rebalanced]:
    """The rebalances, newest first."""
    panel, shared, days = ground
    tables = feature_tables(strategy, panel)
    run = run_allocation(strategy, panel, shared, days, tables)
    held = _held(panel, run)
    rules, caps, count = panel.specs[0].rules(), caps_of(shared), len(panel.names)
    params, nothing = strategy.parameters(), np.empty(count)
    asked = np.flatnonzero(deciding_bars(shared.rebalance or strategy.rebalance, days))
    for bar in reversed(asked.tolist()):
        if run.equity[bar] <= 0.0:
            continue
        present = held[bar] * panel.market.marks[bar] / run.equity[bar]
        weights = Weights(present, np.zeros(count), nothing[:, None], nothing.astype(np.int64), nothing, np.zeros(4))
        with located_errors(strategy), np.errstate(all="ignore"):
            wished = strategy.allocate(bar, tables, params, present.copy(), weights.target)
        if not wished:
            continue
        are_sound(weights, rules, caps, panel.life, bar)
        if weights.fault[FAULT_KIND] != SOUND:
            raise refusal(strategy, panel, weights.fault)
        yield Rebalanced(bar, weights.target, _values(tables, strategy, bar))


def _values(tables: Tables, strategy: Allocation, bar: int) -> tuple[Floats, ...]:
    """The features on a bar; none of an allocation that reads none, which gets the closes."""
    return tuple(table[bar] for table in tables[: len(strategy.prepare_state())])


def _held(panel: Panel, run: PanelRun) -> Floats:
    """What each position gains per point of its price, at the close of each bar: shape (bars, instruments)."""
    found = np.zeros((len(panel.ts), len(panel.names)))
    every = np.arange(len(panel.ts))
    for n, member in enumerate(member_results(panel, run).values()):
        newest = np.searchsorted(panel.rows[n], every, side="right") - 1
        known = newest >= 0
        found[known, n] = member.position[newest[known]] * member.multiplier
    return found
