"""The history of an account's equity, from which its drawdown is computed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import insert, select

from tradewright.database.engine import Database
from tradewright.ledger.schema import equity_marks


@dataclass(frozen=True, slots=True)
class EquityMark:
    """Equity and cash of an account at a moment, in its base currency."""

    account: str
    equity: Decimal
    cash: Decimal
    at: datetime


class EquityHistory:
    """Equity marks of all accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def mark(self, account: str, equity: Decimal, cash: Decimal) -> EquityMark:
        """Record the present equity of an account."""
        mark = EquityMark(account, equity, cash, self._database.clock.now())
        row = {"account": account, "equity": equity, "cash": cash, "at": mark.at}
        with self._database.write() as connection:
            connection.execute(insert(equity_marks).values(**row))
        return mark

    def marks(self, account: str, since: datetime | None = None) -> list[EquityMark]:
        """The marks of an account from a moment on (all of them when None), oldest first."""
        query = select(equity_marks).where(equity_marks.c.account == account)
        if since is not None:
            query = query.where(equity_marks.c.at >= since)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(equity_marks.c.at, equity_marks.c.id)).all()
        return [EquityMark(row.account, row.equity, row.cash, row.at) for row in rows]

    def newest(self, account: str, most: int) -> list[EquityMark]:
        """The newest marks of an account, at most ``most``, oldest first."""
        query = select(equity_marks).where(equity_marks.c.account == account)
        newest = query.order_by(equity_marks.c.at.desc(), equity_marks.c.id.desc()).limit(most)
        with self._database.read() as connection:
            rows = connection.execute(newest).all()
        return [EquityMark(row.account, row.equity, row.cash, row.at) for row in reversed(rows)]

    def drawdown(self, account: str, since: datetime) -> Decimal:
        """How far the newest mark lies below the highest one since a moment: 0 at the top, -0.03 for 3 % below.

        Without a mark, or with equity that was never positive, it is 0.
        """
        marks = self.marks(account, since)
        top = max((mark.equity for mark in marks), default=Decimal(0))
        return marks[-1].equity / top - 1 if top > 0 else Decimal(0)
