"""Scenario files: every problem with file, line and key; a wrong one stops nothing but itself."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from conf.compose import check, compose
from conf.scenarios import ScenarioInvalid, scenarios
from tradewright.model.errors import ConfigError

NAME = "scenario_halt"

WRONG = {
    ("timeframe: 1h", "timeframe: 2h"): (5, "timeframe", "must be one of 1m, 5m, 15m, 1h, 4h, 1d"),
    ("seed: 203", "seed: -1"): (7, "seed", "must be at least 0"),
    ("seed: 203", ""): (0, "seed", "is missing"),
    ("family: trend", "family: trnd"): (8, "family", "must be one of trend, mean_revert"),
    ("family: trend", ""): (0, "family", "is missing"),
    ("family: trend", "family: vol_cluster"): (9, "params.mu", "is missing"),
    ("sigma: 35.0", "sigmma: 35.0"): (9, "params.sigmma", "is not a key here"),
    ("sigma: 35.0", "sigma: 0"): (9, "params.sigma", "must be above 0"),
    ("kind: halt", "kind: hallt"): (11, "events.0.kind", "must be one of crash, bleed"),
    ("at: 1000", "at: 2000"): (11, "events.0.at", "the event ends at bar 2000"),
    ("at: 1000", "at: soon"): (11, "events.0.at", "must be a whole number"),
    ("id: scenario_halt", "id: other"): (3, "id", "must be the name of the file"),
    ('version: "0.1"', "version: 0.1"): (4, "version", "must be one of 0.1"),
    ("duration_bars: 2000", "duration_bars: 0700"): (6, "duration_bars", "leading zeros"),
    ("volume_model: lognormal", "volume_model: lognormal\nvolume_model: const"): (13, "volume_model", "given twice"),
    ("family: trend", "family: [trend"): (8, "", "a bracket is opened and not closed"),
}


@pytest.mark.parametrize("change", list(WRONG))
def test_a_problem_has_its_place_its_key_and_its_rule(conf_copy: Path, change: tuple[str, str]) -> None:
    path = conf_copy / "scenario" / f"{NAME}.yaml"
    path.write_text(path.read_text().replace(*change))
    line, key, rule = WRONG[change]
    with pytest.raises(ScenarioInvalid) as refused:
        scenarios([NAME], conf_copy)
    first = refused.value.problems[0]
    assert (first.file, first.line, first.key) == (f"conf/scenario/{NAME}.yaml", line, key)
    assert rule in first.rule
    if line and "given twice" not in rule and "leading zeros" not in rule and key and key != "params.mu":
        written = path.read_text().splitlines()[line - 1]
        column = int(re.search(r"^column (\d+): ", first.rule)[1])  # type: ignore[index]
        assert written[column - 1 :].startswith(key.rpartition(".")[2]), "the column is that of the key"
    assert refused.value.code == "SCENARIO_INVALID"


def test_all_problems_of_all_files_at_once(conf_copy: Path) -> None:
    for name in (NAME, "scenario_split"):
        path = conf_copy / "scenario" / f"{name}.yaml"
        path.write_text(path.read_text().replace("timeframe: 1h", "timeframe: 2h").replace("sigma", "sigmma"))
    with pytest.raises(ScenarioInvalid) as refused:
        scenarios(folder=conf_copy)
    assert len(refused.value.problems) == 4
    assert set(check(folder=conf_copy)) == set(refused.value.problems), "tradewright check tells them too"
    compose(folder=conf_copy)  # and nothing else is stopped


def test_a_name_that_is_not_there_has_its_nearest(conf_copy: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'scenario_halt'"):
        scenarios(["scenario_hal"], conf_copy)
    assert [each.id for each in scenarios([NAME], conf_copy)] == [NAME]
    assert len(scenarios(folder=conf_copy)) >= 18
    shutil.rmtree(conf_copy / "scenario")
    with pytest.raises(ConfigError, match="there is no scenario"):
        scenarios(folder=conf_copy)
