"""The look-ahead test of an allocation: bars decided with their future and without it must be decided alike.

It proves, for the bars and parameters that it is given:

- **Weights.** In up to :data:`PROBES` bars, evenly spread, with no holdings and with equal ones, the target weights on
  all bars equal those on the bars up to this one (tables that end there), and those with two made-up futures, one of
  very high and one of very low values.
- **Features.** As :mod:`tradewright.backtest.lookahead`, of each instrument.

It does not prove anything of bars between the probed ones, of other parameters or of other holdings.
"""

from __future__ import annotations

import numpy as np

from tradewright.backtest.lookahead import EXTREME, feature_findings
from tradewright.backtest.panel.panel import Panel, feature_tables
from tradewright.backtest.strategy_errors import line_in, located_errors
from tradewright.model.allocation import Allocation, Tables
from tradewright.model.bars import Floats

PROBES = 32
"""Bars that are decided again."""


def allocation_look_ahead(strategy: Allocation, panel: Panel) -> tuple[str, ...]:
    """The first feature of each instrument and the first target weight that knew the future; empty is the good result.

    Raises:
        StrategyError: the strategy's own code failed.
    """
    with np.errstate(all="ignore"):
        told = [
            f"{name}, {found}"
            for name, bars, terms in zip(panel.names, panel.bars, panel.specs, strict=True)
            for found in feature_findings(strategy, bars, terms.secondary)
        ]
        tables = tuple(np.asarray(table) for table in feature_tables(strategy, panel))
        with located_errors(strategy):
            weights = _first_weight(strategy, panel, tables)
    return (*told, *([weights] if weights else ()))


def _first_weight(strategy: Allocation, panel: Panel, tables: Tables) -> str:
    count, members = len(panel.ts), len(panel.names)
    top = [float(np.nanmax(np.abs(table), initial=1.0, where=np.isfinite(table))) * EXTREME for table in tables]
    for i in np.unique(np.linspace(0, count - 1, PROBES).astype(int)).tolist():
        for present in (np.zeros(members), np.full(members, 1.0 / members)):
            whole = _weights(strategy, i, tables, present)
            place = f"bar {i} ({line_in(strategy)})"
            try:
                cut = _weights(strategy, i, tuple(table[: i + 1] for table in tables), present)
            except IndexError:
                return f"{place}: it reads a bar that does not exist yet, above i"
            if not np.array_equal(whole, cut, equal_nan=True):
                return f"{place}: the target weights differ without the bars after it"
            for sign in (1.0, -1.0):
                made_up = tuple(_with_future(table, i, sign * value) for table, value in zip(tables, top, strict=True))
                if not np.array_equal(whole, _weights(strategy, i, made_up, present), equal_nan=True):
                    return f"{place}: the target weights differ with another future"
    return ""


def _weights(strategy: Allocation, i: int, tables: Tables, present: Floats) -> Floats:
    """The target weights of bar ``i``, and at last whether to trade."""
    target = np.zeros(len(present))
    wished = strategy.allocate(i, tables, strategy.parameters(), present.copy(), target)
    return np.append(target, float(wished))


def _with_future(table: Floats, i: int, value: float) -> Floats:
    changed = table.copy()
    changed[i + 1 :] = value
    return changed
