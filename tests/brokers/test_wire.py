"""The bytes themselves: what goes out for an order, and what the gateway accepts as a message."""

from __future__ import annotations

import asyncio
import math
import string
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ib_async.contract import Contract
from pydantic import ValidationError

from brokers.ibkr.contracts import venue_name
from brokers.ibkr.gateway.listings import list_instruments
from brokers.ibkr.gateway.place_order import read_placement
from brokers.ibkr.gateway.wire import WireError, fields_of, frame, handshake, read_frame, text_of
from brokers.ibkr.link import TappedIB
from brokers.ibkr.order_form import order_form
from tests.brokers.desk import AAPL, ACCOUNT, BTC, ES, INSTRUMENTS, NOON, approved
from tests.support.extent import runs
from tradewright.model.approved import ApprovedOrder
from tradewright.model.errors import BrokerError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.order import (
    AUCTIONS,
    IMMEDIATE,
    LimitOrder,
    MarketOnCloseOrder,
    MarketOnOpenOrder,
    MarketOrder,
    OrderType,
    StopLimitOrder,
    StopOrder,
    TrailingStopOrder,
)

BY_SYMBOL = {item.instrument.symbol: item for item in list_instruments(INSTRUMENTS).values()}
LINK = TappedIB(Mock())
SENT: list[str] = []
LINK.client.sendMsg = SENT.append  # type: ignore[method-assign]
LINK.client.connState = LINK.client.CONNECTED


def bytes_of(order: ApprovedOrder, ref: str, order_id: int, version: int) -> bytes:
    """What ``ib_async`` would write for an order."""
    listing = BY_SYMBOL[order.terms.instrument]
    contract = Contract(conId=listing.con_id, symbol=listing.name.symbol, secType=listing.name.sec_type)
    SENT.clear()
    LINK.client._serverVersion = version
    LINK.client.placeOrder(order_id, contract, order_form(order, listing.instrument, ref, order_id))
    (message,) = SENT
    return message.encode()


CRYPTO_KINDS = (OrderType.MARKET, OrderType.LIMIT)


@st.composite
def approved_orders(draw: st.DrawFn) -> ApprovedOrder:
    instrument = draw(st.sampled_from([AAPL, BTC, ES]))
    terms: dict[str, Any] = {"quantity": draw(st.integers(1, 10**9)) * instrument.lot_size}
    ticks = st.integers(1, 10**9).map(lambda count: count * instrument.tick_size)
    terms["order"] = draw(
        st.one_of(
            st.builds(MarketOrder),
            st.builds(LimitOrder, limit_price=ticks),
            st.builds(StopOrder, stop_price=ticks),
            st.builds(StopLimitOrder, stop_price=ticks, limit_price=ticks),
            st.builds(TrailingStopOrder, amount=ticks, stop_price=st.none() | ticks),
            st.builds(TrailingStopOrder, percent=st.integers(1, 99).map(Decimal), stop_price=st.none() | ticks),
            st.builds(MarketOnOpenOrder),
            st.builds(MarketOnCloseOrder),
        )
    )
    lives = ["DAY"] if terms["order"].kind in AUCTIONS else ["DAY", "GTC", "GTD"]
    lives += ["IOC"] if terms["order"].kind in IMMEDIATE else []
    side, tif = draw(st.sampled_from(["BUY", "SELL"])), draw(st.sampled_from(lives))
    if instrument is BTC:  # limits and sales at the market, immediate or cancel: all that goes out as it was approved
        tif, side = "IOC", "SELL"
        terms["order"] = terms["order"] if terms["order"].kind in CRYPTO_KINDS else MarketOrder()
    if tif == "GTD":
        terms["good_till"] = NOON + timedelta(seconds=draw(st.integers(1, 10**6)))
    return approved(instrument.symbol, side, tif=tif, **terms)


@settings(max_examples=runs(200, 5000))
@given(
    approved_orders(),
    st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=32),
    st.integers(1, 2**31 - 2),
    st.integers(157, 178),
)
def test_random_orders_parse_back_as_they_were_approved(
    order: ApprovedOrder, ref: str, order_id: int, version: int
) -> None:
    body = bytes_of(order, ref, order_id, version)
    fields = fields_of(body)
    assert not {text.lower() for text in fields if text != ref} & {"nan", "inf", "-inf", "infinity", "none"}
    assert body.isascii()
    rest = iter(fields[2:])
    read = read_placement(version, int(fields[1]), rest)
    assert (fields[0], read.order_id, read.ref, read.account) == ("3", order_id, ref, ACCOUNT)
    assert read.terms(order.terms.instrument, NOON) == order.terms
    assert len(list(rest)) == tail_length(version)
    assert not any("e" in text.lower() for text in (read.quantity, read.limit_price, read.aux_price))


def tail_length(version: int) -> int:
    """How many fields of a plain order follow the cash quantity, by the published gates of the versions."""
    gates = (158, 160, 162, 166, 169)
    return 8 + sum(version >= gate for gate in gates)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", math.nan, math.inf])
@pytest.mark.parametrize("field", ["quantity", "limit_price", "stop_price"])
def test_no_number_that_is_none_reaches_an_order(field: str, value: object) -> None:
    with pytest.raises(ValidationError):
        approved(**{field: value})


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (approved(quantity="10.5"), "quantity 10.5"),
        (approved(limit_price="99.995"), "price 99.995"),
        (approved(limit_price="-1"), "price -1"),
        (approved(stop_price="0"), "price 0"),
        (approved("ES", limit_price="5000.10"), r"price 5000.10 is not .* steps of 0.25"),
        (approved("BTC", side="SELL", quantity="12345678901234.12345678"), "more digits than the venue can read"),
    ],
)
def test_what_does_not_fit_the_instrument_is_never_written(order: ApprovedOrder, reason: str) -> None:
    with pytest.raises(BrokerError, match=reason):
        bytes_of(order, "intent1.1", 1, 178)


def test_a_price_below_zero_is_written_where_it_is_legitimate() -> None:
    oil = ES.model_copy(update={"negative_prices": True})
    form = order_form(approved("ES", limit_price="-37.75"), oil, "intent1.1", 1)
    assert (form.lmtPrice, form.tif, form.outsideRth) == ("-37.75", "DAY", False)


def test_fields_and_frames() -> None:
    written = frame([1, True, False, None, Decimal("0.00000001"), "ü", -3])
    assert written[:4] == (len(written) - 4).to_bytes(4, "big")
    assert fields_of(written[4:]) == ["1", "1", "0", "", "0.00000001", "ü", "-3"]
    with pytest.raises(WireError, match="NUL"):
        text_of("a\0b")
    with pytest.raises(WireError, match="not terminated"):
        fields_of(b"1\x002")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"GET / HTTP/1.1\r\n", "first bytes"),
        (b"API\0" + b"\xff\xff\xff\xff", "frame of"),
        (b"API\0" + b"\0\0\0\0", "frame of 0"),
        (b"API\0" + b"\0\0\0\x08v100..15", "speaks"),
        (b"API\0" + b"\0\0\0\x05hello", "versions"),
        (b"API\0" + b"\0\0\0\x09v179..225", "speaks"),
    ],
)
def test_a_peer_that_is_no_client_is_turned_away(sent: bytes, reason: str) -> None:
    async def shake() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(sent)
        reader.feed_eof()
        await handshake(reader, Mock(), 178, "now")

    with pytest.raises(WireError, match=reason):
        asyncio.run(shake())


@given(st.integers(100, 300), st.integers(157, 178))
def test_the_newest_common_version_is_agreed(high: int, best: int) -> None:
    async def shake() -> int:
        reader, writer = asyncio.StreamReader(), Mock()
        offer = f"v100..{high}".encode()
        reader.feed_data(b"API\0" + len(offer).to_bytes(4, "big") + offer)
        try:
            version = await handshake(reader, writer, best, "now")
        except WireError:
            return 0
        (written,) = writer.write.call_args.args
        assert fields_of(written[4:]) == [str(version), "now"]
        return version

    assert asyncio.run(shake()) == (min(high, best) if high >= 157 else 0)


def test_a_frame_may_come_in_pieces() -> None:
    async def read() -> bytes:
        reader = asyncio.StreamReader()
        asked = asyncio.create_task(read_frame(reader))
        for byte in frame([49, 1]):
            reader.feed_data(bytes([byte]))
            await asyncio.sleep(0)
        return await asked

    assert fields_of(asyncio.run(read())) == ["49", "1"]


@pytest.mark.parametrize(
    ("instrument", "name", "local"),
    [
        ({"symbol": "AAPL", "asset_class": AssetClass.STOCK}, ("AAPL", "STK", "SMART", "USD", "", ""), "AAPL"),
        ({"symbol": "BRK.B", "asset_class": AssetClass.STOCK}, ("BRK B", "STK", "SMART", "USD", "", ""), "BRK B"),
        ({"symbol": "SPY", "asset_class": AssetClass.ETF}, ("SPY", "STK", "SMART", "USD", "", ""), "SPY"),
        ({"symbol": "EURUSD", "asset_class": AssetClass.FOREX}, ("EUR", "CASH", "IDEALPRO", "USD", "", ""), "EUR.USD"),
        ({"symbol": "ETH", "asset_class": AssetClass.CRYPTO}, ("ETH", "CRYPTO", "PAXOS", "USD", "", ""), "ETH.USD"),
        ({"symbol": "XAUUSD", "asset_class": AssetClass.METAL}, ("XAUUSD", "CMDTY", "SMART", "USD", "", ""), "XAUUSD"),
        ({"symbol": "NAS100", "asset_class": AssetClass.INDEX}, ("NAS100", "CFD", "SMART", "USD", "", ""), "NAS100"),
        (
            {"symbol": "GBPJPY", "asset_class": AssetClass.FOREX, "venue_symbols": {"ibkr": "GBP.JPY-IDEALPRO"}},
            ("GBP", "CASH", "IDEALPRO", "JPY", "", ""),
            "GBP.JPY",
        ),
        (
            {
                "symbol": "ES",
                "asset_class": AssetClass.FUTURE,
                "multiplier": 50,
                "venue_symbols": {"ibkr": "ES-CME-20261218"},
            },
            ("ES", "FUT", "CME", "USD", "20261218", "50"),
            "ES",
        ),
    ],
)
def test_instruments_have_the_venues_names(instrument: dict[str, object], name: tuple[str, ...], local: str) -> None:
    found = venue_name(Instrument.model_validate(instrument))
    assert found == name
    assert found.local_symbol == local


def test_contract_ids_depend_on_the_name_alone() -> None:
    forwards, backwards = list_instruments(INSTRUMENTS), list_instruments(reversed(INSTRUMENTS))
    assert forwards == backwards
    assert len(forwards) == len(INSTRUMENTS)
