"""Recovery: after every start, reconnect, notice or silence, find out what became of each order (R1 to R6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tradewright.execution.absence import AbsenceEvidence
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
from tradewright.execution.waiter import Waiter
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.order import AttemptState

_NEVER_SEEN = frozenset({AttemptState.UNKNOWN, AttemptState.NOT_SENT})


@dataclass(frozen=True, slots=True)
class Recovered:
    """The findings of a recovery.

    Args:
        snapshot: the newest complete view of the venue.
        adopted: references that were in doubt and are known to the venue.
        unknown: references still in doubt; their instruments are frozen.
        not_sent: references proved never to have arrived.
        released: claims given back that provably never went out.
        held_back: references that the venue twice listed as held back: the rest of their group never arrived.
    """

    snapshot: BrokerSnapshot
    adopted: tuple[str, ...]
    unknown: tuple[str, ...]
    not_sent: tuple[str, ...]
    released: tuple[str, ...]
    differences: tuple[Difference, ...]
    held_back: tuple[str, ...]


class Recovery:
    """The steps R1 to R6 over one connection.

    Only the holder of the account may say that an order is in doubt, that a claim is abandoned, or that an order was
    never sent. Each of these is written in one transaction with the proof that this sender has held the account all
    the time.

    Args:
        keep: keeps the account, and raises ``SendRefused`` when another sender has had it since.
    """

    def __init__(
        self,
        connection: BrokerConnection,
        ledger: Ledger,
        settings: SenderSettings,
        times: ProtocolTimes,
        evidence: AbsenceEvidence,
        waiter: Waiter,
        keep: Callable[[], None],
    ) -> None:
        self._connection, self._ledger, self._evidence, self._waiter = connection, ledger, evidence, waiter
        self._keep, self._settings, self._times, self._account = keep, settings, times, settings.account

    async def run(self) -> Recovered:
        """Recover, and trust the connection from then on unless it was disturbed meanwhile.

        Two snapshots are taken ``settle`` seconds apart, because a list of open orders can be out of date (R2).

        Raises:
            BrokerError: when clocks differ or any query is incomplete; the connection stays untrusted.
            SendRefused: when another sender took the account over meanwhile.
            LedgerError: when nothing can be written down.
        """
        connection, ledger, disturbances = self._connection, self._ledger, self._connection.disturbances
        await connection.check_time()
        opening = ledger.broker_journal.last_reconciliation(self._account) is None
        first = await connection.snapshot()
        with ledger.transaction():
            self._keep()
            doubted = self._doubt()
        connection.reports.absorb(first, opening=opening)
        before = compare(ledger, self._account, first)
        if before and first.since:  # a difference is concluded from snapshots of everything alone
            first = await connection.snapshot(whole=True)
            connection.reports.absorb(first, opening=opening)
            before = compare(ledger, self._account, first)
        not_sent = self._evidence.observe(first)
        await self._waiter.sleep(self._times.settle)
        second = await connection.snapshot(whole=not first.since)
        connection.reports.absorb(second, opening=opening)
        calm = connection.up and connection.disturbances == disturbances
        with ledger.transaction():
            self._keep()
            released = self._release()
            if opening:
                self._record_opening(second)
            for ref in rule_corrections(ledger, self._account, second):
                connection.reports.progress(ref)
            not_sent += self._evidence.observe(second) if calm else ()
            differences = self._note(before, second)
        connection.trusted = calm
        connection.reports.contradicted &= not calm
        unknown = tuple(attempt.ref for attempt in ledger.attempts.in_state(self._account, AttemptState.UNKNOWN))
        adopted = tuple(ref for ref in doubted if ref not in unknown and ref not in not_sent)
        held_back = tuple(sorted(self._held_back(first) & self._held_back(second)))
        return Recovered(second, adopted, unknown, not_sent, released, differences, held_back)

    def _held_back(self, snapshot: BrokerSnapshot) -> set[str]:
        """Our legs that the venue has and does not work, because another leg of their group never arrived.

        An order whose group is whole is none of them, whatever the venue says of it.
        """
        listed = {order.ref for order in (*snapshot.open_orders, *snapshot.completed_orders)}
        refs = {order.ref for order in snapshot.open_orders if order.held_back and order.ref}
        found = set()
        for attempt in self._ledger.attempts.live(self._account):
            group = self._ledger.attempts.group(attempt.ref) if attempt.ref in refs else []
            if any(leg.ref not in listed and leg.state in _NEVER_SEEN for leg in group):
                found.add(attempt.ref)
        return found

    def _doubt(self) -> tuple[str, ...]:
        """An attempt that was written down may have been sent or not; both look alike, so both are in doubt."""
        for attempt in self._ledger.attempts.in_state(self._account, AttemptState.SENDING):
            self._ledger.attempts.move(attempt.ref, AttemptState.UNKNOWN, "found between write-ahead and answer")
        return tuple(a.ref for a in self._ledger.attempts.in_state(self._account, AttemptState.UNKNOWN))

    def _release(self) -> tuple[str, ...]:
        """Give back the claims of senders that are gone; this sender's own claims wait for this recovery."""
        claims = self._ledger.attempts.in_state(self._account, AttemptState.CLAIMED)
        stale = [attempt for attempt in claims if attempt.holder != self._settings.holder]
        for attempt in stale:
            if not attempt.is_protective:  # its entry releases a leg
                text = "claimed by a sender that is gone, and never written down as sent"
                self._ledger.claims.release(attempt.ref, text)
        return tuple(attempt.ref for attempt in stale)

    def _record_opening(self, snapshot: BrokerSnapshot) -> None:
        """The first sight of an account: the ledger begins with what it holds beyond the executions of today."""
        held = {position.instrument: position for position in snapshot.positions}
        for name, gap in drift(self._ledger, self._account, snapshot).items():
            price = held[name].average_price if name in held else gap * 0
            self._ledger.executions.adjust(self._account, name, gap, price, "program", "opening of the ledger")
            self._ledger.audit.append("program", "OPEN_BOOKS", name, {"account": self._account, "quantity": gap})

    def _note(self, before: tuple[Difference, ...], snapshot: BrokerSnapshot) -> tuple[Difference, ...]:
        present = compare(self._ledger, self._account, snapshot)
        differences = confirmed(before, present)
        differences = freeze_differences(self._ledger, self._account, differences, present)
        texts = tuple(found.told for found in differences)
        self._ledger.broker_journal.record_reconciliation(self._connection.broker.session, self._account, texts)
        return differences
