"""``tradewright stream``: vendors on loopback, bars checked and made into features, quotes that the market uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from conf.compose import compose
from runtime.container import Container
from tests.app.conftest import say
from tests.app.test_json_contract import QUOTES, STREAMED, misfits
from tests.support.histories import COIN, NOON, market
from tests.support.live_subjects import SUBJECTS, LiveSubject
from tests.support.live_vendor import TEAR, Session
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.quality.evidence import bars_check, features_check
from tradewright.store.bars import BarStore

NEWEST = pd.Timestamp(NOON - timedelta(minutes=1))


@pytest.fixture
def binance(monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveSubject]:
    with SUBJECTS["binance"]() as subject:
        monkeypatch.setattr(Container, "clock", ManualClock(NOON))
        yield subject


def settings(subject: LiveSubject, root: Path, *more: str) -> list[str]:
    return ["feed=binance", "feed.remote_providers=enabled", f"feed.base_url={subject.rest.address}",
            f"feed.stream_url={subject.server.address}", "feed.requests_per_minute=60000", f"storage.root={root}",
            "universe.timeframe=1m", "universe.instruments=[BTC]", *more]  # fmt: skip


def test_three_bars_of_a_link_are_stored_checked_and_made_into_features(binance: LiveSubject, tmp_path: Path) -> None:
    binance.lag(3)
    binance.server.sessions = [Session([binance.quote(1, "99.5", "100.5"), *binance.ends(binance.rows(3))])]
    words = settings(binance, tmp_path)
    said = say("stream", "BTC", *words, "--bars", "3", "--json")
    assert said.status == 0, said.err
    assert list(misfits(said.json, STREAMED)) == []
    (row,) = said.json["series"]
    assert (row["instrument"], row["timeframe"], row["refused"], row["bid"], row["ask"]) == (
        "BTC",
        "1m",
        0,
        "99.5",
        "100.5",
    )
    assert [(each["bid"], each["ask"]) for each in row["recent"]] == [("99.5", "100.5")]
    assert pd.Timestamp(row["newest"]) == NEWEST
    with Container(compose(words)) as house:
        fingerprint = house.bars.fingerprint("BTC", Timeframe.M1)
        results = house.ledger.checks.newest([bars_check("BTC", Timeframe.M1), features_check("BTC")])
        assert {row.detail["fingerprint"] for row in results.values()} == {fingerprint}
        assert len(results) == 2
        assert house.artefacts.read_frame(("features", "BTC"))["ts"].iloc[-1] == NEWEST
        quote = house.newest_quotes()["BTC"]
    assert (quote.bid, quote.ask) == (Decimal("99.5"), Decimal("100.5"))
    told = say("data", "quotes", *words, "--json").json
    assert list(misfits(told, QUOTES)) == []
    (listed,) = told["quotes"]
    assert (listed["bid"], listed["age_seconds"], listed["market_open"], listed["fresh"]) == ("99.5", 0, True, True)
    assert "no stream has kept any" in say("data", "quotes", f"storage.root={tmp_path / 'empty'}").out


def test_remote_access_is_off_as_it_ships(tmp_path: Path) -> None:
    said = say("stream", "BTC", "feed=binance", f"storage.root={tmp_path}", "--bars", "1", "--json")
    assert said.status == 1
    assert "remote providers are disabled" in said.err
    assert "DATA_REMOTE_PROVIDERS=enabled" in said.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["feed=scenario"], "feed=scenario has no live data"),
        (["feed=alpaca", "feed.remote_providers=enabled"], "one of ibkr, binance, oanda, polygon"),
        (["feed=oanda", "feed.remote_providers=enabled"], "OANDA_API_TOKEN"),
        (["feed=binance", "feed.remote_providers=enabled", "--until", "noon"], "no moment with a zone"),
        (["feed=binance", "feed.remote_providers=enabled", "NOPE"], "there is no instrument 'NOPE'"),
        (["feed=binance", "feed.remote_providers=enabled", "AAPL"], "binance serves no stock"),
        (["feed=binance", "feed.stream_url=ws://stream.example.com"], "begins with wss://"),
    ],
)
def test_what_cannot_be_streamed_is_refused_with_what_to_do(words: list[str], told: str, tmp_path: Path) -> None:
    said = say("stream", *words, f"storage.root={tmp_path}", "--json")
    assert said.status == 1, said.out
    assert told in said.err


def test_a_name_that_the_vendor_does_not_know_ends_it(binance: LiveSubject, tmp_path: Path) -> None:
    said = say("stream", "ETH", *settings(binance, tmp_path), "--bars", "1", "--json")
    assert said.status == 1
    assert "binance knows no 'ETH'" in said.err


def test_a_bar_that_breaks_the_contract_is_not_stored_and_ends_with_1(binance: LiveSubject, tmp_path: Path) -> None:
    binance.lag(2)
    first, second = binance.rows(2)
    wrong = binance.bar(first._replace(low=first.high + 1))
    ahead = binance.bar(second._replace(ts=second.ts + pd.Timedelta(hours=2)))
    old = binance.bar(second._replace(ts=second.ts - pd.Timedelta(days=9)))
    binance.server.sessions = [Session([*wrong, *ahead, *old, *binance.bar(second)])]
    said = say("stream", "BTC", *settings(binance, tmp_path), "--bars", "4", "--json")
    assert said.status == 1
    (row,) = said.json["series"]
    assert row["refused"] == 3
    for told in ("the low is not above", "it closes in the future", "it is of another time than the present"):
        assert told in said.err
    with Container(compose(settings(binance, tmp_path))) as house:
        stored = house.bar_store.read("BTC", Timeframe.M1)
    assert stored["ts"].iloc[-1] == NEWEST
    assert first.ts not in set(stored["ts"])


def test_real_bars_are_not_put_beside_invented_ones(binance: LiveSubject, tmp_path: Path) -> None:
    bars = binance.market.tables[Timeframe.M1].head(3)
    BarStore(tmp_path).upsert("BTC", Timeframe.M1, BarKind.TRADE, bars, source="scenario")
    said = say("stream", "BTC", *settings(binance, tmp_path), "--bars", "1", "--json")
    assert said.status == 1
    assert "a scenario has invented" in said.err


def test_it_ends_at_its_moment_with_what_it_has(binance: LiveSubject, tmp_path: Path) -> None:
    binance.server.sessions = [Session(binance.ends(binance.rows(1)), end=TEAR)]
    said = say("stream", "BTC", *settings(binance, tmp_path), "--until", "2026-03-04T16:00:00Z")
    assert said.status == 0, said.err
    assert "streamed from binance" in said.out


def test_longer_stored_bars_are_renewed_when_they_have_closed(binance: LiveSubject, tmp_path: Path) -> None:
    days = market(COIN, Timeframe.D1).tables[Timeframe.D1]
    binance.source.tables |= {("BTC", Timeframe.D1): days}
    words = settings(binance, tmp_path)
    assert say("backfill", "BTC", *words, "--from", "2026-02-20", "--to", "2026-02-25", "--timeframe", "1d").status == 0
    binance.lag(1)
    binance.source.tables |= {("BTC", Timeframe.D1): days}
    binance.server.sessions = [Session(binance.ends(binance.rows(1)))]
    assert say("stream", "BTC", *words, "--bars", "1").status == 0
    with Container(compose(words)) as house:
        covered = house.bar_store.coverage("BTC", Timeframe.D1)
    assert covered is not None
    assert covered.last == pd.Timestamp("2026-03-03", tz="UTC")
