"""Health: the one list of everything that is not well on an account, and the command that helps with each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from tradewright.execution.protection import gaps
from tradewright.ledger.freezes import Freeze, FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.order import AttemptState, TimeInForce

UNWATCHED_AFTER = timedelta(minutes=15)
"""An account with open orders that was compared with the venue longer ago is not watched."""
RECONCILE_RESTING = timedelta(days=1)
"""The same for orders that rest for longer than a day: a venue tells the executions of one day only."""

_REMEDIES = {
    FreezeCode.ORDER_UNKNOWN: "tradewright reconcile; when it stays in doubt: tradewright confirm-not-sent {ref}, or "
    "after the venue's midnight tradewright settle {ref}",
    FreezeCode.POSITION_DRIFT: "tradewright reconcile; when it stays: tradewright adopt {instrument}",
    FreezeCode.MISSING_AT_VENUE: "tradewright reconcile; when it stays: tradewright settle {ref}",
    FreezeCode.FILLS_MISSING: "tradewright reconcile; when it stays: tradewright settle {ref}",
    FreezeCode.LIVE_AFTER_END: "tradewright reconcile; when it stays, cancel it at the venue, then tradewright "
    "acknowledge {instrument}",
    FreezeCode.OPEN_OVERNIGHT: "tradewright cancel {ref}, or tradewright settle {ref} by the venue's statement",
}
_ACKNOWLEDGE = "look at it at the venue, then tradewright acknowledge {instrument}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not well.

    Args:
        code: the kind: a :class:`FreezeCode`, or NOT_RECONCILED, DIFFERENCE, NOT_WATCHED, STOPPED, UNPROTECTED,
            PROTECTION_TOO_LARGE.
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

    Reconciling, sending, the doctor and the monitor show this list, and exit with 1 while it is not empty. A kill
    switch is in it, because no order goes out while it is on.
    """
    found = [_frozen(freeze) for freeze in ledger.freezes.present(account)]
    found += _unreconciled(ledger, account)
    found += _unwatched(ledger, account)
    found += _unprotected(ledger, account)
    found += _stopped(ledger, account, starts_stopped)
    return tuple(sorted(found, key=lambda problem: problem.since))


def _frozen(freeze: Freeze) -> Problem:
    remedy = _REMEDIES.get(freeze.code, _ACKNOWLEDGE).format(ref=freeze.ref, instrument=freeze.instrument)
    return Problem(freeze.code.value, freeze.instrument, freeze.ref, freeze.text, freeze.at, remedy)


def _unreconciled(ledger: Ledger, account: str) -> Iterator[Problem]:
    last = ledger.broker_journal.last_reconciliation(account)
    if last is None:
        never = "the account was never compared with the venue"
        text = never if account else "the account is known after the first connection"
        yield Problem("NOT_RECONCILED", "", "", text, ledger.clock.now(), "tradewright reconcile")
        return
    frozen = {(freeze.code.value, freeze.instrument, freeze.ref) for freeze in ledger.freezes.present(account)}
    for difference in last.differences:
        code, instrument, ref = (*difference.partition(":")[0].split(" "), "", "")[:3]
        if (code, instrument, ref) not in frozen:
            yield Problem("DIFFERENCE", instrument, ref, difference, last.at, "tradewright reconcile")


def _unwatched(ledger: Ledger, account: str) -> Iterator[Problem]:
    """Open orders that have not been asked about lately: their fills may be missed at the venue's midnight (A6)."""
    last, now = ledger.broker_journal.last_reconciliation(account), ledger.clock.now()
    if last is None or now - last.at <= UNWATCHED_AFTER:
        return
    for attempt in ledger.attempts.live(account):
        often = attempt.tif is TimeInForce.DAY or now - last.at > RECONCILE_RESTING
        if attempt.state is not AttemptState.UNKNOWN and often:
            text = f"{attempt.state}, and last compared with the venue at {last.at.isoformat(timespec='seconds')}"
            yield Problem("NOT_WATCHED", attempt.instrument, attempt.ref, text, last.at, "tradewright reconcile")


def _unprotected(ledger: Ledger, account: str) -> Iterator[Problem]:
    for code, leg, text in gaps(ledger, account):
        remedy = f"tradewright cancel {leg.ref}"
        if code == "UNPROTECTED" or leg.state.terminal:
            remedy = "place a stop, or close the holding: tradewright intent --help, tradewright flatten"
        yield Problem(code, leg.instrument, leg.ref, text, leg.sending_at or leg.claimed_at, remedy)


def _stopped(ledger: Ledger, account: str, starts_stopped: bool) -> Iterator[Problem]:
    strategies = {row.partition(":")[2] for row in (switch.scope for switch in ledger.kill_switches.present())}
    seen = set()
    for strategy in ("", *sorted(strategies)):
        for switch in ledger.kill_switches.stopping(strategy, account, starts_stopped=starts_stopped):
            if switch.scope not in seen:
                seen.add(switch.scope)
                text = f"{switch.scope} stopped by {switch.actor}: {switch.reason}"
                remedy = f'tradewright resume --scope {switch.scope} --reason "..."'
                yield Problem("STOPPED", "", "", text, switch.at, remedy)
