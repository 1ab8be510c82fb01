"""Settings to a rehearsal: the stored bars, a clock, a venue and a ledger of its own. Loads the kernels."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from brokers.sim.replay import ReplayVenue
from brokers.sim.state import AccountBook
from conf.schema.settings import Settings
from runtime import research, signals
from runtime.bar_checks import evidence_on, record, record_features
from runtime.container import Container
from runtime.currencies import fee_conversion_of, refuse_other_currencies
from runtime.exchange_rates import fee_rates
from runtime.feeds import timeframes_judged
from runtime.shared_account import account_of_weights
from runtime.signal_series import deciding_timeframes, signal_series
from runtime.trading import account_actor, holder, not_well, snapshot_builder, system_user
from strategies.base import BaseAllocation
from tradewright.backtest.panel.target_weights import traded_terms
from tradewright.backtest.spec import BacktestSpec
from tradewright.calendars.registry import calendar_of
from tradewright.execution.account_reader import AccountReader
from tradewright.execution.deciding import Decider
from tradewright.execution.inbox import Inbox
from tradewright.execution.input_checks import look_ahead_check, named_series
from tradewright.execution.types import SendResult
from tradewright.indicators.features import feature_snapshot, feature_table
from tradewright.model.bars import Timeframe
from tradewright.model.broker import Broker
from tradewright.model.clock import Clock, ManualClock
from tradewright.model.errors import DataError
from tradewright.model.signal import SignalCandidate
from tradewright.oversight.holdings_parity import compare_holdings
from tradewright.oversight.parity import Parity, ParityFill, compare
from tradewright.oversight.past import InstrumentPast, PastSignals
from tradewright.oversight.past_bars import PastBars, schedule
from tradewright.oversight.past_weights import PastWeights
from tradewright.oversight.rehearsal import Decided, RehearsalLog, ReplayBar, rehearse
from tradewright.quality.evidence import QualityEvidence
from tradewright.research.bars import InstrumentBars
from tradewright.research.weight_signals import WeightSignals, replayed
from tradewright.store.replay import ReplayBars
from tradewright.store.series import Series

WARM_UP = 250
"""Bars before the first one that is rehearsed, where no start is named: the gate's measure of liquidity needs them."""
ACTOR, REASON = "rehearsal", "tradewright rehearse"
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that has run.

    Args:
        first, last: the starts of its first and its last bar.
        parity: its fills beside those of the backtest.
        orders: the number of orders that were sent, protective ones included.
        problems: what is not well on its account at the end.
    """

    first: datetime
    last: datetime
    log: RehearsalLog
    parity: Parity
    orders: int
    problems: tuple[str, ...]


class ReplayContainer(Container):
    """The objects of a rehearsal: those of any container, with the clock, the bars and the venue of a replay."""

    def __init__(self, settings: Settings, clock: Clock, bars: ReplayBars, venue: ReplayVenue) -> None:
        super().__init__(settings, clock)
        self.bar_store = self.bars = bars
        self._venue = venue

    @cached_property
    def broker(self) -> Broker:
        """The sender's connection to the replayed venue."""
        return self._venue.client()

    def reading_broker(self) -> Broker:
        """A reading connection to the replayed venue."""
        return self._venue.client(reading=True)


def run_rehearsal(
    house: Container,
    folder: Path,
    first: datetime | date | None,
    last: datetime | date | None,
    progress: Callable[[int, int], None],
) -> Rehearsal:
    """Rehearse the strategy in force on its instruments.

    Args:
        house: of ``mode=sim broker=sim``; its bars are read, and nothing else in its storage.
        folder: holds the ledger and all else that the rehearsal makes.
        first, last: the first and last bar, both included; None for the first with ``WARM_UP`` bars before it, and for
            the newest.

    Raises:
        ConfigError, StoreError, DataError: for bars that are missing or damaged, a span without a bar, and an
            instrument in another currency than the account's.
    """
    settings, clock = house.settings, ManualClock(_BEGINNING)
    made = settings.universe.timeframe, signals.signal_selection(house).timeframe, *deciding_timeframes(settings)
    store = ReplayBars(house.root, clock, _closes(settings), house.trading_day, house.bars, made)
    pasts = _past_bars(house, store)
    bars = schedule(pasts, first, last, WARM_UP)
    if not bars:
        raise DataError(
            f"no bar of {', '.join(pasts)} lies in the period",
            where=f"from {first or f'bar {WARM_UP + 1}'} to {last or 'the newest bar'}",
            remedy="choose another period, or import more history: tradewright doctor shows what is stored",
        )
    clock.advance((next(iter(bars)) - _BEGINNING).total_seconds())
    account = str(settings.broker.account)
    traded = [past.item.instrument for past in pasts.values()]
    around = house.surroundings
    began, ended = _ends(bars)
    subject = _subject(house, pasts, began, float(around.cash))
    account_book = AccountBook(account=account, cash=around.cash, currency=around.currency)
    charged = fee_rates(house, signals.signal_selection(house).timeframe)
    venue = ReplayVenue(traded, account_book, clock, around.costs, settings.base.seed, charged)
    storage = settings.storage.model_copy(update={"root": str(folder), "ledger_url": None})
    with ReplayContainer(settings.model_copy(update={"storage": storage}), clock, store, venue) as replayed:
        desk = _Desk(replayed, account, _evidence(house, pasts))
        log = asyncio.run(_rehearse(desk, bars, clock, venue, subject, progress))
        ours = [pasts[row.instrument].rehearsed_fill(row) for row in replayed.ledger.executions.all()]
        orders = sum(attempt.sending_at is not None for attempt in replayed.ledger.attempts.all())
        return Rehearsal(began, ended, log, _parity(subject, ours, log, began, ended), orders, desk.problems())


def _ends(bars: Mapping[datetime, Sequence[ReplayBar]]) -> tuple[datetime, datetime]:
    """The starts of the first and the last bar."""
    starts = [bar.start for row in bars.values() for bar in row]
    return min(starts), max(starts)


def _past_bars(house: Container, store: ReplayBars) -> dict[str, PastBars]:
    """The bars of every instrument that the strategy trades."""
    chosen = signals.signal_selection(house)
    refuse_other_currencies(house, chosen.instruments, "a rehearsal")
    return {
        symbol: PastBars(item, store.whole(Series(symbol, chosen.timeframe, store.kind_of(symbol))), chosen.timeframe)
        for symbol, item in research.tables(house, chosen).items()
    }


def _subject(
    house: Container, pasts: Mapping[str, PastBars], began: datetime, cash: float
) -> PastSignals | PastWeights:
    """What is rehearsed: a strategy on each instrument, or the weights of an allocation.

    Args:
        began: the start of the first bar.
        cash: of the account.
    """
    settings, strategy, declared = house.settings, house.strategy, signals.declared(house.settings)
    length = signals.signal_selection(house).timeframe
    if isinstance(strategy, BaseAllocation):
        shared, known = account_of_weights(house), {symbol: past.item for symbol, past in pasts.items()}
        ground = replayed(known, lambda item: _terms(house, item, length), shared)
        raw = {symbol: past.raw for symbol, past in pasts.items()}
        made = WeightSignals(strategy, declared, known, length, ground, raw)
        return PastWeights(strategy, pasts, ground, made, settings.strategy.size_pct, cash, began)
    identity = signals.identity_in_force(house)
    return PastSignals(
        {
            symbol: InstrumentPast(
                past.item, past.raw, length, strategy, declared, _terms(house, past.item, length), identity
            )
            for symbol, past in pasts.items()
        }
    )


def _terms(house: Container, item: InstrumentBars, length: Timeframe) -> BacktestSpec:
    """The terms of the backtest beside it: decisions reach the market at the next open, as they do in trading."""
    charged = fee_conversion_of(house, item, length)
    plain = research.spec(house.settings, item.instrument, item.kind, length)
    return traded_terms(replace(plain, fee_conversion=charged, secondary=item.secondary))


def _parity(
    subject: PastSignals | PastWeights, ours: Sequence[ParityFill], log: RehearsalLog, began: datetime, ended: datetime
) -> Parity:
    """The fills of the rehearsal beside those of the backtest."""
    if isinstance(subject, PastWeights):
        lots = {symbol: past.item.instrument.lot_size for symbol, past in subject.pasts.items()}
        return compare_holdings(subject.backtest_fills(ended), ours, log.refusals, log.cuts, lots)
    theirs = [fill for past in subject.pasts.values() for fill in past.backtest_fills(began, ended)]
    trailed = {symbol for symbol, past in subject.pasts.items() if past.trails(began)}
    return compare(theirs, ours, log.refusals, began, trailed)


def _closes(settings: Settings) -> Callable[[str, Timeframe, npt.NDArray[np.int64]], npt.NDArray[np.int64]]:
    """The closes of stored bars, by the calendars of their instruments."""

    def closes(symbol: str, timeframe: Timeframe, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        market = calendar_of(settings.instruments[symbol])
        return np.array([market.bar_close(timeframe, int(start)) for start in starts], np.int64)

    return closes


async def _rehearse(
    desk: _Desk,
    bars: Mapping[datetime, Sequence[ReplayBar]],
    clock: ManualClock,
    venue: ReplayVenue,
    signals: PastSignals | PastWeights,
    progress: Callable[[int, int], None],
) -> RehearsalLog:
    try:
        return await rehearse(bars, clock, venue, desk, signals, progress)
    finally:
        await desk.close()


class _Desk:
    """The road from signals to orders, on the ledger of the rehearsal; its connections are made at their first use.

    The checks that the gate asks for are made once over all bars, and recorded anew before each decision, as a
    schedule would; the features are those of the bars that have closed by then.
    """

    def __init__(self, house: ReplayContainer, account: str, evidence: _Evidence) -> None:
        self._house, self._account, self._evidence = house, account, evidence
        builder = snapshot_builder(house)
        self._reader = AccountReader(house.reading_broker(), house.ledger, builder, account)
        self._decider = Decider(house.ledger, self._reader, builder, account, system_user())
        self._actor = account_actor(house, account, holder())
        self._inbox = Inbox(house.ledger, self._actor, account, house.clock)
        self._is_connected = False

    async def decide(
        self, signals: Sequence[tuple[SignalCandidate, datetime]], due: Collection[str]
    ) -> tuple[list[Decided], set[str]]:
        """Record the checks, propose, and have the gate decide; and the instruments whose orders wait for others."""
        if not self._is_connected:
            await self._reader.connect()
            self._is_connected = True
        checks, found = self._house.ledger.checks, self._evidence
        detail = {"strategy": found.identity, "findings": found.look_ahead}
        checks.record(look_ahead_check(self._house.settings.strategy.name), not found.look_ahead, detail)
        others = {other for signal, _closed in signals for other, _timeframe in named_series(signal.series)}
        for symbol in others:
            self._record_bars(symbol)
        for symbol in dict.fromkeys(signal.instrument for signal, _closed in signals):
            self._record_bars(symbol)
            fingerprint = self._house.bars.fingerprint(symbol, self._house.settings.universe.timeframe)
            record_features(self._house, symbol, fingerprint, self._keep_features(symbol))
        name = self._house.settings.strategy.name
        made = await self._decider.propose(signals, due={(name, symbol) for symbol in due})
        decided = await self._decider.decide(made.intents)
        answers = [
            Decided(intent.terms.instrument, intent.terms.quantity, decision)
            for intent, decision in zip(made.intents, decided, strict=True)
        ]
        return answers, {symbol for row in made.waiting for symbol in row.instruments}

    async def send(self) -> Sequence[SendResult]:
        """Send what is approved."""
        return await self._inbox.send(ACTOR, REASON)

    async def reconcile(self) -> Sequence[str]:
        """Compare with the venue; the differences."""
        return (await self._inbox.reconcile(ACTOR, REASON)).differences

    def problems(self) -> tuple[str, ...]:
        """What is not well on the account."""
        return tuple(problem.line for problem in not_well(self._house, self._account))

    async def close(self) -> None:
        """Close both connections."""
        await self._actor.close()
        if self._is_connected:
            await self._reader.disconnect()

    def _record_bars(self, symbol: str) -> None:
        """Record the checks of an instrument's bars, as if those that have closed by now had just been judged."""
        for timeframe, told in self._house.bars.fingerprints(symbol).items():
            if (found := self._evidence.bars.get((symbol, timeframe))) is not None:
                record(self._house, found.model_copy(update={"fingerprint": told}))

    def _keep_features(self, symbol: str) -> list[str]:
        """Keep the features of the newest bar that has closed, for the gate; the names of those without a value."""
        timeframe = self._house.settings.universe.timeframe
        covered = self._house.bars.coverage(symbol, timeframe)
        if covered is None:
            return ["no bar has closed"]
        newest = feature_snapshot(self._evidence.features[symbol].iloc[: covered.rows], symbol)
        self._house.artefacts.write_json(("features", symbol, "newest"), newest.model_dump(mode="json"))
        return sorted(name for name, value in newest.values.items() if value is None)


@dataclass(frozen=True)
class _Evidence:
    """What the checks are made of, found out once over all bars.

    Args:
        identity: of the strategy.
        look_ahead: findings of the look-ahead test; empty is the good result.
        bars: on each stored series that the gate asks about, by instrument and timeframe.
        features: one row per stored bar of the universe's timeframe, by instrument. No row uses a later bar.
    """

    identity: str
    look_ahead: list[str]
    bars: dict[tuple[str, Timeframe], QualityEvidence]
    features: dict[str, pd.DataFrame]


def _evidence(house: Container, pasts: Mapping[str, PastBars]) -> _Evidence:
    universe, bars, features = house.settings.universe.timeframe, {}, {}
    deciding = deciding_timeframes(house.settings)
    judged = {(symbol, each) for symbol in pasts for each in timeframes_judged(house, symbol, deciding)}
    for place in sorted({*judged, *signal_series(house.settings)}):
        bars[place] = evidence_on(house, *place, weigh=False)
    for symbol, past in pasts.items():
        table = house.bars.read_bars(symbol, universe)
        features[symbol] = feature_table(
            table, research.feature_settings(house.settings, past.item.instrument, past.item.kind)
        )
    tested = signals.signal_look_ahead(house)
    ahead = [f"{symbol}, {told}" for symbol, each in tested.items() for told in each.findings]
    return _Evidence(signals.identity_in_force(house), ahead, bars, features)
