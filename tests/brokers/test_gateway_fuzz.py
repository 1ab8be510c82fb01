"""Whatever bytes come, the gateway answers them or drops that client, and goes on serving the others."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brokers.ibkr.gateway.connection import HANDLERS
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from brokers.ibkr.gateway.wire import LONGEST_FRAME, fields_of, frame
from tests.brokers.desk import INSTRUMENTS, NOON, approved, until
from tests.brokers.tws import order_message
from tests.support.extent import runs
from tradewright.model.clock import ManualClock

HELLO = b"API\0" + b"\0\0\0\x09v157..178"
Crash = dict[str, object]


class Served:
    """A gateway in its thread, a client that behaves, and every failure that the gateway's loop did not expect."""

    def __init__(self, thread: GatewayThread) -> None:
        self.thread = thread
        self.crashes: list[Crash] = []
        self.good = self.open(HELLO + frame([71, 2, 1, ""]))
        self.frames(self.good, 1 + 2 + 3)

    def open(self, data: bytes) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", self.thread.gateway.port), 5)
        link.sendall(data)
        return link

    def frames(self, link: socket.socket, count: int) -> list[list[str]]:
        """The next ``count`` messages."""
        return [fields_of(self._exactly(link, *struct.unpack(">I", self._exactly(link, 4)))) for _ in range(count)]

    def _exactly(self, link: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = link.recv(count - len(data))
            assert part, "the gateway hung up"
            data += part
        return data

    def rest(self, link: socket.socket) -> bytes:
        """Everything until the gateway hangs up; we say no more."""
        with suppress(OSError):
            link.shutdown(socket.SHUT_WR)
        data = b""
        with suppress(ConnectionError):
            while part := link.recv(65_536):
                data += part
        link.close()
        return data

    def lives(self) -> None:
        """The client that behaves is still served, and nothing broke inside."""
        self.good.sendall(frame([49, 1]))
        assert self.frames(self.good, 1) == [["49", "1", str(int(NOON.timestamp()))]]
        assert self.crashes == []


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with GatewayThread(Gateway(INSTRUMENTS, ManualClock(NOON), seed=1)) as thread:
        thread.do("quote", symbol="AAPL", bid=100, ask=101)
        found = Served(thread)
        thread._loop.set_exception_handler(lambda _loop, context: found.crashes.append(context))
        yield found
        found.good.close()


bounded = settings(max_examples=runs(50, 120), suppress_health_check=[HealthCheck.function_scoped_fixture])
numbers = st.sampled_from(sorted({*HANDLERS, 71, 0, -1, 9999}))
texts = st.one_of(
    st.sampled_from(["", "0", "1", "-1", "2147483648", "1e999999", "nan", "-inf", "AAPL", "STK", "USD", "DU1234567"]),
    st.sampled_from(["1 D", "1 min", "1 week ago", "20260304 17:00:00 UTC", "BUY", "LMT", "\u202e", "ü"]),
    st.text(max_size=12).map(lambda text: text.replace("\0", "")),
    st.integers(-(2**70), 2**70).map(str),
)


@bounded
@given(st.binary(max_size=200))
def test_bytes_that_are_no_greeting_end_that_connection_alone(served: Served, data: bytes) -> None:
    assert served.rest(served.open(data)) == b"" or data.startswith(b"API\0")
    served.lives()


@pytest.mark.parametrize("cut", range(len(HELLO)))
def test_a_greeting_that_breaks_off_is_no_client(served: Served, cut: int) -> None:
    assert served.rest(served.open(HELLO[:cut])) == b""
    served.lives()


@bounded
@given(st.binary(max_size=300))
def test_bytes_after_the_greeting_are_answered_or_end_that_connection(served: Served, data: bytes) -> None:
    link = served.open(HELLO + frame([71, 2, 2, ""]) + data)
    answer = served.rest(link)
    assert answer.startswith(b"\0\0\0")
    served.lives()


@bounded
@given(numbers, st.lists(texts, max_size=30))
def test_any_fields_under_any_number_are_answered(served: Served, number: int, fields: list[str]) -> None:
    """One message of nonsense; the time that is asked for afterwards on the same connection still comes."""
    link = served.open(HELLO + frame([71, 2, 3, ""]) + frame([number, *fields]) + frame([49, 1]))
    answer = served.rest(link)
    assert frame([49, 1, int(NOON.timestamp())]) in answer
    served.lives()


@settings(bounded, max_examples=runs(80, 200))
@given(st.data())
def test_an_order_with_any_field_replaced_is_answered(served: Served, data: st.DataObject) -> None:
    gateway = served.thread.gateway
    message = order_message(gateway, approved(limit_price="90.00"), "a.1", 5)
    for _ in range(data.draw(st.integers(1, 3))):
        message[data.draw(st.integers(1, len(message) - 1))] = data.draw(texts)
    link = served.open(HELLO + frame([71, 2, 4, ""]) + frame(message) + frame([49, 1]))
    assert frame([49, 1, int(NOON.timestamp())]) in served.rest(link)
    served.lives()


READ_TO_THE_CASH_QUANTITY = 101
"""So many fields of message 3 the gateway reads at version 178; what follows does not matter to it."""


@pytest.mark.parametrize("count", range(1, READ_TO_THE_CASH_QUANTITY + 1))
def test_an_order_that_is_cut_off_anywhere_places_nothing(served: Served, count: int) -> None:
    message = order_message(served.thread.gateway, approved(limit_price="90.00"), f"cut.{count}", 6)
    link = served.open(HELLO + frame([71, 2, 6, ""]) + frame(message[:count]) + frame([49, 1]))
    assert frame([49, 1, int(NOON.timestamp())]) in served.rest(link)
    placed = {order.ref for order in served.thread.gateway.venue.state.orders.values()}
    assert (f"cut.{count}" in placed) == (count == READ_TO_THE_CASH_QUANTITY)
    served.lives()


@pytest.mark.parametrize("length", [0, LONGEST_FRAME + 1, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_frame_of_a_length_that_no_client_sends_ends_the_connection(served: Served, length: int) -> None:
    link = served.open(HELLO + frame([71, 2, 7, ""]))
    served.frames(link, 1 + 2 + 3)
    link.sendall(struct.pack(">I", length) + b"x" * 100)
    assert served.rest(link) == b""
    served.lives()


def test_the_longest_frame_is_read_and_answered(served: Served) -> None:
    body = b"9999\0" + b"x" * (LONGEST_FRAME - 6) + b"\0"
    link = served.open(HELLO + frame([71, 2, 8, ""]))
    served.frames(link, 1 + 2 + 3)
    link.sendall(struct.pack(">I", len(body)) + body)
    assert served.frames(link, 1)[0][3] == "505"
    link.close()
    served.lives()


def test_a_message_before_the_client_has_said_who_it_is(served: Served) -> None:
    link = served.open(HELLO + frame([49, 1]))
    assert served.frames(link, 2)[1] == ["49", "1", str(int(NOON.timestamp()))]
    link.close()
    served.lives()


def test_a_client_that_does_not_read_holds_nobody_up(served: Served) -> None:
    deaf = served.open(HELLO + frame([71, 2, 9, ""]))
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.sendall(frame([81, 1, ""]) * 12_000)
    served.lives()
    deaf.close()
    served.lives()


def test_many_clients_that_come_and_go_leave_no_session_behind(served: Served) -> None:
    for client_id in range(100, 160):
        link = served.open(HELLO + frame([71, 2, client_id, ""]))
        if client_id % 3:
            served.frames(link, 2)
        link.close()
    asyncio.run(until(lambda: served.thread.do("status")["clients"] == [1], "the end of all sessions but one"))
    served.lives()


def test_a_connection_is_one_client_and_stays_it(served: Served) -> None:
    link = served.open(HELLO + frame([71, 2, 50, ""]))
    served.frames(link, 1 + 2 + 3)
    link.sendall(frame([71, 2, 51, ""]))
    assert served.frames(link, 1)[0][2:4] == ["-1", "320"]
    assert 51 not in served.thread.do("status")["clients"]  # type: ignore[operator]
    link.close()
    served.lives()


@pytest.mark.parametrize("client_id", ["", "x", "1.5", "-1", "9" * 5000])
def test_a_client_id_that_cannot_be_one_is_an_error(served: Served, client_id: str) -> None:
    link = served.open(HELLO + frame([71, 2, client_id, ""]))
    assert served.frames(link, 2)[1][2:4] == ["-1", "320"]
    link.close()
    served.lives()
