"""Sweep, walk-forward and Monte Carlo as assets: what they hold is what the commands say, trials included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.research import robustness
from assets.research.definitions import RESEARCH_JOB, ROBUSTNESS_JOB, research_definitions
from assets.research.robustness import fold_problems, percentile_problems
from conf.compose import compose
from runtime.container import Container
from runtime.sweep import declared_sets
from runtime.walk_forward import walk_forward_sets
from tests.support.houses import House
from tests.support.random_walks import asked, walk_house, without_trials
from tradewright.evaluation.folds import BarSpan
from tradewright.research import look_ahead, sweep_part

MORE = ("montecarlo.paths=100", "montecarlo.permutations=20", "walkforward.folds=3")
GRID = "grid:\n  fast: [3, 5, 8]\n  slow: [5, 13, 21]\n"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Half a year of a random walk, and a small grid in the strategy's file."""
    made = walk_house(tmp_path_factory.mktemp("robust"), seed=3, days=180)
    path = made.conf / "strategy" / "sma_crossover.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("grid:")] + GRID)
    return House(made.conf, made.root, (*made.more, *MORE))


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The bars, and a trial ledger without a line."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return without_trials(stocked, tmp_path)


Made = Mapping[str, Any]


@pytest.fixture
def materialized(house: House, instance: dg.DagsterInstance) -> Callable[[str], Made]:
    """The metadata of one asset of the strategy, made now; its check passed."""

    def make(part: str) -> Made:
        job = research_definitions(house.overrides).resolve_job_def(ROBUSTNESS_JOB)
        run = job.execute_in_process(
            instance=instance, asset_selection=[dg.AssetKey(["strategy", "sma_crossover", part])]
        )
        (check,) = run.get_asset_check_evaluations()
        assert (check.check_name, check.passed) == ("valid", True)
        (event,) = run.get_asset_materialization_events()
        metadata = event.materialization.metadata
        return {name: each.value for name, each in metadata.items()}

    return make


def beside(house: House, tmp_path: Path, *words: str) -> dict[str, Any]:
    """What a command says of the same bars with a trial ledger without a line."""
    (tmp_path / "of the asset").mkdir()
    return asked(without_trials(house, tmp_path / "of the asset"), *words)


def test_a_sweep_is_the_commands(house: House, materialized: Callable[[str], Made], tmp_path: Path) -> None:
    made = materialized("sweep")
    lines = asked(house, "trials")["trials"]
    assert [(line["source"], line["added"]) for line in lines] == [("sweep", 7)]
    assert materialized("sweep")["trials"] == made["trials"] == 7, "the same sets are no further trials"
    assert "7 of 9 sets" not in made["summary"]
    frame = Container(compose(house.overrides)).artefacts.read_frame(("sweep", "sma_crossover"))
    said = beside(house, tmp_path, "sweep", "--top", "0")
    assert made["verdict_figures"] == said["verdict"]
    assert (made["sets"], made["left_out"]) == (7, f"2: {said['why']}")
    assert (made["config_hash"], made["spa"]) == (said["config_hash"], pytest.approx(said["tests"]["spa"]))
    rows = [{key: row[key] for key in frame.columns} for row in said["rows"]]
    assert frame.to_dict("records") == rows
    assert made["best_sets"].count("\n") == 1 + 7
    assert f"fast={rows[0]['fast']}" in made["summary"]
    assert Path(made["report"]).read_text().startswith("<!doctype html>")
    assert asked(house, "backtest")["data_hash"] == made["data_hash"]


def test_a_walk_forward_is_the_commands(house: House, materialized: Callable[[str], Made], tmp_path: Path) -> None:
    made = materialized("walk_forward")
    (line,) = asked(house, "trials")["trials"]
    assert (line["source"], line["added"], made["trials"]) == ("walkforward", 3 * 7 + 1, 3 * 7 + 1)
    kept = Container(compose(house.overrides)).artefacts.read_json(("walk_forward", "sma_crossover"))
    said = beside(house, tmp_path, "walkforward")
    assert made["verdict_figures"] == said["verdict"]
    assert kept == [fold["out_of_sample"] for fold in said["folds"]]
    assert made["folds"].count("\n") == 1 + 3
    for fold in said["folds"]:
        chosen = ", ".join(f"{name}={value}" for name, value in fold["parameters"].items())
        assert chosen in made["folds"]
    assert made["picture"].startswith("![")
    assert "chosen anew in each of 3 folds" in Path(made["report"]).read_text()


def test_a_monte_carlo_simulation_is_the_commands(
    house: House, materialized: Callable[[str], Made], tmp_path: Path
) -> None:
    made = materialized("monte_carlo")
    (line,) = asked(house, "trials")["trials"]
    assert (line["source"], line["added"]) == ("backtest", 1)
    kept = Container(compose(house.overrides)).artefacts.read_json(("monte_carlo", "sma_crossover"))
    said = beside(house, tmp_path, "montecarlo")
    assert made["verdict_figures"] == said["verdict"]
    for name in ("sharpe_p5", "max_drawdown_p95", "profit_factor_p5"):
        assert made[name] == pytest.approx(said[name])
    assert made["p_value"] == pytest.approx(said["permuted"]["p_value"])
    told = {(row["drawn"], row["figure"]): row["median"] for row in kept}
    assert told["trades missed", "total_return"] == pytest.approx(said["missed"]["total_return"]["median"])
    assert made["stresses"].count("\n") == 1 + len(said["stresses"])


def test_a_sweep_that_is_stopped_counts_nothing_and_goes_on(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_part, "KEPT_FROM", 2)
    job, key = research_definitions(house.overrides).resolve_job_def(ROBUSTNESS_JOB), ["strategy", "sma_crossover"]

    def stop(_done: int, _sets: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopping:
        stopping.setattr(robustness, "_told", lambda _context: stop)
        with pytest.raises(KeyboardInterrupt):
            job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey([*key, "sweep"])])
    running = Container(compose(house.overrides)).cache_folder / "sweeps"
    (kept,) = running.iterdir()
    assert asked(house, "trials")["trials"] == []
    assert np.memmap(kept, np.uint64).any(), "what was computed is there"
    assert job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey([*key, "sweep"])]).success
    assert list(running.iterdir()) == []
    assert len(asked(house, "trials")["trials"]) == 1


@pytest.mark.parametrize("part", ["sweep", "walk_forward", "monte_carlo"])
def test_one_that_looks_ahead_fails_its_check(
    house: House, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    plain = look_ahead.evidence_of
    monkeypatch.setattr(look_ahead, "evidence_of", lambda *said: replace(plain(*said), findings=("bar 3: target",)))
    job = research_definitions(house.overrides).resolve_job_def(ROBUSTNESS_JOB)
    run = job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(["strategy", "sma_crossover", part])])
    (check,) = run.get_asset_check_evaluations()
    assert not check.passed
    assert "bar 3: target" in str(check.metadata["problems"].value)


def test_they_are_no_part_of_the_daily_job(house: House) -> None:
    definitions = research_definitions(house.overrides)
    parts = {
        job: {key.path[-1] for key in definitions.resolve_job_def(job).asset_layer.executable_asset_keys}
        for job in (RESEARCH_JOB, ROBUSTNESS_JOB)
    }
    assert parts[ROBUSTNESS_JOB] == {"sweep", "walk_forward", "monte_carlo", "certificate"}
    assert not parts[ROBUSTNESS_JOB] & parts[RESEARCH_JOB]
    keys = {key.to_user_string() for key in definitions.resolve_asset_graph().get_all_asset_keys()}
    assert "strategy/buy_and_hold/monte_carlo" in keys
    assert "strategy/buy_and_hold/sweep" not in keys, "its file declares no grid"
    fixed = research_definitions((*house.overrides, "strategy.fast=3", "strategy.slow=9"))
    assert "strategy/sma_crossover/sweep" not in {
        key.to_user_string() for key in fixed.resolve_asset_graph().get_all_asset_keys()
    }


def test_the_checks_find_what_they_look_for(house: House) -> None:
    settings = compose(house.overrides)
    done = walk_forward_sets(Container(settings), declared_sets(settings.strategy, ()))
    assert fold_problems(done, 3) == []
    assert fold_problems(done, 4) == ["3 folds of 4"]
    first = done.folds[0]
    wrong = first.fold._replace(train=BarSpan(0, first.fold.test.start + 1))
    sick = replace(first, fold=wrong, out_of_sample=replace(first.out_of_sample, sharpe=float("nan")))
    found = fold_problems(replace(done, folds=(sick, *done.folds[1:])), 3)
    assert found == ["fold 1: its test overlaps its train span", "sharpe is no number in every fold"]
    rows = [("a", "sharpe", 1.0, 2.0, 3.0), ("a", "loss", 2.0, 1.0, 3.0), ("b", "loss", 1.0, 2.0, float("inf"))]
    assert percentile_problems(rows) == ["loss of a: 2, 1, 3", "loss of b: 1, 2, inf"]
