"""The daily circuit breaker of an account: its trips, each an event, read from the events alone (C-13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from tradewright.ledger.events import Event, Events
from tradewright.model.hashing import decimal_text
from tradewright.model.topic import Topic

LONGEST_DAY = timedelta(hours=26)
"""No day of any time zone is longer. A trip that lasts longer than that from now on is one of a later day."""


@dataclass(frozen=True, slots=True)
class BreakerTrip:
    """One trip: a limit on the day's loss was reached, so nothing is entered until the next session.

    Args:
        seq: number of its event.
        limit: ``max_daily_drawdown`` (a fraction of equity) or ``max_daily_loss`` (money).
        loss: the loss that reached it, in the limit's unit.
        threshold: the limit as it was in force then.
        until: when the next session of the account begins: the next midnight of its time zone.
    """

    seq: int
    at: datetime
    account: str
    limit: str
    loss: Decimal
    threshold: Decimal
    until: datetime

    @property
    def text(self) -> str:
        """The trip in one line."""
        at, until = (moment.isoformat(timespec="seconds") for moment in (self.at, self.until))
        told = f"{self.limit}: a loss of {_short(self.loss)} reached {_short(self.threshold)} at {at}"
        return f"{told} (event {self.seq}); nothing is entered before {until}"


class CircuitBreaker:
    """The trips of all accounts, in one mode. There is no way to reset one: it ends when the next session begins."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def trip(self, account: str, limit: str, loss: Decimal, threshold: Decimal, until: datetime) -> BreakerTrip:
        """Write down that a limit on the day's loss was reached.

        Raises:
            LedgerError: when it cannot be committed.
        """
        payload = {"limit": limit, "loss": loss, "threshold": threshold, "until": until}
        return _trip(self._events.append(Topic.BREAKER_TRIPPED, self._subject(account), payload, "program", account))

    def present(self, account: str, now: datetime) -> tuple[BreakerTrip, ...]:
        """The trips that still stop entries, oldest first; empty when none does.

        A trip of a later day, written by a clock that has been set back since, stops nothing before its day.

        Raises:
            LedgerTampered: when the event of a trip was altered.
        """
        found = map(_trip, self._events.of(Topic.BREAKER_TRIPPED, self._subject(account)))
        return tuple(trip for trip in found if now < trip.until <= now + LONGEST_DAY)

    def _subject(self, account: str) -> str:
        return f"breaker:{self._events.mode.value}:{account}"


def _trip(event: Event) -> BreakerTrip:
    told = event.payload
    loss, threshold, until = Decimal(told["loss"]), Decimal(told["threshold"]), datetime.fromisoformat(told["until"])
    return BreakerTrip(event.seq, event.at, event.account, told["limit"], loss, threshold, until)


def _short(value: Decimal) -> str:
    return decimal_text(round(value, 6))
