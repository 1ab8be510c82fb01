"""The simulated venue in a file, for senders in processes of their own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from brokers.sim.broker import SimBroker
from brokers.sim.matching import Prices
from brokers.sim.settings import SimSettings, sim_broker
from tests.support.gateway_broker import ACCOUNT, INSTRUMENTS
from tradewright.fills.costs import NoCosts
from tradewright.model.clock import SystemClock


def broker(file: str) -> SimBroker:
    """A client of the venue that is kept in a file; not yet connected."""
    clock = SystemClock()
    made = sim_broker(SimSettings(account=ACCOUNT, state_file=Path(file)), INSTRUMENTS, clock, NoCosts())
    price = Decimal(100)
    for instrument in INSTRUMENTS:
        made.market.quote(instrument.symbol, Prices(price, price, price, clock.now()))
    return made
