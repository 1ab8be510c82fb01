"""Gathering what the gate must know: from the ledger, the venue, the bars, the calendars and the declared events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from tradewright.execution.account_values import AccountValues, price_of
from tradewright.execution.daily_loss import daily_loss, day_start, watch_losses
from tradewright.execution.exchange_rates import ExchangeRates
from tradewright.execution.exposure import (
    ZERO,
    PositionRange,
    WorkingOrder,
    position_ranges,
    units_held,
    working_orders,
)
from tradewright.execution.input_checks import (
    Basis,
    bars_input,
    checks_of,
    data_of_checks,
    look_ahead_check,
    look_ahead_input,
    own_timeframe,
    series_read,
    timeframes_read,
    unreadable_inputs,
)
from tradewright.execution.market_context import NO_EVENTS, market_of
from tradewright.execution.market_state import MarketState, MarketStateReader
from tradewright.execution.recent_activity import RecentActivity
from tradewright.indicators.market import correlation, largest_correlation
from tradewright.ledger.ledger import Ledger
from tradewright.model.bars import Timeframe
from tradewright.model.broker import AccountState, BrokerSnapshot, Quote
from tradewright.model.event_calendar import EventCalendar
from tradewright.model.instrument import Instrument
from tradewright.model.intent import FLATTEN, Intent
from tradewright.model.mode import Mode, Stage
from tradewright.model.order import AttemptState, Side
from tradewright.policy.limits import Limits
from tradewright.policy.snapshot import (
    Activity,
    BrokerState,
    Holdings,
    InputCheck,
    Market,
    OpenOrder,
    Snapshot,
)
from tradewright.policy.tightening import tightened


@dataclass(frozen=True)
class AccountView:
    """What the venue told us just now, after a complete recovery."""

    snapshot: BrokerSnapshot
    account: AccountState
    quotes: Mapping[str, Quote]


@dataclass(frozen=True)
class SnapshotRequest:
    """Whose snapshot is wanted.

    Args:
        side: which way the order goes: what its instrument's exposure can become is another thing up than down.
        intent_id: left out of open orders, exposures and recent orders: it is the one being judged.
        checks: the names of the checks that must have passed on its inputs.
        strategy_hash: the identity of the strategy that asks; evidence about another one does not count.
        others: the instruments whose bars its strategy reads beside those of its own.
        before_send: whether duplicates are sought among orders sent alone (the sender) or among intents too (the gate).
    """

    instrument: str
    side: Side
    strategy: str
    intent_id: str
    checks: tuple[str, ...]
    before_send: bool = False
    strategy_hash: str = ""
    others: tuple[str, ...] = ()


def limits_in_force(ledger: Ledger, account: str, configured: Limits) -> Limits:
    """The configured limits, and what people tightened of them for an account."""
    return tightened(configured, ledger.limits.tightenings(account))


@dataclass(frozen=True)
class SnapshotBuilder:
    """Makes snapshots for the gate and for the sender's pre_send_check.

    Money is in the account's currency (``limits.currency``); what is in another one is converted at the newest known
    rate. As long as something is held or on order that has no value (:class:`AccountValues`), the account's exposures
    are not known: the gate refuses every entry until it is gone. Exits pass.

    Args:
        exchange: the rates into the account's currency.
        quality: the digest of the rules by which bars have to be judged.
        events: in whose windows nothing is entered.
        tz: whose midnight starts the trading day of the daily figures (Q-22).
    """

    ledger: Ledger
    facts: MarketStateReader
    exchange: ExchangeRates
    instruments: Mapping[str, Instrument]
    limits: Limits
    mode: Mode
    stage: Stage
    timeframe: Timeframe
    quality: str
    events: EventCalendar = NO_EVENTS
    tz: str = "UTC"

    def in_force(self, account: str) -> SnapshotBuilder:
        """The same under the limits that are in force for an account now: some may have been tightened."""
        return replace(self, limits=limits_in_force(self.ledger, account, self.limits))

    def watch_losses(self, money: AccountState) -> None:
        """Trip the account's circuit breaker where its equity has reached a limit on the day's loss.

        Raises:
            LedgerError: when a trip cannot be committed.
        """
        limits = limits_in_force(self.ledger, money.account, self.limits)
        watch_losses(self.ledger, money, limits, self.tz, self.values().rate(money.currency))

    def snapshot(self, asked: SnapshotRequest, view: AccountView) -> Snapshot:
        """Everything about one intent or order, as it is now. What cannot be found out stays None."""
        now = self.ledger.clock.now()
        instrument = self.instruments.get(asked.instrument)
        facts, values = self._facts_of(asked.instrument), self.values(view.quotes)
        if instrument:
            values.rate(instrument.currency)  # told, whether or not anything of it is held
        holdings = self._holdings(asked, facts, view, values)
        return Snapshot(
            now=now,
            mode=self.mode,
            stage=self.stage,
            instrument=instrument,
            market=self._market(asked, instrument, facts, view, now) if instrument and facts else Market(),
            holdings=holdings,
            activity=self._activity(asked, view.account.account, now),
            broker=self._broker(asked, view.account.account),
            checks=self._checks(asked, facts, now),
            rates=values.rates(),
        )

    def values(self, quotes: Mapping[str, Quote] | None = None) -> AccountValues:
        """Values in the account's currency at the prices and rates of now."""
        now = self.ledger.clock.now()
        return AccountValues(self.ledger, self.facts, self.exchange, self.instruments, self.limits, quotes or {}, now)

    def request(self, intent: Intent, *, before_send: bool = False) -> SnapshotRequest:
        """The request for the snapshot that the gate needs for an intent, or the sender for its order."""
        symbol, instrument = intent.terms.instrument, self.instruments.get(intent.terms.instrument)
        stored = self.facts.of(instrument).stored if instrument else ()
        read, series = timeframes_read(self.timeframe, stored, own_timeframe(intent)), series_read(intent)
        return SnapshotRequest(
            instrument=symbol,
            side=intent.terms.side,
            strategy=intent.strategy,
            intent_id=intent.intent_id,
            checks=checks_of(intent.strategy, symbol, read, series),
            before_send=before_send,
            strategy_hash=intent.provenance.get("strategy_hash", ""),
            others=tuple(sorted({other for other, _timeframe in series} - {symbol})),
        )

    def read_ahead(self, view: AccountView, symbols: Iterable[str], intents: Iterable[Intent] = ()) -> None:
        """Read bars and rates of everything that a decision on these symbols looks at, before a transaction begins.

        Args:
            intents: what is decided on; their strategies may have read further instruments.
        """
        self.facts.refresh()
        self.exchange.refresh()
        values, account = self.values(), view.account.account
        values.rate(view.account.currency)
        for symbol in {*symbols, *self.instruments_to_price(view.snapshot, account)}:
            if (instrument := self.instruments.get(symbol)) is not None:
                self.facts.of(instrument)
                values.rate(instrument.currency)
        for symbol in {other for intent in intents for other, _timeframe in series_read(intent)}:
            self._facts_of(symbol)
        values.traded(account, day_start(values.now, self.tz), ())

    def price(self, symbol: str, view: AccountView) -> Decimal | None:
        """The newest price: the venue's, else the newest stored close; None when there is neither."""
        told = price_of(view.quotes.get(symbol))
        instrument = self.instruments.get(symbol)
        return told if told is not None or instrument is None else self.facts.of(instrument).last_close

    def commitments(self, strategy: str, view: AccountView) -> dict[str, Decimal]:
        """Signed units that a strategy holds or that are on their way to it, by instrument."""
        account = view.account.account
        units = self.ledger.executions.units_of(account, strategy)
        for row in working_orders(self.ledger, account, view.snapshot):
            if row.strategy == strategy:
                units[row.instrument] = units.get(row.instrument, ZERO) + row.side.sign * row.quantity
        return units

    def instruments_to_price(self, snapshot: BrokerSnapshot, account: str) -> set[str]:
        """Everything that is held or on order: its prices are needed to value the account."""
        waiting = working_orders(self.ledger, account, snapshot)
        return {*units_held(self.ledger, account, snapshot), *(row.instrument for row in waiting)}

    def _market(
        self, asked: SnapshotRequest, instrument: Instrument, facts: MarketState, view: AccountView, now: datetime
    ) -> Market:
        quote = view.quotes.get(instrument.symbol)
        return market_of(instrument, asked.side, facts, quote, self.events, self.timeframe, now)

    def _holdings(
        self, asked: SnapshotRequest, facts: MarketState | None, view: AccountView, values: AccountValues
    ) -> Holdings:
        account, money = view.account.account, view.account
        held = units_held(self.ledger, account, view.snapshot)
        waiting = working_orders(self.ledger, account, view.snapshot, asked.intent_id)
        units = position_ranges(held, waiting)
        worth = values.units(units)
        ours = units.get(asked.instrument, PositionRange(ZERO, ZERO))
        edge = ours.high if asked.side is Side.BUY else ours.low
        together = self._cluster(asked.instrument, facts, units)
        cluster = None if together is None else {name: units[name] for name in together}
        midnight, loss = day_start(values.now, self.tz), daily_loss(self.ledger, account, money.equity, self.tz)
        in_account = values.rate(money.currency) is not None
        return Holdings(
            equity=values.money(money.equity, money.currency),
            cash=values.money(money.cash, money.currency),
            committed_cash=values.committed_cash(waiting) if in_account else None,
            position=held.get(asked.instrument, ZERO),
            open_orders=tuple(
                OpenOrder(side=row.side, quantity=row.quantity) for row in waiting if row.instrument == asked.instrument
            ),
            symbol_exposure=None if worth is None else edge * worth.get(asked.instrument, ZERO),
            strategy_exposure=self._strategy_exposure(asked, waiting, account, values),
            gross_exposure=values.gross(units),
            cluster_exposure=None if worth is None or cluster is None else values.gross(cluster),
            correlation=self._correlation(asked.instrument, facts, held),
            daily_drawdown=loss.fraction,
            loss_today=values.money(loss.money, money.currency),
            traded_today=values.traded(account, midnight, waiting),
            unvalued=() if worth is not None else values.unknown(units),
        )

    def _strategy_exposure(
        self, asked: SnapshotRequest, waiting: Iterable[WorkingOrder], account: str, values: AccountValues
    ) -> Decimal | None:
        held = self.ledger.executions.units_of(account, asked.strategy)
        return values.gross(position_ranges(held, (row for row in waiting if row.strategy == asked.strategy)))

    def _cluster(self, symbol: str, facts: MarketState | None, units: Iterable[str]) -> set[str] | None:
        """What is held or on order of the instrument and of all that moves with it beyond the limit, or perhaps does.

        What is on order counts like a holding: two correlated signals of one minute share one cap.
        """
        if facts is None:
            return None
        cluster = set()
        for other in units:
            instrument = self.instruments.get(other)
            together = correlation(facts.bars, self.facts.of(instrument).bars) if instrument else math.nan
            if other == symbol or math.isnan(together) or abs(together) > self.limits.max_correlation:
                cluster.add(other)
        return cluster

    def _correlation(self, symbol: str, facts: MarketState | None, held: Iterable[str]) -> Decimal | None:
        others = {name: self.instruments.get(name) for name in held if name != symbol}
        known = {name: instrument for name, instrument in others.items() if instrument is not None}
        if facts is None or len(known) < len(others):
            return None
        bars = {name: self.facts.of(instrument).bars for name, instrument in known.items()}
        return Decimal(repr(largest_correlation(facts.bars, bars)))

    def _activity(self, asked: SnapshotRequest, account: str, now: datetime) -> Activity:
        window = timedelta(seconds=float(self.limits.duplicate_window_seconds))
        recent = RecentActivity(self.ledger, account, now, window)
        return recent.seen_by(asked.intent_id, asked.instrument, asked.strategy, before_send=asked.before_send)

    def _broker(self, asked: SnapshotRequest, account: str) -> BrokerState:
        """ReconciliationResult it is, by construction: nobody has a ``AccountView`` without a complete recovery."""
        unknown = self.ledger.attempts.in_state(account, AttemptState.UNKNOWN)
        stops = self.ledger.kill_switches.stopping(asked.strategy, account, starts_stopped=self.mode is Mode.LIVE)
        return BrokerState(
            ready=True,
            unknown_attempts=sum(attempt.instrument == asked.instrument for attempt in unknown),
            frozen=bool(self.ledger.freezes.of(account, asked.instrument)),
            killed=bool(stops) and asked.strategy != FLATTEN,
            breaker="; ".join(trip.text for trip in self.ledger.breaker.present(account, self.ledger.clock.now())),
        )

    def _facts_of(self, symbol: str) -> MarketState | None:
        instrument = self.instruments.get(symbol)
        return self.facts.of(instrument) if instrument else None

    def _checks(self, asked: SnapshotRequest, facts: MarketState | None, now: datetime) -> tuple[InputCheck, ...]:
        """The newest result of each check, compared with the bars that were read for this decision."""
        newest, ahead = self.ledger.checks.newest(asked.checks), look_ahead_check(asked.strategy)
        stored: dict[str, Basis] = {}
        damaged: dict[str, InputCheck] = {}
        known = {asked.instrument: facts, **{other: self._facts_of(other) for other in asked.others}}
        for symbol, each in known.items():
            stored |= data_of_checks(symbol, self.timeframe, each.fingerprints if each else {}, self.quality)
            damaged |= unreadable_inputs(symbol, each.unreadable, each.features_unreadable) if each else {}

        def read(name: str) -> InputCheck:
            if name == ahead:
                return look_ahead_input(name, newest.get(name), asked.strategy_hash, now)
            return damaged.get(name) or bars_input(name, newest.get(name), stored.get(name, Basis()), now)

        return tuple(map(read, asked.checks))
