"""The signals of an allocation: one per instrument, with the target weight of the rebalance in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal

import numpy as np
import pandas as pd

from tradewright.backtest.code import code_digest
from tradewright.backtest.panel.panel import has_ended
from tradewright.backtest.panel.sets import PanelGround
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.panel.target_weights import Rebalanced, newest_rebalance, traded_terms
from tradewright.backtest.strategy_errors import features_of
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
    known = complete(tables)
    found = newest_rebalance(strategy, replayed(known, terms, shared))
    if found is None:
        return []
    raw = {symbol: store.read_bars(symbol, timeframe) for symbol in known}
    return WeightSignals(strategy, declared, known, timeframe, shared, raw).at(found)


def complete(tables: Mapping[str, InstrumentBars]) -> dict[str, InstrumentBars]:
    """The bars up to the newest moment at which those of every instrument are there; one that has ended counts not.

    A rebalance that was decided on with the bars of some would be another one than with those of all.
    """
    newest = max(int(item.bars.ts[-1]) for item in tables.values())
    lasts = [int(item.bars.ts[-1]) for item in tables.values() if not has_ended(item.bars.ts, newest)]
    until = min(lasts)
    return {
        symbol: item.head(int(np.searchsorted(item.bars.ts, until, side="right"))) for symbol, item in tables.items()
    }


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
        tables: the bars that the rebalance was decided on, or more.
        raw: the same bars at raw prices, at which orders are made.
    """

    def __init__(
        self,
        strategy: Allocation,
        declared: Declared,
        tables: Mapping[str, InstrumentBars],
        timeframe: Timeframe,
        shared: SharedAccount,
        raw: Mapping[str, Bars],
    ) -> None:
        self._declared, self._tables, self._timeframe, self._raw = declared, tables, timeframe, raw
        self._identity = weights_identity(strategy, declared, timeframe, list(tables), shared)
        self._names = [feature.label for feature in features_of(strategy)]
        self._feature_hash = content_hash([feature.terms for feature in strategy.prepare_state()])
        self._size_pct = declared.size_pct * (1.0 - shared.cash_buffer)
        self._times = np.unique(np.concatenate([item.bars.ts for item in tables.values()]))

    def at(self, found: Rebalanced) -> list[SignalCandidate]:
        """The signals of one rebalance; none of an instrument that has no bar yet.

        Each names the bars of all the other instruments among the series that it was made of, since the weights depend
        on them, so that the gate asks for the checks of all.
        """
        moment = int(self._times[found.bar])
        data = content_hash({symbol: item.data_hash for symbol, item in self._tables.items()})
        return [
            self._signal(symbol, place, found, moment, data)
            for place, symbol in enumerate(self._tables)
            if self._raw[symbol].ts[0] <= moment
        ]

    def _signal(self, symbol: str, place: int, found: Rebalanced, moment: int, data: str) -> SignalCandidate:
        declared, raw = self._declared, self._raw[symbol]
        close = float(raw.close[int(np.searchsorted(raw.ts, moment, side="right")) - 1])
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
            price=Decimal(repr(close)),
            features=features_at(features, 0),
            series=self._series(symbol),
            data_hash=data,
            feature_hash=self._feature_hash,
            config_hash=declared.config_hash,
        )

    def _series(self, symbol: str) -> tuple[str, ...]:
        others = {f"{other} {self._timeframe}" for other in self._tables if other != symbol}
        read = (series_of(item, self._timeframe) for item in self._tables.values())
        return tuple(sorted(others.union(*read)))


def _action(weight: float) -> SignalAction:
    return SignalAction.BUY if weight > 0 else SignalAction.SELL if weight < 0 else SignalAction.CLOSE
