"""The performance of each strategy in trading, beside the equity that the venue told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from conf.schema.settings import Settings
from runtime.container import Container
from runtime.exchange_rates import account_currency
from runtime.performance import strategy_days
from runtime.trading import UNKNOWN_ACCOUNT, account_in_force
from tradewright.ledger.equity_history import EquityMark
from tradewright.model.errors import ConfigError
from tradewright.oversight.performance import PerformanceDay


@dataclass(frozen=True)
class EquityCompared:
    """What all strategies and hands have earned beside the change of the account's equity.

    What the two differ by is no trade: deposits, dividends, interest, fees of data, a position that was taken over, and
    prices that moved between the venue's mark and the figures here.

    Args:
        since, until: the moments of the two marks of equity: the newest before the first trade, and the newest.
        change: of the equity between them.
        earned: the sum of the newest totals of all rows; None where one of them is not known.
        difference: ``change`` less ``earned``.
    """

    since: datetime
    until: datetime
    change: Decimal
    earned: Decimal | None
    difference: Decimal | None


@dataclass(frozen=True)
class PerformanceReply:
    """The days of each strategy.

    Args:
        account: the account in force; empty while the venue has told none.
        currency: of every amount.
        days: by strategy, then by day.
        equity: None where the venue told no equity before the first trade or after the last one.
    """

    account: str
    currency: str
    days: tuple[PerformanceDay, ...]
    equity: EquityCompared | None
    remark: str


def performance(settings: Settings, newest: int = 0, strategy: str = "") -> PerformanceReply:
    """What each strategy earned on each day of the account in force, at stored closes and rates.

    Args:
        newest: at most so many days of each strategy; 0 for all.
        strategy: the days of this one alone; of every one where it is empty.

    Raises:
        ConfigError: for a strategy that has traded nothing.
        LedgerError: when the ledger cannot be used, or was altered.
    """
    with Container(settings) as house:
        account = account_in_force(settings, house.ledger)
        trades = house.ledger.executions.trades(account)
        days = strategy_days(house, trades)
        equity = _compared(house.ledger.equity.marks(account), [trade.recorded_at for trade in trades], days)
        owners = sorted({row.strategy for row in days})
        if strategy and strategy not in owners:
            names = ", ".join(filter(None, owners)) or "there was no trade yet"
            raise ConfigError(f"{strategy} has traded nothing here", where="--strategy", remedy=f"one of: {names}")
        chosen = [row for row in days if strategy in ("", row.strategy)]
        shown = tuple(row for number, row in _from_newest(chosen) if not newest or number < newest)
        remark = "" if account else UNKNOWN_ACCOUNT
        return PerformanceReply(account, account_currency(settings), shown, equity, remark)


def _from_newest(days: Sequence[PerformanceDay]) -> list[tuple[int, PerformanceDay]]:
    """Each row with its number among those of its strategy, counted from the newest."""
    left = {name: sum(row.strategy == name for row in days) for name in {row.strategy for row in days}}
    found = []
    for row in days:
        left[row.strategy] -= 1
        found.append((left[row.strategy], row))
    return found


def _compared(
    marks: Sequence[EquityMark], traded: Sequence[datetime], days: Sequence[PerformanceDay]
) -> EquityCompared | None:
    before = [mark for mark in marks if traded and mark.at <= min(traded)]
    after = [mark for mark in marks if traded and mark.at >= max(traded)]
    if not before or not after:
        return None
    newest = {row.strategy: row.total for row in days}
    known = [total for total in newest.values() if total is not None]
    earned = sum(known, Decimal(0)) if len(known) == len(newest) else None
    change = after[-1].equity - before[-1].equity
    return EquityCompared(before[-1].at, after[-1].at, change, earned, None if earned is None else change - earned)
