"""Bars from the gateway as the bars store wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from brokers.ibkr.feed import IbkrFeed
from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from brokers.ibkr.settings import IbkrSettings
from tests.brokers.desk import AAPL, BTC, INSTRUMENTS, MSFT, NOON
from tradewright.model.bars import OHLCV, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.research.backfill import backfill
from tradewright.store.bars import BarStore

CLOCK = ManualClock(NOON)


def table(start: str, periods: int, step: str) -> pd.DataFrame:
    close = 100 + np.arange(periods) / 100
    prices = {"open": close - 0.01, "high": close + 0.02, "low": close - 0.02, "close": close}
    ts = pd.date_range(start, periods=periods, freq=step, tz="UTC").as_unit("ns")
    return pd.DataFrame({"ts": ts, **prices, "volume": np.arange(periods, dtype=float)})


MINUTES = table("2026-03-01 00:00", 4 * 1440, "1min")
DAYS = pd.DataFrame(
    {
        **table("2026-02-02", 20, "B").drop(columns="ts"),
        "ts": (pd.date_range("2026-02-02", periods=20, freq="B", tz="UTC") + timedelta(hours=14, minutes=30)).as_unit(
            "ns"
        ),
    }
)
HISTORY = {("BTC", "1m"): MINUTES, ("AAPL", "1d"): DAYS}


@pytest.fixture
def gateway() -> Iterator[GatewayThread]:
    with GatewayThread(Gateway(INSTRUMENTS, CLOCK, history=HISTORY)) as running:
        yield running


def feed(gateway: GatewayThread, reach: timedelta = timedelta(days=40)) -> IbkrFeed:
    settings = IbkrSettings(port=gateway.gateway.port, client_id=31, timeout=5)
    return IbkrFeed(settings, INSTRUMENTS, CLOCK, reach)


def test_minute_bars_come_in_several_requests_and_join_without_a_seam(gateway: GatewayThread) -> None:
    after = pd.Timestamp("2026-03-01 12:00", tz="UTC")
    found = feed(gateway).fetch(BTC, Timeframe.M1, after)
    wanted = MINUTES[(MINUTES["ts"] > after) & (MINUTES["ts"] < pd.Timestamp(NOON))].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[["ts", *OHLCV]], wanted[["ts", *OHLCV]])
    assert len(gateway.do("journal", message=20)["messages"]) == 4  # type: ignore[arg-type]
    assert found["ts"].is_monotonic_increasing


def test_daily_bars_start_when_their_session_opens(gateway: GatewayThread) -> None:
    found = feed(gateway).fetch(AAPL, Timeframe.D1, None)
    assert list(found["ts"]) == list(DAYS["ts"])
    assert str(found["ts"].dtype) == "datetime64[ns, UTC]"
    assert list(found["close"]) == list(DAYS["close"])


def test_the_bar_that_is_still_forming_is_left_out() -> None:
    clock = ManualClock(NOON + timedelta(seconds=30))
    with GatewayThread(Gateway(INSTRUMENTS, clock, history=HISTORY)) as gateway:
        settings = IbkrSettings(port=gateway.gateway.port, client_id=31, timeout=5)
        found = IbkrFeed(settings, INSTRUMENTS, clock).fetch(
            BTC, Timeframe.M1, pd.Timestamp(NOON) - timedelta(minutes=3)
        )
    assert pd.Timestamp(NOON) in set(MINUTES["ts"])
    assert list(found["ts"]) == [pd.Timestamp(NOON) - timedelta(minutes=2), pd.Timestamp(NOON) - timedelta(minutes=1)]


def test_no_data_is_an_empty_table(gateway: GatewayThread) -> None:
    found = feed(gateway).fetch(MSFT, Timeframe.D1, None)
    assert list(found.columns) == ["ts", *OHLCV]
    assert len(found) == 0


def test_what_cannot_be_had_is_an_error_with_a_reason(gateway: GatewayThread) -> None:
    unknown = Instrument(symbol="ZZZ", asset_class=AssetClass.STOCK)
    with pytest.raises(DataError, match="unknown instrument 'ZZZ'"):
        feed(gateway).fetch(unknown, Timeframe.D1, None)
    with pytest.raises(DataError, match=r"101 requests are needed.*tradewright backfill BTC --from"):
        feed(gateway, timedelta(days=100, hours=1)).fetch(BTC, Timeframe.M1, None)
    gone = IbkrFeed(IbkrSettings(port=1, client_id=31), INSTRUMENTS, CLOCK)
    with pytest.raises(DataError, match=r"127\.0\.0\.1:1.*connection refused"):
        gone.fetch(BTC, Timeframe.M1, None)


def test_weeks_and_months_are_made_of_days(gateway: GatewayThread) -> None:
    """Presidents' Day is the Monday of the third week; the clock stands in the week after the last day."""
    weeks = feed(gateway).fetch(AAPL, Timeframe.W1, None)
    assert weeks["ts"].dt.strftime("%m-%d %H:%M").tolist() == [
        "02-02 14:30",
        "02-09 14:30",
        "02-17 14:30",
        "02-23 14:30",
    ]
    assert weeks["open"].tolist() == DAYS["open"].iloc[[0, 5, 11, 15]].tolist()
    assert weeks["close"].tolist() == DAYS["close"].iloc[[4, 9, 14, 19]].tolist()
    newer = feed(gateway).fetch(AAPL, Timeframe.W1, weeks["ts"].iloc[1])
    pd.testing.assert_frame_equal(newer, weeks.iloc[2:].reset_index(drop=True))
    months = feed(gateway).fetch(AAPL, Timeframe.MO1, None)
    assert months["ts"].dt.strftime("%m-%d").tolist() == ["02-02"]
    assert months["close"].tolist() == [DAYS["close"].iloc[-1]]


def test_it_works_inside_a_running_loop(gateway: GatewayThread) -> None:
    async def inside() -> int:
        return len(feed(gateway).fetch(AAPL, Timeframe.D1, None))

    assert asyncio.run(inside()) == 20


def test_a_long_history_is_asked_for_in_parts_and_paced(tmp_path: Path) -> None:
    """Sixty days of minutes are sixty requests: after fifty it waits until ten minutes have passed."""
    clock, end = ManualClock(NOON), pd.Timestamp("2026-03-04 12:00", tz="UTC").value - 1
    with GatewayThread(Gateway(INSTRUMENTS, clock, history=HISTORY)) as gateway:
        slow = IbkrFeed(IbkrSettings(port=gateway.gateway.port, client_id=31, timeout=5), INSTRUMENTS, clock)
        store, day = BarStore(tmp_path), 86_400_000_000_000
        done = backfill(store, slow, BTC, Timeframe.M1, end + 1 - 60 * day, end)
        asked = len(gateway.do("journal", message=20)["messages"])  # type: ignore[arg-type]
    assert done.added == len(MINUTES[MINUTES["ts"] < pd.Timestamp("2026-03-04 12:00", tz="UTC")])
    assert done.parts == 7
    assert 60 <= asked <= 62
    assert clock.monotonic() == 600
