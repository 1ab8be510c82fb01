"""How the simulated venue is set up."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

from pydantic import Field

from brokers.sim.broker import SimBroker
from brokers.sim.commission import FeeRate, commission_of
from brokers.sim.state import AccountBook, VenueState
from brokers.sim.storage import VenueCopy, VenueFile
from brokers.sim.venue import BarSource, Venue
from tradewright.fills.costs import CostModel
from tradewright.model.base import FrozenModel, Name, Positive
from tradewright.model.clock import Clock
from tradewright.model.instrument import Instrument


class SimSettings(FrozenModel):
    """One account with some cash.

    Args:
        cash: at the start; a venue that was saved before keeps what it has.
        currency: of the account, in which it is kept; a venue that was saved before keeps its own.
        state_file: where the venue is kept between processes; None keeps it in memory only.
        reading: whether the file is only read, as it was last saved; another process may have it open then.
        seed: makes order and execution ids reproducible; made up when None.
    """

    account: Name = "SIM"
    cash: Positive = Decimal(100_000)
    currency: str = "USD"
    client_id: int = Field(default=21, ge=1)
    state_file: Path | None = None
    reading: bool = False
    seed: int | None = None


def sim_broker(
    settings: SimSettings,
    instruments: Iterable[Instrument],
    clock: Clock,
    costs: CostModel,
    bars_since: BarSource | None = None,
    fee_rate: FeeRate | None = None,
) -> SimBroker:
    """A venue, new or (once connected) as it was saved, and a client of it.

    Args:
        bars_since: the stored bars that its resting orders meet; a venue that is only read meets none.
        fee_rate: as for :class:`Venue`.
    """
    state = VenueState(
        seed=secrets.randbits(32) if settings.seed is None else settings.seed,
        accounts={
            settings.account: AccountBook(account=settings.account, cash=settings.cash, currency=settings.currency)
        },
    )
    storage = None
    if settings.state_file is not None:
        storage = VenueCopy(settings.state_file) if settings.reading else VenueFile(settings.state_file)
    followed = None if settings.reading else bars_since
    charged = commission_of(costs)
    market = Venue(instruments, state, clock, charged, storage=storage, bars_since=followed, fee_rate=fee_rate)
    return SimBroker(market, settings.account, settings.client_id)
