"""Sweeps from the outside: conditions, settings of the backtest, several instruments, and figures beside luck."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.operations import sweep
from tests.app.conftest import daily, say
from tests.support.houses import House
from tests.support.random_walks import asked, walk_house, without_trials
from tradewright.research import sweep as research

FAST, SLOW = "strategy.fast=3,5,8", "strategy.slow=5,13,21"
TAKEN = 7


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Half a year of GOOG, and the later two thirds of it with other prices as KO."""
    folder = tmp_path_factory.mktemp("sweep")
    house = walk_house(folder, seed=3, days=180)
    walk = 50.0 * np.exp(np.cumsum(np.random.default_rng(8).normal(0.0, 0.01, 180)))
    daily(180, walk.round(2).tolist()).iloc[60:].to_csv(folder / "ko.csv", index=False)
    root = next(text for text in house.overrides if text.startswith("storage.root"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(house.conf))
        assert say("import", "csv", str(folder / "ko.csv"), "--instrument", "KO", root).status == 0
    return house


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The bars, and a trial ledger without a line."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return without_trials(stocked, tmp_path)


def rows_of(house: House, *words: str) -> list[dict[str, float]]:
    reply = asked(house, "sweep", "--top", "0", *words)
    found = reply["rows"]
    assert isinstance(found, list)
    return found


def test_every_row_is_the_backtest_of_its_settings(house: House) -> None:
    """On one instrument and on two, whose accounts are judged as one."""
    words = ("strategy.fast=3,5", "backtest.bar_delay=1,2", "backtest.instruments=[GOOG],[GOOG,KO]")
    found = rows_of(house, *words)
    assert len(found) == 8
    for row in found:
        settings = (f"strategy.fast={row['fast']}", f"backtest.bar_delay={row['backtest.bar_delay']}")
        alone = asked(house, "backtest", *settings, f"backtest.instruments={row['backtest.instruments']}")
        figures, verdict = alone["metrics"], alone["verdict"]
        for name in ("final_equity", "net_profit", "trades", "orders", "fees", "win_rate"):
            assert row[name] == pytest.approx(alone[name], rel=1e-12), name
        assert row["max_drawdown"] == pytest.approx(figures["bar_drawdown"], rel=1e-9)
        assert row["exposure"] == pytest.approx(figures["exposure"], rel=1e-9)
        assert row["sharpe"] == pytest.approx(figures["sharpe"], rel=0.02), "which has the first bar's return too"
        assert row["skill_sharpe"] == pytest.approx(verdict["figures"]["skill_sharpe"], rel=1e-9)


def test_the_verdict_counts_the_sets_of_all_parts_once(house: House) -> None:
    reply = asked(house, "sweep", FAST, SLOW, "backtest.bar_delay=1,2", "backtest.instruments=[GOOG],[KO],[GOOG,KO]")
    assert (reply["trials"], reply["left_out"]) == (6 * TAKEN, 6 * 2)
    assert reply["verdict"]["figures"]["trials"] == 6 * TAKEN
    assert asked(house, "sweep", FAST, SLOW, "backtest.instruments=[KO]")["verdict"]["figures"]["trials"] == 4 * TAKEN
    best = reply["rows"][0]
    for name in ("skill_sharpe", "luck_chance", "deflated_sharpe"):
        assert best[name] == pytest.approx(reply["verdict"]["figures"][name], rel=1e-9)


def test_sharpe_ratios_of_different_timeframes_compare_by_the_year(house: House) -> None:
    found = [row["sharpe"] for row in rows_of(house, FAST, SLOW, "backtest.timeframe=1d,1w")]
    assert len(found) == 2 * TAKEN
    assert found == sorted(found, reverse=True)


def test_a_sweep_can_be_ranked_by_skill(house: House) -> None:
    found = [row["skill_sharpe"] for row in rows_of(house, FAST, SLOW, "--rank", "skill_sharpe")]
    assert len(found) == TAKEN
    assert found == sorted(found, reverse=True)
    assert found != [row["skill_sharpe"] for row in rows_of(house, FAST, SLOW, "--rank", "exposure")]


def test_the_figures_beside_luck_are_the_same_in_pieces(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows_of(house, FAST, SLOW)
    monkeypatch.setattr(research, "PIECE", 2)
    assert rows_of(house, FAST, SLOW) == whole


def test_a_condition_leaves_sets_out_before_they_are_tried(house: House) -> None:
    found = rows_of(house, FAST, SLOW, "--where", "2 * fast < slow")
    assert {(row["fast"], row["slow"]) for row in found} == {(3, 13), (3, 21), (5, 13), (5, 21), (8, 21)}
    walked = asked(house, "walkforward", FAST, SLOW, "--where", "slow == 13", "walkforward.folds=2")
    assert walked["sets"] == 3


def test_sets_are_drawn_by_the_seed(house: House) -> None:
    wide = ("strategy.fast=range(2,8)", "strategy.slow=range(8,18)", "--random", "9")
    drawn = [[(row["fast"], row["slow"]) for row in rows_of(house, *wide, f"base.seed={seed}")] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) != set(drawn[2])
    assert len(set(drawn[0])) == 9
    assert len(rows_of(house, FAST, SLOW, "--random", "500")) == TAKEN


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["policy.max_check_age_seconds=1,2"], "policy.max_check_age_seconds cannot be swept: no backtest reads it"),
        (["strategy.fast=3,5", "--random", "-1"], "-1 sets cannot be drawn"),
        (["strategy.fast=3,5", "--where", "fast > 9"], "none of 2 sets fulfils 'fast > 9'"),
        (["strategy.fast=3,5", "--where", "fats < 9"], "'fats' is no parameter of the strategy"),
        (["strategy.fast=3,5", "backtest.instruments=[GOOG],[GOOOG]"], "GOOOG"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_the_rule(house: House, words: Sequence[str], rule: str) -> None:
    said = say("sweep", *house.overrides, *words, "--json")
    assert said.status == 1
    assert rule in json.dumps(said.json)


def test_a_walk_forward_sweeps_parameters_alone(house: House) -> None:
    said = say("walkforward", *house.overrides, FAST, "backtest.bar_delay=1,2", "--json")
    assert said.status == 1
    assert said.json["error"]["what"] == "backtest.bar_delay cannot be swept"


def test_ctrl_c_says_that_the_same_command_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_words: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(sweep, "sweep", stopped)
    said = say("sweep", *house.overrides, FAST)
    assert (said.status, said.out) == (1, "")
    assert said.err.strip() == "stopped, nothing was counted; the same command goes on where it was"
