"""Signals: the position that a strategy holds on the newest bar of each instrument, and the bar since which it does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

import pandas as pd

from tradewright.backtest.code import code_digest
from tradewright.backtest.decisions import CurrentTarget, current_target, feature_values
from tradewright.model.bars import Bars, Floats, Timeframe
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import Instrument
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.model.strategy import Strategy
from tradewright.portfolio.identity import signal_id, strategy_identity
from tradewright.research.bars import InstrumentBars
from tradewright.research.study import Terms
from tradewright.store.bars import BarStore


@dataclass(frozen=True)
class Declared:
    """The part of a signal that its trader declared.

    Args:
        strategy: its name.
        parameters: the declared ones, by name.
        confidence: the trader's own, a fraction.
        size_pct: the notional asked for, as a fraction of equity.
        config_hash: of the whole configuration.
    """

    strategy: str
    parameters: Mapping[str, float]
    confidence: float
    size_pct: float
    config_hash: str


def signals(
    strategy: Strategy,
    declared: Declared,
    tables: Mapping[str, InstrumentBars],
    timeframe: Timeframe,
    terms: Terms,
    store: BarStore,
) -> list[SignalCandidate]:
    """The newest signal of each instrument (R-STRAT-10). Prices of a signal are raw: they are for orders.

    Args:
        tables: all stored bars up to the newest, in the view on which the strategy decides.
        store: holds the raw prices of the same bars.

    Raises:
        StoreError: when the raw bars are missing or damaged.
    """
    identity = identity_of(strategy, declared, timeframe, tables)
    found = []
    for symbol, item in tables.items():
        current = current_target(strategy, item.bars, terms(item))
        raw = store.read_bars(symbol, timeframe)
        features = features_at(feature_values(strategy, item.bars, item.secondary), current.since)
        found.append(candidate(strategy, declared, item, current, raw, identity, timeframe, features))
    return found


def identity_of(strategy: Strategy, declared: Declared, timeframe: Timeframe, symbols: Iterable[str]) -> str:
    """The identity of a strategy in force: of everything that decides, and of no other setting."""
    code, columns = code_digest(strategy.generate_signal), strategy.prepare_state()
    return strategy_identity(declared.strategy, strategy.name, code, declared.parameters, columns, timeframe, symbols)


def features_at(table: Iterable[tuple[str, Floats]], index: int) -> dict[str, float | None]:
    """The values of some features on a bar; None where there is none yet."""
    values = ((name, float(column[index])) for name, column in table)
    return {name: value if math.isfinite(value) else None for name, value in values}


def candidate(
    strategy: Strategy,
    declared: Declared,
    item: InstrumentBars,
    current: CurrentTarget,
    raw: Bars,
    identity: str,
    timeframe: Timeframe,
    features: dict[str, float | None],
) -> SignalCandidate:
    """The signal that a target in force makes.

    Args:
        item: the bars on which it was decided, up to the present.
        raw: the same bars at raw prices.
        identity: of the strategy: :func:`identity_of`.
        features: on the bar since which the target is in force.
    """
    symbol = item.instrument.symbol
    decided_at = pd.Timestamp(int(item.bars.ts[current.since]), tz="UTC").to_pydatetime()
    data = item.data_hash
    factor = float(raw.close[current.since] / item.bars.close[current.since])
    target = current.target
    action = SignalAction.BUY if target > 0 else SignalAction.SELL if target < 0 else SignalAction.CLOSE
    return SignalCandidate(
        signal_id=signal_id(declared.strategy, symbol, decided_at, identity, data),
        strategy=declared.strategy,
        strategy_hash=identity,
        instrument=symbol,
        candidate_action=action,
        target=target,
        confidence=declared.confidence,
        size_pct=declared.size_pct,
        bar_ts=decided_at,
        timeframe=timeframe,
        price=Decimal(repr(float(raw.close[current.since]))),
        stop=_price(item.instrument, current.stop * factor),
        take_profit=_price(item.instrument, current.take_profit * factor),
        trail=_distance(item.instrument, current.trail * factor),
        trail_percent=None if math.isnan(current.trail_percent) else Decimal(repr(current.trail_percent)),
        features=features,
        series=series_of(item, timeframe),
        data_hash=data,
        feature_hash=content_hash([feature.terms for feature in strategy.prepare_state()]),
        config_hash=declared.config_hash,
    )


def series_of(item: InstrumentBars, timeframe: Timeframe) -> tuple[str, ...]:
    """The secondary series of an instrument's bars, each as ``SPY 1d``, sorted."""
    names = item.secondary.series if item.secondary is not None else ()
    return tuple(sorted({f"{name.of or item.instrument.symbol} {name.timeframe or timeframe}" for name in names}))


def _price(instrument: Instrument, value: float) -> Decimal | None:
    return None if math.isnan(value) else instrument.round_price(Decimal(repr(value)))


def _distance(instrument: Instrument, value: float) -> Decimal | None:
    """A distance in whole ticks, at least one."""
    rounded = _price(instrument, value)
    return None if rounded is None else max(rounded, instrument.tick_size)
