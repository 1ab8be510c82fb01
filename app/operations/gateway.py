"""The bundled gateway simulator on the instruments of the configuration, at the newest stored prices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from app.port import MAX_PORT, ServeError
from brokers.ibkr.gateway.server import Gateway
from brokers.sim.matching import Prices
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.clock import Clock

ACCOUNT = "DU000001"
"""The one paper account of the simulator."""


def make_gateway(settings: Settings, clock: Clock, port: int = 0, control_port: int = 0) -> Gateway:
    """A gateway, not yet listening.

    Raises:
        StoreError: when stored bars are damaged.
    """
    house = Container(settings, clock)
    cash = {ACCOUNT: Decimal(repr(settings.backtest.cash))}
    gateway = Gateway(
        house.instruments.values(), clock, cash=cash, port=port, control_port=control_port, seed=settings.base.seed
    )
    for symbol, quote in house.newest_quotes().items():
        gateway.hub.quote(symbol, Prices(quote.bid, quote.ask, quote.last, quote.time or clock.now()))
    return gateway


def serve_gateway(settings: Settings, port: int, control_port: int, ready: Callable[[dict[str, object]], None]) -> None:
    """Serve until interrupted; ``ready`` is told the ports and the control token.

    Raises:
        ServeError: for a number that is no port.
        BrokerError: when a port is in use.
    """
    for option, number in (("--port", port), ("--control-port", control_port)):
        if not 0 <= number <= MAX_PORT:
            raise ServeError(f"{number} is no port", where=option, remedy=f"say 1 to {MAX_PORT}; 0 takes any free one")
    gateway = make_gateway(settings, Container(settings).clock, port, control_port)

    def announce(running: Gateway) -> None:
        ready({"port": running.port, "control_port": running.control_port, "token": running.token})

    asyncio.run(gateway.run(announce))
