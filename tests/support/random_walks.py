"""A house with daily bars of a random walk, in which no setting is worth anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.conftest import daily, say
from tests.support.houses import House, conf_copy


def walk_house(folder: Path, seed: int, days: int) -> House:
    """The walk under the name of GOOG, and the strategy that sweeps try on it."""
    more = ("strategy=sma_crossover", "universe.instruments=[GOOG]", "universe.timeframe=1d")
    made = House(conf_copy(folder), folder / "data", (*more, "universe.base_timeframe=1d", "backtest.prices=raw"))
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, days)))
    daily(days, walk.round(2).tolist()).to_csv(folder / "GOOG.csv", index=False)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TRADEWRIGHT_CONF", str(made.conf))
        assert say("import", "csv", str(folder / "GOOG.csv"), "--instrument", "GOOG", *made.overrides).status == 0
    return made


def without_trials(stocked: House, aside: Path) -> House:
    """The same house with a trial ledger without a line; what other tests recorded is put aside."""
    ledger = stocked.root / "trials"
    if ledger.exists():
        ledger.rename(aside / "trials of another test")
    return stocked


def asked(house: House, command: str, *words: str) -> dict[str, Any]:
    """The JSON reply of a command in that house, which must succeed."""
    said = say(command, *house.overrides, *words, "--json")
    assert said.status == 0, said.err
    reply: dict[str, Any] = said.json
    return reply
