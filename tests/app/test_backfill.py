"""``tradewright backfill``: a vendor on loopback, any span, run again, refused, killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from conf.environment import SOURCE
from runtime.container import Container
from tests.app.conftest import say
from tests.support.histories import COIN, STOCK, table
from tests.support.polygon_vendor import KEY, PolygonVendor
from tests.support.thegraph_vendor import KEY as GRAPH_KEY
from tests.support.thegraph_vendor import TheGraphVendor
from tests.support.vendor_server import Answer, Asked, VendorServer
from tradewright.calendars.registry import calendar_of
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock

NOW = datetime(2026, 3, 4, 17, 0, tzinfo=UTC)
DAYS = calendar_of(STOCK).grid(Timeframe.D1, pd.Timestamp("2005-01-01", tz="UTC"), pd.Timestamp(NOW)).tolist()
HALVES = calendar_of(STOCK).grid(Timeframe.M30, pd.Timestamp("2025-01-01", tz="UTC"), pd.Timestamp(NOW)).tolist()
TABLES = {("AAPL", Timeframe.D1): table(STOCK, DAYS), ("AAPL", Timeframe.M30): table(STOCK, HALVES)}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorServer]:
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    monkeypatch.setattr(Container, "clock", ManualClock(NOW))
    with VendorServer(PolygonVendor(TABLES)).running() as running:
        yield running


def settings(server: VendorServer, root: Path, *more: str) -> list[str]:
    return ["feed=polygon", "feed.remote_providers=enabled", f"feed.base_url={server.address}",
            "feed.requests_per_minute=60000", f"storage.root={root}", *more]  # fmt: skip


def halves(first: str, after: str) -> int:
    """How many half hours the vendor has from one day to before another."""
    ts = TABLES["AAPL", Timeframe.M30]["ts"]
    return int(((ts >= pd.Timestamp(first, tz="UTC")) & (ts < pd.Timestamp(after, tz="UTC"))).sum())


def aggregates(server: VendorServer) -> list[str]:
    return [asked.path for asked in server.asked if asked.path.startswith("/v2/aggs")]


def test_a_history_comes_in_parts_and_again_asks_nobody(server: VendorServer, tmp_path: Path) -> None:
    words = ["backfill", "AAPL", *settings(server, tmp_path), "--from", "2025-01-02", "--to", "2026-02-27"]
    said = say(*words, "--timeframe", "1d,30m", "--json")
    assert said.status == 0, said.err
    days, shorter = said.json["backfilled"]
    assert (days["source"], days["timeframe"], days["added"], days["revised"]) == ("polygon", "1d", 289, 0)
    assert days["first"].startswith("2025-01-02T14:30")
    assert days["last"].startswith("2026-02-27T14:30")
    assert (shorter["parts"], shorter["added"]) == (15, halves("2025-01-02", "2026-02-28"))
    assert len(aggregates(server)) == days["parts"] + 15
    asked = len(server.asked)
    again = say(*words, "--timeframe", "1d,30m", "--json")
    assert [(row["added"], row["unchanged"]) for row in again.json["backfilled"]] == [
        (0, days["added"]),
        (0, shorter["added"]),
    ]
    assert len(server.asked) == asked, "no call: closed history is kept"
    shown = say(*words, "--timeframe", "1d")
    assert "AAPL" in shown.out
    assert "backfilled from polygon" in shown.out
    assert "2025-01-02" in shown.out
    assert "next: tradewright data show AAPL" in shown.out
    assert KEY not in said.out + said.err + shown.out + shown.err
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if KEY.encode() in path.read_bytes()], "no file holds the key"


def test_a_later_run_goes_on_to_the_present_and_fills_a_year_that_is_missing(
    server: VendorServer, tmp_path: Path
) -> None:
    words = ["backfill", "AAPL", *settings(server, tmp_path), "--timeframe", "30m", "--json"]
    say(*words, "--from", "2025-01-02", "--to", "2025-01-31")
    say(*words, "--from", "2026-02-02")
    (row,) = say(*words, "--from", "2025-01-02").json["backfilled"]
    assert row["first"].startswith("2025-01-02T14:30")
    assert row["last"].startswith("2026-03-04T16:00"), "the half hour that closed a quarter of an hour ago"
    assert (row["unchanged"], row["added"]) == (20 * 13 + 21 * 13 + 4, halves("2025-02-01", "2026-02-01"))


def test_a_series_of_a_blockchain_is_stored_and_read_by_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Off until remote providers are enabled; one value a day, then beside the bars of another instrument."""
    monkeypatch.setenv("THEGRAPH_API_KEY", GRAPH_KEY)
    monkeypatch.setattr(Container, "clock", ManualClock(NOW))
    days = calendar_of(COIN).grid(Timeframe.D1, pd.Timestamp("2025-01-01", tz="UTC"), pd.Timestamp(NOW)).tolist()
    source = TheGraphVendor({Timeframe.D1: table(COIN, days)}, NOW)
    rows = "subgraph: '5zvR', rows: {1d: {entity: poolDayDatas, time: time}}"
    declared = f"{{BTC: {{{rows}, value: close}}, ETH: {{{rows}, value: open}}}}"
    with VendorServer(source).running() as graph:
        words = ["backfill", "BTC", "ETH", "feed=thegraph", f"feed.base_url={graph.address}", f"feed.series={declared}",
                 f"storage.root={tmp_path}", "--from", "2025-01-01", "--timeframe", "1d", "--json"]  # fmt: skip
        off = say(*words)
        assert (off.status, graph.asked) == (1, []), "off by default"
        assert "DATA_REMOTE_PROVIDERS=enabled" in off.json["error"]["remedy"]
        said = say(*words, "feed.remote_providers=enabled")
        row, _ = said.json["backfilled"]
        assert (said.status, row["source"], row["added"]) == (0, "thegraph", len(days) - 1)
        assert say(*words, "feed.remote_providers=enabled").json["backfilled"][0]["added"] == 0
    read = ("strategy=pairs", "strategy.benchmark=BTC", "strategy.window=10", "strategy.entry=1", "strategy.exit=0",
            "strategy.instruments=[ETH]", "universe.instruments=[ETH,BTC]", "universe.timeframe=1d",
            "universe.base_timeframe=1d", f"storage.root={tmp_path}", "feed=files", "--json")  # fmt: skip
    done = say("backtest", *read)
    assert done.status == 0, done.out
    assert done.json["trades"] > 3
    found = say("data", "findings", *read[-7:])
    assert [row["findings"] for row in found.json["series"]] == [[], []], "a day of one value is no fault"


def test_one_series_that_is_refused_stops_no_other(server: VendorServer, tmp_path: Path) -> None:
    words = ["backfill", "MSFT", "NAS100", "AAPL", *settings(server, tmp_path)]
    said = say(*words, "--from", "2026-02-02", "--timeframe", "1d", "--json")
    assert said.status == 1
    assert [row["instrument"] for row in said.json["backfilled"]] == ["AAPL"]
    assert {row["instrument"]: row["what"] for row in said.json["refused"]} == {
        "MSFT": "polygon knows no 'MSFT'",
        "NAS100": "polygon serves no cfd, only crypto, etf, forex, index, metal, stock",
    }
    assert "refused: MSFT 1d: MSFT: polygon knows no 'MSFT'\n  what to do: set venue_symbols" in said.err


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["AAPL", "feed=files", "--from", "2026-02-02"], "CONFIG_ERROR", "feed=files has no source"),
        (["AAPL", "feed=polygon", "--from", "2026-02-02"], "CONFIG_ERROR", "DATA_REMOTE_PROVIDERS=enabled"),
        (["AAPL"], "CONFIG_ERROR", "--from 2024-01-01"),
        (["AAPL", "--from", "2026-02-30"], "DATA_ERROR", "is no date or time"),
        (["AAPL", "--from", "2026-03-05"], "CONFIG_ERROR", "is in the future"),
        (["AAPL", "--from", "2026-02-05", "--to", "2026-02-04"], "CONFIG_ERROR", "ends before it begins"),
        (["APL", "--from", "2026-02-05"], "CONFIG_ERROR", "did you mean 'AAPL'"),
        (["AAPL", "--from", "2026-02-05", "--timeframe", "3m"], "CONFIG_ERROR", "unknown timeframe '3m'"),
        (["feed=scenario", "--from", "2026-02-05"], "CONFIG_ERROR", "no instrument is named"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(
    words: list[str], code: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Container, "clock", ManualClock(NOW))
    said = say("backfill", *words, f"storage.root={tmp_path}", "--json")
    assert said.status == 1
    error = said.json["error"]
    assert error["code"] == code
    assert told in f"{error['what']} {error['remedy']}"
    assert not list(tmp_path.rglob("*.parquet"))


def test_a_scenario_is_a_feed_as_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Container, "clock", ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC)))
    words = ["backfill", "BTC", f"storage.root={tmp_path}", "--from", "2026-11-01", "--timeframe", "1d", "--json"]
    assert say(*words).json["backfilled"][0]["added"] == 19
    assert say(*words).json["backfilled"][0]["added"] == 0


@pytest.mark.slow
def test_a_backfill_that_was_killed_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it waits for its fourth part; what it had stored is there, and is not asked for again."""
    source, waiting, going = PolygonVendor(TABLES), threading.Event(), threading.Event()

    def respond(asked: Asked) -> Answer:
        if len(server.asked) == 4:
            waiting.set()
            going.wait(240)
        return source(asked)

    server = VendorServer(respond)
    with server.running():
        words = ["backfill", "AAPL", *settings(server, tmp_path), "--from", "2025-01-02", "--to", "2025-12-31",
                 "--timeframe", "30m", "--json"]  # fmt: skip
        program = [sys.executable, "-c", "from app.cli import main; main()", *words]
        monkeypatch.setenv("POLYGON_API_KEY", KEY)
        with subprocess.Popen(program, cwd=SOURCE, stdout=subprocess.PIPE) as process:
            assert waiting.wait(240)
            process.send_signal(signal.SIGKILL)
        going.set()
        asked = len(server.asked)
        said = say(*words)
    assert said.status == 0, said.err
    (row,) = said.json["backfilled"]
    assert row["added"] + row["unchanged"] == halves("2025-01-02", "2026-01-01")
    assert row["unchanged"] == halves("2025-01-02", "2025-03-13"), "three parts of thirty days since 1970"
    assert len(server.asked) - asked == 13 - 3
