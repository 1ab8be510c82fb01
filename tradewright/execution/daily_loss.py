"""The day's loss of an account, and the circuit breaker that it trips (R-RISK-27, R-RISK-29, C-13)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import AccountState
from tradewright.policy.limits import Limits
from tradewright.portfolio.state import drawdown

OLDEST_MARK = timedelta(days=4)
"""An equity mark that is older than the longest closure of a market is not that of last night."""


class DailyLoss(NamedTuple):
    """The loss of an account's day.

    Args:
        fraction: since the day's highest equity, last night's included, 0 or more; None where that was not above zero.
        money: since last night's equity, or the first of the day where none was recorded; below zero is a gain.
    """

    fraction: Decimal | None
    money: Decimal


def day_start(now: datetime, tz: str) -> datetime:
    """The midnight with which the day of ``now`` began in a zone; the moment of the change where it has none."""
    return now.astimezone(ZoneInfo(tz)).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def next_day_start(now: datetime, tz: str) -> datetime:
    """The midnight with which the day after that of ``now`` begins in a zone."""
    zone = ZoneInfo(tz)
    return datetime.combine(now.astimezone(zone).date() + timedelta(days=1), time(), zone)


def daily_loss(ledger: Ledger, account: str, equity: Decimal, tz: str) -> DailyLoss:
    """The loss of the present day, an overnight loss included.

    Args:
        equity: at this moment.
        tz: whose midnight starts the day.

    Raises:
        LedgerTampered: when a mark was altered.
    """
    now = ledger.clock.now()
    midnight, end = day_start(now, tz), next_day_start(now, tz)
    marks = ledger.equity.marks(account, midnight - OLDEST_MARK)
    before = [mark.equity for mark in marks if mark.at < midnight][-1:]
    # A mark of a later day was written by a clock that has been set back since: it would be the peak of every day.
    day = [*before, *(mark.equity for mark in marks if midnight <= mark.at < end), equity]
    return DailyLoss(drawdown(day), day[0] - equity)


def watch_losses(ledger: Ledger, money: AccountState, limits: Limits, tz: str, rate: Decimal | None) -> None:
    """Trip the breaker for each limit on the day's loss that is reached and has not tripped it today.

    Whoever reads the equity of an account calls this, so that a loss that is seen once stops entries for the whole
    day: the equity may have recovered when the next intent is judged.

    Args:
        limits: those in force for the account.
        rate: ``limits.currency`` per unit of the venue's money; None while it is not known.

    Raises:
        LedgerError: when a trip cannot be committed, or an event was altered.
    """
    reached = list(_reached(daily_loss(ledger, money.account, money.equity, tz), rate, limits))
    if not reached:
        return
    with ledger.transaction():
        now = ledger.clock.now()
        known = {trip.limit for trip in ledger.breaker.present(money.account, now)}
        for limit, loss, threshold in reached:
            if limit not in known:
                ledger.breaker.trip(money.account, limit, loss, threshold, next_day_start(now, tz))


def _reached(loss: DailyLoss, rate: Decimal | None, limits: Limits) -> Iterator[tuple[str, Decimal, Decimal]]:
    """The limits that a loss reaches, as name, loss and threshold; money without a rate is compared with none."""
    if loss.fraction is not None and loss.fraction >= limits.max_daily_drawdown:
        yield "max_daily_drawdown", loss.fraction, limits.max_daily_drawdown
    if limits.max_daily_loss is not None and rate is not None and loss.money * rate >= limits.max_daily_loss:
        yield "max_daily_loss", loss.money * rate, limits.max_daily_loss
