"""The replies of the trading operations: listings, views of intents and holdings, results of sending and comparing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, TypeVar

from tradewright.execution.health import Problem
from tradewright.ledger.kill_switches import Switch
from tradewright.model.decision import Decision
from tradewright.model.intent import Intent

Row = TypeVar("Row")


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """Rows of the mode and the account in force.

    Args:
        account: the account in force; empty while the venue has told none.
        remark: what is not listed, or why the account is not known; empty where everything is listed.
        damaged: the rows of the ledger that were set aside because they are not what was recorded, each with its
            table, key and column; the command exits with 1 while there is one.
    """

    rows: tuple[Row, ...]
    account: str
    remark: str = ""
    damaged: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a row was set aside."""
        return bool(self.damaged)


@dataclass(frozen=True)
class IntentView:
    """An intent with its decision and its orders so far."""

    intent: Intent
    decision: Decision | None
    waits: bool
    """Whether it waits for a person."""
    orders: tuple[str, ...]


@dataclass(frozen=True)
class Sent:
    """The result of one approved order; ``state`` is None where no order was made of it."""

    decision_id: str
    ref: str | None
    status: str
    state: str | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class PositionView:
    """A holding by the ledger and, when the venue was asked, by the venue."""

    instrument: str
    quantity: Decimal
    average_price: Decimal
    last_price: Decimal | None
    value: Decimal | None
    remark: str = ""
    """The rate at which the value was converted, or why there is none, such as an instrument that is not configured."""
    protection: str = ""
    """The protective orders that the venue works for it, in words; empty without any."""


@dataclass(frozen=True)
class SendReply:
    """The result of sending the outbox.

    Args:
        stops: the switches that are on.
        problems: everything that is not well on the account; the command exits with 1 while there is any.
    """

    outcomes: tuple[Sent, ...]
    stops: tuple[Switch, ...]
    problems: tuple[Problem, ...]

    @property
    def failed(self) -> bool:
        """Whether an order was not sent, or the account is not well."""
        return bool(self.stops or self.problems) or any(row.status != "SENT" for row in self.outcomes)


@dataclass(frozen=True)
class ReconcileReply:
    """The result of a reconciliation.

    Args:
        account: the account that was compared, as the venue told it.
        differences: the points on which venue and ledger disagree.
        problems: everything that is not well on the account; the command exits with 1 while there is any.
    """

    at: datetime
    account: str
    differences: tuple[str, ...]
    equity: Decimal
    positions: dict[str, Decimal]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class DeskView:
    """The values of the monitor; none needs a query to the venue."""

    mode: str
    stage: str
    now: datetime
    account: str
    equity: Decimal | None
    cash: Decimal | None
    reconciled_at: datetime | None
    differences: tuple[str, ...]
    switches: tuple[Switch, ...]
    positions: tuple[PositionView, ...]
    equity_marks: tuple[tuple[datetime, Decimal], ...]
    scopes: tuple[str, ...]
    problems: tuple[Problem, ...]
