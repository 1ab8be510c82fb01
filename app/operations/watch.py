"""Watching open orders without Dagster: compare with the venue until none is open, and end the venue's day (A6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from app.operations import operator, trading
from app.operations.replies import ReconcileReply
from app.operations.trading import opened_ledger
from conf.schema.settings import Settings
from runtime.alerts import tell_alerts
from runtime.container import Container
from tradewright.execution.inbox import CommandPending, CommandRefused
from tradewright.model.errors import BrokerError

Result = TypeVar("Result")

BEFORE_MIDNIGHT = timedelta(minutes=30)
"""How long before the venue's midnight its day is ended, as in the schedule of Dagster."""


def watch(settings: Settings, every: float, tell: Callable[[str], None]) -> ReconcileReply:
    """Reconcile every so many seconds until no order is open, and end each day of the venue once; the last comparison.

    A venue that cannot be asked after the first comparison (gateways restart every night) is told and asked again.

    Args:
        every: seconds between two comparisons.
        tell: takes one line for each comparison, and for each one that failed.

    Raises:
        CommandRefused, BrokerError: when the venue cannot be asked the first time.
        LedgerError: when the ledger cannot be used.
    """
    ended: date | None = None
    clock = Container(settings).clock

    def said(line: str) -> None:
        tell(f"{clock.now():%Y-%m-%d %H:%M:%S} UTC: {line}")

    reply = trading.reconcile(settings)
    tell_alerts(settings)
    newest: ReconcileReply | None = reply
    while waiting := open_orders(settings, reply.account):
        if newest is not None:
            said(f"open {', '.join(waiting)}; problems {len(reply.problems)}")
        due = day_to_end(clock.now(), settings.execution.broker_zone)
        if due is not None and due != ended:
            done = _asked(lambda: operator.end_of_day(settings, "tradewright watch"), said)
            if done is not None:
                ended = due
                said(f"the venue's day {due} ends: {done.answer}")
        asyncio.run(clock.sleep(every))
        newest = _asked(lambda: trading.reconcile(settings), said)
        tell_alerts(settings)
        reply = newest or reply
    said(f"open none; problems {len(reply.problems)}")
    return reply


def _asked(act: Callable[[], Result], said: Callable[[str], None]) -> Result | None:
    """The outcome of asking the venue; None, and the reason is told, when it could not be asked."""
    try:
        return act()
    except (BrokerError, CommandRefused, CommandPending) as error:
        said(f"not compared, asked again: {error}")
        return None


def open_orders(settings: Settings, account: str) -> list[str]:
    """The references of the orders of an account that have not ended by the ledger."""
    with opened_ledger(settings) as ledger:
        return [attempt.ref for attempt in ledger.attempts.live(account)]


def day_to_end(now: datetime, zone: str) -> date | None:
    """The venue's day when its midnight is near; None at any other time."""
    local = now.astimezone(ZoneInfo(zone))
    midnight = datetime.combine(local.date() + timedelta(days=1), time(), ZoneInfo(zone))
    return local.date() if midnight - local <= BEFORE_MIDNIGHT else None
