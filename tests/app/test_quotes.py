"""Quotes from a file to a report: what is stored, judged, tested and told are the same bars, bought at the ask."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.operations.lab import lab_options
from app.operations.research import backtest
from app.operations.sweep import sweep
from conf.compose import compose
from runtime import research, signals
from runtime.bar_checks import judge
from runtime.container import Container
from tests.app.conftest import say
from tradewright.calendars.registry import calendar
from tradewright.formats.quotes import SIDED
from tradewright.model.bars import BarKind, Timeframe
from tradewright.quality.report import Code, Severity
from tradewright.store.uses import UseKind, Uses

H1 = Timeframe.H1
CFD = "instruments.US500={asset_class: cfd, calendar: 24/5, tick_size: 0.1, lot_size: 0.1, shortable: true}"


def table(count: int = 500) -> pd.DataFrame:
    """Hours of a contract for difference, with its two sides; the spread is wider at some hours than at others."""
    starts = calendar("24/5").grid(H1, pd.Timestamp("2024-01-08", tz="UTC"), pd.Timestamp("2024-12-31", tz="UTC"))
    rng = np.random.default_rng(3)
    close = 5000.0 * np.exp(np.cumsum(rng.normal(0, 0.003, count)))
    opened = np.concatenate(([5000.0], close[:-1]))
    high, low = np.maximum(opened, close) + 2.0, np.minimum(opened, close) - 2.0
    half = np.where(np.arange(count) % 24 < 3, 3.0, 0.5)
    sides = [price + sign * half for sign in (-1, 1) for price in (opened, high, low, close)]
    return pd.DataFrame({"time": pd.DatetimeIndex(starts[:count], tz="UTC"), **dict(zip(SIDED, sides, strict=True))})


@pytest.fixture(scope="module")
def quotes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quotes") / "US500.csv"
    table().to_csv(path, index=False)
    return path


@pytest.fixture
def words(tmp_path: Path, quotes: Path) -> tuple[str, ...]:
    """The settings of a project that imported them."""
    said = (CFD, f"storage.root={tmp_path / 'data'}", "feed=files", "universe.instruments=[US500]")
    said = (
        *said,
        "universe.timeframe=1h",
        "universe.base_timeframe=1h",
        "strategy=sma_crossover",
        "strategy.fast=5",
        "strategy.slow=20",
    )
    done = say("import", "csv", str(quotes), "--kind", "quote", "--instrument", "US500", "--timeframe", "1h", *said)
    assert done.status == 0, done.err
    return said


def test_every_reader_takes_the_quotes(words: tuple[str, ...]) -> None:
    listed = say("data", "list", *words, "--json").json["series"]
    assert [(row["instrument"], row["kind"], row["rows"]) for row in listed] == [("US500", "quote", 500)]
    shown = say("data", "show", "US500", *words, "--json").json
    assert shown["read"] == "quote"
    assert set(shown["makes"]) >= {"2h", "4h", "1d"}
    found = say("data", "findings", *words, "--json").json["series"]
    assert [(row["instrument"], row["timeframe"], row["findings"]) for row in found] == [("US500", "1h", [])]
    settings = compose(words)
    with Container(settings) as house:
        (evidence,) = judge(house, "US500").values()
        assert evidence.passed
        assert evidence.fingerprint == house.bar_store.fingerprint("US500", H1, BarKind.QUOTE)
        (signal,) = signals.newest_signals(house)
        assert signal.instrument == "US500"
        (read,) = research.tables(house).values()
        assert read.kind is BarKind.QUOTE
        columns = research.feature_settings(settings, house.instrument("US500"), read.kind)
        assert columns.fallback_spread_bps is None
    assert "US500" in lab_options(words).instruments
    ranked = sweep([*words[:-2], "strategy.fast=5,10", "strategy.slow=30"])
    assert (ranked.trials, ranked.quotes) == (2, ("US500",))
    used = [(use.kind, [each.kind for each in use.series]) for use in Uses(Path(settings.storage.root)).all()]
    assert used == [(kind, [BarKind.QUOTE]) for kind in (UseKind.SIGNALS, UseKind.SWEEP)]


def test_a_backtest_buys_at_the_ask_and_sells_at_the_bid_of_the_file(words: tuple[str, ...], tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    said = say("backtest", *words, "--report", str(report), "--json")
    assert said.status == 0, said.err
    file = table().set_index("time")
    assert len(said.json["fills"]) > 5
    for fill in said.json["fills"][:-1]:
        side = "ask" if fill["side"] == "BUY" else "bid"
        assert fill["price"] == pytest.approx(file.loc[fill["ts"], f"{side}_open"], rel=2e-5)
    assert "bought at the ask, sold at the bid" in report.read_text()
    shown = say("backtest", *words)
    assert "bars of quotes: US500; bought at the ask, sold at the bid" in shown.out


def test_a_second_kind_needs_a_declaration(words: tuple[str, ...], tmp_path: Path) -> None:
    trades = tmp_path / "trades.csv"
    table().rename(columns={f"bid_{name}": name for name in ("open", "high", "low", "close")}).drop(
        columns=[name for name in SIDED if name.startswith("ask")]
    ).to_csv(trades, index=False)
    asked = ("import", "csv", str(trades), "--instrument", "US500", "--timeframe", "1h")
    refused = say(*asked, *words)
    assert refused.status == 1
    assert "quote bars of US500 are stored, these are trade bars" in refused.err
    assert "bar_kind: trade" in refused.err
    declared = CFD.replace("}", ", bar_kind: quote}")
    kept = say(*asked, *(declared if word == CFD else word for word in words))
    assert kept.status == 0, kept.err
    assert "they are not read: US500 declares bar_kind: quote" in kept.out
    assert backtest(compose([declared if word == CFD else word for word in words])).quotes == ("US500",)
    undecided = say("backtest", *words)
    assert undecided.status == 1
    assert "it is not declared which are read" in undecided.err
    assert "instruments.US500.bar_kind=quote" in undecided.err
    assert say("data", "show", "US500", *words, "--json").json["read"] == ""


def test_unknown_spreads_are_told_and_new_crossed_bars_block(words: tuple[str, ...]) -> None:
    settings = compose(words)
    with Container(settings) as house:
        stored = house.bar_store.read("US500", H1)
        lacking = stored.iloc[[100]].assign(spread=np.nan)
        house.bar_store.upsert("US500", H1, BarKind.QUOTE, lacking)
        done = backtest(settings)
        assert any("have no spread" in str(row["message"]) for row in done.findings)
        old = stored.iloc[[200]].assign(spread=-2.0)
        house.bar_store.upsert("US500", H1, BarKind.QUOTE, old)
        (evidence,) = judge(house, "US500").values()
        assert evidence.passed
        grades = {row.code: row.severity for row in evidence.findings}
        assert (grades[Code.NO_SPREAD], grades[Code.CROSSED_QUOTES]) == (Severity.WARN, Severity.WARN)
        house.bar_store.upsert("US500", H1, BarKind.QUOTE, stored.iloc[[-1]].assign(spread=-2.0))
        (evidence,) = judge(house, "US500").values()
        assert not evidence.passed
        assert [row.code for row in evidence.findings if row.severity is Severity.BLOCK] == [Code.CROSSED_QUOTES]


@pytest.mark.real_data
def test_euro_quotes_of_a_vendor_come_to_a_report_without_a_false_finding(real_data: Path, tmp_path: Path) -> None:
    """Twelve years of hours; what is missing are weeks and holidays that the vendor lacks."""
    words = (
        f"storage.root={tmp_path / 'data'}",
        "feed=files",
        "strategy=sma_crossover",
        "backtest.instruments=[EURUSD]",
    )
    lean = real_data / "lean" / "Data"
    done = say("import", "lean", str(lean), "--kind", "quote", "--instruments", "EURUSD", "--timeframe", "1h", *words)
    assert done.status == 0, done.err
    refused = say(
        "import", "lean", str(lean), "--kind", "trade", "--instruments", "EURUSD", "--timeframe", "1h", *words
    )
    assert (refused.status, "no trade bars of eurusd" in refused.err) == (1, True)
    (found,) = say("data", "findings", *words, "--json").json["series"]
    assert [row["code"] for row in found["findings"]] == ["GAPS"]
    report = tmp_path / "report.html"
    span = "backtest.timeframe=1h", "backtest.start=2018-06-01", "backtest.end=2018-08-31"
    said = say("backtest", *words, *span, "--report", str(report), "--json")
    assert said.status == 0, said.err
    assert said.json["quotes"] == ["EURUSD"]
    assert "EURUSD: bought at the ask, sold at the bid of each bar" in report.read_text()
