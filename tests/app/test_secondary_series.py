"""Strategies that read another instrument or a longer timeframe, by YAML and command line alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.compose import compose
from runtime.container import Container
from runtime.job_progress import signals_due, without_bars
from runtime.signal_series import deciding_timeframes, signal_series
from runtime.signals import newest_signals
from tests.app.conftest import daily, say
from tests.support.houses import KEPT, House, conf_copy
from tradewright.model.bars import Timeframe

D1 = Timeframe.D1
PAIRS = (
    "strategy=pairs", "strategy.benchmark=SPY", "strategy.window=10", "strategy.entry=1", "strategy.exit=0",
    "strategy.instruments=[GOOG]", "universe.instruments=[GOOG,SPY]", "universe.timeframe=1d",
    "universe.base_timeframe=1d", "backtest.prices=raw",
)  # fmt: skip
ROWS = 200


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Days of GOOG and SPY, two walks."""
    folder = tmp_path_factory.mktemp("pairs")
    made = House(conf_copy(folder, (*KEPT, "pairs", "intraday_trend")), folder / "data", PAIRS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        for seed, symbol in enumerate(("GOOG", "SPY")):
            bring(made, symbol, walk(seed))
    return made


@pytest.fixture
def house(shared: House, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(shared.conf))
    return shared


def walk(seed: int) -> pd.DataFrame:
    return daily(ROWS, np.round(200 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, ROWS))), 2).tolist())


def bring(house: House, symbol: str, table: pd.DataFrame) -> None:
    path = house.root.parent / f"{symbol}.csv"
    table.to_csv(path, index=False)
    assert say("import", "csv", str(path), "--instrument", symbol, *house.overrides).status == 0


def test_every_road_of_research_reads_the_other_instrument(house: House) -> None:
    found = say("backtest", *house.overrides, "--json").json
    assert found["trades"] > 3
    swept = say("sweep", *house.overrides, "strategy.window=10,20", "--json").json
    same = next(row for row in swept["rows"] if row["window"] == 10)
    assert same["final_equity"] == found["final_equity"]
    walked = say("walkforward", *house.overrides, "strategy.window=5,10", "walkforward.folds=2", "--json")
    assert walked.status == 0, walked.out
    played = say("montecarlo", *house.overrides, "montecarlo.paths=100", "--json")
    assert played.status == 0, played.out
    assert played.json["trades"] == found["trades"]
    (late,) = [row for row in played.json["stresses"] if row["delay"] == 1]
    assert late["net_profit"] != found["final_equity"] - 100_000.0


def test_signals_name_what_they_were_made_of_and_wait_for_it(house: House) -> None:
    settings = compose(house.overrides)
    assert signal_series(settings) == (("SPY", D1),)
    plain = [each for each in house.overrides if not each.startswith("strategy.")]
    assert deciding_timeframes(compose((*plain, "strategy=intraday_trend"))) == (D1,)
    with Container(settings) as made:
        (signal,) = newest_signals(made)
        assert signal.series == ("SPY 1d",)
        assert list(signal.features) == ["close", "close of SPY"]
        assert signals_due(made) == "there are no signals yet"
    with Container(compose((*house.overrides, "strategy.benchmark=QQQ"))) as made:
        assert without_bars(made) == ["QQQ on 1d"]
        assert signals_due(made) == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("strategy.benchmark=SPYY",), "did you mean 'SPY'"),
        (("strategy.benchmark=5",), "must be the name of an instrument"),
        (("strategy.benchmark=QQQ",), "strategy pairs, feature close of QQQ"),
        (("strategy.benchmrk=SPY",), "benchmark"),
        (
            ("strategy=intraday_trend", "~strategy.benchmark", "backtest.timeframe=1w"),
            "on bars shorter than the 1w bars",
        ),
    ],
)
def test_what_cannot_be_read_is_refused(house: House, words: tuple[str, ...], told: str) -> None:
    plain = [each for each in house.overrides if not each.startswith("strategy")]
    own = [each for each in house.overrides if each.startswith("strategy")]
    if words[0].startswith("strategy="):
        own, words = [words[0], "strategy.instruments=[GOOG]"], words[2:]
    said = say("backtest", *plain, *own, *words)
    assert said.status == 1, said
    assert told in said.out + said.err


def test_the_other_instrument_is_not_swept(house: House) -> None:
    said = say("sweep", *house.overrides, "strategy.benchmark=SPY,QQQ")
    assert said.status != 0
    assert "strategy.benchmark cannot be swept" in said.out + said.err


def test_a_correction_of_the_other_instrument_is_told_and_makes_another_result(tmp_path: Path, house: House) -> None:
    own = House(house.conf, tmp_path / "data", PAIRS)
    for seed, symbol in enumerate(("GOOG", "SPY")):
        bring(own, symbol, walk(seed))
    before = say("backtest", *own.overrides, "--json").json
    again = say("backtest", *own.overrides, "--json").json
    assert (again["cache_key"], again["data_hash"]) == (before["cache_key"], before["data_hash"])
    table = walk(1)
    table.loc[[60, 61], ["High", "Close"]] += 9.0
    bring(own, "SPY", table)
    after = say("backtest", *own.overrides, "--json").json
    assert after["cache_key"] != before["cache_key"]
    assert after["data_hash"] != before["data_hash"]
    assert after["final_equity"] != before["final_equity"]
    (found,) = say("data", "impact", *own.overrides, "--json").json["revisions"]
    assert ("backtest", "pairs") in {(row["kind"], row["name"]) for row in found["touched"]}


def test_a_rehearsal_goes_the_whole_road_with_the_checks_of_both(house: House, tmp_path: Path) -> None:
    words = (
        "strategy=pairs", "strategy.window=10", "strategy.entry=1", "strategy.exit=0", "universe.instruments=[BTC,ETH]",
        f"storage.root={tmp_path}", *house.overrides[1:-len(PAIRS)],
    )  # fmt: skip
    said = say("rehearse", *words, "--from", "2026-11-20", "--to", "2026-11-20T00:40:00Z", "--json")
    assert said.status == 0, said
    reply = said.json
    assert (reply["unexplained"], reply["differences"], reply["problems"]) == (0, [], [])
    assert reply["matched"] >= 1
    assert reply["fills"] >= 2
