"""Recovery: after every start, reconnect, notice or silence, find out what became of each order (R1 to R6)."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.reconciliation import (
    Difference,
    compare,
    confirmed,
    drift,
    freeze_differences,
    rule_corrections,
)
from tradewright.execution.types import ProtocolTimes, SenderSettings
from tradewright.ledger.attempts import Attempt
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.venues import Absence
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.order import AttemptState


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a recovery found.

    Args:
        snapshot: the newest complete view of the venue.
        adopted: references that were in doubt and are known to the venue.
        unknown: references still in doubt; their instruments are frozen.
        not_sent: references proved never to have arrived.
        released: claims given back that provably never went out.
    """

    snapshot: BrokerSnapshot
    adopted: tuple[str, ...]
    unknown: tuple[str, ...]
    not_sent: tuple[str, ...]
    released: tuple[str, ...]
    differences: tuple[Difference, ...]


class Recovery:
    """The steps R1 to R6 over one link.

    What nobody but a sender may say, that an order is in doubt, a claim abandoned, a send disproved, is said in one
    transaction with the proof that the account was this sender's all the time.

    Args:
        keep: keeps the account, and raises ``SendRefused`` when another sender has had it since.
    """

    def __init__(
        self,
        connection: BrokerConnection,
        ledger: Ledger,
        clock: Clock,
        settings: SenderSettings,
        times: ProtocolTimes,
        keep: Callable[[], None],
    ) -> None:
        self._connection, self._ledger, self._clock, self._keep = connection, ledger, clock, keep
        self._settings, self._times, self._account = settings, times, settings.account

    async def run(self, mine: str = "") -> Recovered:
        """Recover, and trust the link from then on unless it was disturbed meanwhile.

        Two snapshots are taken ``settle`` apart, or ``absence`` apart when the first one does not know an order in
        doubt, so that the same two can prove it unsent.

        Args:
            mine: the reference of the claim that waits for this recovery; all other claims are given back.

        Raises:
            BrokerError: when clocks differ or any query is incomplete; the link stays untrusted.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when nothing can be written down.
        """
        connection, ledger, disturbances = self._connection, self._ledger, self._connection.disturbances
        await connection.check_time()
        opening = ledger.venues.last_reconciliation(self._account) is None
        first = await connection.snapshot()
        with ledger.transaction():
            self._keep()
            doubted = self._doubt()
        connection.intake.absorb(first, opening=opening)
        before, began = compare(ledger, self._account, first), self._clock.monotonic()
        gaps = drift(ledger, self._account, first)
        missing = ledger.attempts.in_state(self._account, AttemptState.UNKNOWN)
        await self._clock.sleep(self._times.absence if missing else self._times.settle)
        second = await connection.snapshot()
        connection.intake.absorb(second, opening=opening)
        calm = connection.up and connection.disturbances == disturbances
        waited = self._clock.monotonic() - began
        with ledger.transaction():
            self._keep()
            released = self._release(mine)
            if opening:
                self._open_books(second)
            rule_corrections(ledger, self._account, second)
            gaps |= drift(ledger, self._account, second)
            not_sent = self._absent(missing, first, second, gaps.keys(), waited) if calm else ()
            differences = self._note(before, second)
        connection.trusted = calm
        unknown = tuple(attempt.ref for attempt in ledger.attempts.in_state(self._account, AttemptState.UNKNOWN))
        adopted = tuple(ref for ref in doubted if ref not in unknown and ref not in not_sent)
        return Recovered(second, adopted, unknown, not_sent, released, differences)

    def _doubt(self) -> tuple[str, ...]:
        """What was written down and perhaps sent cannot be told apart: both are in doubt."""
        for attempt in self._ledger.attempts.in_state(self._account, AttemptState.SENDING):
            self._ledger.attempts.move(attempt.ref, AttemptState.UNKNOWN, "found between write-ahead and answer")
        return tuple(a.ref for a in self._ledger.attempts.in_state(self._account, AttemptState.UNKNOWN))

    def _release(self, mine: str) -> tuple[str, ...]:
        claims = self._ledger.attempts.in_state(self._account, AttemptState.CLAIMED)
        stale = tuple(attempt.ref for attempt in claims if attempt.ref != mine)
        for ref in stale:
            self._ledger.attempts.release(ref, "claimed by a sender that is gone, and never written down as sent")
        return stale

    def _open_books(self, snapshot: BrokerSnapshot) -> None:
        """The first sight of an account: what it holds beyond the executions of today is where the books begin."""
        held = {position.instrument: position for position in snapshot.positions}
        with self._ledger.transaction():
            for name, gap in drift(self._ledger, self._account, snapshot).items():
                price = held[name].average_price if name in held else gap * 0
                self._ledger.executions.adjust(self._account, name, gap, price, "program", "opening of the books")
                self._ledger.audit.append("program", "OPEN_BOOKS", name, {"account": self._account, "quantity": gap})

    def _absent(
        self,
        missing: list[Attempt],
        first: BrokerSnapshot,
        second: BrokerSnapshot,
        drifting: Container[str],
        waited: float,
    ) -> tuple[str, ...]:
        """R5: unsent by evidence. Two complete snapshots, far enough apart, of one day, with the position unmoved."""
        settled = []
        for before in missing:
            attempt = self._ledger.attempts.get(before.ref)
            if attempt.state is not AttemptState.UNKNOWN or waited < self._times.absence:
                continue
            if attempt.instrument in drifting or not self._same_day(attempt, second.taken_at):
                continue
            absence = Absence(attempt.ref, self._connection.broker.session, first.taken_at, second.taken_at)
            self._ledger.venues.record_absence(absence)
            if self._settings.settles_alone:
                reason = f"absent from two complete snapshots {waited:.0f} s apart, position unmoved"
                self._ledger.attempts.move(attempt.ref, AttemptState.NOT_SENT, reason)
                settled.append(attempt.ref)
        return tuple(settled)

    def _same_day(self, attempt: Attempt, now: datetime) -> bool:
        zone = ZoneInfo(self._settings.broker_zone)
        sent = attempt.sending_at
        return sent is not None and sent.astimezone(zone).date() == now.astimezone(zone).date()

    def _note(self, before: tuple[Difference, ...], snapshot: BrokerSnapshot) -> tuple[Difference, ...]:
        differences = confirmed(before, compare(self._ledger, self._account, snapshot))
        freeze_differences(self._ledger, self._account, differences)
        texts = tuple(f"{found.code} {found.instrument} {found.ref}: {found.text}" for found in differences)
        self._ledger.venues.record_reconciliation(self._connection.broker.session, self._account, texts)
        return differences
