"""A whole small world for tests: ledger, venue, sender and clock, and the laws that must hold in it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.execution.kill_driver import allow
from tests.execution.venue import ACCOUNT, FileBroker, FileVenue
from tests.support.ledgers import START, Proposer
from tradewright.execution.send_guard import Recheck
from tradewright.execution.sender import Sender
from tradewright.execution.types import Checkpoint, Mode, ProtocolTimes, SenderSettings, SendResult, no_checkpoint
from tradewright.ledger.attempt import replay
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock, ManualClock

_starts = itertools.count(1)


class World:
    """One account, one venue, one ledger; senders come and go."""

    def __init__(
        self, url: str, venue_path: Path, clock: Clock | None = None, times: ProtocolTimes | None = None
    ) -> None:
        self.clock = clock or ManualClock(START)
        self.url, self.times = url, times or ProtocolTimes()
        self.ledger = Ledger.create(url, self.clock, busy_seconds=1)
        self.venue = FileVenue(venue_path, self.clock)
        self.proposer = Proposer(self.ledger, self.clock)
        self.broker = FileBroker(self.venue)

    @property
    def mode(self) -> Mode:
        """In which it is traded; the ledger reads and writes the switches, freezes and commands of this mode alone."""
        return self.ledger.mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self.ledger.events.mode = mode

    def sender(
        self,
        pre_send_check: Recheck = allow,
        checkpoint: Checkpoint = no_checkpoint,
        ledger: Ledger | None = None,
        **settings: Any,
    ) -> Sender:
        """A new sender, as after a restart of the process; with a ledger of its own where one is given."""
        values = {
            "account": ACCOUNT,
            "holder": f"sender-{next(_starts)}",
            "mode": self.mode,
            "per_minute": 1000,
            "per_second": 1000,
        }
        self.broker = FileBroker(self.venue)
        used, chosen = ledger or self.ledger, SenderSettings(**values | settings)
        return Sender(used, self.broker, self.clock, pre_send_check, chosen, self.times, checkpoint=checkpoint)

    def drain(self, sender: Sender | None = None, **settings: Any) -> tuple[SendResult, ...]:
        """Send what is approved and let the sender go."""
        return run(self._drain(sender or self.sender(**settings)))

    async def _drain(self, sender: Sender) -> tuple[SendResult, ...]:
        try:
            outcomes = await sender.drain()
            await sender.ready()
        finally:
            await sender.close()
        return outcomes

    def recover(self, sender: Sender | None = None) -> None:
        """A start and a recovery, nothing else."""
        run(self._recover(sender or self.sender()))

    async def _recover(self, sender: Sender) -> None:
        try:
            await sender.recover()
        finally:
            await sender.close()

    def expire_lease(self) -> None:
        """Let the lease of a dead sender run out."""
        if lease := self.ledger.leases.get(ACCOUNT):
            self.ledger.leases.release(ACCOUNT, lease.holder)

    def codes(self, instrument: str = "AAPL") -> list[str]:
        """Why an instrument is frozen."""
        return sorted({freeze.code.value for freeze in self.ledger.freezes.of(ACCOUNT, instrument)})

    def states(self) -> list[str]:
        """The states of all attempts, by reference."""
        return [attempt.state.value for attempt in sorted(self.ledger.attempts.all(), key=lambda each: each.ref)]

    def close(self) -> None:
        """Give the files back."""
        self.ledger.close()


async def settled() -> None:
    """Let messages that are on their way arrive, be kept, and be applied: some turns of the loop, and no time."""
    for _ in range(12):
        await asyncio.sleep(0)


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end on a loop of its own."""
    return asyncio.run(work)


def violations(ledger: Ledger, venue: FileVenue, *, settled: bool = True) -> list[str]:
    """Every law that does not hold: duplicates, unapproved sends, lost fills, drift, states that events do not give.

    Args:
        settled: whether the last recovery saw everything, so that fills and positions must agree as well.
    """
    found: list[str] = []
    state, attempts = venue.state, ledger.attempts.all()
    known = {attempt.ref: attempt for attempt in attempts}
    placed = list(state["placed"])
    found += [f"{ref} placed {placed.count(ref)} times" for ref in sorted(set(placed)) if placed.count(ref) > 1]
    found += [f"{ref} was never written down" for ref in placed if ref not in known or known[ref].sending_at is None]
    by_intent: dict[str, set[str]] = {}
    for order in state["orders"]:
        if order["ref"]:
            intent, number, *_leg = (*order["ref"].split("."), "")
            by_intent.setdefault(intent, set()).add(number)
    found += [f"intent {intent} became {sorted(numbers)}" for intent, numbers in by_intent.items() if len(numbers) > 1]
    found += _opened_by_a_leg(state)
    for attempt in attempts:
        approved = ledger.outbox.get(attempt.decision_id)
        if (approved.payload_hash, approved.terms.quantity) != (attempt.payload_hash, attempt.quantity):
            found.append(f"{attempt.ref} is not what was approved")
        if replay([event.state for event in ledger.attempts.events(attempt.ref)]) is not attempt.state:
            found.append(f"{attempt.ref}: its events do not give {attempt.state}")
    if settled:
        found += _unsettled(ledger, venue)
    ledger.audit.verify_chain()
    return found


def _opened_by_a_leg(state: dict[str, Any]) -> list[str]:
    """Groups whose protective legs closed more than their entry had opened."""
    newest = {fill["exec_id"].rpartition(".")[0]: fill for fill in state["fills"]}
    filled: dict[str, Decimal] = {}
    for fill in newest.values():
        intent, number, leg, *_rest = (*fill["ref"].split("."), "", "", "")
        units = Decimal(fill["quantity"]) * (-1 if leg else 1)
        filled[f"{intent}.{number}"] = filled.get(f"{intent}.{number}", Decimal(0)) + units
    return [f"the legs of {ref} closed {-units} too much" for ref, units in filled.items() if units < 0]


def _unsettled(ledger: Ledger, venue: FileVenue) -> list[str]:
    ours = {execution.exec_id for execution in ledger.executions.all()}
    found = [f"lost fill {fill['exec_id']}" for fill in venue.state["fills"] if fill["exec_id"] not in ours]
    held = {position.instrument: position.quantity for position in ledger.executions.positions(ACCOUNT)}
    if held != venue.positions():
        found.append(f"positions {held} are not {venue.positions()}")
    for attempt in ledger.attempts.all():
        filled = ledger.executions.filled(attempt.ref)
        if any(execution.quarantined for execution in ledger.executions.of_attempt(attempt.ref)):
            continue
        is_reduced = attempt.is_protective and 0 < filled < attempt.quantity
        if attempt.state.value == "FILLED" and filled != attempt.quantity and not is_reduced:
            found.append(f"{attempt.ref} FILLED with {filled} of {attempt.quantity}")
    return found
