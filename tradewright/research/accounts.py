"""The account that a strategy makes of its instruments: one that they share, or their own ones added up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np

from tradewright.backtest.engine import run
from tradewright.backtest.panel import panel as panels
from tradewright.backtest.panel.engine import run_panel
from tradewright.backtest.panel.member_results import member_results
from tradewright.backtest.panel.panel import panel_of
from tradewright.backtest.panel.sets import PanelGround
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import BacktestResult
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.aggregate import pooled
from tradewright.evaluation.finding import Finding
from tradewright.evaluation.shared_study import account_of, told_of
from tradewright.model.allocation import Allocation
from tradewright.model.strategy import Strategy
from tradewright.research.bars import InstrumentBars
from tradewright.research.study import session_days


def account_under(
    strategy: Strategy | Allocation,
    tables: Mapping[str, InstrumentBars],
    specs: Mapping[str, BacktestSpec],
    shared: SharedAccount | None,
) -> BacktestResult:
    """The backtest of all instruments as one account.

    Args:
        specs: by instrument; ``cash`` is the whole account's.
        shared: the terms of a shared account; None gives each instrument an equal part of the cash.

    Raises:
        DataError, ConfigError, StrategyError: as :func:`tradewright.backtest.engine.run`, or
            :func:`tradewright.backtest.panel.engine.run_panel`.
    """
    if shared is not None:
        return account_on(ground_of(tables, specs, shared), strategy, tables)
    parts = {symbol: replace(specs[symbol], cash=specs[symbol].cash / len(tables)) for symbol in tables}
    return split_account(cast("Strategy", strategy), tables, parts)


def split_account(
    strategy: Strategy, tables: Mapping[str, InstrumentBars], specs: Mapping[str, BacktestSpec]
) -> BacktestResult:
    """The accounts of all instruments as one; that of a single one as it is.

    Args:
        specs: by instrument, each with its own part of the cash.
    """
    accounts = {
        symbol: replace(run(strategy, item.bars, specs[symbol]), session_days=session_days(item))
        for symbol, item in tables.items()
    }
    return next(iter(accounts.values())) if len(accounts) == 1 else pooled(accounts)


def ground_of(
    tables: Mapping[str, InstrumentBars], specs: Mapping[str, BacktestSpec], shared: SharedAccount
) -> PanelGround:
    """What every run in the shared account stands on.

    Raises:
        ConfigError, DataError: as :func:`tradewright.backtest.panel.panel.panel_of`.
    """
    panel = panel_of({symbol: item.bars for symbol, item in tables.items()}, specs)
    days = {symbol: session_days(item) for symbol, item in tables.items()}
    return PanelGround(panel, shared, panels.session_days(panel, days))


def account_on(
    ground: PanelGround, strategy: Strategy | Allocation, tables: Mapping[str, InstrumentBars]
) -> BacktestResult:
    """The shared account of one strategy, on the bars of the ground or on the part of them that it is.

    Args:
        tables: the instruments of the ground, with all their bars.
    """
    return told_account_on(ground, strategy, tables)[0]


def told_account_on(
    ground: PanelGround, strategy: Strategy | Allocation, tables: Mapping[str, InstrumentBars]
) -> tuple[BacktestResult, tuple[Finding, ...]]:
    """:func:`account_on`, with what a person must know of the account."""
    panel = ground.panel
    made = run_panel(strategy, panel, ground.shared, ground.days)
    results = {}
    for (name, each), rows in zip(member_results(panel, made).items(), panel.rows, strict=True):
        known = session_days(tables[name])
        first = int(np.searchsorted(rows, panel.specs[0].first_bar))
        results[name] = replace(each, session_days=known[first : first + len(each.bars.ts)])
    account = account_of(panel, made, results)
    return account, tuple(told_of(panel, made, account.currency))
