"""The simulated venue as a plug-in: SIM mode only, state in one file, prices around the newest stored closes."""

from __future__ import annotations

from typing import ClassVar, Literal

from brokers.base import BrokerPlugin, Surroundings, VenueSettings
from tradewright.model.base import Name
from tradewright.model.broker import Broker
from tradewright.model.mode import Mode
from tradewright.store.files import private_folder

STATE_FILE = "sim_venue.json"


class SimVenueSettings(VenueSettings):
    """``broker=sim``."""

    kind: Literal["sim"]
    account: Name


class SimPlugin(BrokerPlugin):
    """A venue in this process that survives it in a file of the storage folder."""

    kind = "sim"
    settings = SimVenueSettings
    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.SIM})
    serves_bars = False

    def build(self, settings: SimVenueSettings, around: Surroundings, *, reading: bool = False) -> Broker:
        """A client of the venue, which is new or as it was saved, at the opening prices of ``around``.

        Its resting orders meet the stored bars as they come in. A reading one sees the venue as it was last saved, also
        while another process has it open.
        """
        from brokers.sim.matching import Prices
        from brokers.sim.quotes import stored_bars
        from brokers.sim.settings import SimSettings, sim_broker

        private_folder(around.folder)
        told = SimSettings(
            account=settings.account,
            cash=around.cash,
            currency=around.currency,
            state_file=around.folder / STATE_FILE,
            reading=reading,
        )
        since = None
        if around.bars is not None:
            since = stored_bars(around.bars, around.instruments, around.timeframes, around.clock)
        made = sim_broker(told, around.instruments.values(), around.clock, around.costs, since, around.fee_rate)
        for symbol, quote in around.quotes().items():
            made.market.quote(symbol, Prices(quote.bid, quote.ask, quote.last, quote.time or around.clock.now()))
        return made
