"""``tradewright import`` and its options, ``tradewright data list`` and ``show``."""

from __future__ import annotations

import time
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.operations.stored_data import digits_text
from conf.compose import compose
from conf.schema.market import ScenarioFeedSettings
from runtime.container import Container
from runtime.feeds import scenario
from tests.app.conftest import daily, say
from tests.data.tables import bars_table
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import DataError
from tradewright.research.bars import refresh
from tradewright.store.bars import BarStore

GERMAN = (
    "Kurse der ACME AG\n"
    "Datum;Erster;Hoch;Tief;Schluss;Stücke\n"
    "02.01.2024;1.234,56;1.240,00;1.230,10;1.235,5;10.000\n"
    "03.01.2024;1.235;1.299,9;1.200;1.201;987\n"
)


def test_columns_and_signs_are_options(tmp_path: Path) -> None:
    path, root = tmp_path / "acme.csv", f"storage.root={tmp_path / 'data'}"
    path.write_text(GERMAN)
    words = ("import", "csv", str(path), "--instrument", "GOOG", root)
    refused = say(*words, "--json")
    assert refused.status == 1
    assert "--columns" in refused.json["error"]["remedy"]
    options = ("--columns", "ts=Datum,open=Erster,high=Hoch,low=Tief,close=Schluss,volume=Stücke")
    said = say(*words, *options, "--decimal", ",", "--json")
    assert said.status == 0, said.err
    (row,) = said.json["imported"]
    assert (row["added"], row["used"]["close"]) == (2, "Schluss")
    assert "lines before the header left out: 1" in row["remarks"]
    again = say(*words, *options)
    assert "note: the numbers are read with a decimal comma" in again.out
    wrong = say(*words, *options, "--decimal", ";", "--json")
    assert (wrong.status, "--decimal" in wrong.json["error"]["what"]) == (1, True)


@pytest.fixture
def stored(tmp_path: Path) -> str:
    """A storage folder with daily bars of GOOG, one of them corrected, and minutes of a coin that is not configured."""
    store, days = BarStore(tmp_path), bars_table(30, step="1D")
    store.upsert("GOOG", Timeframe.D1, BarKind.TRADE, days, source="first.csv")
    days["close"] = days["close"].where(days.index != 3, days["open"])
    store.upsert("GOOG", Timeframe.D1, BarKind.TRADE, days.assign(volume=np.nan), source="second.csv")
    tiny = bars_table(3).assign(open=9.12e-06, high=9.2e-06, low=9e-06, close=9.1e-06)
    store.upsert("SHIB", Timeframe.M1, BarKind.TRADE, tiny, source="coin.csv")
    return f"storage.root={tmp_path}"


def test_the_list_has_every_series_with_its_facts(stored: str) -> None:
    said = say("data", "list", stored, "--json")
    assert said.status == 0
    goog, shib = said.json["series"]
    assert (goog["instrument"], goog["timeframe"], goog["kind"], goog["rows"]) == ("GOOG", "1d", "trade", 30)
    assert (goog["first"], goog["last"]) == ("2024-03-01T00:00:00+00:00", "2024-03-30T00:00:00+00:00")
    assert (goog["revisions"], goog["source"]) == (1, "second.csv")
    assert goog["updated_at"][:4] >= "2026"
    assert (shib["instrument"], shib["rows"]) == ("SHIB", 3)
    assert "coin.csv" in say("data", "list", stored).out


def test_an_instrument_is_shown_with_its_ends_and_facts(stored: str) -> None:
    found = say("data", "show", "GOOG", stored, "--rows", "2", "--json").json
    (series,) = found["series"]
    assert [row["ts"][:10] for row in series["head"] + series["tail"]] == [
        "2024-03-01", "2024-03-02", "2024-03-29", "2024-03-30",
    ]  # fmt: skip
    assert (series["unknown_volumes"], series["head"][0]["volume"]) == (30, None)
    assert (found["configured"], found["actions"], len(series["revisions"])) == (True, None, 1)
    assert (say("data", "show", "GOOG", stored, "--rows", "40", "--json").json["series"][0]["tail"]) == []
    told = say("data", "show", "SHIB", stored).out
    assert "0.00000912" in told
    assert "not configured" in told
    assert "volume is unknown in 30 bars" in say("data", "show", "GOOG", stored).out


@pytest.mark.parametrize(
    ("stored_as", "digits", "text"),
    [
        (0.1 + 0.2, 15, "0.3"), (1.1 * 1.1, 15, "1.21"), (65432.12345678, 15, "65432.12345678"),
        (9.12e-6, 15, "0.00000912"), (19180.8047, 15, "19180.8047"),
        (1e15, 15, "1000000000000000"), (0.0, 15, "0"), (2.04405717699, 4, "2.044"),
    ],
)  # fmt: skip
def test_numbers_are_told_without_the_noise_of_floats(stored_as: float, digits: int, text: str) -> None:
    assert digits_text(Decimal(repr(stored_as)), digits=digits) == text


def test_a_symbol_of_which_nothing_is_stored_is_refused(stored: str, tmp_path: Path) -> None:
    said = say("data", "show", "GOGO", stored, "--json")
    assert (said.status, said.json["error"]["remedy"]) == (1, "did you mean 'GOOG'?")
    empty = say("data", "list", f"storage.root={tmp_path / 'none'}", "--json")
    assert (empty.status, empty.json["series"]) == (0, [])


def test_a_damaged_series_is_named_and_the_others_are_listed(stored: str, tmp_path: Path) -> None:
    manifest = next((tmp_path / "bars").rglob("instrument=GOOG/_manifest.json"))
    manifest.write_bytes(manifest.read_bytes()[:-5])
    said = say("data", "list", stored, "--json")
    assert said.status == 1
    assert [row["instrument"] for row in said.json["series"]] == ["SHIB"]
    assert "the manifest is damaged" in said.json["damaged"][0]["problem"]
    assert "damaged: GOOG 1d trade" in said.err


def test_thousands_of_series_are_listed_at_once(tmp_path: Path) -> None:
    BarStore(tmp_path).upsert("A0", Timeframe.D1, BarKind.TRADE, bars_table(3, step="1D"))
    folder = next((tmp_path / "bars").rglob("instrument=A0"))
    manifest = (folder / "_manifest.json").read_bytes()
    for number in range(1, 1500):
        (folder.parent / f"instrument=A{number}").mkdir()
        (folder.parent / f"instrument=A{number}" / "_manifest.json").write_bytes(manifest)
    before = time.process_time()
    said = say("data", "list", f"storage.root={tmp_path}")
    assert said.out.count("A14") > 100
    assert time.process_time() - before < 4


YAHOO = "Date,Open,High,Low,Close,Adj Close,Volume\n"


def yahoo(days: int, ex_day: int) -> str:
    """Daily rows at 50 with one dividend of 1 per cent."""
    dates = pd.date_range("2024-01-01", periods=days).strftime("%Y-%m-%d")
    return YAHOO + "".join(f"{day},50,51,49,50,{49.5 if row < ex_day else 50},9\n" for row, day in enumerate(dates))


def test_a_file_brings_its_dividends_and_a_part_of_it_does_not_replace_them(tmp_path: Path) -> None:
    path, root = tmp_path / "goog.csv", f"storage.root={tmp_path / 'data'}"
    words = ("import", "csv", str(path), "--instrument", "GOOG", root, "--json")
    path.write_text(yahoo(40, 20))
    (row,) = say(*words).json["imported"]
    assert (row["factors"], row["left_out"]) == (1, [])
    assert "prices=raw" not in row["next"]
    factors = BarStore(tmp_path / "data").actions.factors("GOOG")
    assert factors["price_factor"].tolist() == [0.99]
    assert factors["date"].tolist() == [pd.Timestamp("2024-01-20")]
    assert factors["zone"].tolist() == ["America/New_York"]
    path.write_text(yahoo(30, 10))
    (part,) = say(*words).json["imported"]
    assert (part["factors"], part["left_out"]) == (None, ["Adj Close"])
    assert "only a part" in part["remarks"][-1]
    assert len(BarStore(tmp_path / "data").actions.factors("GOOG")) == 1


def test_corporate_actions_are_counted_and_not_the_rows_of_their_table(tmp_path: Path) -> None:
    """The first row and the last one of LEAN's tables tell no action; a split is no dividend."""
    path, root = tmp_path / "goog.csv", f"storage.root={tmp_path / 'data'}"
    path.write_text(yahoo(40, 0))
    say("import", "csv", str(path), "--instrument", "GOOG", root)
    rows = [("1998-01-02", 0.8, 0.25), ("2005-02-25", 0.8, 0.25), ("2012-08-08", 0.8, 0.5), ("2014-01-01", 0.9, 1.0),
            ("2015-01-01", 0.95, 1.0), ("2050-12-31", 1.0, 1.0)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["date", "price_factor", "split_factor"]).assign(reference_price=1.0)
    table["date"] = pd.to_datetime(table["date"])
    BarStore(tmp_path / "data").actions.write_factors("GOOG", table)
    assert say("data", "show", "GOOG", root, "--json").json["actions"] == {"splits": 2, "dividends": 3}
    assert "corporate actions: 2 splits, 3 dividends" in say("data", "show", "GOOG", root).out
    BarStore(tmp_path / "data").actions.write_factors("GOOG", table[:0])
    assert "corporate actions: 0 splits, 0 dividends" in say("data", "show", "GOOG", root).out


def test_actions_come_after_their_bars_or_not_at_all(tmp_path: Path) -> None:
    data, root = tmp_path / "Data", f"storage.root={tmp_path / 'data'}"
    for folder, name, text in (("daily", "spy.zip", ""), ("factor_files", "spy.csv", "20140606,0.9,1,645\n")):
        path = data / "equity" / "usa" / folder / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    with zipfile.ZipFile(data / "equity" / "usa" / "daily" / "spy.zip", "w") as archive:
        archive.writestr("spy.csv", "20140102 00:00,973100,975300,965300,973600,2150000\n")
    words = ("import", "lean", str(data), "--instruments", "SPY", root, "--json")
    assert say(*words).status == 0
    (data / "equity" / "usa" / "factor_files" / "spy.csv").write_text("20140606,0.5,1,645\n")
    manifest = next((tmp_path / "data" / "bars").rglob("_manifest.json"))
    manifest.write_bytes(manifest.read_bytes()[:-5])
    assert say(*words).status == 1
    assert BarStore(tmp_path / "data").actions.factors("SPY")["price_factor"].tolist() == [0.9]


def test_one_instrument_that_is_not_there_stops_no_other(tmp_path: Path) -> None:
    data, root = tmp_path / "Data", f"storage.root={tmp_path / 'data'}"
    (data / "equity" / "usa" / "daily").mkdir(parents=True)
    with zipfile.ZipFile(data / "equity" / "usa" / "daily" / "spy.zip", "w") as archive:
        archive.writestr("spy.csv", "20140102 00:00,973100,975300,965300,973600,2150000\n")
    words = ("import", "lean", str(data), root, "--json", "--instruments")
    said = say(*words, "AAPL,SPY,GOOG")
    assert said.status == 1
    assert [row["instrument"] for row in said.json["imported"]] == ["SPY"]
    assert [row["instrument"] for row in said.json["refused"]] == ["AAPL", "GOOG"]
    assert "no daily bars of AAPL" in said.json["refused"][0]["what"]
    assert "refused: GOOG" in said.err
    for names in ("AAPL", "AAPL,GOOG"):
        alone = say(*words, names)
        assert (alone.status, alone.json["error"]["code"]) == (1, "DATA_ERROR")


def test_a_scenarios_bars_are_never_put_beside_imported_ones(tmp_path: Path) -> None:
    daily().to_csv(tmp_path / "AAPL.csv", index=False)
    words = ("--instrument", "AAPL", "--timeframe", "1d", f"storage.root={tmp_path / 'data'}")
    assert say("import", "csv", str(tmp_path / "AAPL.csv"), *words).status == 0
    chosen = ("backtest.instruments=[AAPL]", "backtest.prices=raw", "backtest.timeframe=4h", words[-1])
    said = say("backtest", "strategy=buy_and_hold", *chosen)
    assert said.status == 1
    assert "no trade bars of AAPL at 4h; stored: AAPL 1d trade" in said.err
    with Container(compose(("feed=scenario", words[-1]))) as house:
        assert isinstance(house.settings.feed, ScenarioFeedSettings)
        feed = scenario(house.settings, datetime(2024, 6, 3, tzinfo=UTC))
        with pytest.raises(DataError, match=r"bars of AAPL are stored \(1d from .*AAPL\.csv\).*say feed=files"):
            refresh(house.bar_store, feed, house.instrument("AAPL"), [Timeframe.D1])
        assert house.bar_store.timeframes("AAPL") == (Timeframe.D1,)
        assert len(house.bar_store.read("AAPL", Timeframe.D1)) == 30
