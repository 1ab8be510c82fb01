"""One strategy on several instruments: independent sleeves, one combined equity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from tradewright.backtest.engine import run
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bars import Bars, Floats, Times
from tradewright.model.errors import ConfigError
from tradewright.model.strategy import Strategy


@dataclass(frozen=True)
class PanelResult:
    """Sleeves by instrument, and their sum on the union of all time stamps (``ts`` ascending, ``equity`` alongside)."""

    sleeves: dict[str, BacktestResult]
    ts: Times
    equity: Floats


def run_panel(
    strategy: Strategy, bars: Mapping[str, Bars], spec: BacktestSpec, specs: Mapping[str, BacktestSpec] | None = None
) -> PanelResult:
    """Backtest a strategy on each instrument with an equal part of ``spec.cash``.

    The sleeves never lend to one another and are not rebalanced. ``specs`` gives an instrument terms of its own (its
    lot size, its multiplier); its cash is replaced by the equal part all the same. A sleeve counts its starting cash
    before its first bar, and its last equity between and after its bars.

    Raises:
        ConfigError: no instrument.
    """
    if not bars:
        raise ConfigError("no instrument", where="backtest.instruments", remedy="name at least one")
    part = spec.cash / len(bars)
    own = specs or {}
    sleeves = {name: run(strategy, table, replace(own.get(name, spec), cash=part)) for name, table in bars.items()}
    stamps = np.unique(np.concatenate([table.ts for table in bars.values()]))
    equity = np.zeros(len(stamps))
    for result in sleeves.values():
        last = np.searchsorted(result.bars.ts, stamps, side="right")
        equity += np.concatenate(([part], result.equity))[last]
    return PanelResult(sleeves, stamps, equity)
