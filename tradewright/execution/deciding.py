"""Deciding: from signals and requests of people to intents, and the gate's verdict on them, written down."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from tradewright.execution.account_reader import AccountReader
from tradewright.execution.exposure import may_have_reached
from tradewright.execution.rebalancing import Proposal, Waiting, reductions_first
from tradewright.execution.risk_snapshot import AccountView, SnapshotBuilder
from tradewright.execution.unfinished_exits import exit_or_its_rest
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import BrokerError, OrderNotAccepted
from tradewright.model.intent import FLATTEN, MANUAL, Intent
from tradewright.model.order import OrderTerms, Side
from tradewright.model.signal import SignalCandidate
from tradewright.policy.approval import approve
from tradewright.policy.gate import decide
from tradewright.portfolio.intents import manual_intent, propose
from tradewright.portfolio.rebalancing import rebalancing
from tradewright.portfolio.state import PortfolioState

LOG = logging.getLogger(__name__)
Pair = tuple[str, str]
"""Strategy and instrument of a signal."""


class Decider:
    """Proposes and decides on one account. It needs no lease, and works while the sender sends.

    Args:
        actor: the user under whom the program runs; stands beside the limits that were first decided under.
    """

    def __init__(
        self, ledger: Ledger, reader: AccountReader, builder: SnapshotBuilder, account: str, actor: str = "program"
    ) -> None:
        self._ledger, self._reader, self._builder, self._account = ledger, reader, builder, account
        self._actor = actor

    async def propose(
        self,
        signals: Iterable[tuple[SignalCandidate, datetime]],
        *,
        due: Collection[Pair] | None = None,
        proposed: Collection[Pair] = (),
    ) -> Proposal:
        """The intents that would make these signals true, each signal given with the close of its bar.

        A strategy acts on the positions that its own orders have brought it, orders on their way included, so that a
        target that is being carried out is not asked for again. An intent that is on record comes back as recorded; of
        an exit whose order the venue ended, what is held still is asked for. A rebalance goes by all its signals, since
        its increases wait for its reductions.

        Args:
            due: the strategies and instruments whose intents are wanted; None for all.
            proposed: those whose rebalance was proposed before: only what is on record comes back.

        Raises:
            BrokerError: when the venue cannot be read.
            ConfigError: for an instrument that is not defined.
        """
        wanted = sorted(signals, key=lambda pair: (pair[0].strategy, pair[0].instrument))
        view = await self._reader.view(())
        symbols = {signal.instrument for signal, _closed in wanted}
        intents, waiting = list[Intent](), list[Waiting]()
        for strategy, group in groupby(wanted, key=lambda pair: pair[0].strategy):
            pairs, portfolio = list(group), self._portfolio(strategy, view, symbols)
            if any(signal.rebalances for signal, _closed in pairs):
                found = self._rebalance(strategy, pairs, portfolio, proposed)
                waiting += found.waiting
                intents += found.intents
            else:
                made = (exit_or_its_rest(self._ledger, intent) for intent in propose(pairs, portfolio))
                intents += map(self._with_protection, made)
        recorded = (self._ledger.decisions.find_intent(intent.intent_id) or intent for intent in intents)
        chosen = [each for each in recorded if due is None or (each.strategy, each.terms.instrument) in due]
        return Proposal(chosen, tuple(waiting))

    def _rebalance(
        self,
        strategy: str,
        pairs: Iterable[tuple[SignalCandidate, datetime]],
        portfolio: PortfolioState,
        proposed: Collection[Pair],
    ) -> Proposal:
        """The intents of a rebalance, reductions first."""
        find = self._ledger.decisions.find_intent
        made = [
            rebalancing(signal, portfolio, closed, find, proposed=(strategy, signal.instrument) in proposed)
            for signal, closed in pairs
        ]
        intents = sorted((each for found in made for each in found), key=lambda each: not each.reduce_only)
        return reductions_first(self._ledger, strategy, intents)

    async def submit_intent(
        self,
        key: str,
        terms: OrderTerms,
        *,
        reduce_only: bool = False,
        stop: Decimal | None = None,
        take_profit: Decimal | None = None,
    ) -> Decision:
        """A person's own intent and the gate's verdict on it.

        Args:
            key: the idempotency key: the same key and the same request give the first answer again (R-EXEC-04).
            stop, take_profit: the prices of its protective legs, in which the venue closes what the order opens.

        Raises:
            IdempotencyConflict: for the same key with another request, or on another account.
            BrokerError: when the venue cannot be read, or has no price of the instrument.
            OrderNotAccepted: for protective legs that the venue does not hold, or of an order that only reduces.
        """
        view = await self._reader.view({terms.instrument})
        if (stop, take_profit) != (None, None):
            self._demand_protection(terms, reduce_only, view)
        self._builder.read_ahead(view, {terms.instrument})
        price = self._builder.price(terms.instrument, view)
        if price is None:
            raise BrokerError(f"no price of {terms.instrument}", where="venue", remedy="import its bars, or wait")
        portfolio = self._portfolio(MANUAL, view, {terms.instrument})

        def act() -> object:
            now = self._ledger.clock.now()
            intent = manual_intent(
                key, terms, portfolio, price, now, reduce_only=reduce_only, stop=stop, take_profit=take_profit
            )
            return self._decide(self._with_protection(intent), view).model_dump(mode="json")

        payload: dict[str, object] = {"account": self._account, "terms": terms, "reduce_only": reduce_only}
        payload |= {} if stop is None else {"stop": stop}
        payload |= {} if take_profit is None else {"take_profit": take_profit}
        return Decision.model_validate(self._ledger.idempotency.once(key, payload, act))

    async def decide(self, intents: Iterable[Intent]) -> list[Decision]:
        """The gate's verdict on each intent of a batch, written down at once; approved ones go into the outbox.

        The batch is one transaction: each intent is judged with the approvals before it as reservations of cash,
        exposure, notional and counts, and no other process decides in between. All that is read from disk or from the
        venue is read before the transaction begins.

        An intent that was decided before keeps its decision, unless that one has ended without an order: then the
        gate speaks again, also about an intent that it refused: markets open, data arrive. A person's no is final.

        Raises:
            BrokerError: when the venue cannot be read; nothing is decided then.
            LedgerError: when something cannot be written down.
        """
        wanted = list(intents)
        symbols = {intent.terms.instrument for intent in wanted}
        view = await self._reader.view(symbols)
        self._builder.read_ahead(view, symbols, wanted)
        with self._ledger.transaction():
            return [self._decide(intent, view) for intent in wanted]

    async def flatten(self, actor: str, reason: str, key: str) -> list[Decision]:
        """Close every holding of the account by a market order, through the same gate, in one batch.

        The intents only reduce. A kill switch lets them pass, here and at the sender, because a stop must leave a way
        out; the switches that were on are written into each intent and into the log.

        Args:
            key: the idempotency key of the whole request.

        Raises:
            BrokerError: when the venue cannot be read; nothing is decided then.
            LedgerError: when something cannot be written down.
        """
        view = await self._reader.view(())
        held = {row.instrument: row for row in view.snapshot.positions if row.quantity}
        self._builder.read_ahead(view, held)
        portfolio, now = self._portfolio(FLATTEN, view, held), self._ledger.clock.now()
        stops = [
            f"{row.scope}, {row.actor}: {row.reason}" for row in self._ledger.kill_switches.present() if row.stopped
        ]
        decisions = []
        with self._ledger.transaction():
            self._ledger.audit.append(actor, "FLATTEN", self._account, {"reason": reason, "stopped": stops})
            for symbol, holding in sorted(held.items()):
                if symbol not in self._builder.instruments:
                    continue  # the ledger's list of problems names it: nothing can be sent in what is not defined
                side = Side.SELL if holding.quantity > 0 else Side.BUY
                terms = OrderTerms(instrument=symbol, side=side, quantity=abs(holding.quantity))
                price = self._builder.price(symbol, view) or holding.average_price
                intent = manual_intent(
                    f"{key}:{symbol}", terms, portfolio, price, now, reduce_only=True, strategy=FLATTEN
                )
                evidence = {"flatten": f"{actor}: {reason}", "stopped": "; ".join(stops)}
                decisions.append(self._decide(intent.model_copy(update={"provenance": evidence}), view))
        return decisions

    def _with_protection(self, intent: Intent) -> Intent:
        """The intent with its stops and take-profit as protective legs, where the venue holds such legs."""
        wanted = not intent.reduce_only and intent.is_guarded
        at_venue = wanted and self._reader.holds_legs_of(intent)
        return intent.model_copy(update={"protective_orders": True}) if at_venue else intent

    def _demand_protection(self, terms: OrderTerms, reduce_only: bool, view: AccountView) -> None:
        """Refuse protective legs that the venue does not hold, and those of an order that closes a holding."""
        held = {row.instrument: row.quantity for row in view.snapshot.positions}.get(terms.instrument, Decimal(0))
        problem = ""
        if reduce_only or held * terms.side.sign < 0:
            problem = "an order that closes a holding opens nothing to protect"
        elif not self._reader.holds_protection(terms.instrument):
            problem = f"the venue holds no protective legs for {terms.instrument}"
        if problem:
            raise OrderNotAccepted(problem, where="stop, take-profit", remedy="leave them out")

    def _portfolio(self, strategy: str, view: AccountView, symbols: Iterable[str]) -> PortfolioState:
        """The state that a strategy acts on: the account's equity, its own holdings and orders on their way.

        Without a rate for the venue's money there is no equity to size by, and the gate says why.

        Args:
            symbols: the instruments whose rates are needed.
        """
        values, known, money = self._builder.values(), self._builder.instruments, view.account
        currencies = {known[symbol].currency for symbol in symbols if symbol in known}
        rates = {currency: rate for currency in currencies if (rate := values.rate(currency)) is not None}
        return PortfolioState(
            equity=values.money(money.equity, money.currency) or Decimal(0),
            positions=self._builder.commitments(strategy, view),
            instruments=known,
            account=self._account,
            currency=self._builder.limits.currency,
            rates=rates,
        )

    def _decide(self, intent: Intent, view: AccountView) -> Decision:
        with self._ledger.transaction():
            self._ledger.decisions.record_intent(intent)
            in_force = self._decision_in_force(intent)
            if in_force is not None:
                return in_force
            builder = self._builder.in_force(self._account)
            decision = decide(intent, builder.snapshot(builder.request(intent), view), builder.limits)
            # Before the decision: whoever reads the events in order knows its limits when it comes.
            self._ledger.limits.record(self._account, decision.rule_set_hash, builder.limits, self._actor)
            self._ledger.decisions.record_decision(decision)
            if decision.verdict is Verdict.APPROVE:
                self._ledger.outbox.put(approve(intent, decision, self._account))
        codes = " ".join(reason.code for reason in decision.reasons)
        LOG.info("intent %s of %s: %s %s", intent.intent_id, intent.strategy, decision.verdict, codes)
        return decision

    def _decision_in_force(self, intent: Intent) -> Decision | None:
        """The decision that still holds for an intent, if there is one.

        A person's no holds for good, and so does the decision whose order may have reached the venue. An approval
        whose order was proved not sent is used up: the intent is free to be decided again, under a new reference.
        """
        decisions = self._ledger.decisions.of_intent(intent.intent_id)
        if not decisions:
            return None
        newest = decisions[-1]
        spoken = self._ledger.decisions.approvals(newest.decision_id)
        attempts = self._ledger.attempts.all(intent.intent_id)
        is_final = any(not approval.approved for approval in spoken)
        has_order = any(may_have_reached(self._ledger, attempt) for attempt in attempts)
        is_used_up = any(attempt.spent and attempt.decision_id == newest.decision_id for attempt in attempts)
        is_alive = newest.expires_at > self._ledger.clock.now() and not is_used_up
        return newest if is_final or has_order or is_alive else None
