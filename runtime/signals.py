"""Settings to the signals of the strategy in force, and to the evidence about them. Loads the kernels."""

from __future__ import annotations

from conf.schema.settings import Settings
from runtime.container import Container
from runtime.research import look_ahead, note_use, selection, tables, terms
from runtime.secondary_series import series_of_strategy
from runtime.shared_account import account_of_weights
from runtime.uses import begin_reading
from strategies.base import BaseAllocation
from tradewright.backtest.lookahead_evidence import LookAheadEvidence
from tradewright.model.signal import SignalCandidate
from tradewright.research.bars import Selection
from tradewright.research.signals import Declared, identity_of, signals
from tradewright.research.study import Terms
from tradewright.research.weight_signals import weight_signals, weights_identity
from tradewright.store.uses import UseKind


def signal_selection(house: Container) -> Selection:
    """All stored bars of the strategy's own instruments; span, instruments and timeframe of a backtest do not count."""
    plain = {"instruments": None, "timeframe": None, "start": None, "end": None}
    backtest = house.settings.backtest.model_copy(update=plain)
    return selection(Container(house.settings.model_copy(update={"backtest": backtest}), house.clock))


def signal_terms(house: Container, chosen: Selection) -> Terms:
    """The terms under which signals are made of some bars; what is raised is told by :func:`terms`."""
    return terms(house, chosen.timeframe, lenient=True)


def signal_look_ahead(house: Container) -> dict[str, LookAheadEvidence]:
    """The look-ahead test on the very bars on which :func:`newest_signals` decides."""
    chosen = signal_selection(house)
    read, named = tables(house, chosen), signal_terms(house, chosen)
    return look_ahead(house, read, {symbol: named(item) for symbol, item in read.items()})


def declared(settings: Settings) -> Declared:
    """The part of a signal that the strategy's file declares."""
    chosen = settings.strategy
    return Declared(chosen.name, chosen.parameters, chosen.confidence, chosen.size_pct, settings.config_hash)


def identity_in_force(house: Container) -> str:
    """The identity of the strategy in force, which its signals and intents carry.

    Raises:
        ConfigError: for an instrument that is not defined.
    """
    chosen, made, told = signal_selection(house), house.strategy, declared(house.settings)
    traded = [each.symbol for each in chosen.instruments]
    if isinstance(made, BaseAllocation):
        return weights_identity(made, told, chosen.timeframe, traded, account_of_weights(house))
    return identity_of(made, told, chosen.timeframe, traded)


def newest_signals(house: Container) -> list[SignalCandidate]:
    """The present signal of the strategy in force, one per instrument (R-STRAT-10).

    The look-ahead test comes first, whatever it finds: it names the line of an author's error, and machine code checks
    no index.

    Raises:
        ConfigError, StoreError: as :func:`tables`; ConfigError for an allocation without a shared account.
        DataError: the bars of an allocation cannot share an account.
        StrategyError: the strategy's own code failed, or gave weights that are not admitted.
    """
    settings, chosen, made = house.settings, signal_selection(house), house.strategy
    reading = begin_reading(house, chosen.instruments, chosen.timeframe, series_of_strategy(house, chosen))
    found = tables(house, chosen)
    note_use(house, UseKind.SIGNALS, reading, found, ())
    named, told = signal_terms(house, chosen), declared(settings)
    look_ahead(house, found, {symbol: named(item) for symbol, item in found.items()})
    if isinstance(made, BaseAllocation):
        shared = account_of_weights(house)
        return weight_signals(made, told, found, chosen.timeframe, named, shared, house.bars)
    return signals(made, told, found, chosen.timeframe, named, house.bars)
