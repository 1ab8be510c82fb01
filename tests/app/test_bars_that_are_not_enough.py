"""One bar, windows longer than the history, no volume, series of another time: refused with a code by every command."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.app.conftest import bring_days, say
from tests.support.houses import House, conf_copy

NAMES = {"LONG": 90, "ALSO": 90, "SOLE": 1, "STILL": 90, "OLD": 60}
GRID = ("strategy.fast=2,5", "strategy.slow=8,20")
COMMANDS: dict[str, tuple[str, ...]] = {"backtest": (), "montecarlo": (), "sweep": GRID, "walkforward": GRID}


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Instruments with days of every kind; one has a single bar, one no volume, one ended two years before."""
    folder = tmp_path_factory.mktemp("short")
    conf = conf_copy(folder, ("sma_crossover", "pairs", "momentum_rotation"))
    with (conf / "instruments" / "crypto.yaml").open("a") as file:
        for name in NAMES:
            file.write(f"{name}: {{asset_class: crypto, exchange: PAXOS, calendar: 24/7, lot_size: 0.001}}\n")
    house = House(conf, folder / "data", ("backtest.timeframe=1d", "backtest.prices=raw"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(conf))
        for seed, (name, bars) in enumerate(NAMES.items()):
            close = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.02, bars)))
            start = "2022-01-01" if name == "OLD" else "2024-01-01"
            volume = 0.0 if name == "STILL" else 1e6
            columns = {"open": close, "high": close * 1.01, "low": close * 0.99, "close": close, "volume": volume}
            bring_days(house, folder, name, start, columns)
    return house


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return House(stocked.conf, Path(shutil.copytree(stocked.root, tmp_path / "data")), stocked.more)


def refused(house: House, command: str, *words: str) -> tuple[str, str]:
    """Code and words of a refusal that counted no trial."""
    said = say(command, *house.overrides, *words, "--json")
    assert said.status == 1, said.out
    assert not list(house.root.glob("trials/*"))
    error = said.json["error"]
    assert error["remedy"]
    return error["code"], error["what"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("backtest.instruments=[SOLE]",), "TOO_FEW_BARS", "one bar of SOLE"),
        (
            ("backtest.instruments=[LONG]", "backtest.start=2024-02-02", "backtest.end=2024-02-02"),
            "TOO_FEW_BARS",
            "one",
        ),
        (("backtest.instruments=[STILL]",), "ZERO_VOLUME", "every bar of STILL"),
        (("backtest.instruments=[LONG,STILL]", "backtest.account=shared"), "ZERO_VOLUME", "every bar of STILL"),
        (("backtest.instruments=[LONG]", "evaluation.benchmark=OLD"), "BENCHMARK_TOO_SHORT", "the last bar of OLD"),
    ],
    ids=["one bar", "a period of one bar", "no volume", "no volume in one account", "an old benchmark"],
)
def test_bars_that_nothing_can_be_said_of(
    house: House, command: str, words: tuple[str, ...], code: str, told: str
) -> None:
    found, what = refused(house, command, "strategy=sma_crossover", *words, *COMMANDS[command])
    assert found == code
    assert told in what


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("account", ["split", "shared"])
def test_a_window_longer_than_the_bars(house: House, command: str, account: str) -> None:
    """The best set of such a sweep was the one that never traded, and its backtest a report of 0 %."""
    grid = ("strategy.fast=5,10", "strategy.slow=91,200") if COMMANDS[command] else ("strategy.slow=91",)
    terms = ("backtest.instruments=[LONG,ALSO]", f"backtest.account={account}")
    code, what = refused(house, command, "strategy=sma_crossover", *terms, *grid)
    assert code == "WINDOW_TOO_LONG"
    assert "sma(91) is known in no bar: its window is longer than the 90 of LONG" in what


def test_one_of_two_instruments_has_no_bar(house: House) -> None:
    """It kept half of the cash idle, in a report of both."""
    words = ("strategy=sma_crossover", "backtest.instruments=[LONG,OLD]", "backtest.start=2024-01-01")
    for command, grid in COMMANDS.items():
        code, what = refused(house, command, *words, *grid)
        assert (code, what) == ("NO_BARS", "no bar of OLD lies in the period")


def test_a_window_as_long_as_the_bars_is_taken(house: House) -> None:
    words = ("strategy=sma_crossover", "backtest.instruments=[LONG,SOLE]", "strategy.slow=90")
    assert say("backtest", *house.overrides, *words, "--json").status == 0


@pytest.mark.parametrize("command", ["sweep", "walkforward"])
def test_sets_with_such_windows_are_left_out(house: House, command: str) -> None:
    words = ("strategy=sma_crossover", "backtest.instruments=[LONG]", "strategy.fast=2,5", "strategy.slow=8,100")
    reply = say(command, *house.overrides, *words, "walkforward.folds=2", "--json").json
    assert reply["left_out"] == 2
    assert "sma(100) is known in no bar" in reply["why"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_document_is_judged_by_its_own_windows(house: House, command: str) -> None:
    grid = ("strategy.bars=91,120",) if COMMANDS[command] else ("strategy.bars=91",)
    terms = ("backtest.instruments=[LONG,ALSO]", "backtest.account=shared")
    code, what = refused(house, command, "strategy=momentum_rotation", *terms, *grid)
    assert (code, "it needs 92 bars of LONG" in what) == ("DSL_STATIC_FAIL", True)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_series_of_another_time(house: House, command: str) -> None:
    grid = ("strategy.window=10,20",) if COMMANDS[command] else ()
    words = ("strategy=pairs", "strategy.benchmark=OLD", "backtest.instruments=[LONG]", *grid)
    code, what = refused(house, command, *words)
    assert code == "NO_OVERLAP"
    assert "close of OLD, of which no bar is known at any time of LONG" in what
