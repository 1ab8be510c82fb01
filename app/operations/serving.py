"""Programs that serve until they are interrupted: the gateway simulator and the apps."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Callable
from decimal import Decimal

from app.network import MAX_PORT, ServeError, listen
from app.tokens import checked_token, further_tokens, new_token
from brokers.ibkr.gateway.server import Gateway
from brokers.sim.matching import Prices
from conf.environment import OVERRIDES, TOKEN, environment, load_environment
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.clock import Clock

ACCOUNT = "DU000001"
"""The one paper account of the simulator."""


def make_gateway(settings: Settings, clock: Clock, port: int = 0, control_port: int = 0) -> Gateway:
    """A gateway, not yet listening."""
    house = Container(settings, clock)
    cash = {ACCOUNT: Decimal(repr(settings.backtest.cash))}
    gateway = Gateway(
        house.instruments.values(), clock, cash=cash, port=port, control_port=control_port, seed=settings.base.seed
    )
    for symbol, quote in house.newest_quotes().items():
        gateway.hub.quote(symbol, Prices(quote.bid, quote.ask, quote.last, quote.time or clock.now()))
    return gateway


def serve_gateway(settings: Settings, port: int, control_port: int, ready: Callable[[dict[str, object]], None]) -> None:
    """Serve until interrupted; ``ready`` is called with the ports and the control token.

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


def serve_apps(overrides: tuple[str, ...], settings: Settings, ready: Callable[[dict[str, object]], None]) -> None:
    """Serve until interrupted; ``ready`` is called with the address, which holds the token.

    Raises:
        ServeError: when the port is in use.
    """
    from app.serve import run  # marimo and uvicorn, which the gateway does without

    load_environment()
    chosen = settings.observability.serve
    token, others = checked_token(environment(TOKEN) or new_token()), further_tokens()
    other = f"stop the other program, or choose another: observability.serve.port={chosen.port + 1}"
    link = listen(chosen.host, chosen.port, other)
    before = os.environ.get(OVERRIDES)
    os.environ[OVERRIDES] = shlex.join(overrides)  # the notebooks run in this process and compose for themselves
    port = link.getsockname()[1]
    try:
        ready({"url": f"http://127.0.0.1:{port}/?access_token={token}", "port": port})
        run(link, token, others)
    finally:
        os.environ.pop(OVERRIDES)
        if before is not None:
            os.environ[OVERRIDES] = before
