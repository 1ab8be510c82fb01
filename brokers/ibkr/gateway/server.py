"""The gateway as a server: one port for clients, one for control, both on loopback."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from brokers.ibkr.gateway.connection import Connection
from brokers.ibkr.gateway.control import Control, serve_control
from brokers.ibkr.gateway.hub import GatewayState, History
from brokers.ibkr.gateway.listings import list_instruments
from brokers.ibkr.gateway.wire import MAX_VERSION, MIN_VERSION
from brokers.sim.commission import Commission, ibkr_fixed
from brokers.sim.state import AccountBook, VenueState
from brokers.sim.venue import Venue
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import Instrument

PAPER_ACCOUNT, PAPER_CASH = "DU1234567", Decimal(100_000)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Gateway:
    """A bundled IB gateway: an honest venue behind the TWS wire protocol, on loopback only.

    Used as ``async with Gateway(...) as gateway``; ``gateway.port`` and ``gateway.control_port`` are then known. The
    venue lives as long as the object, so stopping and starting again is a restart with everything kept.

    Args:
        instruments: what it trades.
        clock: its time; share one with the clients to simulate.
        cash: account -> cash at the start, in USD.
        port: 0 takes any free port; likewise ``control_port``.
        token: what the control port demands; made up when empty.
        version: the newest server version that it offers, 157..178.
        history: (instrument, timeframe) -> bars table, what historical requests are answered from.
        commission: what orders cost; the venue's fixed prices by default.
        seed: makes order and execution ids reproducible; made up when None.
        day_zone: the zone in which its trading day ends.

    Raises:
        BrokerError: for an address that is not loopback, an unknown version, or (on start) a port in use.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        clock: Clock,
        *,
        cash: Mapping[str, Decimal] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        token: str = "",
        version: int = MAX_VERSION,
        history: History | None = None,
        commission: Commission = ibkr_fixed,
        seed: int | None = None,
        day_zone: str = "America/New_York",
    ) -> None:
        _demand_loopback(host)
        if not MIN_VERSION <= version <= MAX_VERSION:
            raise BrokerError(f"server version {version} is not one of {MIN_VERSION}..{MAX_VERSION}", where="gateway")
        instruments = list(instruments)
        cash = cash or {PAPER_ACCOUNT: PAPER_CASH}
        accounts = {name: AccountBook(account=name, cash=amount) for name, amount in cash.items()}
        state = VenueState(seed=secrets.randbits(32) if seed is None else seed, accounts=accounts)
        self.venue = Venue(instruments, state, clock, commission)
        listings = list_instruments(instruments)
        self.hub = GatewayState(self.venue, listings, clock, version, history or {}, ZoneInfo(day_zone))
        self.host, self.port, self.control_port = host, port, control_port
        self.token = token or secrets.token_urlsafe(16)
        self.control = Control(self.hub)
        self._servers: list[asyncio.Server] = []
        self._connections: dict[asyncio.Task[object], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listen on both ports.

        Raises:
            BrokerError: when a port is taken.
        """
        client = await self._listen(self._serve_client, self.port)
        self.port = _port_of(client)
        try:
            control = await self._listen(self._serve_control, self.control_port)
        except BrokerError:
            await self.stop()
            raise
        self.control_port = _port_of(control)

    async def stop(self) -> None:
        """Break every connection and stop listening; the venue's state stays."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        self.hub.faults.running.set()
        running = dict(self._connections)
        for writer in running.values():
            writer.transport.abort()
        await asyncio.gather(*running, return_exceptions=True)

    async def run(self, ready: Callable[[Gateway], None]) -> None:
        """Serve until the task is cancelled or the process is asked to end; ``ready`` is told once ports are known.

        Raises:
            BrokerError: when a port is taken.
        """
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        async with self:
            ready(self)
            await ended.wait()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _listen(self, serve: Serve, port: int) -> asyncio.Server:
        try:
            server = await asyncio.start_server(serve, self.host, port)
        except OSError as problem:
            raise BrokerError(
                f"cannot listen: {problem.strerror or problem}",
                where=f"{self.host}:{port}",
                remedy="stop what uses the port, or choose another with --port and --control-port",
            ) from problem
        self._servers.append(server)
        return server

    async def _serve_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._track(writer)
        await Connection(self.hub, reader, writer).run()

    async def _serve_control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._track(writer)
        await serve_control(self.control, self.token, reader, writer)

    def _track(self, writer: asyncio.StreamWriter) -> None:
        """Remember the running connection, so that stopping can end it."""
        task = asyncio.current_task()
        if task is not None:
            self._connections[task] = writer
            task.add_done_callback(self._connections.pop)


def _port_of(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])


def _demand_loopback(host: str) -> None:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise BrokerError(f"{host!r} is not a loopback address", where="gateway", remedy="use 127.0.0.1")
