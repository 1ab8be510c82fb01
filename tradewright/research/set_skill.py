"""What the parameter sets of a sweep add to holding, period by period: how far they are the same trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tradewright.backtest.set_returns import even_sample, set_returns
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import prepare
from tradewright.backtest.sweep_plan import sweep_plan
from tradewright.backtest.workers import all_threads
from tradewright.evaluation.skill import market_returns, session_groups
from tradewright.model.bars import Bars, Times
from tradewright.model.strategy import Strategy

PERIODS = 512
"""Periods of the returns by which sets are compared; more sessions are added up in equal groups."""


def compared_periods(days: Times) -> Times:
    """The first bar of each period by which sets are compared, ascending from 0, at most ``PERIODS``.

    Args:
        days: the date of each bar's session.
    """
    starts, _sampling = session_groups(days)
    return starts[list(even_sample(len(starts), PERIODS))]


def active_set_returns(
    made: Sequence[Strategy], bars: Bars, spec: BacktestSpec, groups: Times
) -> npt.NDArray[np.float64]:
    """The returns of sets less those of holding at their mean exposure: periods x sets.

    Args:
        groups: the first bar of each period, ascending from 0. Before the sweep's first bar all is zero.
    """
    plan, found = sweep_plan(made, len(bars.ts)), np.empty((len(groups), len(made)))
    for part in plan.parts:
        chosen = plan.chosen(made, part.sets)
        prepared = prepare(chosen, bars, spec)
        own = set_returns(chosen, prepared, range(len(chosen)), groups, threads=all_threads().count)
        marks = prepared.market.marks
        market = market_returns(marks if spec.actions is None else marks * spec.actions.total)
        market[: prepared.rules.first_bar + 1] = 0.0
        held = np.add.reduceat(market, groups)[:, None] * own.exposures
        found[:, plan.order[part.sets]] = own.returns - held
    return found
