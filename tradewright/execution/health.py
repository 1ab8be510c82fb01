"""Health: the one list of everything that is not well on an account, and the command that helps with each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tradewright.execution.kill_coverage import open_under
from tradewright.execution.protection import gaps
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.broker_journal import Reconciliation
from tradewright.ledger.freezes import Freeze, FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.order import AttemptState, TimeInForce

UNWATCHED_AFTER = timedelta(minutes=15)
"""An account with open orders that was compared with the venue longer ago is not watched."""
CONFIRMED_WITHIN = timedelta(minutes=1)
"""A cancel that the venue has not confirmed for longer is told."""
RECONCILE_RESTING = timedelta(days=1)
"""The same for orders that rest for longer than a day: a venue tells the executions of one day only."""


class AccountCode(StrEnum):
    """What is not well on an account besides its freezes."""

    NOT_RECONCILED = "NOT_RECONCILED"
    DIFFERENCE = "DIFFERENCE"
    NOT_WATCHED = "NOT_WATCHED"
    CANCEL_UNCONFIRMED = "CANCEL_UNCONFIRMED"
    STOPPED = "STOPPED"
    UNPROTECTED = "UNPROTECTED"
    PROTECTION_TOO_LARGE = "PROTECTION_TOO_LARGE"
    EXIT_UNFINISHED = "EXIT_UNFINISHED"
    BREAKER_TRIPPED = "BREAKER_TRIPPED"


_NO_PERSON = frozenset(
    {
        AccountCode.NOT_RECONCILED,
        AccountCode.DIFFERENCE,
        AccountCode.NOT_WATCHED,
        AccountCode.STOPPED,
        AccountCode.BREAKER_TRIPPED,
    }
)
_SAID = '--reason "..."'
_RECONCILE = "tradewright reconcile"
_SETTLE = f"tradewright settle {{ref}} --state STATE {_SAID}"
_ADOPT = f"tradewright adopt {{instrument}} {_SAID}"
_ACKNOWLEDGE = f"tradewright acknowledge {{instrument}} {_SAID}"
_FLATTEN = f"tradewright flatten {_SAID}, then tradewright send"
_STOP_ORDER = (
    "tradewright intent --instrument {instrument} --side {side} --qty QUANTITY --type STP --stop PRICE --tif GTC "
    "--reduce-only, then tradewright send"
)
_CLOSE_ORDER = (
    "tradewright intent --instrument {instrument} --side {side} --qty QUANTITY --reduce-only, then tradewright send"
)
_LOOK = f"look at it at the venue, then {_ACKNOWLEDGE}"
_REMEDIES = {
    FreezeCode.ORDER_UNKNOWN: f"{_RECONCILE}; when it stays in doubt: tradewright confirm-not-sent {{ref}} {_SAID}; or "
    f"after the venue's midnight by its statement: {_SETTLE}",
    FreezeCode.POSITION_DRIFT: f"{_RECONCILE}; when it stays: {_ADOPT}",
    FreezeCode.CORRECTION: f"{_RECONCILE}; when it stays: {_ADOPT}",
    FreezeCode.MISSING_AT_VENUE: f"{_RECONCILE}; when it stays, by the venue's statement: {_SETTLE}",
    FreezeCode.FILLS_MISSING: f"{_RECONCILE}; when it stays, by the venue's statement: {_SETTLE}",
    FreezeCode.LIVE_AFTER_END: f"{_RECONCILE}; when it stays, cancel it at the venue, then {_ACKNOWLEDGE}",
    FreezeCode.TERMS_DIFFER: f"{_RECONCILE}; when it stays, put it right at the venue, then {_RECONCILE}; or "
    f"tradewright cancel {{ref}} {_SAID}, then {_RECONCILE}, then place a stop: "
    + _STOP_ORDER.replace("{side}", "SIDE"),
    FreezeCode.TWO_PERM_IDS: f"cancel one of them at the venue where both work, then {_ACKNOWLEDGE}",
    FreezeCode.OPEN_OVERNIGHT: f"tradewright cancel {{ref}} {_SAID}, then {_RECONCILE}; or by the venue's statement: "
    f"{_SETTLE}, then {_RECONCILE}",
}
"""The commands that help with a freeze, each of which ends at a comma, a semicolon or the end. A person fills in the
words in capitals and the reasons. A freeze without a line of its own is looked at and acknowledged."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not well.

    Args:
        code: the kind: a :class:`FreezeCode` or an :class:`AccountCode`.
        instrument, ref: the instrument and the order it concerns; empty where it concerns the account.
        remedy: the commands that lead back to trading.
    """

    code: str
    instrument: str
    ref: str
    text: str
    since: datetime
    remedy: str

    @property
    def needs_person(self) -> bool:
        """Whether it stays until a person acts; a stop is a person's own act; a comparison or time ends the others."""
        return self.code not in _NO_PERSON

    @property
    def line(self) -> str:
        """The problem and its remedy in one line."""
        place = " ".join(filter(None, (self.instrument, self.ref)))
        return (
            f"{self.code} {place}: {self.text} ({self.remedy})"
            if place
            else f"{self.code}: {self.text} ({self.remedy})"
        )


def problems(ledger: Ledger, account: str, *, starts_stopped: bool = False) -> tuple[Problem, ...]:
    """Everything that is not well on an account, oldest first; empty when it may trade in every instrument.

    The doctor and the monitor show this list, and so do the commands that act on an account (``docs/commands.md``
    names them); these exit with 1 while it is not empty. A kill switch is in it, because no order goes out while it is
    on.
    """
    frozen, last = ledger.freezes.present(account), ledger.broker_journal.last_reconciliation(account)
    found = [_frozen(freeze) for freeze in frozen]
    found += _unreconciled(ledger, account, frozen, last)
    found += _unwatched(ledger, account, last)
    found += _out_of_sight(ledger, account)
    found += _unconfirmed_cancels(ledger, account)
    found += _unprotected(ledger, account)
    found += _stopped(ledger, account, starts_stopped)
    found += _tripped(ledger, account)
    return tuple(sorted(found, key=lambda problem: problem.since))


def _frozen(freeze: Freeze) -> Problem:
    remedy = _REMEDIES.get(freeze.code, _LOOK).format(ref=freeze.ref, instrument=freeze.instrument)
    return Problem(freeze.code.value, freeze.instrument, freeze.ref, freeze.text, freeze.at, remedy)


def _unreconciled(
    ledger: Ledger, account: str, frozen: Sequence[Freeze], last: Reconciliation | None
) -> Iterator[Problem]:
    if last is None:
        never = "the account was never compared with the venue"
        text = never if account else "the account is known after the first connection"
        yield Problem(AccountCode.NOT_RECONCILED, "", "", text, ledger.clock.now(), _RECONCILE)
        return
    known = {(freeze.code.value, freeze.instrument, freeze.ref) for freeze in frozen}
    for difference in last.differences:
        code, instrument, ref = (*difference.partition(":")[0].split(" "), "", "")[:3]
        if (code, instrument, ref) not in known:
            yield Problem(AccountCode.DIFFERENCE, instrument, ref, difference, last.at, _RECONCILE)


def _unwatched(ledger: Ledger, account: str, last: Reconciliation | None) -> Iterator[Problem]:
    """Open orders that have not been asked about lately: their fills may be missed at the venue's midnight (A6)."""
    now = ledger.clock.now()
    if last is None or now - last.at <= UNWATCHED_AFTER:
        return
    for attempt in ledger.attempts.live(account):
        often = attempt.tif is TimeInForce.DAY or now - last.at > RECONCILE_RESTING
        if attempt.state is not AttemptState.UNKNOWN and often:
            text = f"{attempt.state}, and last compared with the venue at {last.at.isoformat(timespec='seconds')}"
            yield Problem(AccountCode.NOT_WATCHED, attempt.instrument, attempt.ref, text, last.at, _RECONCILE)


def _out_of_sight(ledger: Ledger, account: str) -> Iterator[Problem]:
    """Open orders of this mode's other accounts: nobody asks about them while the broker names another account."""
    for other in ledger.outbox.accounts():
        for attempt in ledger.attempts.live(other) if other != account else ():
            text = f"{attempt.state} on account {other}, which is not in force"
            remedy = f"{_RECONCILE} broker.account={other}"
            yield Problem(AccountCode.NOT_WATCHED, attempt.instrument, attempt.ref, text, attempt.claimed_at, remedy)


def _unconfirmed_cancels(ledger: Ledger, account: str) -> Iterator[Problem]:
    """Orders that were to end and that the venue still works, or that it was asked about without an answer."""
    for attempt in ledger.attempts.in_state(account, AttemptState.CANCEL_REQUESTED):
        since = ledger.attempts.events(attempt.ref)[-1].at
        if ledger.clock.now() - since > CONFIRMED_WITHIN:
            text = "its cancel was asked for, and the venue has not confirmed it"
            remedy = f"{_RECONCILE}; when it stays: tradewright cancel {attempt.ref} {_SAID}"
            yield Problem(AccountCode.CANCEL_UNCONFIRMED, attempt.instrument, attempt.ref, text, since, remedy)


def _unprotected(ledger: Ledger, account: str) -> Iterator[Problem]:
    for code, leg, text in gaps(ledger, account):
        remedy = f"tradewright cancel {leg.ref} {_SAID}"
        if code == AccountCode.UNPROTECTED:
            remedy = _new_stop(ledger, leg)
        elif code == AccountCode.EXIT_UNFINISHED:
            order = _CLOSE_ORDER.format(instrument=leg.instrument, side=leg.side)
            remedy = f"close what is left: {order}; or close every holding: {_FLATTEN}"
        elif leg.state.terminal:
            remedy = f"close every holding: {_FLATTEN}"
        yield Problem(code, leg.instrument, leg.ref, text, leg.sending_at or leg.claimed_at, remedy)


def _new_stop(ledger: Ledger, leg: Attempt) -> str:
    """The remedy for a stop that is gone. Other legs of its group go first: no two orders may close one holding."""
    live = [row.ref for row in ledger.attempts.group(leg.entry_ref) if row.is_protective and not row.state.terminal]
    cancels = "".join(f"tradewright cancel {ref} {_SAID}, then " for ref in live)
    stop = _STOP_ORDER.format(instrument=leg.instrument, side=leg.side)
    return f"place a stop: {cancels}{stop}; or close every holding: {_FLATTEN}"


def _stopped(ledger: Ledger, account: str, starts_stopped: bool) -> Iterator[Problem]:
    strategies = {row.partition(":")[2] for row in (switch.scope for switch in ledger.kill_switches.present())}
    seen = set()
    for strategy in ("", *sorted(strategies)):
        for switch in ledger.kill_switches.stopping(strategy, account, starts_stopped=starts_stopped):
            if switch.scope not in seen:
                seen.add(switch.scope)
                text = f"{switch.scope} stopped by {switch.actor}: {switch.reason}"
                remedy = f"tradewright resume --scope {switch.scope} {_SAID}"
                if left := open_under(ledger, account, switch.scope):
                    text += f"; still open: {', '.join(left)}"
                    remedy = f"tradewright kill --scope {switch.scope} {_SAID} cancels them; then {remedy}"
                yield Problem(AccountCode.STOPPED, "", "", text, switch.at, remedy)


def _tripped(ledger: Ledger, account: str) -> Iterator[Problem]:
    """The daily circuit breaker. No command resets it: a day that went wrong is not for the same day to judge."""
    for trip in ledger.breaker.present(account, ledger.clock.now()):
        remedy = f"it ends by itself at {trip.until.isoformat(timespec='seconds')}; exits pass meanwhile: {_FLATTEN}"
        yield Problem(AccountCode.BREAKER_TRIPPED, "", "", trip.text, trip.at, remedy)
