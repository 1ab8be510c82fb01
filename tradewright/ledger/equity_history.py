"""The history of an account's equity, from which its drawdown is computed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select

from tradewright.database.engine import Database
from tradewright.ledger.events import Events
from tradewright.ledger.facts import Scope
from tradewright.ledger.facts import since as seq_since
from tradewright.ledger.schema import equity_marks, events
from tradewright.model.topic import Topic


@dataclass(frozen=True, slots=True)
class EquityMark:
    """Equity and cash of an account at a moment, in its base currency."""

    account: str
    equity: Decimal
    cash: Decimal
    at: datetime


class EquityHistory:
    """Equity marks of all accounts."""

    def __init__(self, database: Database, events: Events) -> None:
        self._database, self._events = database, events

    def mark(self, account: str, equity: Decimal, cash: Decimal) -> EquityMark:
        """Record the present equity of an account."""
        mark = EquityMark(account, equity, cash, self._database.clock.now())
        row: dict[str, object] = {"account": account, "equity": equity, "cash": cash, "at": mark.at}
        row["mode"] = self._events.mode.value
        self._events.record(equity_marks, row, Topic.EQUITY_MARKED, account, account=account)
        return mark

    def marks(self, account: str, since: datetime | None = None) -> list[EquityMark]:
        """The marks of an account from a moment on (all of them when None), oldest first."""
        query = self._of(account)
        if since is not None:
            query = query.where(equity_marks.c.at >= since)
        with self._database.read() as connection:
            self._check(connection, account, since)
            rows = connection.execute(query.order_by(equity_marks.c.at, equity_marks.c.id)).all()
        return [EquityMark(row.account, row.equity, row.cash, row.at) for row in rows]

    def newest(self, account: str, most: int) -> list[EquityMark]:
        """The newest marks of an account, at most ``most``, oldest first."""
        query = self._of(account)
        newest = query.order_by(equity_marks.c.at.desc(), equity_marks.c.id.desc()).limit(most)
        with self._database.read() as connection:
            rows = connection.execute(newest).all()
            if rows:
                self._check(connection, account, rows[-1].at)
        return [EquityMark(row.account, row.equity, row.cash, row.at) for row in reversed(rows)]

    def drawdown(self, account: str, since: datetime) -> Decimal:
        """How far the newest mark lies below the highest one since a moment: 0 at the top, -0.03 for 3 % below.

        Without a mark, or with equity that was never positive, it is 0.
        """
        marks = self.marks(account, since)
        top = max((mark.equity for mark in marks), default=Decimal(0))
        return marks[-1].equity / top - 1 if top > 0 else Decimal(0)

    def _check(self, connection: Connection, account: str, moment: datetime | None) -> None:
        """Compare the marks of an account since a moment, and the one before it, with their events."""
        mode, seq = self._events.mode.value, 0
        own: tuple[ColumnElement[bool], ...] = (equity_marks.c.account == account, equity_marks.c.mode == mode)
        told = (events.c.account == account, events.c.mode == mode)
        if moment is not None:
            seq = seq_since(connection, equity_marks, "at", moment, *own)
            own = (*own, (equity_marks.c.at >= moment) | (equity_marks.c.event_seq >= seq))
        self._events.facts.check(connection, Scope(equity_marks, own, (*told, events.c.seq >= seq)))

    def _of(self, account: str) -> Select[Any]:
        mode = self._events.mode.value
        return select(equity_marks).where(equity_marks.c.account == account, equity_marks.c.mode == mode)
