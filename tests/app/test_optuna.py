"""``sweep --optuna``: which sets it tries, that they are a grid's, what it counts, how it is stopped and refused."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.operations.sweep import SweepReply, sweep
from conf.compose import compose
from runtime.container import Container
from tests.app.conftest import say
from tests.support.houses import House
from tests.support.random_walks import asked, walk_house, without_trials
from tradewright.research import optimizer
from tradewright.research.sweep import pareto_front

GRID = ("strategy.fast=range(2,12)", "strategy.slow=range(4,30,2)")
TAKEN = 110
STEPS = 20


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Half a year of a random walk under the name of GOOG."""
    return walk_house(tmp_path_factory.mktemp("optuna"), seed=3, days=180)


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The bars, and a trial ledger without a line."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return without_trials(stocked, tmp_path)


def searched(house: House, *words: str, steps: int = STEPS) -> dict[str, Any]:
    return asked(house, "sweep", *GRID, "--top", "0", "--optuna", str(steps), *words)


def sets_of(reply: dict[str, Any]) -> list[tuple[float, float]]:
    return [(row["fast"], row["slow"]) for row in reply["rows"]]


def test_the_sets_are_chosen_by_the_seed_and_are_those_of_the_grid(house: House, tmp_path: Path) -> None:
    reply = searched(house)
    (line,) = asked(house, "trials")["trials"]
    assert (line["source"], line["trials"], line["added"]) == ("sweep", STEPS, STEPS)
    assert (reply["trials"], len(set(sets_of(reply))), reply["left_out"]) == (STEPS, STEPS, 10 * 13 - TAKEN)
    again = searched(house)
    assert sets_of(again) == sets_of(reply)
    assert again["verdict"] == reply["verdict"], "the same search makes no further trial"
    assert set(sets_of(searched(house, "base.seed=2"))) != set(sets_of(reply))
    (tmp_path / "before").mkdir()
    whole = asked(without_trials(house, tmp_path / "before"), "sweep", *GRID, "--top", "0")
    luck = ("luck_chance", "deflated_sharpe")
    plain = {(row["fast"], row["slow"]): row for row in whole["rows"]}
    for row in reply["rows"]:
        other = plain[row["fast"], row["slow"]]
        assert {name: row[name] for name in row if name not in luck} == {
            name: other[name] for name in other if name not in luck
        }
    counted = reply["verdict"]["figures"]["effective_trials"]
    assert counted == whole["verdict"]["figures"]["effective_trials"], "its best is as lucky as the best of the grid"
    assert counted > STEPS
    assert reply["tests"]["spa"] == pytest.approx(whole["tests"]["spa"], abs=0.2)


def test_it_learns(house: House) -> None:
    """The sets that it tries have higher figures than those drawn at random from the same grid."""
    wide = ("strategy.fast=range(2,22)", "strategy.slow=range(4,84,4)", "--rank", "trades", "--top", "0")
    by_search, at_random = (
        [row["trades"] for row in asked(house, "sweep", *wide, option, "48")["rows"]]
        for option in ("--optuna", "--random")
    )
    assert len(by_search) == 48
    assert np.mean(by_search) > 1.3 * np.mean(at_random)
    assert max(by_search) >= max(at_random)


def test_conditions_settings_and_the_size_of_the_grid_are_heeded(house: House) -> None:
    found = searched(house, "--where", "slow > 2 * fast", "backtest.bar_delay=1,2")
    assert all(row["slow"] > 2 * row["fast"] for row in found["rows"])
    assert {row["backtest.bar_delay"] for row in found["rows"]} == {"1", "2"}
    assert found["trials"] == STEPS
    small = asked(house, "sweep", "strategy.fast=3,5", "strategy.slow=8,13", "--optuna", "9", "--rank", "skill_sharpe")
    assert small == asked(house, "sweep", "strategy.fast=3,5", "strategy.slow=8,13", "--rank", "skill_sharpe")


def test_the_front_of_several_objectives_is_marked(house: House) -> None:
    objectives = ("--objective", "sharpe", "--objective", "max_drawdown")
    reply = searched(house, *objectives)
    assert reply["ranked_by"] == "sharpe"
    rows = reply["rows"]
    for row in rows:
        beaten = any(
            other["sharpe"] >= row["sharpe"]
            and other["max_drawdown"] >= row["max_drawdown"]
            and (other["sharpe"], other["max_drawdown"]) != (row["sharpe"], row["max_drawdown"])
            for other in rows
        )
        assert row["pareto"] is not beaten
    short = asked(house, "sweep", *GRID, "--top", "1", *objectives)["rows"]
    assert [row["pareto"] for row in short[1:]] == [True] * (len(short) - 1), "the front comes beside the best"
    assert set(sets_of(searched(house, "--objective", "skill_sharpe"))) != set(sets_of(reply))
    assert pareto_front(np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0], [np.nan, 2.0], [2.0, 1.0]])).tolist() == [
        True, True, False, False, True,
    ]  # fmt: skip


def run_of(house: House, progress: Any = None) -> SweepReply:
    return sweep((*house.overrides, *GRID), optuna=STEPS, top=0, progress=progress)


def test_a_stopped_search_counts_nothing_and_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(house.conf))
    whole = run_of(house)
    (tmp_path / "whole").mkdir()
    without_trials(house, tmp_path / "whole")
    computed: list[int] = []
    plain = optimizer.totals_of_sets
    monkeypatch.setattr(optimizer, "totals_of_sets", lambda ready: computed.append(len(ready.made)) or plain(ready))

    def stop(done: int, every: int) -> None:
        assert every == STEPS
        if done >= 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_of(house, stop)
    assert asked(house, "trials")["trials"] == []
    running = Container(compose(house.overrides)).cache_folder / "sweeps"
    (kept,) = running.glob("*.search")
    assert computed == [4] * 4
    assert run_of(house) == whole
    assert computed == [4] * 5
    assert list(running.glob("*.search")) == []
    with pytest.raises(KeyboardInterrupt):
        run_of(house, stop)
    kept.write_bytes(kept.read_bytes().replace(b"[", b"[7", 1))
    assert run_of(house) == whole, "what was damaged is computed again"
    assert computed[5:] == [4] * 9
    for more in ((), ("evaluation.days_per_year=99",)):
        with pytest.raises(KeyboardInterrupt):
            sweep((*house.overrides, *GRID, *more), optuna=STEPS, top=0, progress=stop)
    assert len(list(running.glob("*.search"))) == 2, "figures of other years are others"


def test_without_the_extra_it_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    said = say("sweep", *house.overrides, *GRID, "--optuna", "9", "--json")
    assert said.status == 1
    assert said.json["error"]["what"] == "Optuna is not installed"
    assert "pip install tradewright[optuna]" in said.json["error"]["remedy"]
    assert asked(house, "trials")["trials"] == []


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--optuna", "-1"], "-1 sets cannot be tried"),
        (["--optuna", "9", "--random", "9"], "sets are drawn at random or chosen by Optuna"),
        (["--optuna", "9", "--objective", "sharp"], "there is no figure 'sharp'"),
    ],
)
def test_what_is_wrong_is_refused_with_the_rule(house: House, words: Sequence[str], rule: str) -> None:
    said = say("sweep", *house.overrides, *GRID, *words, "--json")
    assert (said.status, said.json["error"]["what"]) == (1, rule)
