"""The simulated venue in a replay: moved bar by bar by whoever replays, in memory, at the prices of the past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from brokers.sim.broker import SimBroker
from brokers.sim.commission import FeeRate, commission_of
from brokers.sim.matching import PriceBar, Prices
from brokers.sim.quotes import quote_around
from brokers.sim.state import AccountBook, VenueState
from brokers.sim.venue import Venue
from tradewright.fills.costs import CostModel
from tradewright.model.broker import Quote
from tradewright.model.clock import Clock
from tradewright.model.instrument import Instrument
from tradewright.oversight.rehearsal import ReplayBar

SENDER, READER = 21, 22
"""The client ids of the two connections."""


class ReplayBroker(SimBroker):
    """A client of a replayed venue. Its quotes are of now: between two moves of the replay the price stands."""

    async def quote(self, instrument: str) -> Quote:
        """The price at which the replay stands.

        Raises:
            BrokerError: for an unknown instrument, or before it had a price.
        """
        found = await super().quote(instrument)
        return Quote.at(self.market.clock.now(), instrument, bid=found.bid, ask=found.ask, last=found.last)


class ReplayVenue:
    """One account at a venue that a replay moves.

    Args:
        book: the account at the start.
        seed: of order and execution ids.
        fee_rate: as for :class:`~brokers.sim.venue.Venue`.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        book: AccountBook,
        clock: Clock,
        costs: CostModel,
        seed: int,
        fee_rate: FeeRate | None = None,
    ) -> None:
        self._account = book.account
        state = VenueState(seed=seed, accounts={book.account: book})
        self._venue = Venue(instruments, state, clock, commission_of(costs), fee_rate=fee_rate)

    def client(self, *, reading: bool = False) -> SimBroker:
        """A connection, the sender's or a reading one."""
        return ReplayBroker(self._venue, self._account, READER if reading else SENDER)

    def opened(self, bar: ReplayBar) -> None:
        """Quote half the bar's spread, or half the usual one, around its opening price; resting orders meet it."""
        quote = quote_around(self._venue.instrument(bar.instrument), bar.open, bar.opens, bar.spread)
        self._venue.quote(bar.instrument, Prices(quote.bid, quote.ask, bar.open, bar.opens))

    def passed(self, bar: ReplayBar, since: datetime) -> None:
        """Let resting orders meet a bar from the moment ``since`` on; nothing when it was over by then."""
        if since < bar.end:
            half = (bar.spread or Decimal(0)) / 20_000
            rest = PriceBar(since, bar.end, bar.open, bar.high, bar.low, bar.close, half)
            self._venue.advance([(bar.instrument, rest)])

    def executions(self) -> int:
        """The number of executions so far."""
        return len(self._venue.state.executions)

    def held(self, instrument: str) -> Decimal:
        """Signed units of an instrument."""
        return self._venue.book(self._account).holding(instrument).quantity
