"""One sitting at the venue: reconcile, let the gate decide, send what it approved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from tradewright.execution.checkpoints import Checkpoint, pass_by
from tradewright.execution.gathering import Asked, Gatherer, VenueView
from tradewright.execution.outcome import Outcome
from tradewright.execution.sender import Sender
from tradewright.execution.settings import SenderSettings
from tradewright.execution.times import ProtocolTimes
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import AccountState, Broker, BrokerSnapshot, Quote
from tradewright.model.clock import Clock
from tradewright.model.decision import Decision, Reason, Verdict
from tradewright.model.errors import BrokerError
from tradewright.model.intent import Intent
from tradewright.model.order import OrderTerms
from tradewright.model.signal import SignalCandidate
from tradewright.policy.approved import approve
from tradewright.policy.gate import decide, pre_send_check
from tradewright.portfolio.intents import MANUAL, manual_intent, propose
from tradewright.portfolio.state import PortfolioState

MANUAL_CHECKS = ("bars.{instrument}",)
STRATEGY_CHECKS = (*MANUAL_CHECKS, "features.{instrument}", "lookahead.{strategy}")
"""The checks whose latest results an order depends on (P2), by the names under which research records them."""


@dataclass(frozen=True)
class Reconciled:
    """What a reconciliation found.

    Args:
        differences: what does not agree with the venue, in words; empty is the good news.
        equity: the account's, in its base currency.
    """

    at: datetime
    differences: tuple[str, ...]
    equity: Decimal
    positions: dict[str, Decimal]


class TradingSession:
    """Everything that happens between connecting and disconnecting, on one ledger and one account.

    Args:
        gatherer: what the gate gets to know, at the decision and again at the moment of sending.
        checkpoint: called at every step boundary of the protocol; tests kill the process there.
    """

    def __init__(
        self,
        ledger: Ledger,
        broker: Broker,
        clock: Clock,
        gatherer: Gatherer,
        settings: SenderSettings,
        times: ProtocolTimes | None = None,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        self._ledger, self._broker, self._gatherer, self._account = ledger, broker, gatherer, settings.account
        self._sender = Sender(ledger, broker, clock, self.pre_send_check, settings, times, checkpoint)

    async def propose(self, signals: Iterable[tuple[SignalCandidate, datetime]]) -> list[Intent]:
        """The intents that would make these signals true, each signal given with the close of its bar.

        Every strategy acts on what its own orders have brought it, orders on their way included, so that a wish that is
        being carried out is not asked for again. An intent that is on record already comes back as it was recorded.

        Raises:
            BrokerError: when the venue cannot be read.
            ConfigError: for an instrument that is not defined.
        """
        wanted = sorted(signals, key=lambda pair: (pair[0].strategy, pair[0].instrument))
        view = await self.view(())
        intents: list[Intent] = []
        for strategy, pairs in groupby(wanted, key=lambda pair: pair[0].strategy):
            intents += propose(pairs, self._book(strategy, view))
        return [self._ledger.proposals.find_intent(intent.intent_id) or intent for intent in intents]

    async def intend(self, key: str, terms: OrderTerms, *, reduce_only: bool = False) -> Decision:
        """A person's own intent and the gate's verdict on it.

        Args:
            key: the idempotency key: the same key and the same wish give the first answer again (R-EXEC-04).

        Raises:
            IdempotencyConflict: for the same key with another wish.
            BrokerError: when the venue cannot be read, or has no price of the instrument.
        """
        view = await self.view({terms.instrument})
        price = self._gatherer.price(terms.instrument, view)
        if price is None:
            raise BrokerError(f"no price of {terms.instrument}", where="venue", remedy="import its bars, or wait")
        book = self._book(MANUAL, view)

        def act() -> object:
            now = self._ledger.clock.now()
            intent = manual_intent(key, terms, book, price, now, reduce_only=reduce_only)
            return self._decide(intent, view).model_dump(mode="json")

        payload = {"terms": terms, "reduce_only": reduce_only}
        return Decision.model_validate(self._ledger.idempotency.once(key, payload, act))

    async def decide(self, intents: Iterable[Intent]) -> list[Decision]:
        """The gate's verdict on each intent, written down; approved ones go into the outbox.

        An intent that was decided before keeps its decision, unless that one has expired without an order: then the
        gate speaks again, also about what it refused: markets open, data arrive. A person's no is final.

        Raises:
            BrokerError: when the venue cannot be read; nothing is decided then.
            LedgerError: when something cannot be written down.
        """
        wanted = list(intents)
        view = await self.view({intent.terms.instrument for intent in wanted})
        return [self._decide(intent, view) for intent in wanted]

    def _book(self, strategy: str, view: VenueView) -> PortfolioState:
        """What a strategy has to act on: the account's equity, its own holdings and orders on their way."""
        return PortfolioState(
            equity=view.account.equity,
            positions=self._gatherer.commitments(strategy, view),
            instruments=self._gatherer.instruments,
            account=self._account,
            currency=self._gatherer.limits.currency,
        )

    def _decide(self, intent: Intent, view: VenueView) -> Decision:
        with self._ledger.transaction():
            self._ledger.proposals.record_intent(intent)
            standing = self._standing(intent)
            if standing is not None:
                return standing
            snapshot = self._gatherer.snapshot(asked_of(intent), view)
            decision = decide(intent, snapshot, self._gatherer.limits)
            self._ledger.proposals.record_decision(decision)
            if decision.verdict is Verdict.APPROVE:
                self._ledger.outbox.put(approve(intent, decision, self._account))
        return decision

    def _standing(self, intent: Intent) -> Decision | None:
        """The decision that is still in force for an intent, if there is one."""
        decisions = self._ledger.proposals.decisions(intent.intent_id)
        if not decisions:
            return None
        newest = decisions[-1]
        spoken = self._ledger.proposals.approvals(newest.decision_id)
        is_final = any(not approval.approved for approval in spoken)
        has_order = any(attempt.sending_at for attempt in self._ledger.attempts.all(intent.intent_id))
        return newest if is_final or has_order or newest.expires_at > self._ledger.clock.now() else None

    async def send(self, decision_ids: Collection[str] | None = None) -> tuple[Outcome, ...]:
        """Drain the outbox once; see ``Sender.drain`` for what is raised."""
        return await self._sender.drain(decision_ids)

    async def pre_send_check(self, order: ApprovedOrder, snapshot: BrokerSnapshot) -> Sequence[Reason]:
        """The gate's hard rules again, on the state of the moment of sending (R-RISK-39)."""
        view = await self._valued(snapshot, {order.terms.instrument})
        asked = Asked(
            instrument=order.terms.instrument,
            side=order.terms.side,
            strategy=order.strategy,
            intent_id=order.intent_id,
            checks=checks_of(order.strategy, order.terms.instrument),
            at_send=True,
        )
        return pre_send_check(order, self._gatherer.snapshot(asked, view), self._gatherer.limits)

    async def reconcile(self) -> Reconciled:
        """Ask the venue for everything, adopt what it says, mark the equity (R-EXEC-08).

        Raises:
            BrokerError: when the venue cannot be reached or read.
            LedgerError: when something cannot be written down.
        """
        recovered = await self._sender.recover()
        money = await self._money()
        mark = self._ledger.marks.mark_equity(self._account, money.equity, money.cash)
        last = self._ledger.venues.last_reconciliation(self._account)
        held = {row.instrument: row.quantity for row in recovered.snapshot.positions if row.quantity}
        return Reconciled(mark.at, last.differences if last else (), money.equity, held)

    async def view(self, symbols: Collection[str]) -> VenueView:
        """A complete view of the venue, with quotes of these symbols and of everything held or on order.

        Raises:
            BrokerError: when the venue cannot be read, or speaks of another account.
        """
        view = await self._valued(await self._sender.ready(), symbols)
        self._ledger.marks.mark_equity(self._account, view.account.equity, view.account.cash)
        return view

    async def _valued(self, snapshot: BrokerSnapshot, symbols: Iterable[str]) -> VenueView:
        concerned = self._gatherer.concerned(snapshot, self._account)
        return VenueView(snapshot, await self._money(), await self._quotes({*symbols, *concerned}))

    async def _money(self) -> AccountState:
        money = await self._broker.account()
        if money.account != self._account:
            raise BrokerError(
                f"the venue speaks of account {money.account!r}, not of {self._account!r}",
                where=self._broker.venue,
                remedy="set broker.account to the account that the gateway manages",
            )
        return money

    async def cancel_stopped(self) -> tuple[str, ...]:
        """Ask for a cancel of every open order that a kill switch covers; see ``Sender.cancel_stopped``."""
        return await self._sender.cancel_stopped()

    async def cancel(self, ref: str, actor: str, reason: str) -> None:
        """Ask the venue to cancel one order."""
        await self._sender.ready()
        await self._sender.cancelling.cancel(ref, actor, reason)

    async def close(self) -> None:
        """Disconnect and let the account go; harmless when nothing was open."""
        await self._sender.close()

    async def _quotes(self, symbols: Iterable[str]) -> dict[str, Quote]:
        """The newest prices; a symbol without one is left out, and the gate will say so."""
        quotes = {}
        for symbol in sorted(symbols):
            try:
                quotes[symbol] = await self._broker.quote(symbol)
            except BrokerError:
                continue
        return quotes


def asked_of(intent: Intent) -> Asked:
    """Whose snapshot the gate needs for an intent."""
    instrument, side = intent.terms.instrument, intent.terms.side
    return Asked(instrument, side, intent.strategy, intent.intent_id, checks_of(intent.strategy, instrument))


def checks_of(strategy: str, instrument: str) -> tuple[str, ...]:
    """The names of the checks on which an order depends; a person's own intent needs no strategy's."""
    names = MANUAL_CHECKS if strategy == MANUAL else STRATEGY_CHECKS
    return tuple(name.format(instrument=instrument, strategy=strategy) for name in names)
