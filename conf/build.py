"""Frozen settings to live objects, through registries and never by a class name in YAML.

The execution location comes through here too, so nothing on this floor may load numba.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from conf.compose import PROJECT
from conf.problems import nearest
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from strategies.base import BaseStrategy
from strategies.registry import build as build_strategy
from tradewright.backtest import sizing
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar
from tradewright.fills import costs, slippage
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock, ShiftedClock, SystemClock
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument
from tradewright.policy.limits import Limits
from tradewright.scenarios.scenario import Scenario
from tradewright.store.artefacts import Artefacts
from tradewright.store.bars import BarStore

_COSTS: dict[str, Callable[..., costs.CostModel]] = {
    "none": costs.NoCosts,
    "bps": costs.BpsCosts,
    "percent": costs.PercentCosts,
    "per_share": costs.PerShareCosts,
    "ibkr_fixed": costs.IbkrFixed,
    "ibkr_tiered": costs.IbkrTiered,
    "maker_taker": costs.MakerTaker,
}
_SLIPPAGE: dict[str, Callable[..., slippage.SlippageModel]] = {
    "none": slippage.NoSlippage,
    "bps": slippage.BpsSlippage,
    "vol": slippage.VolSlippage,
    "spread_impact": slippage.SpreadImpact,
    "sum": slippage.SumSlippage,
}
_SIZING: dict[str, Callable[..., sizing.SizingModel]] = {
    "fixed_units": sizing.FixedUnits,
    "fixed_cash": sizing.FixedCash,
    "percent_equity": sizing.PercentEquity,
    "target_percent": sizing.TargetPercent,
    "risk_per_trade": sizing.RiskPerTrade,
    "max": sizing.MaxSize,
}


def root(settings: Settings) -> Path:
    """The storage folder; a relative one is taken from the project's folder."""
    return PROJECT / settings.storage.root


def cache_folder(settings: Settings) -> Path:
    """Where results are cached."""
    named = settings.storage.cache_dir
    return PROJECT / named if named else root(settings) / "cache"


def instruments(settings: Settings) -> dict[str, Instrument]:
    """Every instrument that is defined, by symbol."""
    return {symbol: Instrument(symbol=symbol, **row.model_dump()) for symbol, row in settings.instruments.items()}


def instrument(settings: Settings, symbol: str) -> Instrument:
    """One instrument.

    Raises:
        ConfigError: when it is not defined; the nearest right name is given.
    """
    if symbol not in settings.instruments:
        near = nearest(symbol, settings.instruments)
        remedy = f"did you mean {near!r}?" if near else "define it in conf/instruments"
        raise ConfigError(f"there is no instrument {symbol!r}", where="conf/instruments", remedy=remedy)
    return Instrument(symbol=symbol, **settings.instruments[symbol].model_dump())


def clock(settings: Settings) -> Clock:
    """The machine's clock, or for a scenario with a fixed end the scenario's own.

    A scenario's clock shows the moment after its last bar when its storage folder is first used, and then runs; the
    folder remembers that moment, so that all processes agree.
    """
    chosen = settings.feed
    if not isinstance(chosen, ScenarioFeedSettings) or chosen.end is None:
        return SystemClock()
    start = chosen.end + timedelta(seconds=1)
    path = root(settings) / "clocks" / f"{chosen.end:%Y%m%dT%H%M%SZ}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent) as fresh:
        fresh.write(SystemClock().now().isoformat())
        fresh.flush()
        with contextlib.suppress(FileExistsError):
            os.link(fresh.name, path)  # whole or not at all, and the first one stays
    return ShiftedClock(start, datetime.fromisoformat(path.read_text()))


def bar_store(settings: Settings, now: Clock) -> BarStore:
    """The bars store."""
    return BarStore(root(settings), now)


def artefacts(settings: Settings) -> Artefacts:
    """Where small results are kept between runs: signals, reports, checks."""
    return Artefacts(root(settings) / "artefacts")


def ledger(settings: Settings, now: Clock) -> Ledger:
    """The ledger, made where there is none.

    Raises:
        LedgerError: when it cannot be used; the message says what to do.
    """
    named = settings.storage.ledger_url
    if named is not None:
        return Ledger.create(named.get_secret_value(), now)
    folder = root(settings)
    folder.mkdir(parents=True, exist_ok=True)
    return Ledger.create(f"sqlite:///{folder / 'ledger.sqlite3'}", now)


def strategy(settings: Settings) -> BaseStrategy:
    """The strategy in force."""
    return build_strategy(settings.strategy.kind, settings.strategy.parameters)


def spec(settings: Settings, traded: Instrument) -> BacktestSpec:
    """The terms of a backtest of one instrument; cash is the whole account's."""
    backtest = settings.backtest
    return BacktestSpec(
        cash=backtest.cash,
        costs=cost_model(settings),
        slippage=_slippage(settings, traded),
        sizing=_SIZING[backtest.sizing.kind](**backtest.sizing.model_dump(exclude={"kind"})),
        fill_market=backtest.fill.market,
        fill_limit=backtest.fill.limit,
        limit_timeout_bars=backtest.fill.limit_timeout_bars,
        bar_delay=backtest.bar_delay,
        allow_short=backtest.allow_short,
        allow_overdraft=backtest.allow_overdraft,
        close_at_end=backtest.close_at_end,
        lot_size=float(traded.lot_size),
        multiplier=float(traded.multiplier),
    )


def cost_model(settings: Settings) -> costs.CostModel:
    """What trades cost."""
    chosen = settings.backtest.costs
    return _COSTS[chosen.kind](**chosen.model_dump(exclude={"kind"}))


def _slippage(settings: Settings, traded: Instrument) -> slippage.SlippageModel:
    chosen = settings.backtest.slippage
    terms = chosen.model_dump(exclude={"kind"})
    if chosen.kind == "sum":
        spread = slippage.SpreadImpact(terms["impact"], traded.default_spread_bps)
        return slippage.SumSlippage((slippage.VolSlippage(terms["base"], terms["k"]), spread))
    if chosen.kind == "spread_impact":
        return slippage.SpreadImpact(terms["impact"], traded.default_spread_bps)
    return _SLIPPAGE[chosen.kind](**terms)


def limits(settings: Settings) -> Limits:
    """The gate's limits: the rules' numbers, the risk's, the universe as allow-list, the stage's money cap."""
    return Limits(
        **settings.policy.model_dump(),
        **settings.risk.model_dump(),
        allowlist=frozenset(settings.universe.instruments),
        max_order_money=settings.stage.max_trade_value,
    )


def scenario(settings: Settings, end: datetime) -> Scenario:
    """The seeded scenario as it stands at ``end``.

    Raises:
        ConfigError: when the feed is another.
    """
    if not isinstance(settings.feed, ScenarioFeedSettings):
        raise ConfigError(f"feed={settings.feed.kind} is no scenario", where="feed.kind", remedy="say feed=scenario")
    days, years = settings.feed.days_1m, settings.feed.days_1d / 252
    return Scenario(
        settings.base.seed, end, lambda traded, *span: calendar(traded.calendar).grid(*span), days=days, years=years
    )
