"""The signals of an allocation: one per instrument, with the target weight of the rebalance in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pandas as pd

from tradewright.backtest.code import code_digest
from tradewright.backtest.panel.panel import has_ended
from tradewright.backtest.panel.rows import rows_of
from tradewright.backtest.panel.sets import PanelGround
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.target_weights import Rebalanced, newest_rebalance, traded_terms
from tradewright.backtest.spec import Sessions
from tradewright.backtest.strategy_errors import features_of
from tradewright.calendars.calendar import LONGEST_CLOSURE
from tradewright.calendars.registry import calendar_of
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.hashing import content_hash
from tradewright.model.signal import SignalAction, SignalCandidate
from tradewright.portfolio.identity import signal_id, strategy_identity
from tradewright.research.accounts import ground_of
from tradewright.research.bars import InstrumentBars
from tradewright.research.signals import Declared, features_at, series_of
from tradewright.research.study import Terms
from tradewright.store.bars import BarStore

ANCHORED = 1_000
"""The newest bars tell how those of a day are counted."""


def weight_signals(
    strategy: Allocation,
    declared: Declared,
    tables: Mapping[str, InstrumentBars],
    timeframe: Timeframe,
    terms: Terms,
    shared: SharedAccount,
    store: BarStore,
) -> list[SignalCandidate]:
    """The newest target weight of each instrument; none of an allocation that never wished to trade.

    Args:
        tables: all stored bars up to the newest, in the view on which the allocation decides.
        shared: the terms of the account in which it is replayed.
        store: holds the raw prices of the same bars.

    Raises:
        ConfigError, DataError: bars that cannot share an account.
        StrategyError: the strategy's own code failed, or gave weights that are not admitted.
        StoreError: when the raw bars are missing or damaged.
    """
    sessions = {symbol: terms(item).sessions for symbol, item in tables.items()}
    known = complete(tables, sessions, timeframe)
    ground = replayed(known, terms, shared)
    found = newest_rebalance(strategy, ground)
    if found is None:
        return []
    raw = {symbol: store.read_bars(symbol, timeframe) for symbol in known}
    return WeightSignals(strategy, declared, known, timeframe, ground, raw).at(found)


def complete(
    tables: Mapping[str, InstrumentBars], sessions: Mapping[str, Sessions], timeframe: Timeframe
) -> dict[str, InstrumentBars]:
    """The bars of the rows in which no bar is still to come: up to the newest that closes before one is due.

    A rebalance that was decided on with a part of the bars of a row would be another one than with all of them. The
    calendar of an instrument says when its next bar begins, so that one without a session, as at a weekend, holds
    nobody up; one whose bar is late does, until it has ended.

    Args:
        sessions: of each instrument, with the closes of its bars.

    Raises:
        ConfigError: as :func:`tradewright.backtest.panel.rows.rows_of`.
    """
    ts, closes, places = rows_of({symbol: item.bars.ts for symbol, item in tables.items()}, sessions)
    living = [
        item for item, place in zip(tables.values(), places, strict=True) if not has_ended(ts[place], int(ts[-1]))
    ]
    due = min(next_start(item, timeframe) for item in living)
    count = int(np.searchsorted(closes, due, side="right"))
    return {
        symbol: item.head(int(np.searchsorted(place, count)))
        for (symbol, item), place in zip(tables.items(), places, strict=True)
    }


def next_start(item: InstrumentBars, timeframe: Timeframe) -> int:
    """When the bar after the newest one begins by the calendar, nanoseconds UTC; at the close of that where the
    calendar knows none."""
    market, ts = calendar_of(item.instrument), item.bars.ts
    close = market.bar_close(timeframe, int(ts[-1]))
    reach = LONGEST_CLOSURE + 2 * timedelta(seconds=timeframe.seconds if timeframe.of_sessions else 0)
    first, last = pd.Timestamp(close, tz="UTC"), pd.Timestamp(int(market.closes[-1]) - 1, tz="UTC")
    if first >= last:
        return close
    starts = market.grid(timeframe, first, min(first + reach, last), market.anchor_of(timeframe, ts[-ANCHORED:]))
    return int(starts[0]) if len(starts) else close


def replayed(tables: Mapping[str, InstrumentBars], terms: Terms, shared: SharedAccount) -> PanelGround:
    """The account in which an allocation is replayed.

    Raises:
        ConfigError, DataError: bars that cannot share an account.
    """
    return ground_of(tables, {symbol: traded_terms(terms(item)) for symbol, item in tables.items()}, shared)


def weights_identity(
    strategy: Allocation,
    declared: Declared,
    timeframe: Timeframe,
    symbols: Sequence[str],
    shared: SharedAccount,
) -> str:
    """The identity of an allocation in force: of everything that decides, and of no other setting.

    The order of the instruments and the terms of the account decide too.
    """
    code = content_hash([code_digest(strategy.allocate), strategy.rebalance, asdict(shared), list(symbols)])
    columns = strategy.prepare_state()
    return strategy_identity(declared.strategy, strategy.name, code, declared.parameters, columns, timeframe, symbols)


class WeightSignals:
    """What the signals of each rebalance of an allocation have in common.

    Args:
        tables: the bars that the rebalance was decided on.
        ground: the account that was made of them.
        raw: the same bars, or more, at raw prices, at which orders are made.
    """

    def __init__(
        self,
        strategy: Allocation,
        declared: Declared,
        tables: Mapping[str, InstrumentBars],
        timeframe: Timeframe,
        ground: PanelGround,
        raw: Mapping[str, Bars],
    ) -> None:
        self._declared, self._tables, self._timeframe, self._raw = declared, tables, timeframe, raw
        self._identity = weights_identity(strategy, declared, timeframe, list(tables), ground.shared)
        self._names = [feature.label for feature in features_of(strategy)]
        self._feature_hash = content_hash([feature.terms for feature in strategy.prepare_state()])
        self._size_pct = declared.size_pct * (1.0 - ground.shared.cash_buffer)
        self._panel = ground.panel

    def at(self, found: Rebalanced) -> list[SignalCandidate]:
        """The signals of one rebalance; none of an instrument that has no bar yet.

        Each names the bars of all the other instruments among the series that it was made of, since the weights depend
        on them, so that the gate asks for the checks of all.
        """
        moment = int(self._panel.ts[found.bar])
        data = content_hash({symbol: item.data_hash for symbol, item in self._tables.items()})
        return [
            self._signal(symbol, place, found, moment, data)
            for place, symbol in enumerate(self._tables)
            if self._panel.life.first[place] <= found.bar
        ]

    def _signal(self, symbol: str, place: int, found: Rebalanced, moment: int, data: str) -> SignalCandidate:
        declared = self._declared
        weight = float(np.clip(found.weights[place], -1.0, 1.0))
        bar = pd.Timestamp(moment, tz="UTC").to_pydatetime()
        features = ((name, values[place : place + 1]) for name, values in zip(self._names, found.features, strict=True))
        return SignalCandidate(
            signal_id=signal_id(declared.strategy, symbol, bar, self._identity, data),
            strategy=declared.strategy,
            strategy_hash=self._identity,
            instrument=symbol,
            candidate_action=_action(weight),
            target=weight,
            rebalances=True,
            confidence=declared.confidence,
            size_pct=self._size_pct,
            bar_ts=bar,
            timeframe=self._timeframe,
            price=Decimal(repr(self._close(symbol, place, found.bar))),
            features=features_at(features, 0),
            series=self._series(symbol),
            data_hash=data,
            feature_hash=self._feature_hash,
            config_hash=declared.config_hash,
        )

    def _close(self, symbol: str, place: int, row: int) -> float:
        """The newest raw close of an instrument in a row or before it."""
        raw, newest = self._raw[symbol], int(np.searchsorted(self._panel.rows[place], row, side="right")) - 1
        start = self._panel.bars[place].ts[newest]
        return float(raw.close[int(np.searchsorted(raw.ts, start, side="right")) - 1])

    def _series(self, symbol: str) -> tuple[str, ...]:
        others = {f"{other} {self._timeframe}" for other in self._tables if other != symbol}
        read = (series_of(item, self._timeframe) for item in self._tables.values())
        return tuple(sorted(others.union(*read)))


def _action(weight: float) -> SignalAction:
    return SignalAction.BUY if weight > 0 else SignalAction.SELL if weight < 0 else SignalAction.CLOSE
