"""Gathering what the gate must know: from the ledger, the venue, the bars, the calendars and the declared events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tradewright.calendars.registry import calendar
from tradewright.execution.facts import BarFacts, FactBook
from tradewright.indicators.market import correlation, largest_correlation
from tradewright.ledger.attempts import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.model.bars import Timeframe
from tradewright.model.broker import AccountState, BrokerSnapshot, Quote
from tradewright.model.decision import Verdict
from tradewright.model.instrument import Instrument
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
    RecentOrder,
    Snapshot,
)

ZERO = Decimal(0)


@dataclass(frozen=True)
class VenueView:
    """What the venue told us just now, after a complete recovery."""

    snapshot: BrokerSnapshot
    account: AccountState
    quotes: Mapping[str, Quote]


@dataclass(frozen=True)
class Event:
    """A declared window in which an instrument is not entered (R-DATA-21)."""

    instrument: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Asked:
    """Whose snapshot is wanted.

    Args:
        intent_id: left out of open orders, exposures and recent orders: it is the one being judged.
        checks: the names of the checks that must have passed on its inputs.
        at_send: whether duplicates are sought among orders sent (the sender) or among intents (the gate).
    """

    instrument: str
    strategy: str
    intent_id: str
    checks: tuple[str, ...]
    at_send: bool = False


@dataclass(frozen=True)
class Gatherer:
    """Makes snapshots for the gate and for the sender's recheck.

    Args:
        tz: whose midnight starts the trading day of the daily figures (Q-22).
    """

    ledger: Ledger
    facts: FactBook
    instruments: Mapping[str, Instrument]
    limits: Limits
    mode: Mode
    stage: Stage
    timeframe: Timeframe
    events: Sequence[Event] = ()
    tz: str = "UTC"

    def snapshot(self, asked: Asked, view: VenueView) -> Snapshot:
        """Everything about one intent or order, as it is now. What cannot be found out stays None."""
        now = self.ledger.clock.now()
        instrument = self.instruments.get(asked.instrument)
        facts = self.facts.of(instrument) if instrument else None
        return Snapshot(
            now=now,
            mode=self.mode,
            stage=self.stage,
            instrument=instrument,
            market=self._market(instrument, facts, view, now) if instrument and facts else Market(),
            holdings=self._holdings(asked, facts, view, now),
            activity=self._activity(asked, view.account.account, now),
            broker=self._broker(asked, view.account.account),
            checks=self._checks(asked.checks, now),
        )

    def last_close(self, symbol: str) -> Decimal | None:
        """The newest stored close; None for an instrument without bars."""
        instrument = self.instruments.get(symbol)
        return self.facts.of(instrument).last_close if instrument else None

    def commitments(self, account: str, strategy: str, besides: str = "") -> dict[str, Decimal]:
        """Signed units that a strategy holds or that are on their way to it, by instrument.

        Args:
            besides: an intent whose orders do not count, because it is the one being judged.
        """
        units = strategy_positions(self.ledger, account, strategy)
        for row in self._open_orders(account, besides):
            if row.strategy == strategy:
                units[row.instrument] = units.get(row.instrument, ZERO) + row.side.sign * row.quantity
        return units

    def _market(self, instrument: Instrument, facts: BarFacts, view: VenueView, now: datetime) -> Market:
        quote = view.quotes.get(instrument.symbol)
        age = _seconds(now, quote.time if quote else facts.closed_at)
        return Market(
            data_age_seconds=age,
            bars_only_seconds=Decimal(0 if quote else self.timeframe.seconds),
            market_open=calendar(instrument.calendar).is_open(now),
            event_blackout_active=any(
                event.instrument == instrument.symbol and event.start <= now < event.end for event in self.events
            ),
            liquidity_score=facts.liquidity,
            last_price=price_of(quote) or facts.last_close,
            previous_close=facts.previous_close,
            atr=facts.atr,
            bars_gap=facts.gap,
            volatility_pause=facts.shock,
        )

    def _holdings(self, asked: Asked, facts: BarFacts | None, view: VenueView, now: datetime) -> Holdings:
        account = view.account.account
        held = {row.instrument: row.quantity for row in view.snapshot.positions if row.quantity}
        waiting = self._open_orders(account, asked.intent_id)
        ours = [row for row in waiting if row.instrument == asked.instrument]
        values = self._values(held, waiting, view)
        cluster = self._cluster(asked.instrument, facts, held)
        midnight = now.astimezone(ZoneInfo(self.tz)).replace(hour=0, minute=0, second=0, microsecond=0)
        return Holdings(
            equity=view.account.equity,
            cash=view.account.cash,
            position=held.get(asked.instrument, ZERO),
            open_orders=tuple(OpenOrder(side=row.side, quantity=row.quantity) for row in ours if row.quantity > 0),
            symbol_exposure=values.get(asked.instrument, ZERO) if values is not None else None,
            strategy_exposure=self._strategy_exposure(asked, view),
            gross_exposure=sum(map(abs, values.values()), ZERO) if values is not None else None,
            cluster_exposure=(
                sum((abs(values.get(name, ZERO)) for name in cluster), ZERO)
                if values is not None and cluster is not None
                else None
            ),
            correlation=self._correlation(asked.instrument, facts, held),
            daily_drawdown=abs(self.ledger.marks.drawdown(account, midnight)),
            traded_today=self._traded(account, midnight, waiting, view),
        )

    def _open_orders(self, account: str, besides: str) -> list[_Waiting]:
        """Live attempts, and approved orders that wait to be sent, without those of the intent being judged."""
        live = [
            _Waiting(row.instrument, row.side, row.quantity - self.ledger.executions.filled(row.ref), row.strategy)
            for row in self.ledger.attempts.live(account)
            if row.intent_id != besides
        ]
        for sendable in self.ledger.outbox.sendable(account):
            if sendable.intent_id != besides:
                row = self.ledger.outbox.get(sendable.decision_id)
                live.append(_Waiting(row.terms.instrument, row.terms.side, row.terms.quantity, row.strategy))
        return live

    def _values(
        self, held: Mapping[str, Decimal], waiting: Iterable[_Waiting], view: VenueView
    ) -> dict[str, Decimal] | None:
        """Signed value per instrument, holdings and open orders together; None when one has no price."""
        units = dict(held)
        for row in waiting:
            units[row.instrument] = units.get(row.instrument, ZERO) + row.side.sign * row.quantity
        values = {}
        for symbol, quantity in units.items():
            unit = self._unit_value(symbol, view)
            if unit is None:
                return None
            values[symbol] = quantity * unit
        return values

    def _unit_value(self, symbol: str, view: VenueView) -> Decimal | None:
        instrument = self.instruments.get(symbol)
        if instrument is None or instrument.currency != self.limits.currency:
            return None
        price = price_of(view.quotes.get(symbol)) or self.facts.of(instrument).last_close
        return None if price is None else price * instrument.multiplier

    def _strategy_exposure(self, asked: Asked, view: VenueView) -> Decimal | None:
        units = self.commitments(view.account.account, asked.strategy, asked.intent_id)
        values = [(quantity, self._unit_value(symbol, view)) for symbol, quantity in units.items() if quantity]
        known = [abs(quantity * unit) for quantity, unit in values if unit is not None]
        return sum(known, ZERO) if len(known) == len(values) else None

    def _cluster(self, symbol: str, facts: BarFacts | None, held: Mapping[str, Decimal]) -> set[str] | None:
        """The instrument and every holding that moves with it more than the limit allows, or perhaps does."""
        if facts is None:
            return None
        cluster = {symbol}
        for other in held:
            instrument = self.instruments.get(other)
            if other != symbol and instrument is not None:
                value = correlation(facts.bars, self.facts.of(instrument).bars)
                if not abs(value) <= self.limits.max_correlation:
                    cluster.add(other)
        return cluster

    def _correlation(self, symbol: str, facts: BarFacts | None, held: Mapping[str, Decimal]) -> Decimal | None:
        if facts is None:
            return None
        others = {name: self.instruments[name] for name in held if name != symbol and name in self.instruments}
        bars = {name: self.facts.of(instrument).bars for name, instrument in others.items()}
        return Decimal(repr(largest_correlation(facts.bars, bars)))

    def _traded(self, account: str, since: datetime, waiting: Iterable[_Waiting], view: VenueView) -> Decimal | None:
        total = ZERO
        for fill in self.ledger.executions.all(account):
            if fill.counts and fill.time >= since:
                multiplier = self.instruments[fill.instrument].multiplier if fill.instrument in self.instruments else 1
                total += fill.quantity * fill.price * multiplier
        for row in waiting:
            unit = self._unit_value(row.instrument, view)
            if unit is None:
                return None
            total += row.quantity * unit
        return total

    def _activity(self, asked: Asked, account: str, now: datetime) -> Activity:
        sent = self.ledger.attempts.sent_at(account, now - timedelta(minutes=1))
        of_intent = self.ledger.attempts.all(asked.intent_id)
        return Activity(
            recent=tuple(self._recent_orders(asked, now) if asked.at_send else self._recent_intents(asked, now)),
            orders_last_second=sum(at > now - timedelta(seconds=1) for at in sent),
            orders_last_minute=len(sent),
            orders_of_intent=sum(_is_real(attempt) for attempt in of_intent),
        )

    def _recent_intents(self, asked: Asked, now: datetime) -> Iterable[RecentOrder]:
        for intent in self.ledger.proposals.intents():
            if intent.terms.instrument != asked.instrument or intent.intent_id == asked.intent_id:
                continue
            decisions = self.ledger.proposals.decisions(intent.intent_id)
            if (
                decisions
                and decisions[-1].verdict is not Verdict.REJECT
                and self._is_recent(decisions[-1].decided_at, now)
            ):
                terms = intent.terms
                yield RecentOrder(
                    intent_id=intent.intent_id, side=terms.side, quantity=terms.quantity, at=decisions[-1].decided_at
                )

    def _recent_orders(self, asked: Asked, now: datetime) -> Iterable[RecentOrder]:
        for attempt in self.ledger.attempts.all():
            if attempt.instrument != asked.instrument or attempt.intent_id == asked.intent_id or not _is_real(attempt):
                continue
            at = self.ledger.attempts.events(attempt.ref)[0].at
            if self._is_recent(at, now):
                yield RecentOrder(intent_id=attempt.intent_id, side=attempt.side, quantity=attempt.quantity, at=at)

    def _is_recent(self, at: datetime, now: datetime) -> bool:
        return at > now - timedelta(seconds=float(self.limits.duplicate_window_seconds))

    def _broker(self, asked: Asked, account: str) -> BrokerState:
        unknown = self.ledger.attempts.in_state(account, AttemptState.UNKNOWN)
        stops = self.ledger.switches.stopping(asked.strategy, account, starts_stopped=self.mode is Mode.LIVE)
        return BrokerState(
            ready=True,
            unknown_attempts=sum(attempt.instrument == asked.instrument for attempt in unknown),
            frozen=bool(self.ledger.freezes.of(account, asked.instrument)),
            killed=bool(stops),
        )

    def _checks(self, names: Sequence[str], now: datetime) -> tuple[InputCheck, ...]:
        newest = self.ledger.marks.checks()
        return tuple(
            InputCheck(name=name, passed=newest[name].passed, age_seconds=_seconds(now, newest[name].at))
            if name in newest
            else InputCheck(name=name)
            for name in names
        )


@dataclass(frozen=True)
class _Waiting:
    """An order that may still be filled."""

    instrument: str
    side: Side
    quantity: Decimal
    strategy: str


def strategy_positions(ledger: Ledger, account: str, strategy: str) -> dict[str, Decimal]:
    """Signed units that a strategy's own orders have brought it, by instrument."""
    units: dict[str, Decimal] = {}
    for attempt in ledger.attempts.all():
        if attempt.strategy == strategy and attempt.account == account:
            filled = ledger.executions.filled(attempt.ref)
            units[attempt.instrument] = units.get(attempt.instrument, ZERO) + attempt.side.sign * filled
    return units


def price_of(quote: Quote | None) -> Decimal | None:
    """The last price, else the middle of bid and ask, else whichever of them there is."""
    if quote is None:
        return None
    if quote.last is not None:
        return quote.last
    sides = [side for side in (quote.bid, quote.ask) if side is not None]
    return sum(sides, ZERO) / len(sides) if sides else None


def _is_real(attempt: Attempt) -> bool:
    """Whether something may have reached the venue."""
    return attempt.sending_at is not None and attempt.state is not AttemptState.NOT_SENT


def _seconds(now: datetime, then: datetime | None) -> Decimal | None:
    return None if then is None else Decimal(repr(max(0.0, (now - then).total_seconds())))
