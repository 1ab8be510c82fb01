"""Accounts as ``ib_async`` sees them: values, portfolio, positions, profit, summaries."""

from __future__ import annotations

from decimal import Decimal

import pytest
from ib_async import IB, MarketOrder, StartupFetchNONE, Stock

from brokers.ibkr.gateway.server import Gateway
from tests.brokers.desk import ACCOUNT, BTC, INSTRUMENTS, NOON, in_loop, until
from tradewright.model.clock import ManualClock

CASH = {ACCOUNT: Decimal(100_000), "DU2": Decimal(5_000)}
VERSIONS = pytest.mark.parametrize("version", [178, 157])


async def holding_ten_shares(gateway: Gateway) -> IB:
    """A connected client that has bought ten shares at 100.01, which are worth 110 by now."""
    gateway.control.do("quote", symbol="AAPL", bid="99.99", ask="100.01")
    ib = IB()
    await ib.connectAsync("127.0.0.1", gateway.port, 7, timeout=3, account=ACCOUNT, raiseSyncErrors=True)
    trade = ib.placeOrder(Stock("AAPL", "SMART", "USD"), MarketOrder("BUY", 10, tif="DAY", account=ACCOUNT))
    await until(trade.isDone)
    gateway.control.do("quote", symbol="AAPL", bid="109.99", ask="110.01", last="110.00")
    return ib


@VERSIONS
@in_loop
async def test_values_and_portfolio_of_one_account(version: int) -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON), cash=CASH, version=version) as gateway:
        ib = await holding_ten_shares(gateway)
        await ib.reqAccountUpdatesAsync(ACCOUNT)
        values = {item.tag: item.value for item in ib.accountValues(ACCOUNT) if item.currency == "USD"}
        assert (values["TotalCashValue"], values["NetLiquidation"]) == ("98998.90", "100098.90")
        assert values["GrossPositionValue"] == "1100.00"
        (item,) = ib.portfolio(ACCOUNT)
        assert (item.contract.symbol, item.position, item.marketPrice, item.marketValue) == ("AAPL", 10, 110, 1100)
        assert (item.averageCost, item.unrealizedPNL) == (100.01, pytest.approx(99.9))
        ib.disconnect()


@VERSIONS
@in_loop
async def test_each_account_has_its_own_summary_and_a_third_summary_is_refused(version: int) -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON), cash=CASH, version=version) as gateway:
        ib = await holding_ten_shares(gateway)
        codes: list[int] = []
        ib.errorEvent += lambda _request, code, *_: codes.append(code)
        summary = {(item.account, item.tag): item.value for item in await ib.accountSummaryAsync()}
        assert summary[(ACCOUNT, "TotalCashValue")] == "98998.90"
        assert summary[("DU2", "NetLiquidation")] == "5000.00"
        await ib.reqAccountSummaryAsync()
        await ib.reqAccountSummaryAsync()
        assert codes.count(322) == 1
        ib.disconnect()


@VERSIONS
@in_loop
async def test_positions_and_profit(version: int) -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON), cash=CASH, version=version) as gateway:
        ib = await holding_ten_shares(gateway)
        (held,) = await ib.reqPositionsAsync()
        assert (held.account, held.contract.exchange, held.position, held.avgCost) == (ACCOUNT, "NASDAQ", 10, 100.01)
        profit = ib.reqPnL(ACCOUNT)
        await until(lambda: profit.unrealizedPnL == pytest.approx(99.9))
        ib.cancelPnL(ACCOUNT)
        ib.disconnect()


@VERSIONS
@in_loop
async def test_an_account_that_is_not_there_is_a_validation_error(version: int) -> None:
    async with Gateway(INSTRUMENTS, ManualClock(NOON), cash=CASH, version=version) as gateway:
        ib = IB()
        codes: list[tuple[int, int]] = []
        ib.errorEvent += lambda request, code, *_: codes.append((request, code))
        await ib.connectAsync("127.0.0.1", gateway.port, 7, timeout=3, fetchFields=StartupFetchNONE)
        ib.client.reqAccountUpdates(True, "DU9")
        ib.client.reqAccountUpdates(False, ACCOUNT)
        ib.client.reqAccountUpdatesMulti(55, "DU9", "", False)
        await until(lambda: {(-1, 321), (55, 321)} <= set(codes))
        ib.client.reqManagedAccts()
        ib.client.reqIds(1)
        ib.client.cancelAccountSummary(3)
        ib.client.setServerLogLevel(5)
        assert (await ib.reqCurrentTimeAsync()).timestamp() == NOON.timestamp()
        assert ib.managedAccounts() == [ACCOUNT, "DU2"]
        ib.disconnect()


@VERSIONS
@in_loop
async def test_prices_and_bars_that_cannot_be_had_say_why(version: int) -> None:
    async with Gateway([BTC], ManualClock(NOON), version=version) as gateway:
        ib = IB()
        codes: list[tuple[int, str]] = []
        ib.errorEvent += lambda _request, code, text, _contract: codes.append((code, text))
        await ib.connectAsync("127.0.0.1", gateway.port, 7, timeout=3, fetchFields=StartupFetchNONE)
        nobody, coin = Stock("NOSUCH", "SMART", "USD"), gateway.hub.listing("BTC")
        ib.reqMktData(Stock(conId=1))
        assert len(await ib.reqHistoricalDataAsync(nobody, "", "1 D", "1 min", "TRADES", False)) == 0
        assert await ib.reqHeadTimeStampAsync(nobody, "TRADES", False, 1) == []
        bitcoin = Stock(conId=coin.con_id)
        for size in ("1 min", "3 mins"):
            assert len(await ib.reqHistoricalDataAsync(bitcoin, "", "1 D", size, "AGGTRADES", False)) == 0
        await until(lambda: sum(code == 200 for code, _ in codes) == 2, "two times 200")
        texts = [text for code, text in codes if code == 162]
        assert [text.rpartition(":")[2] for text in texts] == [
            "No head time stamp",
            "HMDS query returned no data",
            "3 mins is not simulated",
        ]
        ib.disconnect()
