"""Trading operations: intents, approvals, sending, positions, the kill switch, explanations."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.output import printable
from conf.environment import options
from conf.problems import nearest
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from runtime.trading import account_in_force, not_well
from tradewright.execution import operator_actions as desk
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.deciding import Decider
from tradewright.execution.explain import Provenance
from tradewright.execution.explain import explain as explain_in
from tradewright.execution.health import Problem, problems
from tradewright.ledger.kill_switches import EVERYTHING, Switch, account_scope, strategy_scope
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Decision
from tradewright.model.errors import ConfigError, TradewrightError
from tradewright.model.intent import MANUAL, Intent
from tradewright.model.mode import Mode
from tradewright.model.order import OrderTerms


@dataclass(frozen=True)
class IntentView:
    """An intent with its decision and its orders so far."""

    intent: Intent
    decision: Decision | None
    waits: bool
    """Whether it waits for a person."""
    orders: tuple[str, ...]


@dataclass(frozen=True)
class Sent:
    """The result of one approved order; ``state`` is None where no order was made of it."""

    decision_id: str
    ref: str | None
    status: str
    state: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class PositionView:
    """A holding by the ledger and, when the venue was asked, by the venue."""

    instrument: str
    quantity: Decimal
    average_price: Decimal
    last_price: Decimal | None
    value: Decimal | None
    remark: str = ""
    """Set where the position cannot be valued, such as for an instrument that is not configured."""


@dataclass(frozen=True)
class SendReply:
    """The result of sending the outbox.

    Args:
        stops: the switches that are on.
        problems: everything that is not well on the account; the command exits with 1 while there is any.
    """

    outcomes: tuple[Sent, ...]
    stops: tuple[Switch, ...]
    problems: tuple[Problem, ...]

    @property
    def failed(self) -> bool:
        """Whether an order was not sent, or the account is not well."""
        return bool(self.stops or self.problems) or any(row.status != "SENT" for row in self.outcomes)


@dataclass(frozen=True)
class ReconcileReply:
    """The result of a reconciliation.

    Args:
        differences: the points on which venue and ledger disagree.
        problems: everything that is not well on the account; the command exits with 1 while there is any.
    """

    at: datetime
    differences: tuple[str, ...]
    equity: Decimal
    positions: dict[str, Decimal]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class DeskView:
    """The values of the monitor; none needs a query to the venue."""

    mode: str
    stage: str
    now: datetime
    account: str
    equity: Decimal | None
    cash: Decimal | None
    reconciled_at: datetime | None
    differences: tuple[str, ...]
    switches: tuple[Switch, ...]
    positions: tuple[PositionView, ...]
    equity_marks: tuple[tuple[datetime, Decimal], ...]
    scopes: tuple[str, ...]
    problems: tuple[Problem, ...]


NOT_CONFIGURED = "not in conf/instruments"
"""The remark of a position that cannot be valued because its instrument is not declared."""
NEWEST = 200
"""The most intents and orders of a listing, unless more are asked for."""
MARKS = 5_000
"""The most equity marks of a chart."""


@contextmanager
def opened_ledger(settings: Settings) -> Iterator[Ledger]:
    """The ledger, open for one operation."""
    with Container(settings) as house:
        yield house.ledger


def intents(settings: Settings, most: int = NEWEST) -> list[IntentView]:
    """The newest intents, at ``most`` so many (0: all), and all that wait for a person; newest first."""
    with opened_ledger(settings) as ledger:
        asked = ledger.decisions.waiting()
        waiting = {row.decision_id for row in asked}
        besides = [row.intent_id for row in asked]
        chosen = ledger.decisions.newest_intents(most, besides) if most else ledger.decisions.intents()
        views = []
        for intent in reversed(chosen):
            decisions = ledger.decisions.of_intent(intent.intent_id)
            newest = decisions[-1] if decisions else None
            refs = tuple(attempt.ref for attempt in ledger.attempts.all(intent.intent_id))
            views.append(IntentView(intent, newest, bool(newest and newest.decision_id in waiting), refs))
        return views


def intend(
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
    Container(settings).instrument(terms.instrument)
    name = key or secrets.token_hex(8)

    async def act(decider: Decider) -> Decision:
        return await decider.intend(name, terms, reduce_only=reduce_only, stop=stop, take_profit=take_profit)

    return trading.deciding(settings, act)


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
        seconds = float(settings.policy.approval_ttl_seconds)
        return desk.approve(ledger, decision_id, intent.account, actor_name(actor), reason, seconds, shown)


def reject(settings: Settings, decision_id: str, reason: str, actor: str = "") -> None:
    """Reject a decision; final.

    Raises:
        ConfigError: without a reason.
        LedgerError: for an unknown decision.
    """
    reason = checked_reason(reason)
    with opened_ledger(settings) as ledger:
        ledger.decisions.decision(decision_id)
        desk.reject(ledger, decision_id, actor_name(actor), reason)


def send(settings: Settings) -> list[Sent]:
    """Drain the outbox once; the Dagster job calls this.

    Raises:
        SendRefused: when another sender has the account.
        BrokerError, LedgerError: when nothing can be sent now; what was not sent stays approved.
    """
    outcomes = trading.asking(settings, lambda inbox: inbox.send(actor_name(""), "tradewright send"))
    return [
        Sent(
            row.decision_id, row.ref, row.status, row.state, tuple(f"{each.code}: {each.text}" for each in row.reasons)
        )
        for row in outcomes
    ]


def send_approved(settings: Settings) -> SendReply:
    """As :func:`send`, with the stops in force; an order that a stop covers stays approved or is withdrawn.

    What is not well on the account is listed afterwards, as the send has left it.
    """
    with opened_ledger(settings) as ledger:
        stops = tuple(row for row in ledger.kill_switches.present() if row.stopped and _covers(settings, row.scope))
    outcomes = tuple(send(settings))
    return SendReply(outcomes, stops, not_well(settings))


def _covers(settings: Settings, scope: str) -> bool:
    """Whether a stop may concern the account in force."""
    kind, _, name = scope.partition(":")
    return kind != "account" or not settings.broker.account or name == settings.broker.account


def stop_texts(stops: Iterable[Switch], overrides: Sequence[str]) -> list[str]:
    """Each stop as text, with the command that lifts it on the same ledger."""
    said = "".join(f" {shlex.quote(text)}" for text in overrides)
    return [
        f"stopped since {row.at:%Y-%m-%d %H:%M:%S} UTC by {row.actor} because {row.reason} ({row.scope}); "
        f'resume with: tradewright resume --scope {row.scope} --reason "..."{said}'
        for row in stops
    ]


def orders(settings: Settings, most: int = NEWEST) -> list[desk.OrderView]:
    """The newest orders with their events, at ``most`` so many (0: all), and all that are still live; newest first."""
    with opened_ledger(settings) as ledger:
        return list(reversed(desk.newest_orders(ledger, most) if most else desk.orders(ledger)))


def positions(settings: Settings) -> list[PositionView]:
    """The holdings by the ledger, at the newest stored prices."""
    with opened_ledger(settings) as ledger:
        return _positions(settings, ledger)


def reconcile(settings: Settings) -> ReconcileReply:
    """Ask the venue for everything and adopt its answers, then list everything that is not well on the account.

    Raises:
        CommandRefused, LedgerError: when it cannot be asked or written down.
    """
    found = trading.asking(settings, lambda inbox: inbox.reconcile(actor_name(""), "tradewright reconcile"))
    return ReconcileReply(found.at, found.differences, found.equity, found.positions, not_well(settings))


def kill(settings: Settings, scope: str, reason: str, actor: str = "") -> tuple[Switch, Cancelled]:
    """Stop: the flag first, in a commit of its own, then a cancel of every open order that it covers, all at once.

    Returns:
        The switch and the outcome of the cancels: what has ended, what is still open, and why the venue could not be
        asked, if it could not. The flag holds either way.

    Raises:
        ConfigError: without a reason, or for a strategy or an account that is not known.
        LedgerError: when even the flag cannot be written.
    """
    reason = checked_reason(reason)
    with opened_ledger(settings) as ledger:
        switch = ledger.kill_switches.stop(checked_scope(scope, scopes(settings, ledger)), actor_name(actor), reason)
    name = actor_name(actor)
    try:
        return switch, trading.asking(settings, lambda inbox: inbox.cancel_all(name, reason, stopped_only=True))
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


def explain(settings: Settings, name: str) -> list[Provenance]:
    """Everything behind an order, execution, decision, intent or signal.

    Raises:
        LedgerError: when no such id is known.
    """
    with opened_ledger(settings) as ledger:
        return explain_in(ledger, name)


def overview(settings: Settings) -> DeskView:
    """The account at a glance, from the ledger."""
    with opened_ledger(settings) as ledger:
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
            positions=tuple(_positions(settings, ledger)),
            equity_marks=tuple((mark.at, mark.equity) for mark in marks),
            scopes=tuple(scopes(settings, ledger)),
            problems=problems(ledger, account, starts_stopped=settings.mode.name is Mode.LIVE),
        )


def actor_name(claimed: str = "") -> str:
    """The actor for the audit log: the user of the operating system, and beside it a name that was only claimed."""
    user = trading.system_user()
    name = printable(claimed).strip()
    return f"{user} (claimed: {name})" if name else user


def _positions(settings: Settings, ledger: Ledger) -> list[PositionView]:
    quotes = Container(settings, ledger.clock).newest_quotes()
    views = []
    for row in ledger.executions.positions(account_in_force(settings, ledger)):
        if row.quantity:
            last = quotes[row.instrument].last if row.instrument in quotes else None
            known = Container(settings).instruments.get(row.instrument)
            value = row.quantity * last * known.multiplier if known is not None and last is not None else None
            remark = "" if known is not None else NOT_CONFIGURED
            views.append(PositionView(row.instrument, row.quantity, row.average_price, last, value, remark))
    return views


def checked_reason(reason: str) -> str:
    """The reason as it is stored: text that is no UTF-8 is replaced, so that a stop never fails on its reason."""
    said = printable(reason).strip()
    if not said:
        raise ConfigError(
            "a reason is needed; it is written into the audit log",
            where="reason",
            remedy='write one; on the command line, --reason "..."',
        )
    return said


def checked_scope(scope: str, known: Sequence[str]) -> str:
    """A scope of the kill switch; a misspelt one would look like a stop and stop nothing.

    Raises:
        ConfigError: for a scope of no known kind, and for a name that differs from every known one of its kind.
    """
    kind, _, name = scope.partition(":")
    if scope in ("", EVERYTHING):
        return EVERYTHING
    if kind not in ("strategy", "account") or not name:
        raise ConfigError(f"unknown scope {scope!r}", where="--scope", remedy="everything, strategy:NAME or account:ID")
    if scope not in known and any(each.startswith(f"{kind}:") for each in known):
        near = nearest(scope, known)
        remedy = f"did you mean {near!r}?" if near else f"one of {', '.join(known)}"
        raise ConfigError(f"{scope!r} is neither a strategy nor an account", where="--scope", remedy=remedy)
    return scope


def scopes(settings: Settings, ledger: Ledger) -> list[str]:
    """The scopes of a kill switch: everything, and each account and strategy that is declared or has ever asked."""
    accounts = [settings.broker.account or "", *ledger.outbox.accounts(), account_in_force(settings, ledger)]
    strategies = [MANUAL, *options("strategy"), *ledger.decisions.strategies()]
    named = [*map(account_scope, filter(None, accounts)), *map(strategy_scope, strategies)]
    return list(dict.fromkeys([EVERYTHING, *named, *(row.scope for row in ledger.kill_switches.present())]))
