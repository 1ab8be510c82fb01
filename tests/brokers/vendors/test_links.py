"""Links to vendors: bounded, not redirected, and without secrets in what is told of their loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from brokers.vendors.http_client import VendorError, VendorRefused
from brokers.vendors.http_lines import MOST_BYTES, HttpLines
from brokers.vendors.web_socket import WebSocketClient
from tests.support.live_vendor import TEAR, LiveServer, Session, endless_answer, web_socket
from tradewright.model.live import LinkLost

KEY = "canary-link-11"


async def _messages(client: WebSocketClient) -> AsyncGenerator[object]:
    async with client.link("/x") as link:
        while True:
            yield await link.receive()


def heard(server: LiveServer) -> list[object]:
    """All messages of a link until it is lost."""
    found: list[object] = []

    async def listen() -> None:
        async with aclosing(_messages(WebSocketClient("vendor", server.address, (KEY,)))) as messages:
            while True:
                found.append(await anext(messages))

    asyncio.run(listen())
    return found


def lines(server: LiveServer, found: list[bytes] | None = None) -> None:
    """All lines of an answer until it is lost."""
    client = HttpLines("vendor", server.address, {"Authorization": f"Bearer {KEY}"}, (KEY,))

    async def listen() -> None:
        async with aclosing(client.lines("/x", {"a": "b"})) as answer:
            async for line in answer:
                (found if found is not None else []).append(line)

    asyncio.run(listen())


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with web_socket() as elsewhere, web_socket() as server:
        server.sessions = [Session(refuse=status, headers={"Location": f"{elsewhere.address}/x"})]
        with pytest.raises(VendorRefused, match=f"it answers {status}"):
            heard(server)
        assert elsewhere.paths == []
    with endless_answer() as elsewhere, endless_answer() as server:
        server.sessions = [Session(refuse=status, headers={"Location": f"{elsewhere.address}/x"})]
        with pytest.raises(VendorError, match="it sends us on, where the key does not go"):
            lines(server)
        assert elsewhere.paths == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_vendor_that_is_overloaded_may_answer_later(status: int) -> None:
    with web_socket() as server:
        server.sessions = [Session(refuse=status)]
        with pytest.raises(LinkLost, match=f"it answers {status}"):
            heard(server)
    with endless_answer() as server:
        server.sessions = [Session([{"message": f"slow down {KEY}"}], refuse=status)]
        with pytest.raises(LinkLost, match=f"it answers {status}: .*slow down \\*\\*\\*"):
            lines(server)


def test_a_message_without_end_is_a_lost_link() -> None:
    with web_socket() as server:
        server.sessions = [Session(['"fine"', '"' + "x" * 2**20 + '"'])]
        with pytest.raises(LinkLost, match="the link is closed"):
            heard(server)
    with endless_answer() as server:
        server.sessions = [Session(["x" * (2 * MOST_BYTES + 9)])]
        with pytest.raises(LinkLost, match="a line is longer than 64 KiB"):
            lines(server)


def test_a_torn_link_gives_whole_messages_alone() -> None:
    found: list[bytes] = []
    with endless_answer() as server:
        server.sessions = [Session(["one", "two", "thr\nee"], end=TEAR)]
        with pytest.raises(LinkLost):
            lines(server, found)
    assert found[:2] == [b"one", b"two"]
    with web_socket() as server:
        server.sessions = [Session(['"one"'], end=TEAR)]
        with pytest.raises(LinkLost, match="the link is closed: no close frame"):
            heard(server)


def test_a_vendor_that_is_not_there_is_a_lost_link() -> None:
    nowhere = LiveServer(address="ws://127.0.0.1:1")
    with pytest.raises(LinkLost, match="it cannot be reached"):
        heard(nowhere)
    with pytest.raises(LinkLost, match="no connection could be made"):
        lines(LiveServer(address="http://127.0.0.1:1"))


def test_a_secret_that_a_vendor_sends_back_is_in_no_message() -> None:
    with web_socket() as server:
        server.sessions = [Session([{"ev": "what", "told": f"no plan for {KEY}"}])]
        client = WebSocketClient("vendor", server.address, (KEY,))

        async def first() -> object:
            async with aclosing(_messages(client)) as messages:
                return await anext(messages)

        assert asyncio.run(first()) == {"ev": "what", "told": "no plan for ***"}
    with endless_answer() as server:
        server.sessions = [Session([{"type": KEY}], end=TEAR)]
        found: list[bytes] = []
        with pytest.raises(LinkLost):
            lines(server, found)
        assert [KEY.encode() in line for line in found] == [False]
