"""The gateway as a server: its ports, its control, its manners towards odd clients."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from ib_async import IB, LimitOrder, MarketOrder, Stock

from brokers.ibkr.gateway.__main__ import main
from brokers.ibkr.gateway.commands import COMMANDS
from brokers.ibkr.gateway.control import ControlClient
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from brokers.ibkr.gateway.wire import fields_of, frame, read_frame
from tests.brokers.desk import AAPL, INSTRUMENTS, NOON, Desk, approved, in_loop, open_desk, until
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def running() -> Iterator[GatewayThread]:
    with GatewayThread(Gateway(INSTRUMENTS, ManualClock(NOON), seed=1, token="secret")) as thread:
        yield thread


def test_a_port_in_use_is_named_and_nothing_is_left_open(running: GatewayThread) -> None:
    taken = running.gateway
    for ports in ({"port": taken.port}, {"control_port": taken.control_port}):
        second = Gateway(INSTRUMENTS, ManualClock(NOON), **ports)
        wanted = next(iter(ports.values()))
        with pytest.raises(BrokerError, match=rf"127\.0\.0\.1:{wanted}: cannot listen.*choose another"):
            asyncio.run(second.start())
        assert second._servers == []
        thread = GatewayThread(Gateway(INSTRUMENTS, ManualClock(NOON), **ports))
        with pytest.raises(BrokerError, match="cannot listen"):
            thread.__enter__()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.org", "", "::"])
def test_only_loopback_addresses_are_served(host: str) -> None:
    with pytest.raises(BrokerError, match="not a loopback address"):
        Gateway(INSTRUMENTS, ManualClock(NOON), host=host)


@pytest.mark.parametrize("version", [156, 179])
def test_only_known_versions_are_offered(version: int) -> None:
    with pytest.raises(BrokerError, match=r"157\.\.178"):
        Gateway(INSTRUMENTS, ManualClock(NOON), version=version)


def test_control_over_its_port(running: GatewayThread) -> None:
    control = ControlClient(running.gateway.control_port, "secret")
    assert control.do("quote", symbol="AAPL", last=100) == {}
    assert running.gateway.venue.prices["AAPL"].bid == Decimal("100.00")
    assert control.do("status")["clients"] == []
    with pytest.raises(BrokerError, match=r"unknown command 'fly'.*quote"):
        control.do("fly")
    with pytest.raises(BrokerError, match="NOSUCH"):
        control.do("quote", symbol="NOSUCH", last=1)
    for wrong in ({"symbol": "AAPL", "last": "abc"}, {"symbol": "AAPL", "lst": 1}):
        with pytest.raises(BrokerError, match="command 'quote'"):
            control.do("quote", **wrong)
    with pytest.raises(BrokerError, match="not a switch"):
        control.do("switch", fault="__class__")
    with pytest.raises(BrokerError, match="no order has the reference"):
        control.do("execute", ref="none", quantity=1, price=1)
    assert {command.__doc__ is not None for command in COMMANDS.values()} == {True}


def test_control_without_the_token_does_nothing(running: GatewayThread) -> None:
    with pytest.raises(BrokerError, match="wrong token"):
        ControlClient(running.gateway.control_port, "guess").do("quote", symbol="AAPL", last=1)
    for line in (b"POST / HTTP/1.1\r\n", b"[]\n", b"\xff\n", b'{"command": "drop"}\n', b"x" * 100_000 + b"\n"):
        with socket.create_connection(("127.0.0.1", running.gateway.control_port), 5) as link:
            link.sendall(line)
            link.shutdown(socket.SHUT_WR)
            answer = link.makefile("rb").read()
        assert answer == b"" or json.loads(answer) == {"ok": False, "error": "wrong token"}
    assert running.gateway.venue.prices == {}


def test_control_of_a_gateway_that_is_not_there_says_so() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(BrokerError, match=r"no answer.*tradewright gateway"):
            ControlClient(unused.getsockname()[1], "t").do("status")


@in_loop
async def test_odd_messages_are_answered_and_end_nothing() -> None:
    async with open_desk(connect=False) as desk:
        assert desk.gateway is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.gateway.port)
        writer.write(b"API\0" + b"\0\0\0\x09v157..178")
        assert fields_of(await read_frame(reader))[0] == "178"
        writer.write(frame([71, 2, 9, ""]))
        for message in ([3, "x"], [3, 5, "AAPL"], [9999, 1], ["?", 1], [4, 1, "many"], [76, 1]):
            writer.write(frame(message))
        codes = []
        while len(codes) < 6 + 3:
            fields = fields_of(await read_frame(reader))
            if fields[0] == "4":
                codes.append(fields[3])
        assert codes[3:] == ["320", "320", "505", "320", "320", "320"]
        writer.write(frame([49, 1]))
        assert fields_of(await read_frame(reader)) == ["49", "1", str(int(NOON.timestamp()))]
        writer.close()
        await until(lambda: desk.gateway is not None and not desk.gateway.hub.sessions)


async def library(desk: Desk) -> IB:
    """``ib_async`` as it is, without our tap."""
    assert desk.gateway is not None
    ib = IB()
    await ib.connectAsync("127.0.0.1", desk.gateway.port, 7, timeout=3, raiseSyncErrors=True)
    return ib


@pytest.mark.parametrize("kind", ["ibkr-178", "ibkr-157"])
@in_loop
async def test_the_library_alone_places_changes_previews_and_cancels(kind: str) -> None:
    async with open_desk(kind, connect=False) as desk:
        ib = await library(desk)
        share = Stock("AAPL", "SMART", "USD")
        await ib.qualifyContractsAsync(share)
        preview = await ib.whatIfOrderAsync(share, MarketOrder("BUY", 100, tif="DAY"))
        assert float(preview.initMarginChange) == 2500
        trade = ib.placeOrder(share, LimitOrder("BUY", 10, 90, tif="DAY", orderRef="lib.1"))
        await until(lambda: trade.orderStatus.status == "Submitted")
        trade.order.lmtPrice = 100.05
        ib.placeOrder(share, trade.order)
        await until(lambda: trade.orderStatus.status == "Filled")
        assert (trade.orderStatus.filled, trade.fills[0].execution.price) == (10, 100.01)
        assert trade.fills[0].commissionReport.commission == 1
        waiting = ib.placeOrder(share, LimitOrder("SELL", 10, 200, tif="GTC"))
        await until(lambda: waiting.orderStatus.status == "Submitted")
        ib.cancelOrder(waiting.order)
        await until(lambda: waiting.orderStatus.status == "Cancelled")
        sold = ib.placeOrder(share, MarketOrder("SELL", 10, tif="DAY"))
        await until(lambda: sold.fills and sold.fills[0].commissionReport.execId)
        assert sold.fills[0].commissionReport.realizedPNL == pytest.approx((99.99 - 100.01) * 10 - 1)
        ticker = ib.reqMktData(share)
        desk.do("quote", symbol="AAPL", bid="101.00", ask="101.02", last="101.01")
        await until(lambda: ticker.ask == 101.02)
        ib.cancelMktData(share)
        summary = {item.tag: item.value for item in await ib.accountSummaryAsync()}
        assert summary["TotalCashValue"] == "99997.80"
        ib.disconnect()


@in_loop
async def test_what_the_venue_does_not_do_is_refused_with_a_code() -> None:
    async with open_desk(connect=False) as desk:
        ib = await library(desk)
        codes: list[int] = []
        ib.errorEvent += lambda _request, code, *_: codes.append(code)
        share = Stock("AAPL", "SMART", "USD")
        await ib.qualifyContractsAsync(share)
        odd = (
            LimitOrder("BUY", 10, 90, tif="FOK"),
            LimitOrder("BUY", 10, 90, tif="DAY", account="DU999"),
            LimitOrder("BUY", 10, 90, tif="DAY", algoStrategy="Adaptive"),
            LimitOrder("BUY", 10, 90, tif="DAY", hedgeType="D", hedgeParam="1"),
            LimitOrder("BUY", float("nan"), 90, tif="DAY"),
            LimitOrder("BUY", 0, 90, tif="DAY"),
        )
        for order in odd:
            ib.placeOrder(share, order)
        await until(lambda: codes.count(321) == len(odd))
        ib.placeOrder(share, LimitOrder("BUY", 10, 90.001, tif="DAY"))
        await until(lambda: 110 in codes)
        ib.placeOrder(share, LimitOrder("BUY", 0.5, 90, tif="DAY"))
        await until(lambda: 10243 in codes)
        ib.placeOrder(Stock("NOSUCH", "SMART", "USD"), MarketOrder("BUY", 1, tif="DAY"))
        await until(lambda: 200 in codes)
        assert await ib.reqAllOpenOrdersAsync() == []
        status: Any = desk.do("status")
        assert {order["status"] for order in status["orders"]} == {"REJECTED"}
        ib.disconnect()


@in_loop
async def test_the_faults_that_only_time_shows() -> None:
    async with open_desk() as desk:
        desk.do("skew", seconds=3600)
        assert (await desk.broker.time() - desk.clock.now()).total_seconds() == 3600
        desk.do("delay", seconds=0.01)
        await desk.broker.time()
        desk.do("heal")
        assert await desk.broker.time() == desk.clock.now()
        desk.do("close_market", symbol="AAPL")
        await desk.place("intent1.1")
        await desk.acknowledged("intent1.1")
        assert desk.fills("intent1.1") == []
        desk.do("bar", symbol="AAPL", open="101.5", high=102, low=101, close=102)
        await until(lambda: desk.fills("intent1.1"))
        assert desk.fills("intent1.1")[0].price == Decimal("101.5")
        desk.do("quote", symbol="AAPL", last=100)
        await desk.place("intent2.1", approved(limit_price="90.00"))
        await desk.acknowledged("intent2.1")
        desk.do("end_of_day")
        await until(lambda: desk.states("intent2.1")[-1] == "CANCELLED")


def test_the_gateway_as_a_process(tmp_path: Path) -> None:
    listing = tmp_path / "instruments.json"
    listing.write_text(json.dumps([AAPL.model_dump(mode="json")]))
    command = [sys.executable, "-m", "brokers.ibkr.gateway", "--port", "0", "--control-port", "0"]
    command += ["--instruments", str(listing), "--price", "AAPL=190.5", "--start", "2026-03-04T17:00:00+00:00"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ports = json.loads(process.stdout.readline())
        control = ControlClient(ports["control_port"], ports["token"])
        answer: Any = control.do("status")
        assert answer["accounts"]["DU1234567"]["cash"] == "100000"
        process.send_signal(signal.SIGTERM)
        assert process.wait(240) == 0


def test_the_process_ends_with_one_and_a_reason(
    running: GatewayThread, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--port", str(running.gateway.port), "--control-port", "0"]) == 1
    assert "cannot listen" in capsys.readouterr().err
    assert main(["--instruments", str(tmp_path / "none.json")]) == 1
    assert main(["--price", "AAPL=abc"]) == 1
    assert main(["--price", "ZZZ=1"]) == 1
    assert "unknown instrument 'ZZZ'" in capsys.readouterr().err
