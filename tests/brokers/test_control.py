"""The control of the gateway: each command does what its docstring says, and a wrong request does nothing at all."""

from __future__ import annotations

import inspect
import json
import socket
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from brokers.ibkr.gateway.commands import COMMANDS
from brokers.ibkr.gateway.control import ControlClient
from brokers.ibkr.gateway.faults import Drop, Faults
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON, in_loop
from tests.brokers.tws import codes, of, peers, states
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError

TOKEN = "right"
WANTED = {
    "quote": {"symbol": "AAPL"},
    "bar": {"symbol": "AAPL", "open": 1, "high": 1, "low": 1, "close": 1},
    "swallow": {"message": 3},
    "omit": {"message": 3},
    "delay": {"seconds": 0},
}


@pytest.fixture(scope="module")
def thread() -> Iterator[GatewayThread]:
    with GatewayThread(Gateway(INSTRUMENTS, ManualClock(NOON), seed=1, token=TOKEN)) as running:
        yield running


@pytest.fixture
def untouched(thread: GatewayThread) -> Iterator[GatewayThread]:
    """The gateway, and afterwards the proof that nothing changed in it."""
    before, faults = thread.do("status"), repr(thread.gateway.hub.faults.swallow)
    prices = dict(thread.gateway.venue.prices)
    yield thread
    assert thread.do("status") == before
    assert (thread.gateway.venue.prices, repr(thread.gateway.hub.faults.swallow)) == (prices, faults)


def raw(thread: GatewayThread, *lines: bytes) -> list[dict[str, Any]]:
    """The answers to lines on one connection, until the gateway hangs up."""
    with socket.create_connection(("127.0.0.1", thread.gateway.control_port), 5) as link, link.makefile("rb") as pipe:
        link.sendall(b"".join(lines))
        link.shutdown(socket.SHUT_WR)
        return [json.loads(line) for line in pipe]


def request(command: str, token: object = TOKEN, **arguments: object) -> bytes:
    return json.dumps({"token": token, "command": command, "arguments": arguments}).encode() + b"\n"


@pytest.mark.parametrize(
    "token", ["", "wrong", "Right", "right ", "righ", "right\0", None, 0, True, ["right"], {"a": "right"}]
)
def test_every_other_token_is_wrong(untouched: GatewayThread, token: object) -> None:
    assert raw(untouched, request("quote", token, symbol="AAPL", last=1)) == [{"ok": False, "error": "wrong token"}]


def test_after_a_wrong_token_the_connection_is_closed(untouched: GatewayThread) -> None:
    answers = raw(untouched, request("status", "wrong"), request("quote", symbol="AAPL", last=1))
    assert answers == [{"ok": False, "error": "wrong token"}]


def test_several_requests_on_one_connection_are_answered_in_order(thread: GatewayThread) -> None:
    answers = raw(
        thread,
        request("quote", symbol="MSFT", last=300),
        request("fly"),
        request("status"),
        b'{"token": "right", "command": "status"}\n',
    )
    assert [answer["ok"] for answer in answers] == [True, False, True, True]
    assert answers[2] == answers[3], "arguments may be left out"


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"null\n",
        b"3\n",
        b'"right"\n',
        b"{}\n",
        b'{"token": "right"}\n',
        b"[1, 2]\n",
        b"{'token': 1}\n",
        b"\x80\n",
    ],
)
def test_what_is_no_request_is_answered_like_a_wrong_token(untouched: GatewayThread, line: bytes) -> None:
    assert raw(untouched, line) == [{"ok": False, "error": "wrong token"}]


@pytest.mark.parametrize("arguments", [[], "text", 3, [["symbol", "AAPL"]], None, {"1": 2}])
def test_arguments_that_are_no_table_are_refused(untouched: GatewayThread, arguments: object) -> None:
    line = json.dumps({"token": TOKEN, "command": "quote", "arguments": arguments}).encode() + b"\n"
    (answer,) = raw(untouched, line)
    assert answer["ok"] is False


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        ("quote", {}),
        ("quote", {"symbol": "NOSUCH", "last": 1}),
        ("quote", {"symbol": "AAPL", "last": "1,5"}),
        ("quote", {"symbol": "AAPL", "last": "nan"}),
        ("quote", {"symbol": "AAPL", "bid": "inf", "ask": 2}),
        ("bar", {"symbol": "AAPL", "open": 1, "high": 1, "low": 1, "close": "x"}),
        ("bar", {"symbol": "AAPL", "open": 1}),
        ("bar", {"symbol": "NOSUCH", "open": 1, "high": 1, "low": 1, "close": 1}),
        ("close_market", {"symbol": "NOSUCH"}),
        ("drop", {"when": "tomorrow"}),
        ("switch", {"fault": "running"}),
        ("switch", {"fault": "swallow"}),
        ("execute", {"ref": "none", "quantity": 1, "price": 1}),
        ("correct", {"exec_id": "none", "price": 1}),
        ("twin", {"ref": "none"}),
        ("order_status", {"ref": "none", "status": "Filled"}),
        ("order_error", {"ref": "none", "code": 399}),
        ("manual_order", {"terms": {}}),
        ("manual_order", {"terms": {"instrument": "AAPL", "side": "HOLD", "quantity": 1}}),
        ("manual_order", {"terms": {"instrument": "AAPL", "side": "BUY", "quantity": -1}}),
        ("manual_order", {"terms": {"instrument": "AAPL", "side": "BUY", "quantity": 1}, "account": "DU9"}),
        ("shift_position", {"symbol": "NOSUCH", "by": 1}),
        ("shift_position", {"symbol": "AAPL", "by": "many"}),
        ("partial_fills", {"quantities": ["x"]}),
        ("partial_fills", {"quantities": [1, "x"]}),
        ("partial_fills", {"quantities": [0]}),
        ("partial_fills", {"quantities": [-1]}),
        ("status", {"verbose": True}),
        ("__class__", {}),
        ("", {}),
    ],
)
def test_a_command_that_cannot_be_carried_out_changes_nothing(
    untouched: GatewayThread, command: str, arguments: dict[str, object]
) -> None:
    control = ControlClient(untouched.gateway.control_port, TOKEN)
    waiting = list(untouched.gateway.venue.partial_fills)
    with pytest.raises(BrokerError, match="gateway control"):
        control.do(command, **arguments)
    assert list(untouched.gateway.venue.partial_fills) == waiting


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_says_what_it_does_and_takes_named_arguments(command: str) -> None:
    function = COMMANDS[command]
    assert (function.__doc__ or "").endswith(".")
    first, *others = inspect.signature(function).parameters.values()
    assert first.name == "hub"
    assert all(item.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for item in others)


@pytest.mark.parametrize("command", sorted(WANTED))
def test_an_argument_too_many_is_refused_by_name(untouched: GatewayThread, command: str) -> None:
    with pytest.raises(BrokerError, match="surprise"):
        untouched.do(command, **WANTED[command], surprise=1)


def test_a_quote_around_a_last_price_is_as_wide_as_the_instruments_spread() -> None:
    wide = INSTRUMENTS[0].model_copy(update={"default_spread_bps": 20.0})
    gateway = Gateway([wide], ManualClock(NOON))
    gateway.control.do("quote", symbol="AAPL", last=200)
    prices = gateway.venue.prices["AAPL"]
    assert (prices.bid, prices.ask, prices.last) == (Decimal("199.80"), Decimal("200.20"), 200)
    gateway.control.do("quote", symbol="AAPL", bid=1, last=200)
    assert (gateway.venue.prices["AAPL"].bid, gateway.venue.prices["AAPL"].ask) == (1, None)


@in_loop
async def test_heal_ends_every_fault() -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON)) as gateway, peers(gateway, 1) as (peer,):
        do = gateway.control.do
        for command, arguments in (
            ("swallow", {"message": 3}),
            ("omit", {"message": 53, "count": 9}),
            ("object_to_order", {"code": 201}),
            ("switch", {"fault": "hold_executions"}),
            ("switch", {"fault": "market_data", "on": False}),
            ("drop", {"when": "after_ack"}),
            ("hide", {"ref": "c1.1"}),
            ("skew", {"seconds": 5}),
            ("delay", {"seconds": 0.001}),
            ("refuse_client", {"client_id": 7, "seconds": 1e9}),
            ("freeze", {}),
        ):
            do(command, **arguments)
        do("heal")
        healed = gateway.hub.faults
        assert (healed.drop, healed.market_data, healed.running.is_set()) == (Drop.NEVER, True, True)
        assert {k: v for k, v in vars(healed).items() if k != "running"} == {
            k: v for k, v in vars(Faults()).items() if k != "running"
        }
        do("quote", symbol="AAPL", bid="99.99", ask="100.01")
        assert states(await peer.place(1))[-1] == ("Filled", "10", "0")
        async with peers(gateway, 7):
            assert gateway.control.do("status")["clients"] == [1, 7]


@in_loop
async def test_counted_faults_count_down() -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON)) as gateway, peers(gateway, 1) as (peer,):
        gateway.control.do("swallow", message=61, count=2)
        assert [len(await peer.ask(61, 1)) for _ in range(3)] == [0, 0, 1]
        gateway.control.do("omit", message=62)
        assert [len(await peer.ask(61, 1)) for _ in range(2)] == [0, 1]
        journal: Any = gateway.control.do("journal", message=61)
        assert [item["client_id"] for item in journal["messages"]] == [1] * 5, "what was swallowed was received"
        assert bytes.fromhex(journal["messages"][0]["bytes"]) == b"61\x001\0"


@in_loop
async def test_held_executions_come_with_their_states_when_released() -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON)) as gateway, peers(gateway, 1) as (peer,):
        gateway.control.do("quote", symbol="AAPL", bid="99.99", ask="100.01")
        gateway.control.do("switch", fault="hold_executions")
        assert states(await peer.place(1)) == [("Submitted", "0", "10")]
        assert len(await peer.executions()) == 1, "a query tells the truth"
        gateway.control.do("release")
        told = await peer.settle()
        assert [fields[0] for fields in told] == ["11", "59", "5", "3"]
        gateway.control.do("release")
        assert await peer.settle() == [], "once"


@in_loop
async def test_replays_and_corrections() -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON)) as gateway, peers(gateway, 1, 2) as (one, two):
        gateway.control.do("quote", symbol="AAPL", bid="99.99", ask="100.01")
        await one.place(1)
        await two.place(1)
        first = of(one.seen, 11)[0]
        gateway.control.do("replay")
        assert of(await one.settle(), 11) == [first]
        assert len(of(await two.settle(), 11)) == 1
        corrected = gateway.control.do("correct", exec_id=first[14], price="99.01")["exec_id"]
        told = of(await one.settle(), 11)
        assert [(fields[14], fields[20]) for fields in told] == [(corrected, "99.01")]
        assert str(corrected).rpartition(".")[0] == first[14].rpartition(".")[0]
        assert gateway.venue.book("DU1234567").cash == 100_000 - 10 * Decimal("99.01") - 10 * Decimal("100.01") - 2
        again = gateway.control.do("correct", exec_id=corrected, price="100.01")["exec_id"]
        assert [str(text)[-2:] for text in (first[14], corrected, again)] == ["01", "02", "03"]


@in_loop
async def test_a_restart_breaks_connections_and_hands_out_ids_again() -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON)) as gateway:
        async with peers(gateway, 1) as (peer,):
            await peer.place(30, limit_price="90")
            gateway.control.do("restart", next_order_id=5)
            assert await peer.reader.read() == b""
        async with peers(gateway, 1, 2) as (again, fresh):
            assert (again.next_id, fresh.next_id) == (5, 1)
            assert set(await again.open_orders()) == {(1, 30)}


@in_loop
async def test_what_a_person_enters_and_shifts_is_told_by_queries() -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON)) as gateway, peers(gateway, 1) as (peer,):
        gateway.control.do("quote", symbol="AAPL", bid="99.99", ask="100.01")
        terms = {"instrument": "AAPL", "side": "BUY", "quantity": 3}
        perm_id = gateway.control.do("manual_order", terms=terms)["perm_id"]
        assert await peer.settle() == []
        (execution,) = await peer.executions()
        assert (execution[2], execution[21], execution[22], execution[26]) == ("0", str(perm_id), "0", "")
        gateway.control.do("shift_position", symbol="AAPL", by="-5")
        (held,) = of(await peer.ask(61, 1), 61)
        assert (held[2], held[-2]) == (ACCOUNT, "-2")
        gateway.control.do("shift_position", symbol="AAPL", by=2)
        assert of(await peer.ask(61, 1), 61) == [], "flat is no position"


@in_loop
async def test_notices_reach_every_client_and_an_orders_error_its_owner() -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON)) as gateway, peers(gateway, 1, 2) as (one, two):
        await one.place(4, limit_price="90")
        gateway.control.do("notice", code=1100, text="gone")
        assert codes(await one.settle()) == codes(await two.settle()) == [(-1, 1100)]
        gateway.control.do("order_error", ref="c1.4", code=399, text="held")
        assert codes(await one.settle()) == [(4, 399)]
        assert await two.settle() == []
        gateway.control.do("order_status", ref="c1.4", status="Inactive")
        assert states(await one.settle()) == [("Inactive", "0", "10")]
        assert set(await one.open_orders()) == {(1, 4)}, "saying so does not make it so"
