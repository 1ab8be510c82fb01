"""The operator's acts on the monitor: each is one operation, and its outcome or its refusal comes back as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from app.commands.order_args import ENDS, parse_state, parse_statement_fill
from app.operations import operator, trading, visitors
from app.operations.formatting import local, refusal_text
from app.operations.monitor_view import Row, terms_text
from app.output import printable
from app.tokens import Scope
from conf.schema.settings import Settings
from tradewright.evaluation.formatting import count, money
from tradewright.execution.cancellation import Cancelled
from tradewright.execution.health import Problem
from tradewright.model.decision import Decision, Verdict
from tradewright.model.errors import TradewrightError

STATEMENT_STATES = ENDS
"""The states in which a statement may say that an order ended."""
NOTHING_CHOSEN = "nothing is chosen: choose a row first"


@dataclass(frozen=True)
class Statement:
    """The venue's statement on one order, as a person types it.

    Args:
        state: how the order ended.
        fills: ``EXECUTION_ID=QUANTITY@PRICE`` for each execution, with spaces between them; empty for none.
    """

    state: str
    fills: str


def answer(settings: Settings, decision_id: str | None, approved: bool, reason: str) -> str:
    """Approve or reject a decision in review."""
    if not decision_id:
        return NOTHING_CHOSEN

    def act(actor: str) -> str:
        if approved:
            return f"approved: {terms_text(trading.approve(settings, decision_id, reason, actor).terms)}"
        trading.reject(settings, decision_id, reason, actor)
        return f"rejected: decision {decision_id}"

    return carried_out(Scope.TRADE, act)


def stop(settings: Settings, scope: str, reason: str) -> str:
    """Stop new orders and cancel the open ones."""

    def act(actor: str) -> str:
        switch, done = trading.kill(settings, scope, reason, actor)
        lines = [f"stopped: {switch.scope}", f"cancelled: {', '.join(done.ended) or 'none'}"]
        if done.open:
            lines.append(f"still open: {', '.join(done.open)}")
        if done.problem:
            lines.append(f"not cancelled as asked: {done.problem}")
        return "; ".join(lines)

    return carried_out(Scope.TRADE, act)


def resume(settings: Settings, scope: str, reason: str) -> str:
    """Allow new orders again."""
    return carried_out(Scope.ADMIN, lambda actor: f"resumed: {trading.resume(settings, scope, reason, actor).scope}")


def reconcile(settings: Settings) -> str:
    """Reconcile the ledger with the venue."""

    def act(actor: str) -> str:
        found = trading.reconcile(settings, actor)
        differs = "; ".join(found.differences) or "no differences"
        at, equity = local(found.at, settings.base.tz), money(float(found.equity))
        return f"reconciled at {at}: equity {equity}, {differs}{_still(found.problems)}"

    return carried_out(Scope.TRADE, act)


def cancel(settings: Settings, chosen: Sequence[Row], reason: str) -> str:
    """Cancel the order that is chosen in the table of orders."""
    if not chosen:
        return NOTHING_CHOSEN
    ref = chosen[0]["ref"]
    return carried_out(Scope.TRADE, lambda actor: _cancelled(operator.cancel(settings, ref, reason, actor)), settings)


def cancel_all(settings: Settings, reason: str) -> str:
    """Cancel every open order of the account."""
    return carried_out(Scope.TRADE, lambda actor: _cancelled(operator.cancel_all(settings, reason, actor)), settings)


def flatten(settings: Settings, reason: str) -> str:
    """Decide on closing every holding; nothing is sent by it."""

    def act(actor: str) -> str:
        cancelled, decisions = operator.flatten(settings, reason, actor)
        told = [_cancelled(cancelled)] if cancelled != Cancelled() else []
        if not decisions:
            return "; ".join([*told, "nothing is held"])
        lines = [*told, *_verdicts(settings, decisions)]
        approved = sum(row.verdict is Verdict.APPROVE for row in decisions)
        if approved:
            listed = f"{count(approved, 'order')} approved, in the outbox and not sent yet"
            lines.append(f'{listed}: press "Send approved", unless the daemon sends')
        return "; ".join(lines)

    return carried_out(Scope.TRADE, act, settings)


def send_approved(settings: Settings) -> str:
    """Send each approved order, at most once."""

    def act(actor: str) -> str:
        reply = trading.send_approved(settings, actor)
        lines = [
            f"{row.status.lower()}: {row.ref or row.decision_id} {row.state or ''} {', '.join(row.reasons)}".rstrip()
            for row in reply.outcomes
        ]
        lines += [f"stopped: {row.scope}" for row in reply.stops]
        return "; ".join(lines or ["nothing is in the outbox"])

    return carried_out(Scope.TRADE, act, settings)


def end_of_day(settings: Settings, reason: str) -> str:
    """Compare before the venue's midnight, and block what is still open or differs."""
    return carried_out(Scope.TRADE, lambda actor: _done("end of day", operator.end_of_day(settings, reason, actor)))


def fitting(chosen: Sequence[Row]) -> tuple[str, ...]:
    """The commands that help with the chosen problem, in the order of its remedy; each has a button of its name."""
    words = [word for row in chosen for word in re.findall(r"tradewright ([a-z-]+)", row["what helps"])]
    return tuple(dict.fromkeys(word for word in words if word in _HELPS))


def chosen_text(chosen: Sequence[Row], listed: Sequence[Row]) -> str:
    """The row that the buttons below a table concern, as text; an invitation where none of those listed is chosen."""
    if not chosen:
        return "Choose a row." if listed else "Nothing is listed."
    row = chosen[0]
    words = [row.get(name, "") for name in ("problem", "side", "quantity", "instrument", "order", "ref", "state")]
    more = [row[name] for name in ("text", "what helps") if name in row]
    return f"Chosen: {'. '.join([' '.join(filter(None, words)), *more])}"


def help_with(
    settings: Settings, chosen: Sequence[Row], pressed: dict[str, bool], reason: str, statement: Statement
) -> str:
    """Carry out the act whose button was pressed on the chosen problem; refused when it does not help with it."""
    name = next((name for name, is_pressed in pressed.items() if is_pressed), None)
    if name is None or not chosen:
        return NOTHING_CHOSEN
    if name not in fitting(chosen):
        return f"refused: {name} does not help with {chosen[0]['problem']}"
    return _HELPS[name](settings, chosen[0], reason, statement)


def _acknowledge(settings: Settings, row: Row, reason: str, _statement: Statement) -> str:
    name = row["instrument"]

    def act(actor: str) -> str:
        return _done(f"acknowledged {name}, freezes lifted", operator.acknowledge(settings, name, reason, actor))

    return carried_out(Scope.ADMIN, act)


def _adopt(settings: Settings, row: Row, reason: str, _statement: Statement) -> str:
    name = row["instrument"]

    def act(actor: str) -> str:
        return _done(f"adopted {name}, position moved by", operator.adopt(settings, name, reason, actor))

    return carried_out(Scope.ADMIN, act)


def _confirm(settings: Settings, row: Row, reason: str, _statement: Statement) -> str:
    ref = row["order"]

    def act(actor: str) -> str:
        return _done(f"confirmed not sent: {ref}", operator.confirm_not_sent(settings, ref, reason, actor))

    return carried_out(Scope.ADMIN, act)


def _settle(settings: Settings, row: Row, reason: str, statement: Statement) -> str:
    ref = row["order"]

    def act(actor: str) -> str:
        fills = [parse_statement_fill(text) for text in statement.fills.split()]
        done = operator.settle(settings, ref, parse_state(statement.state), fills, reason, actor)
        return _done(f"settled {ref} as", done)

    return carried_out(Scope.ADMIN, act)


def _cancel(settings: Settings, row: Row, reason: str, _statement: Statement) -> str:
    return cancel(settings, [{"ref": row["order"]}], reason)


def _resume(settings: Settings, row: Row, reason: str, _statement: Statement) -> str:
    """Lift the stop that the remedy names."""
    (scope,) = re.findall(r"--scope (\S+)", row["what helps"])
    return resume(settings, scope, reason)


_HELPS: dict[str, Callable[[Settings, Row, str, Statement], str]] = {
    "reconcile": lambda settings, _row, _reason, _statement: reconcile(settings),
    "acknowledge": _acknowledge,
    "adopt": _adopt,
    "confirm-not-sent": _confirm,
    "settle": _settle,
    "cancel": _cancel,
    "flatten": lambda settings, _row, reason, _statement: flatten(settings, reason),
    "resume": _resume,
}
"""The command that a remedy names -> the act behind its button."""


def carried_out(scope: Scope, act: Callable[[str], str], settings: Settings | None = None) -> str:
    """Carry out an act on a thread of its own, for the caller's has an event loop already; a refusal as text.

    Args:
        scope: which the visitor must have.
        act: gets the visitor's name for the audit log.
        settings: given where the list of what is still not well is to follow the outcome.
    """

    visitor = visitors.present()  # here: the other thread belongs to no request

    def whole() -> str:
        visitors.demand(visitor, scope)
        said = act(visitor.actor)
        return said if settings is None else said + _present(settings)

    with ThreadPoolExecutor(1) as apart:
        try:
            return apart.submit(whole).result()
        except (TradewrightError, OSError) as error:
            return f"refused: {refusal_text(error)}"


def _present(settings: Settings) -> str:
    """What is not well now; the outcome before it stands, also when this cannot be read."""
    try:
        return _still(operator.not_well(settings))
    except (TradewrightError, OSError) as error:
        return f"; what is not well cannot be read: {refusal_text(error)}"


def _done(label: str, done: operator.Done) -> str:
    said = label if done.answer in (None, []) else f"{label}: {printable(done.answer)}"
    return said + _still(done.problems)


def _still(problems: Sequence[Problem]) -> str:
    """Everything that is not well, by code and place; the table on the monitor has the whole of it."""
    named = dict.fromkeys(" ".join(filter(None, (row.code, row.instrument, row.ref))) for row in problems)
    return f"; still not well: {', '.join(named)}" if named else ""


def _cancelled(done: Cancelled) -> str:
    lines = [f"ended at the venue: {', '.join(done.ended) or 'none'}"]
    if done.open:
        lines.append(f"still open: {', '.join(done.open)}")
    if done.problem:
        lines.append(f"the venue could not confirm: {done.problem}")
    return "; ".join(lines)


def _verdicts(settings: Settings, decisions: Sequence[Decision]) -> list[str]:
    """Each decision with its order and, where it is no plain approval, its reasons."""
    with trading.opened_ledger(settings) as ledger:
        orders = [terms_text(ledger.decisions.intent(row.intent_id).terms) for row in decisions]
    return [
        f"{row.verdict}: {order} {', '.join(reason.code for reason in row.reasons)}".rstrip()
        for row, order in zip(decisions, orders, strict=True)
    ]
