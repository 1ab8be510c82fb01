"""Interactive Brokers as a plug-in: paper and live accounts behind TWS or the IB gateway."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from brokers.base import AccountProblem, BrokerPlugin, Surroundings, VenueSettings
from brokers.ibkr.settings import IbkrSettings, account_problems
from tradewright.model.broker import Broker
from tradewright.model.live import LiveFeed
from tradewright.model.mode import Mode
from tradewright.model.ports import Feed


class IbkrVenueSettings(VenueSettings):
    """``broker=ibkr``."""

    kind: Literal["ibkr"]
    host: str
    port: Annotated[int, Field(ge=1, le=65535)]
    client_id: Annotated[int, Field(ge=1, lt=2**31 - 1)]
    account: str | None
    timeout_s: Annotated[float, Field(gt=0)]

    @property
    def address(self) -> tuple[str, int]:
        """Where the gateway listens."""
        return self.host, self.port

    @property
    def patience(self) -> float:
        """The gateway's time limit."""
        return self.timeout_s


class IbkrPlugin(BrokerPlugin):
    """The gateway under a fixed client id; the three after it are for feed, reading connection and stream."""

    kind = "ibkr"
    settings = IbkrVenueSettings
    modes: ClassVar[frozenset[Mode]] = frozenset({Mode.PAPER, Mode.LIVE})
    serves_bars = True
    streams = True

    def account_rules(self, mode: Mode, settings: IbkrVenueSettings) -> list[AccountProblem]:
        """Live needs its account by name and takes no paper port; paper takes no live port and no live account."""
        if problems := super().account_rules(mode, settings):
            return problems
        found = account_problems(mode is Mode.LIVE, settings.port, settings.account or "")
        return [AccountProblem(key, value, rule) for key, value, rule in found]

    def connection(self, settings: IbkrVenueSettings, mode: Mode, client_id: int) -> IbkrSettings:
        """How to reach the gateway under a client id.

        Raises:
            ConfigError: when mode, account and port contradict each other.
        """
        self.demand(mode, settings)
        live = mode is Mode.LIVE
        return IbkrSettings(
            host=settings.host,
            port=settings.port,
            client_id=client_id,
            account=settings.account or "",
            mode="live" if live else "paper",
            live_port=settings.port if live else None,
            timeout=settings.timeout_s,
        )

    def build(self, settings: IbkrVenueSettings, around: Surroundings, *, reading: bool = False) -> Broker:
        """The adapter, not yet connected."""
        from brokers.ibkr.adapter import IbkrBroker

        told = self.connection(settings, around.mode, settings.client_id + (2 if reading else 0))
        return IbkrBroker(told, around.instruments.values(), around.clock)

    def feed(self, settings: IbkrVenueSettings, around: Surroundings) -> Feed:
        """Historical bars, over a connection of their own that can neither send nor disturb orders."""
        from brokers.ibkr.feed import IbkrFeed

        told = self.connection(settings, around.mode, settings.client_id + 1)
        return IbkrFeed(told, around.instruments.values(), around.clock)

    def live(self, settings: IbkrVenueSettings, around: Surroundings) -> LiveFeed:
        """Live prices, over a further connection that can neither send nor disturb orders."""
        from brokers.ibkr.stream import IbkrStream

        told = self.connection(settings, around.mode, settings.client_id + 3)
        return IbkrStream(told, around.instruments.values(), around.clock)
