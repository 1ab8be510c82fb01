"""Absence: the evidence that an order in doubt never reached the venue (R5)."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from tradewright.execution.broker_connection import BrokerConnection
from tradewright.execution.reconciliation import drift
from tradewright.execution.types import ProtocolTimes, SenderSettings
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.broker_journal import Absence
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import BrokerSnapshot
from tradewright.model.clock import Clock
from tradewright.model.order import AttemptState


@dataclass(frozen=True, slots=True)
class _FirstLook:
    """The first complete snapshot that did not list an order in doubt.

    Args:
        disturbances: of the connection at that moment; another number later means that the link was not calm between.
        monotonic: seconds of the clock that never runs backwards.
    """

    session: str
    disturbances: int
    taken_at: datetime
    monotonic: float


class AbsenceEvidence:
    """Two complete snapshots of one calm session, far enough apart, neither of which lists the order.

    Nothing waits here: the first look is remembered, and whichever later snapshot is old enough is the second one. So
    an order in doubt holds up its own instrument and no other.
    """

    def __init__(
        self,
        connection: BrokerConnection,
        ledger: Ledger,
        clock: Clock,
        settings: SenderSettings,
        times: ProtocolTimes,
    ) -> None:
        self._connection, self._ledger, self._clock = connection, ledger, clock
        self._settings, self._times, self._account = settings, times, settings.account
        self._first: dict[str, _FirstLook] = {}
        self._proved_at: dict[str, float] = {}

    def observe(self, snapshot: BrokerSnapshot) -> tuple[str, ...]:
        """Take one absorbed snapshot as evidence, and return the references that it proves unsent.

        The proof needs: both snapshots complete, of everything, and of one session without a disturbance between them,
        at least ``absence`` seconds apart by the monotonic clock; the venue's position equal to the ledger's at both;
        the same day at the venue as the write-ahead; and no order or fill from elsewhere in that instrument and
        direction since, because the venue may have lost our reference. On paper the proof settles the order; with money
        at stake it is recorded and a person confirms.
        """
        if snapshot.since:  # asked for before the order came into doubt: it proves no absence
            return ()
        drifting = drift(self._ledger, self._account, snapshot).keys()
        doubted = self._ledger.attempts.in_state(self._account, AttemptState.UNKNOWN)
        self._first = {ref: look for ref, look in self._first.items() if ref in {attempt.ref for attempt in doubted}}
        return tuple(attempt.ref for attempt in doubted if self._is_settled(attempt, snapshot, drifting))

    def is_complete(self, ref: str, since: float) -> bool:
        """Whether an order was proved unsent at the monotonic second ``since`` or later."""
        return self._proved_at.get(ref, -math.inf) >= since

    def seconds_left(self, ref: str) -> float:
        """How long until a further snapshot can prove an order unsent; the whole ``absence`` without a first look."""
        look = self._first.get(ref)
        if look is None or not self._is_calm(look):
            return self._times.absence
        return max(0.0, look.monotonic + self._times.absence - self._clock.monotonic())

    def _is_settled(self, attempt: Attempt, snapshot: BrokerSnapshot, drifting: Container[str]) -> bool:
        now, connection = self._clock.monotonic(), self._connection
        look = self._first.get(attempt.ref)
        if attempt.instrument in drifting or not connection.up:
            self._first.pop(attempt.ref, None)
            return False
        if look is None or not self._is_calm(look):
            session = connection.broker.session
            self._first[attempt.ref] = _FirstLook(session, connection.disturbances, snapshot.taken_at, now)
            return False
        if now - look.monotonic < self._times.absence or not self._may_conclude(attempt, snapshot.taken_at):
            return False
        return self._conclude(attempt, look, snapshot.taken_at)

    def _is_calm(self, look: _FirstLook) -> bool:
        connection = self._connection
        return (look.session, look.disturbances) == (connection.broker.session, connection.disturbances)

    def _may_conclude(self, attempt: Attempt, now: datetime) -> bool:
        zone, sent = ZoneInfo(self._settings.broker_zone), attempt.sending_at
        same_day = sent is not None and sent.astimezone(zone).date() == now.astimezone(zone).date()
        return same_day and not self._unexplained(attempt)

    def _unexplained(self, attempt: Attempt) -> bool:
        """Whether an order or a fill without our reference appeared in that instrument and direction since."""
        since = attempt.sending_at or attempt.claimed_at
        fills = self._ledger.executions.recorded_since(self._account, since)
        orders = self._ledger.broker_journal.external_since(self._account, since)
        sides = [(fill.instrument, fill.side) for fill in fills if fill.ref is None]
        sides += [(order.instrument, order.side) for order in orders]
        return (attempt.instrument, attempt.side) in sides

    def _conclude(self, attempt: Attempt, look: _FirstLook, second_at: datetime) -> bool:
        absence = Absence(attempt.ref, look.session, look.taken_at, second_at)
        with self._ledger.transaction():
            self._ledger.broker_journal.record_absence(absence)
            if self._settings.settles_alone:
                waited = (second_at - look.taken_at).total_seconds()
                reason = f"absent from two complete snapshots {waited:.0f} s apart, position unmoved"
                self._ledger.attempts.move(attempt.ref, AttemptState.NOT_SENT, reason)
        self._first.pop(attempt.ref)
        self._proved_at[attempt.ref] = self._clock.monotonic()
        return self._settings.settles_alone
