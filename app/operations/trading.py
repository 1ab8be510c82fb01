"""Trading operations: intents, approvals, sending, positions, the kill switch, explanations."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

from app.operations.actors import actor_name, checked_reason
from app.operations.damaged import account_named, apart, set_aside
from app.operations.kill_scopes import checked_scope, known_scope, scopes
from app.operations.replies import (
    DeskView,
    IntentView,
    Listing,
    PositionView,
    ReconcileReply,
    SendReply,
    Sent,
)
from app.operations.valuation import valued
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from runtime.kept_settings import KeptSettings, kept_settings
from runtime.trading import UNKNOWN_ACCOUNT, account_in_force, not_well
from tradewright.execution import operator_actions as desk
from tradewright.execution.protection import protection_texts
from tradewright.execution.provenance import Provenance
from tradewright.execution.provenance import explain as explain_in
from tradewright.execution.types import SendResult
from tradewright.ledger.kill_switches import Switch, account_scope
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Decision
from tradewright.model.errors import LedgerError, TradewrightError
from tradewright.model.intent import Intent
from tradewright.model.mode import Mode
from tradewright.model.order import OrderTerms

if TYPE_CHECKING:  # a listing loads neither the sender nor the gate
    from tradewright.execution.cancellation import Cancelled
    from tradewright.execution.deciding import Decider
    from tradewright.execution.inbox import Inbox

NEWEST = 200
"""The most intents and orders of a listing, unless more are asked for."""
NEWEST_ORDER = "newest"
"""Stands for the newest order in the place of an id."""
MARKS = 5_000
"""The most equity marks of a chart."""


@contextmanager
def opened_ledger(settings: Settings) -> Iterator[Ledger]:
    """The ledger, open for one operation."""
    with Container(settings) as house:
        yield house.ledger


def intents(settings: Settings, most: int = NEWEST, *, everything: bool = False) -> Listing[IntentView]:
    """The newest intents, at ``most`` so many (0: all), and all that wait for a person; newest first.

    Args:
        everything: those of all modes and accounts, instead of those in force.
    """
    with Container(settings) as house:
        return set_aside(lambda: _intents(house, most, everything), lambda: _intents_apart(house, most, everything))


def _intents(house: Container, most: int = NEWEST, everything: bool = False) -> Listing[IntentView]:
    ledger, account = house.ledger, account_in_force(house.settings, house.ledger)
    asked = ledger.decisions.waiting()
    waiting = {row.decision_id for row in asked}
    besides = [row.intent_id for row in asked]
    chosen = ledger.decisions.newest_intents(most or None, besides, None if everything else account)
    views = [_intent_view(ledger, intent, waiting) for intent in reversed(chosen)]
    hidden = 0 if everything else ledger.decisions.count_intents() - ledger.decisions.count_intents(account)
    return Listing(tuple(views), account, _remark(account, hidden, "intent"))


def _intent_view(ledger: Ledger, intent: Intent, waiting: Collection[str]) -> IntentView:
    decisions = ledger.decisions.of_intent(intent.intent_id)
    newest = decisions[-1] if decisions else None
    refs = tuple(attempt.ref for attempt in ledger.attempts.all(intent.intent_id))
    return IntentView(intent, newest, bool(newest and newest.decision_id in waiting), refs)


def _intents_apart(house: Container, most: int, everything: bool) -> Listing[IntentView]:
    """The intents one by one, those whose rows are damaged set aside; which of them wait is not told."""
    ledger, account = house.ledger, account_named(house)
    ids = ledger.decisions.newest_ids(most or None, None if everything else account or None)

    def view(intent_id: str) -> IntentView:
        return _intent_view(ledger, ledger.decisions.intent(intent_id), ())

    rows, damaged = apart("intent", reversed(ids), view)
    return Listing(rows, account, damaged=damaged)


def _remark(account: str, hidden: int, noun: str) -> str:
    """The number of rows of other modes and accounts that a listing leaves out, and that the account is not known."""
    named = f"not listed: {hidden} {noun}{'s' if hidden != 1 else ''} of other modes or accounts (--all lists them)"
    return "; ".join([*([] if account else [UNKNOWN_ACCOUNT]), *([named] if hidden else [])])


def submit_intent(
    settings: Settings,
    terms: OrderTerms,
    key: str = "",
    *,
    reduce_only: bool = False,
    stop: Decimal | None = None,
    take_profit: Decimal | None = None,
) -> Decision:
    """A person's own intent, through the same gate as any other.

    Args:
        key: the idempotency key: the same key and the same order give the first answer again; made up when empty.
        stop, take_profit: the prices at which the venue is to close what the order opens.

    Raises:
        ConfigError: for an unknown instrument.
        OrderNotAccepted: where the venue holds no protective legs.
        IdempotencyConflict: for the same key with another order.
        BrokerError: when the venue cannot be asked.
    """
    name = key or secrets.token_hex(8)

    async def act(decider: Decider) -> Decision:
        return await decider.submit_intent(name, terms, reduce_only=reduce_only, stop=stop, take_profit=take_profit)

    with Container(settings) as house:
        house.instrument(terms.instrument)
        return trading.deciding(house, act)


def approve(settings: Settings, decision_id: str, reason: str, actor: str = "", shown: str = "") -> Intent:
    """Approve a decision in review; its order goes into the outbox.

    Args:
        shown: the hash of the decision as it was shown; a decision that differs from it is refused.

    Raises:
        ConfigError: without a reason.
        LedgerError, NotApproved: when the decision is unknown, over, rejected, or did not ask for a person.
    """
    reason = checked_reason(reason)
    with opened_ledger(settings) as ledger:
        intent = ledger.decisions.intent(ledger.decisions.decision(decision_id).intent_id)
        _demand_in_force(settings, ledger, decision_id, intent)
        seconds = float(settings.policy.approval_ttl_seconds)
        return desk.approve(ledger, decision_id, intent.account, actor_name(actor), reason, seconds, shown)


def reject(settings: Settings, decision_id: str, reason: str, actor: str = "") -> None:
    """Reject a decision; final.

    Raises:
        ConfigError: without a reason.
        LedgerError: for an unknown decision, and for one of another mode or account.
    """
    reason = checked_reason(reason)
    with opened_ledger(settings) as ledger:
        intent = ledger.decisions.intent(ledger.decisions.decision(decision_id).intent_id)
        _demand_in_force(settings, ledger, decision_id, intent)
        desk.reject(ledger, decision_id, actor_name(actor), reason)


def _demand_in_force(settings: Settings, ledger: Ledger, decision_id: str, intent: Intent) -> None:
    """Refuse a decision that was made in another mode, or on another account than the one in force.

    An account that is not known yet refuses none: a decision of this mode was made on what its venue told.
    """
    mode, account = ledger.decisions.mode_of(decision_id), account_in_force(settings, ledger)
    if mode != settings.mode.name or account not in ("", intent.account):
        raise LedgerError(
            f"it was made in mode {mode} on account {intent.account}, not in mode {settings.mode.name} on account "
            f"{account or 'of the venue'}",
            where=f"decision {decision_id}",
            remedy=f"answer it under its own mode: mode={mode}",
        )


def send(settings: Settings) -> list[Sent]:
    """Drain the outbox once.

    Raises:
        SendRefused: when another sender has the account.
        BrokerError, LedgerError: when nothing can be sent now; what was not sent stays approved.
    """
    return list(send_approved(settings).outcomes)


def send_approved(settings: Settings, actor: str = "") -> SendReply:
    """Drain the outbox once, with the stops in force; an order that a stop covers stays approved or is withdrawn.

    What is not well on the account is listed afterwards, as the send has left it.

    Raises:
        SendRefused: when another sender has the account.
        BrokerError, LedgerError: when nothing can be sent now; what was not sent stays approved.
    """
    with Container(settings) as house:

        async def act(inbox: Inbox) -> SendReply:
            present = inbox.ledger.kill_switches.present()
            stops = tuple(row for row in present if row.stopped and _covers(inbox.account, row.scope))
            outcomes = tuple(map(_sent, await inbox.send(actor_name(actor), "tradewright send")))
            return SendReply(outcomes, stops, not_well(house, inbox.account))

        return trading.asking(house, act)


def _sent(row: SendResult) -> Sent:
    reasons = tuple(f"{each.code}: {each.text}" for each in row.reasons)
    return Sent(row.decision_id, row.ref, row.status, row.state, reasons)


def _covers(account: str, scope: str) -> bool:
    """Whether a stop may concern an account."""
    return scope.partition(":")[0] != "account" or scope == account_scope(account)


def orders(settings: Settings, most: int = NEWEST, *, everything: bool = False) -> Listing[desk.OrderView]:
    """The newest orders with their events, at ``most`` so many (0: all), and all that are still live; newest first.

    Args:
        everything: those of all modes and accounts, instead of those in force.
    """
    with Container(settings) as house:
        return set_aside(lambda: _orders(house, most, everything), lambda: _orders_apart(house, most, everything))


def _orders(house: Container, most: int = NEWEST, everything: bool = False) -> Listing[desk.OrderView]:
    ledger, account = house.ledger, account_in_force(house.settings, house.ledger)
    views = desk.newest_orders(ledger, most or None, None if everything else account)
    hidden = 0 if everything else ledger.attempts.count() - ledger.attempts.count(account)
    return Listing(tuple(reversed(views)), account, _remark(account, hidden, "order"))


def _orders_apart(house: Container, most: int, everything: bool) -> Listing[desk.OrderView]:
    """The orders one by one, those whose rows are damaged set aside."""
    ledger, account = house.ledger, account_named(house)
    refs = ledger.attempts.newest_refs(most or None, None if everything else account or None)
    rows, damaged = apart("order", reversed(refs), lambda ref: desk.order_view(ledger, ledger.attempts.get(ref)))
    return Listing(rows, account, damaged=damaged)


def positions(settings: Settings) -> Listing[PositionView]:
    """The holdings of the account in force by the ledger, at the newest stored prices."""
    with Container(settings) as house:

        def whole() -> Listing[PositionView]:
            account = account_in_force(settings, house.ledger)
            return Listing(_held(house, account), account, _remark(account, 0, "position"))

        return set_aside(whole, lambda: _positions_apart(house))


def _held(house: Container, account: str) -> tuple[PositionView, ...]:
    return valued(house, house.ledger.executions.positions(account), protection_texts(house.ledger, account))


def _positions_apart(house: Container) -> Listing[PositionView]:
    """The holdings in the instruments whose rows are as they were recorded; the others are named."""
    account = account_named(house)
    held, damaged = house.ledger.executions.readable_positions(account)
    texts = [f"{row.where}: {row.what}; positions in {', '.join(names)} are not known" for row, names in damaged]
    return Listing(valued(house, held), account, damaged=tuple(texts))


def reconcile(settings: Settings, actor: str = "") -> ReconcileReply:
    """Ask the venue for everything and adopt its answers, then list everything that is not well on its account.

    Raises:
        CommandRefused, LedgerError: when it cannot be asked or written down.
    """
    with Container(settings) as house:

        async def act(inbox: Inbox) -> ReconcileReply:
            found = await inbox.reconcile(actor_name(actor), "tradewright reconcile")
            listed = not_well(house, inbox.account)
            return ReconcileReply(found.at, inbox.account, found.differences, found.equity, found.positions, listed)

        return trading.asking(house, act)


def kill(settings: Settings, scope: str, reason: str, actor: str = "") -> tuple[Switch, Cancelled]:
    """Stop: the flag first, in a commit of its own, then a cancel of every open order that it covers, all at once.

    Returns:
        The switch and the outcome of the cancels: what has ended, what is still open, and why the venue could not be
        asked, if it could not. The flag holds either way.

    Raises:
        ConfigError: without a reason, or for a strategy or an account that is not known.
        LedgerError: when even the flag cannot be written.
    """
    from tradewright.execution.cancellation import Cancelled

    reason, name = checked_reason(reason), actor_name(actor)
    with Container(settings) as house:
        switch = house.ledger.kill_switches.stop(known_scope(scope, settings, house.ledger), name, reason)
        try:
            return switch, trading.cancelling_stopped(house, switch.scope, name, reason)
        except TradewrightError as error:
            return switch, Cancelled(problem=str(error))


def resume(settings: Settings, scope: str, reason: str, actor: str = "") -> Switch:
    """Lift a stop; it takes a person and a reason.

    Raises:
        ConfigError: as for :func:`kill`.
    """
    reason = checked_reason(reason)
    with opened_ledger(settings) as ledger:
        return ledger.kill_switches.resume(checked_scope(scope, scopes(settings, ledger)), actor_name(actor), reason)


def explain(settings: Settings, name: str, *, everything: bool = False) -> Listing[Provenance]:
    """Everything behind an order, execution, decision, intent or signal.

    Args:
        name: its id, or ``newest`` for the newest order that was sent, of the mode and account in force.
        everything: of a signal, also what other modes and accounts made of it. Any other id names one intent, which
            is told whatever its mode.

    Raises:
        LedgerError: when no such id is known.
    """
    with Container(settings) as house:
        account = account_in_force(settings, house.ledger)
        if name == NEWEST_ORDER:
            if not (newest := house.ledger.attempts.newest(1, account)):
                remedy = "tradewright intents lists what was asked for; tradewright trade --once asks and sends"
                raise LedgerError("there is no order yet", where=NEWEST_ORDER, remedy=remedy)
            name = newest[-1].ref
        walks = explain_in(house.ledger, name)
        in_force = {row.intent_id for row in house.ledger.decisions.intents(name, account)}
        is_signal = walks[0].intent.signal_id == name
        shown = tuple(walk for walk in walks if everything or not is_signal or walk.intent.intent_id in in_force)
        return Listing(shown, account, _remark(account, len(walks) - len(shown), "intent") if is_signal else "")


def configurations(settings: Settings, walks: Iterable[Provenance]) -> dict[str, KeptSettings]:
    """The resolved settings from which strategies made these orders, by configuration hash, as far as they are kept.

    Raises:
        StoreError: when kept settings are damaged.
    """
    house = Container(settings)
    hashes = {walk.intent.provenance.get("config_hash", "") for walk in walks} - {""}
    return {each: found for each in sorted(hashes) if (found := kept_settings(house, each)) is not None}


def overview(settings: Settings) -> DeskView:
    """The account at a glance, from the ledger."""
    with Container(settings) as house:
        return _overview(house)


def whole_desk(settings: Settings) -> tuple[DeskView, Listing[IntentView], Listing[desk.OrderView]]:
    """The account at a glance with its newest intents and orders, from one opening of the ledger."""
    with Container(settings) as house:
        return _overview(house), _intents(house), _orders(house)


def _overview(house: Container) -> DeskView:
    from tradewright.execution.health import problems

    settings, ledger = house.settings, house.ledger
    account = account_in_force(settings, ledger)
    marks = ledger.equity.newest(account, MARKS)
    last = ledger.broker_journal.last_reconciliation(account)
    return DeskView(
        mode=settings.mode.name,
        stage=settings.stage.name,
        now=ledger.clock.now(),
        account=account,
        equity=marks[-1].equity if marks else None,
        cash=marks[-1].cash if marks else None,
        reconciled_at=last.at if last else None,
        differences=last.differences if last else (),
        switches=tuple(row for row in ledger.kill_switches.present() if row.stopped),
        positions=_held(house, account),
        equity_marks=tuple((mark.at, mark.equity) for mark in marks),
        scopes=tuple(scopes(settings, ledger)),
        problems=problems(ledger, account, starts_stopped=settings.mode.name is Mode.LIVE),
    )
