"""A client of the gateway that knows nothing but frames: what it sends and reads is the wire itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from unittest.mock import Mock

from ib_async.contract import Contract

from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.wire import fields_of, frame, read_frame
from brokers.ibkr.link import TappedIB
from brokers.ibkr.order_form import order_form
from tests.brokers.desk import approved
from tradewright.model.approved import ApprovedOrder

TIME = 49
OPEN_ORDERS, ALL_OPEN_ORDERS, EXECUTIONS, COMPLETED = 5, 16, 7, 99


SENT: list[str] = []
LINK = TappedIB(Mock())
"""The library's writer of messages, connected to nothing but a list."""
LINK.client.sendMsg = SENT.append  # type: ignore[method-assign]
LINK.client.connState = LINK.client.CONNECTED


def order_message(gateway: Gateway, order: ApprovedOrder, ref: str, order_id: int, version: int = 178) -> list[str]:
    """Message 3 for an order, as ``ib_async`` writes it."""
    listing = gateway.hub.listing(order.terms.instrument)
    SENT.clear()
    LINK.client._serverVersion = version
    contract = Contract(conId=listing.con_id, symbol=listing.name.symbol, secType=listing.name.sec_type)
    LINK.client.placeOrder(order_id, contract, order_form(order, listing.instrument, ref, order_id))
    (message,) = SENT
    return message[:-1].split("\0")


class Peer:
    """One connection. ``seen`` holds every message that came, as its fields."""

    def __init__(self, gateway: Gateway, client_id: int, version: int) -> None:
        self.gateway, self.client_id, self.version = gateway, client_id, version
        self.seen: list[list[str]] = []
        self.next_id = 0

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        offer = f"v157..{self.version}".encode()
        self.writer.write(b"API\0" + len(offer).to_bytes(4, "big") + offer)
        assert (await self.read())[0] == str(self.version)
        self.send(71, 2, self.client_id, "")
        self.next_id = int((await self.upto(9))[-1][2])
        for _notice in range(3):
            await self.read()
        self.seen.clear()

    def send(self, *fields: object) -> None:
        self.writer.write(frame(fields))

    async def read(self) -> list[str]:
        fields = fields_of(await asyncio.wait_for(read_frame(self.reader), 60))
        self.seen.append(fields)
        return fields

    async def upto(self, number: int) -> list[list[str]]:
        """Every message up to and with the next one of ``number``."""
        found: list[list[str]] = []
        while not found or found[-1][0] != str(number):
            found.append(await self.read())
        return found

    async def settle(self) -> list[list[str]]:
        """Every message that was on its way: the answer to a question about the time comes after all of them."""
        self.send(TIME, 1)
        return (await self.upto(TIME))[:-1]

    async def ask(self, *fields: object) -> list[list[str]]:
        """Send one message and return everything that it brought about here."""
        self.send(*fields)
        return await self.settle()

    async def place(
        self, order_id: int, instrument: str = "AAPL", side: str = "BUY", quantity: object = 10, **terms: object
    ) -> list[list[str]]:
        """Place, or change, an order under ``c<client>.<id>``."""
        ref = f"c{self.client_id}.{order_id}"
        order = approved(instrument, side, quantity, **terms)
        return await self.ask(*order_message(self.gateway, order, ref, order_id, self.version))

    async def open_orders(self, which: int = ALL_OPEN_ORDERS) -> dict[tuple[int, int], list[str]]:
        """The open orders by client and order id, as message 5 tells them."""
        found = [fields for fields in await self.ask(which, 1) if fields[0] == "5"]
        return {(int(fields[24]), int(fields[1])): fields for fields in found}

    async def executions(self, **wanted: object) -> list[list[str]]:
        """Message 11 of each execution that passes the filter."""
        names = ("client_id", "account", "time", "symbol", "sec_type", "exchange", "side")
        values = [wanted.get(name, 0 if name == "client_id" else "") for name in names]
        return [fields for fields in await self.ask(EXECUTIONS, 3, 77, *values) if fields[0] == "11"]

    async def close(self) -> None:
        self.writer.close()


@asynccontextmanager
async def peers(gateway: Gateway, *client_ids: int, version: int = 178) -> AsyncIterator[list[Peer]]:
    """Connected peers, one for each client id."""
    found = [Peer(gateway, client_id, version) for client_id in client_ids]
    for peer in found:
        await peer.connect()
    try:
        yield found
    finally:
        for peer in found:
            await peer.close()


def of(messages: list[list[str]], number: int) -> list[list[str]]:
    """The messages of a number."""
    return [fields for fields in messages if fields[0] == str(number)]


def states(messages: list[list[str]]) -> list[tuple[str, str, str]]:
    """(status, filled, remaining) of each order status."""
    return [(fields[2], fields[3], fields[4]) for fields in of(messages, 3)]


def codes(messages: list[list[str]]) -> list[tuple[int, int]]:
    """(request, code) of each error or notice."""
    return [(int(fields[2]), int(fields[3])) for fields in of(messages, 4)]
