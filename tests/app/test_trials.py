"""Trials from the outside: each evaluated set counts once, whoever evaluates it, and the verdict knows the count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.operations.lab import Choice, explore
from conf.compose import compose
from runtime.container import Container
from tests.app.conftest import Said, say
from tests.support.houses import House
from tests.support.random_walks import asked, walk_house, without_trials
from tradewright.catalog.trials import Trials

GRID = ("strategy.fast=range(2,12)", "strategy.slow=range(13,43,2)")
SETS = 150


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Half a year of a random walk under the name of GOOG."""
    return walk_house(tmp_path_factory.mktemp("trials"), seed=3, days=180)


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The bars, and a trial ledger without a line."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return without_trials(stocked, tmp_path)


def figures(reply: dict[str, object]) -> dict[str, float]:
    verdict = reply["verdict"]
    assert isinstance(verdict, dict)
    assert set(verdict) == {"code", "text", "figures"}
    return dict(verdict["figures"])


def test_a_sweep_a_backtest_of_one_of_its_sets_and_another_one(house: House) -> None:
    swept = figures(asked(house, "sweep", *GRID))
    assert swept["trials"] == SETS
    assert 1 < swept["effective_trials"] < SETS / 2
    inside = figures(asked(house, "backtest", "strategy.fast=5", "strategy.slow=21"))
    assert (inside["trials"], inside["effective_trials"]) == (SETS, swept["effective_trials"])
    outside = figures(asked(house, "backtest", "strategy.fast=5", "strategy.slow=22"))
    assert (outside["trials"], outside["effective_trials"]) == (SETS + 1, swept["effective_trials"] + 1)
    assert figures(asked(house, "sweep", *GRID)) == {**swept, "trials": SETS + 1, "effective_trials": pytest.approx(
        swept["effective_trials"] + 1), "luck_chance": pytest.approx(swept["luck_chance"], abs=0.05),
        "deflated_sharpe": pytest.approx(swept["deflated_sharpe"], abs=0.05),
        "least_years": pytest.approx(swept["least_years"], rel=0.1)}  # fmt: skip


@pytest.mark.parametrize("other", ["backtest.costs.rate=2.0", "backtest.start=2024-03-01", "backtest.bar_delay=2"])
def test_another_term_is_another_trial_on_the_same_bars(house: House, other: str) -> None:
    assert figures(asked(house, "backtest"))["trials"] == 1
    assert figures(asked(house, "backtest", other))["trials"] == 2
    assert figures(asked(house, "backtest"))["trials"] == 2


def test_the_best_of_a_random_walk_is_luck_and_its_own_backtest_says_so_too(house: House) -> None:
    swept = asked(house, "sweep", *GRID, "--top", "1")
    (best,) = swept["rows"]  # type: ignore[misc]
    words = [f"strategy.{name}={best[name]:g}" for name in ("fast", "slow")]
    alone = asked(house, "backtest", *words)
    assert (swept["verdict"], alone["verdict"]["code"]) == (alone["verdict"], "LUCK")  # type: ignore[index]
    assert best["sharpe"] == pytest.approx(alone["metrics"]["sharpe"], rel=5e-3)  # type: ignore[index]


def test_the_verdict_is_printed_and_stands_in_the_report(house: House, tmp_path: Path) -> None:
    said = say("backtest", *house.overrides, "--report", str(tmp_path / "report.html"))
    assert "verdict LUCK: The " in said.out
    page = (tmp_path / "report.html").read_text()
    assert '<aside class="verdict luck">' in page
    assert "settings tried on these bars, ever" in page
    assert "verdict LUCK: The " in say("sweep", *house.overrides, *GRID).out


def test_the_lab_counts_too(house: House) -> None:
    choice = Choice("sma_crossover", ("GOOG",), "1d", "raw", "bps", parameters={"fast": 3, "slow": 9})
    shown = explore(house.overrides, choice)
    assert shown.verdict.startswith("LUCK: The ")
    assert figures(asked(house, "backtest", "strategy.fast=4", "strategy.slow=9"))["trials"] == 2


def test_the_trials_are_listed(house: House) -> None:
    assert "no trial is recorded yet" in say("trials", *house.overrides).out
    asked(house, "sweep", *GRID)
    asked(house, "backtest", "strategy.fast=5", "strategy.slow=22")
    (first, second) = asked(house, "trials")["trials"]  # type: ignore[misc]
    assert (first["source"], first["trials"], first["added"], first["so_far"]) == ("sweep", SETS, SETS, SETS)
    assert (second["source"], second["trials"], second["added"], second["so_far"]) == ("backtest", 1, 1, SETS + 1)
    assert first["bars"].startswith("GOOG 1d, ")
    assert len(asked(house, "trials", "--top", "1")["trials"]) == 1  # type: ignore[arg-type]
    assert "trials" in say("trials", *house.overrides).out
    refused = say("trials", *house.overrides, "--top", "-1")
    assert (refused.status, "--top" in refused.err) == (1, True)


def test_sets_that_never_trade_dilute_nothing(house: House) -> None:
    alone = figures(asked(house, "sweep", *GRID))["effective_trials"]
    inert = ("strategy.fast=range(2,12)", "strategy.slow=range(179,182)")
    (house.root / "trials").rename(house.root / "trials before")
    padded = (GRID[0], f"strategy.slow={','.join(str(slow) for slow in (*range(13, 43, 2), *range(179, 182)))}")
    together = figures(asked(house, "sweep", *padded))
    assert (together["trials"], together["effective_trials"]) == (SETS + 20, alone), (
        "a mean of 181 bars is known in none of 180, and no trial"
    )
    (house.root / "trials").rename(house.root / "padded trials")
    assert figures(asked(house, "sweep", *inert))["effective_trials"] == 1
    assert figures(asked(house, "sweep", *padded))["effective_trials"] == 1 + alone


def test_a_parameter_with_a_value_is_not_swept(house: House) -> None:
    assert asked(house, "sweep", "strategy.slow=60")["trials"] == 5
    refused = say("sweep", *house.overrides, "strategy.fast=7", "strategy.slow=33")
    assert (refused.status, "nothing is swept" in refused.err) == (1, True)


def test_few_bars_support_nothing_and_none_is_refused(house: House) -> None:
    reply = asked(house, "sweep", *GRID, "backtest.start=2024-02-01", "backtest.end=2024-03-21")
    assert reply["verdict"]["code"] == "INCONCLUSIVE"  # type: ignore[index]
    assert reply["left_out"]
    refused = say("sweep", *house.overrides, *GRID, "backtest.start=2001-03-01", "backtest.end=2001-03-01")
    assert (refused.status, "no bar of GOOG lies in the period" in refused.err) == (1, True)


def test_a_damaged_ledger_stops_a_backtest_with_its_name(house: House) -> None:
    asked(house, "backtest")
    file = house.root / "trials" / "trials.log"
    file.write_text(file.read_text().replace('"added":1', '"added":0'))
    said: Said = say("backtest", *house.overrides)
    assert said.status == 1
    assert "the trial ledger is damaged" in said.err
    assert str(file) in said.err
    assert say("trials", *house.overrides).status == 1


def test_the_ledger_holds_what_was_evaluated(house: House) -> None:
    asked(house, "sweep", *GRID)
    settings = compose(house.overrides)
    (line,) = Trials(Container(settings).root).all()
    assert (line.facts.strategy, line.facts.instruments, line.facts.timeframe) == ("sma_crossover", ("GOOG",), "1d")
    assert len(line.facts.code) == len(line.facts.data_hash) == len(line.facts.settings_hash) == 64
    assert json.loads(line.model_dump_json())["trials"] == SETS
