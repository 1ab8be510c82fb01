"""The official client against the gateway over TCP: the whole life of an order, at both ends of the versions."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON
from tradewright.model.clock import ManualClock

DAY = pd.DataFrame(
    {
        "ts": pd.date_range("2026-02-23 14:30", periods=5, freq="D", tz="UTC"),
        **{name: np.arange(5.0) + 100 for name in ("open", "high", "low", "close")},
        "volume": np.full(5, 1000.0),
    }
)


class Witness(EWrapper, EClient):  # type: ignore[misc]
    """Keeps every callback; questions wait for theirs."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.told: list[tuple[str, tuple[Any, ...]]] = []
        self.news = threading.Condition()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name in vars(EWrapper) and not name.startswith("_"):
            return lambda *args: self.keep(name, args)
        return found

    def keep(self, name: str, args: tuple[Any, ...]) -> None:
        with self.news:
            self.told.append((name, args))
            self.news.notify_all()

    def wait(self, name: str, fits: Callable[..., bool] = lambda *_: True) -> tuple[Any, ...]:
        """The newest callback of that name that fits."""
        with self.news:
            self.news.wait_for(lambda: self.found(name, fits), 60)
            found = self.found(name, fits)
        assert found, f"{name} never came; told were {[told[0] for told in self.told]}"
        return found[-1]

    def found(self, name: str, fits: Callable[..., bool] = lambda *_: True) -> list[tuple[Any, ...]]:
        return [args for told, args in self.told if told == name and fits(*args)]


@contextmanager
def connected(gateway: GatewayThread, client_id: int = 5) -> Iterator[Witness]:
    witness = Witness()
    witness.connect("127.0.0.1", gateway.gateway.port, client_id)
    receiving, link = witness.reader, witness.conn.socket
    reading = threading.Thread(target=witness.run, daemon=True)
    reading.start()
    try:
        yield witness
    finally:
        with suppress(OSError):  # where the gateway has closed it already
            link.shutdown(socket.SHUT_RDWR)
        receiving.join(60)
        reading.join(60)


@pytest.fixture(params=[178, 157])
def gateway(request: pytest.FixtureRequest) -> Iterator[GatewayThread]:
    server = Gateway(INSTRUMENTS, ManualClock(NOON), version=request.param, seed=3, history={("AAPL", "1d"): DAY})
    with GatewayThread(server) as running:
        running.do("quote", symbol="AAPL", bid="99.99", ask="100.01", last="100.00")
        yield running


def share(symbol: str = "AAPL") -> Contract:
    contract = Contract()
    contract.symbol, contract.secType, contract.exchange, contract.currency = symbol, "STK", "SMART", "USD"
    return contract


def order(ref: str, action: str = "BUY", limit: float | None = None) -> Order:
    wanted = Order()
    wanted.action, wanted.totalQuantity, wanted.tif, wanted.orderRef = action, Decimal(10), "DAY", ref
    wanted.orderType, wanted.account = ("MKT" if limit is None else "LMT"), ACCOUNT
    if limit is not None:
        wanted.lmtPrice = limit
    return wanted


def test_the_life_of_an_order_as_the_official_client_sees_it(gateway: GatewayThread) -> None:
    with connected(gateway) as client:
        (first_id,) = client.wait("nextValidId")
        assert client.wait("managedAccounts") == (ACCOUNT,)
        assert client.serverVersion() == gateway.gateway.hub.version
        client.wait("error", lambda _id, _at, code, *_: code == 2158)

        client.placeOrder(first_id, share(), order("off.1"))
        _, contract, execution = client.wait("execDetails")
        assert (contract.symbol, execution.shares, execution.price) == ("AAPL", Decimal(10), 100.01)
        assert (execution.orderRef, execution.side, execution.orderId) == ("off.1", "BOT", first_id)
        (report,) = client.wait("commissionAndFeesReport")
        assert (report.execId, report.commissionAndFees, report.currency) == (execution.execId, 1.0, "USD")
        status = client.wait("orderStatus", lambda _id, state, *_: state == "Filled")
        assert status[:4] == (first_id, "Filled", Decimal(10), Decimal(0))

        client.placeOrder(first_id + 1, share(), order("off.2", limit=90.5))
        _, _, resting, state = client.wait("openOrder", lambda order_id, *_: order_id == first_id + 1)
        assert (resting.orderRef, resting.lmtPrice, state.status) == ("off.2", 90.5, "Submitted")
        client.cancelOrder(first_id + 1, OrderCancel())
        client.wait("orderStatus", lambda order_id, state, *_: (order_id, state) == (first_id + 1, "Cancelled"))
        client.wait("error", lambda order_id, _at, code, *_: (order_id, code) == (first_id + 1, 202))

        client.placeOrder(first_id, share(), order("off.3"))
        client.wait("error", lambda order_id, _at, code, *_: (order_id, code) == (first_id, 103))
        client.cancelOrder(9_999, OrderCancel())
        client.wait("error", lambda _id, _at, code, *_: code == 10147)
        client.cancelOrder(first_id, OrderCancel())
        client.wait("error", lambda _id, _at, code, *_: code == 10148)


def test_queries_after_coming_back_tell_everything(gateway: GatewayThread) -> None:
    with connected(gateway) as client:
        (first_id,) = client.wait("nextValidId")
        client.placeOrder(first_id, share(), order("off.1"))
        client.placeOrder(first_id + 1, share(), order("off.2", limit=95.0))
        client.wait("openOrder", lambda order_id, *_: order_id == first_id + 1)
    gateway.do("quote", symbol="AAPL", bid="94.98", ask="95.00")
    with connected(gateway) as client:
        (next_id,) = client.wait("nextValidId")
        assert next_id == first_id + 2
        client.placeOrder(next_id, share(), order("off.3", limit=90.0))
        client.wait("openOrder")
        client.reqExecutions(50, ExecutionFilter())
        client.wait("execDetailsEnd")
        assert [args[2].orderRef for args in client.found("execDetails", lambda request, *_: request == 50)] == [
            "off.1",
            "off.2",
        ]
        client.reqAllOpenOrders()
        client.wait("openOrderEnd")
        assert {args[2].orderRef for args in client.found("openOrder")} == {"off.3"}
        client.reqCompletedOrders(False)
        client.wait("completedOrdersEnd")
        assert [(args[1].orderRef, args[2].status) for args in client.found("completedOrder")] == [
            ("off.1", "Filled"),
            ("off.2", "Filled"),
        ]
        client.reqPositions()
        client.wait("positionEnd")
        account, contract, quantity, cost = client.wait("position")
        assert (account, contract.symbol, quantity) == (ACCOUNT, "AAPL", Decimal(20))
        assert cost == pytest.approx((100.01 + 95.0) / 2)


def test_accounts_contracts_prices_and_bars(gateway: GatewayThread) -> None:
    with connected(gateway) as client:
        client.wait("nextValidId")
        client.reqContractDetails(1, share())
        _, details = client.wait("contractDetails")
        client.wait("contractDetailsEnd")
        assert (details.contract.symbol, details.minTick, details.longName) == ("AAPL", 0.01, "AAPL")
        client.reqContractDetails(2, share("NOSUCH"))
        client.wait("error", lambda request, _at, code, *_: (request, code) == (2, 200))
        client.reqAccountSummary(3, "All", "NetLiquidation,TotalCashValue")
        client.wait("accountSummaryEnd")
        assert {args[2:] for args in client.found("accountSummary")} == {
            ("NetLiquidation", "100000.00", "USD"),
            ("TotalCashValue", "100000.00", "USD"),
        }
        client.reqAccountUpdatesMulti(4, ACCOUNT, "", False)
        client.wait("accountUpdateMultiEnd")
        client.reqAccountUpdates(True, ACCOUNT)
        client.wait("accountDownloadEnd")
        client.reqMktData(5, share(), "", False, False, [])
        client.wait("tickPrice", lambda _id, kind, price, _: (kind, price) == (2, 100.01))
        gateway.do("quote", symbol="AAPL", bid="101.00", ask="101.02")
        client.wait("tickPrice", lambda _id, kind, price, _: (kind, price) == (1, 101.0))
        client.cancelMktData(5)
        client.reqHistoricalData(6, share(), "", "1 M", "1 day", "TRADES", 1, 1, False, [])
        client.wait("historicalDataEnd")
        bars = [args[1] for args in client.found("historicalData")]
        assert [(bar.date, bar.close) for bar in bars] == [(f"202602{23 + day}", 100.0 + day) for day in range(5)]
        client.reqCurrentTime()
        assert client.wait("currentTime") == (int(NOON.timestamp()),)
        client.reqMatchingSymbols(7, "aa")
        assert client.wait("symbolSamples")[1][0].contract.symbol == "AAPL"
        client.reqMarketRule(26)
        assert client.wait("marketRule")[1][0].increment == 1e-2
        client.reqHeadTimeStamp(8, share(), "TRADES", 1, 1)
        assert client.wait("headTimestamp")[1] == "20260223 14:30:00 UTC"
        client.reqPnL(9, ACCOUNT, "")
        assert client.wait("pnl")[0] == 9


def test_a_second_client_under_the_same_id_gets_326(gateway: GatewayThread) -> None:
    with connected(gateway) as first, connected(gateway) as second:
        first.wait("nextValidId")
        second.wait("error", lambda _id, _at, code, *_: code == 326)
        assert not second.found("nextValidId")
