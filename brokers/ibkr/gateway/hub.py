"""What all connections of a gateway share, and how the venue's news reaches the client it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pandas as pd

from brokers.ibkr.gateway import messages
from brokers.ibkr.gateway.faults import Drop, Faults
from brokers.ibkr.gateway.listings import Listing
from brokers.ibkr.gateway.session import Session
from brokers.sim.matching import Prices
from brokers.sim.state import BookOrder, Execution
from brokers.sim.venue import Venue
from tradewright.model.clock import Clock

History = Mapping[tuple[str, str], pd.DataFrame]
"""(instrument, timeframe) -> bars table."""


class Received(NamedTuple):
    """One message as it came: the evidence of what a client really sent."""

    connection: int
    client_id: int
    fields: tuple[str, ...]
    body: bytes


@dataclass
class Hub:
    """The gateway's shared state.

    Args:
        version: the newest server version that is offered.
        day_zone: the zone whose midnight ends "today" for executions and completed orders (to be confirmed on paper).
        rejected_as: how a rejected order appears among the completed ones (public reports say Cancelled).
    """

    venue: Venue
    listings: dict[int, Listing]
    clock: Clock
    version: int
    history: History
    day_zone: ZoneInfo
    rejected_as: str = "Cancelled"
    faults: Faults = field(default_factory=Faults)
    sessions: dict[int, Session] = field(default_factory=dict)
    journal: list[Received] = field(default_factory=list)
    held: list[tuple[BookOrder, Execution]] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._by_symbol = {listing.instrument.symbol: listing for listing in self.listings.values()}
        self.venue.subscribe(self._on_change)

    @property
    def accounts(self) -> list[str]:
        """The accounts under management."""
        return sorted(self.venue.state.accounts)

    def listing(self, symbol: str) -> Listing:
        """The contract of an instrument."""
        return self._by_symbol[symbol]

    def today(self, order_or_execution: BookOrder | Execution) -> bool:
        """Whether it happened since the last midnight of ``day_zone``."""
        time = order_or_execution.time if isinstance(order_or_execution, Execution) else order_or_execution.changed_at
        return time.astimezone(self.day_zone).date() == self.clock.now().astimezone(self.day_zone).date()

    def quote(self, symbol: str, prices: Prices) -> None:
        """Move a price: resting orders are tried, and streams hear of it."""
        self.venue.quote(symbol, prices)
        for session in self.sessions.values():
            for request, streamed in session.market_data.items():
                if streamed == symbol:
                    session.send_all(messages.ticks(request, prices))

    def release(self) -> None:
        """Send the executions that were held back."""
        self.faults.hold_executions = False
        held, self.held = self.held, []
        for order, execution in held:
            self._on_change(order, execution)

    def report_execution(self, session: Session, request: int, execution: Execution) -> None:
        """Send an execution and what it cost."""
        listing = self.listing(execution.order.terms.instrument)
        session.send(messages.execution_details(session.version, request, listing, execution))
        session.send(messages.commission_report(execution, listing.name.currency))

    def report_order(self, session: Session, order: BookOrder) -> None:
        """Send an order in full and its state."""
        status = messages.status_name(order)
        listing = self.listing(order.terms.instrument)
        parent = self.venue.state.orders.get(order.placement.parent)
        parent_id = parent.order_id if parent is not None else 0
        session.send(messages.open_order(session.version, listing, order, status, parent_id=parent_id))
        session.send(messages.order_status(order, status, parent_id))

    def _on_change(self, order: BookOrder, execution: Execution | None) -> None:
        session = self.sessions.get(order.client_id)
        if session is None or order.ref in self.faults.hidden:
            return
        if execution is None:
            if not (order.code and order.code != 201):
                self.report_order(session, order)
            if self.faults.drop is Drop.AFTER_ACK:
                self.faults.drop = Drop.NEVER
                session.close()
        elif self.faults.hold_executions:
            self.held.append((order, execution))
        else:
            self._report_live(session, order, execution)

    def _report_live(self, session: Session, order: BookOrder, execution: Execution) -> None:
        for _ in range(2 if self.faults.duplicate_executions else 1):
            self.report_execution(session, -1, execution)
        if not self.faults.silent_status:
            self.report_order(session, order)


Handler = Callable[[Hub, Session, Iterator[str]], None]
"""What answers one kind of message: it is given the fields that follow the message's number."""
