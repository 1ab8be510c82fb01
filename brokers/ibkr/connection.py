"""One connection to the gateway: opened with reasons, asked one question at a time, each to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from ib_async.contract import Contract
from ib_async.ib import StartupFetch
from ib_async.wrapper import RequestError

from brokers.ibkr.contracts import venue_name
from brokers.ibkr.conversions import MONTH, SymbolMap
from brokers.ibkr.error_codes import UNKNOWN_CONTRACT
from brokers.ibkr.link import TappedIB
from brokers.ibkr.listener import Listener
from brokers.ibkr.settings import IbkrSettings
from tradewright.model.broker import EventSink
from tradewright.model.clock import Clock
from tradewright.model.errors import BrokerError

Result = TypeVar("Result")
RETRY_FIRST, RETRY_LONGEST = 0.05, 1.0
"""Seconds between two tries under a client id that the gateway has not released yet: doubled each time."""
START_UP = (
    StartupFetch.ORDERS_OPEN | StartupFetch.ORDERS_COMPLETE | StartupFetch.SUB_ACCOUNT_UPDATES | StartupFetch.EXECUTIONS
)


class ClientIdTaken(BrokerError):
    """Another client is connected under our id, or the gateway has not noticed yet that it left (326)."""


class Connection:
    """The link of one client id, and the contracts that it has looked up.

    A query that does not arrive to its end may still be answered later, and the library would take that answer for the
    next one's; so the link is closed, and the caller opens it again to go on.

    Attributes:
        account: the one that we trade, known once the link is open.
        collecting: to be held from the first to the last query of a snapshot, whose answers are collected in one place.
    """

    def __init__(self, settings: IbkrSettings, names: SymbolMap, clock: Clock) -> None:
        self.settings, self.names = settings, names
        self.account = ""
        self._clock = clock
        self._asking = self.collecting = asyncio.Lock()
        self._ib: TappedIB | None = None
        self._events: Listener | None = None
        self._contracts: dict[str, Contract] = {}

    async def open(self, sink: EventSink, *, complete: bool = True) -> None:
        """Connect afresh. A client id that is still taken is tried again within the timeout.

        Args:
            complete: whether every start-up query must end; False for a connection that only cancels.

        Raises:
            BrokerError: when the port is closed, the client id is taken, the gateway hangs or leaves a start-up query
                without its end, or the account is not the one that the settings allow.
        """
        self.close()
        deadline = asyncio.get_running_loop().time() + self.settings.timeout
        pause = RETRY_FIRST
        while True:
            try:
                await self._open_once(sink, complete)
            except ClientIdTaken:
                if asyncio.get_running_loop().time() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, RETRY_LONGEST)
            else:
                return

    async def _open_once(self, sink: EventSink, complete: bool) -> None:
        self._events = Listener(self.names, self._clock, self.settings.client_id, sink)
        self._ib = TappedIB(self._events)
        self._contracts = {}
        self._asking, self.collecting = asyncio.Lock(), asyncio.Lock()
        opened = False
        try:
            await self._start(self._ib, self._events, complete)
            self.account = self._allowed_account(self._ib.managedAccounts())
            if complete:
                self._ib.reqMarketDataType(self.settings.market_data_type)
                await self._resolve_months(self._events)
            opened = True
        finally:
            if not opened:
                self.close()

    async def _resolve_months(self, events: Listener) -> None:
        """Look up every future that is configured by its month: messages name it by contract id and last day.

        One that the venue does not know is told as an event and stays unresolved; it does not stop the others.
        """
        for instrument in list(self.names.instruments.values()):
            if len(venue_name(instrument).expiry) == MONTH:
                try:
                    await self.contract(instrument.symbol)
                except BrokerError as problem:
                    self.linked()
                    events.on_notice(UNKNOWN_CONTRACT, f"{instrument.symbol} is not resolved: {problem}")

    def close(self) -> None:
        """Close the link; harmless when there is none."""
        if self._ib is not None:
            self._ib.disconnect()
        self._ib = None

    def linked(self) -> tuple[TappedIB, Listener]:
        """The library's object and what it has told.

        Raises:
            BrokerError: without a link.
        """
        if self._ib is None or self._events is None or not self._ib.isConnected():
            raise self.error("there is no connection", "connect first")
        return self._ib, self._events

    def pending(self) -> int:
        """Messages in the library's throttle queue; without a link there are none."""
        return self._ib.client.pending() if self._ib is not None else 0

    async def ask(self, what: str, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Ask alone, and wait for the end of the answer.

        Raises:
            BrokerError: when it does not end in time, is an error, or was not readable in full.
        """
        async with self._asking:
            ib, events = self.linked()
            ended = False
            try:
                answer = await self.wait(what, ask, self.settings.timeout)
                ended = True
            except BrokerError as problem:
                ended = isinstance(problem.__cause__, RequestError)
                raise
            finally:
                if not ended and ib.isConnected():
                    ib.disconnect()
                    events.on_closed("the link was closed because an answer has no end")
            if damage := events.damage:
                events.damage = ""
                raise self.error(f"{what} came with an {damage}", "do not trade on it; reconcile")
            return answer

    async def wait(self, what: str, ask: Callable[[], Awaitable[Result]], timeout: float) -> Result:
        """Wait for an answer that carries its request's number, so that a late one is taken for no other.

        Raises:
            BrokerError: when it does not end in time, or is an error.
        """
        try:
            return await asyncio.wait_for(_awaited(ask), timeout)
        except TimeoutError as problem:
            text = f"{what} did not come to an end within {timeout:g} s"
            raise self.error(text, "look at the gateway, then connect again") from problem
        except RequestError as problem:
            raise self.error(f"{what}: {problem.code} {problem.message}", "see the code's meaning") from problem
        except ConnectionError as problem:
            raise self.error(f"the link broke while asking for {what}", "connect again") from problem

    async def contract(self, symbol: str) -> Contract:
        """The venue's contract of an instrument, asked for once per connection.

        Raises:
            BrokerError: when the venue knows none, or more than one.
        """
        if symbol in self._contracts:
            return self._contracts[symbol]
        ib, _ = self.linked()
        name = venue_name(self.names.instrument(symbol))
        wanted = Contract(
            symbol=name.symbol,
            secType=name.sec_type,
            exchange=name.exchange,
            currency=name.currency,
            lastTradeDateOrContractMonth=name.expiry,
        )
        found = await self.wait(
            f"the contract of {symbol}", lambda: ib.reqContractDetailsAsync(wanted), self.settings.timeout
        )
        contracts = [item.contract for item in found if item.contract is not None]
        if len(contracts) != 1:
            text = f"{len(contracts)} contracts fit {symbol} ({name})"
            raise self.error(text, "make venue_symbols.ibkr of the instrument precise")
        contract = contracts[0]
        contract.exchange = name.exchange
        self.names.learn(contract.conId, symbol)
        self._contracts[symbol] = contract
        return contract

    def error(self, what: str, remedy: str) -> BrokerError:
        """An error that names this connection."""
        where = f"IB gateway at {self.settings.where}, client id {self.settings.client_id}"
        return BrokerError(what, where=where, remedy=remedy)

    async def _start(self, ib: TappedIB, events: Listener, complete: bool) -> None:
        settings = self.settings
        connecting = asyncio.ensure_future(
            ib.connectAsync(
                settings.host,
                settings.port,
                settings.client_id,
                settings.timeout,
                settings.readonly,
                raiseSyncErrors=complete,
                fetchFields=START_UP if complete else StartupFetch.ORDERS_OPEN,
            )
        )
        try:
            await asyncio.wait({connecting, events.refused}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            connecting.cancel()
            raise
        if events.refused.done():
            connecting.cancel()
            with suppress(asyncio.CancelledError, ConnectionError, OSError):
                await connecting
            refused = self.error(
                f"client id {settings.client_id} is taken: {events.refused.result()}",
                "stop the other sender, or wait until the gateway has let go of it",
            )
            raise ClientIdTaken(refused.what, where=refused.where, remedy=refused.remedy)
        try:
            await connecting
        except ConnectionRefusedError as problem:
            raise self.error("connection refused", "start the gateway, or correct broker.port") from problem
        except TimeoutError as problem:
            text = f"no answer within {settings.timeout:g} s"
            raise self.error(text, "the gateway hangs or is no gateway; restart it") from problem
        except (ConnectionError, OSError) as problem:
            raise self.error(f"cannot connect: {problem}", "look at the gateway, then try again") from problem

    def _allowed_account(self, managed: list[str]) -> str:
        wanted = self.settings.account
        if not wanted and len(managed) != 1:
            raise self.error(f"it manages {', '.join(managed)}", "name one as broker.account")
        account = wanted or managed[0]
        if account not in managed:
            raise self.error(f"account {account} is not here: it manages {', '.join(managed)}", "see broker.account")
        if problem := self.settings.account_problem(account):
            raise self.error(problem, "see broker.mode and broker.account")
        return account


async def _awaited(ask: Callable[[], Awaitable[Result]]) -> Result:
    return await ask()
