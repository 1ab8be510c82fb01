"""Bars with a price of 0 or below, which an instrument may have: no backtest makes figures of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.app.conftest import bring_days, say
from tests.support.houses import House, conf_copy

GRID = ("strategy.fast=2,3", "strategy.slow=6,8")
BARS = 90
FIRST = 40
"""The first bar below zero."""


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """A future whose price falls below zero for ten bars, and one without."""
    folder = tmp_path_factory.mktemp("below")
    conf = conf_copy(folder, ("sma_crossover", "equal_weight"))
    terms = "{asset_class: crypto, exchange: PAXOS, calendar: 24/7, lot_size: 1, negative_prices: true}"
    with (conf / "instruments" / "crypto.yaml").open("a") as file:
        file.write(f"CLX: {terms}\nCLY: {terms}\n")
    house = House(conf, folder / "data", ("backtest.timeframe=1d", "backtest.prices=raw"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(conf))
        for symbol, floor in (("CLX", -5.0), ("CLY", 5.0)):
            close = 20.0 + 5.0 * np.sin(np.arange(BARS) / 3.0)
            close[FIRST : FIRST + 10] = floor
            columns = {"open": close, "high": close + 0.5, "low": close - 0.5, "close": close, "volume": 1e6}
            bring_days(house, folder, symbol, "2026-01-01", columns)
    return house


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return House(stocked.conf, Path(shutil.copytree(stocked.root, tmp_path / "data")), stocked.more)


@pytest.mark.parametrize(
    "words",
    [
        ("backtest", "strategy=sma_crossover"),
        ("backtest", "strategy=equal_weight", "backtest.account=shared", "backtest.instruments=[CLX,CLY]"),
        ("sweep", "strategy=sma_crossover", *GRID),
        ("walkforward", "strategy=sma_crossover", *GRID),
        ("montecarlo", "strategy=sma_crossover"),
    ],
)
def test_they_are_refused_with_bar_value_and_remedy(house: House, words: tuple[str, ...]) -> None:
    """Buy and hold was 0.00 % there, and the verdict compared with it."""
    said = say(words[0], *house.overrides, "backtest.instruments=[CLX]", *words[1:], "--json")
    assert said.status == 1
    error = json.loads(said.out)["error"]
    assert error["code"] == "PRICE_NOT_POSITIVE"
    assert "CLX" in error["where"]
    assert "low = -5.5 in the bar of 2026-02-10" in error["what"]
    assert "backtest.start" in error["remedy"]
    assert not list(house.root.glob("trials/*"))


def test_bars_without_them_are_backtested(house: House) -> None:
    """The same instrument on a span without them."""
    for words in (("backtest.instruments=[CLY]",), ("backtest.instruments=[CLX]", "backtest.start=2026-02-20")):
        said = say("backtest", *house.overrides, "strategy=sma_crossover", *words, "--json")
        assert said.status == 0, said.err
