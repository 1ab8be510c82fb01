"""Marks over time: the account's equity, and the newest result of every check of an input."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, insert, select

from tradewright.ledger.database import Database
from tradewright.ledger.schema import checks, equity_marks


@dataclass(frozen=True, slots=True)
class EquityMark:
    """Equity and cash of an account at a moment, in its base currency."""

    account: str
    equity: Decimal
    cash: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What the last check of an input said."""

    input: str
    passed: bool
    detail: object
    at: datetime


class Marks:
    """The book of equity marks and check results."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark_equity(self, account: str, equity: Decimal, cash: Decimal) -> EquityMark:
        """Note the equity of now; the daily drawdown is computed from these marks."""
        mark = EquityMark(account, equity, cash, self._database.clock.now())
        row = {"account": account, "equity": equity, "cash": cash, "at": mark.at}
        with self._database.write() as connection:
            connection.execute(insert(equity_marks).values(**row))
        return mark

    def equity(self, account: str, since: datetime | None = None) -> list[EquityMark]:
        """The marks of an account from a moment on (all of them when None), oldest first."""
        query = select(equity_marks).where(equity_marks.c.account == account)
        if since is not None:
            query = query.where(equity_marks.c.at >= since)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(equity_marks.c.at, equity_marks.c.id)).all()
        return [EquityMark(row.account, row.equity, row.cash, row.at) for row in rows]

    def newest_equity(self, account: str, most: int) -> list[EquityMark]:
        """The newest marks of an account, at ``most`` so many, oldest first."""
        query = select(equity_marks).where(equity_marks.c.account == account)
        newest = query.order_by(equity_marks.c.at.desc(), equity_marks.c.id.desc()).limit(most)
        with self._database.read() as connection:
            rows = connection.execute(newest).all()
        return [EquityMark(row.account, row.equity, row.cash, row.at) for row in reversed(rows)]

    def drawdown(self, account: str, since: datetime) -> Decimal:
        """How far the newest mark lies below the highest one since a moment: 0 at the top, -0.03 for 3 % below.

        Without a mark, or with equity that was never positive, it is 0.
        """
        marks = self.equity(account, since)
        top = max((mark.equity for mark in marks), default=Decimal(0))
        return marks[-1].equity / top - 1 if top > 0 else Decimal(0)

    def record_check(self, name: str, passed: bool, detail: object = None) -> CheckResult:
        """Note the result of checking an input (a table, a feed, a file)."""
        result = CheckResult(name, passed, detail, self._database.clock.now())
        with self._database.write() as connection:
            connection.execute(insert(checks).values(input=name, passed=passed, detail=detail, at=result.at))
        return result

    def checks(self) -> dict[str, CheckResult]:
        """The newest result for every input that was ever checked."""
        newest = select(func.max(checks.c.id)).group_by(checks.c.input)
        with self._database.read() as connection:
            rows = connection.execute(select(checks).where(checks.c.id.in_(newest)).order_by(checks.c.input)).all()
        return {row.input: CheckResult(row.input, row.passed, row.detail, row.at) for row in rows}
