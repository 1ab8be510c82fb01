"""The bundled gateway simulator on the instruments of the configuration, at the newest stored prices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal

from brokers.ibkr.gateway.server import Gateway
from brokers.sim.matching import Prices
from conf import build, trading
from conf.schema.settings import Settings
from tradewright.model.clock import Clock


def make_gateway(settings: Settings, clock: Clock, port: int = 0, control_port: int = 0) -> Gateway:
    """A gateway, not yet listening.

    Raises:
        StoreError: when stored bars are damaged.
    """
    known = build.instruments(settings)
    cash = {"DU000001": Decimal(repr(settings.backtest.cash))}
    gateway = Gateway(known.values(), clock, cash=cash, port=port, control_port=control_port, seed=settings.base.seed)
    for symbol, quote in trading.newest_quotes(settings, clock).items():
        gateway.hub.quote(symbol, Prices(quote.bid, quote.ask, quote.last, quote.time))
    return gateway


def serve_gateway(settings: Settings, port: int, control_port: int, ready: Callable[[dict[str, object]], None]) -> None:
    """Serve until interrupted; ``ready`` is told the ports and the control token.

    Raises:
        BrokerError: when a port is in use.
    """
    gateway = make_gateway(settings, build.clock(settings), port, control_port)

    def announce(running: Gateway) -> None:
        ready({"port": running.port, "control_port": running.control_port, "token": running.token})

    asyncio.run(gateway.run(announce))
