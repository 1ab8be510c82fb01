"""A default that has no file is told by file, line, key and the options that there are; an override replaces it."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.compose import check, compose, compose_strategies, compose_without_strategy, examine
from conf.problems import ConfigProblems, Problem
from conf.yaml_reader import load
from tests.support.houses import conf_copy
from tradewright.model.mode import Mode

DEFAULTS = load(Path(__file__).resolve().parents[2] / "conf" / "config.yaml")["defaults"]
CHOSEN = {group: option for entry in DEFAULTS if isinstance(entry, dict) for group, option in entry.items()}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    """The shipped files without that of the default strategy."""
    return conf_copy(tmp_path, ("buy_and_hold", "ema_crossover"))


def absent(conf: Path) -> Problem:
    text = (conf / "config.yaml").read_text().splitlines()
    line = next(number for number, each in enumerate(text, 1) if "strategy:" in each)
    rule = "must be one of buy_and_hold, ema_crossover"
    return Problem("conf/config.yaml", line, "strategy", "sma_crossover", rule, "ema_crossover")


def test_the_entry_is_told_with_file_line_key_and_options(conf: Path) -> None:
    with pytest.raises(ConfigProblems) as told:
        compose((), conf)
    assert told.value.problems == (absent(conf),)
    assert check((), conf) == [absent(conf)]


def test_other_problems_are_told_beside_it(conf: Path) -> None:
    problems = examine(("backtest.cash=-1", "no.such=1"), conf)[1]
    assert absent(conf) in problems
    assert {problem.key for problem in problems} == {"strategy", "backtest.cash", "no.such"}


def test_an_override_needs_no_file_of_the_default(conf: Path) -> None:
    assert compose(("strategy=buy_and_hold",), conf).strategy.name == "buy_and_hold"
    assert check(("strategy=buy_and_hold",), conf) == []
    assert {problem.key for problem in examine(("strategy=buy_and_hold", "backtest.cash=-1"), conf)[1]} == {
        "backtest.cash"
    }
    (wrong,) = examine(("strategy=buy_and_hol",), conf)[1]
    assert (wrong.file, wrong.nearest) == ("command line", "buy_and_hold")


def test_what_needs_no_strategy_works_without_the_file(conf: Path) -> None:
    assert compose_without_strategy((), conf).mode.name is Mode.SIM
    found = compose_strategies((), conf)
    assert [name for name, each in found.items() if isinstance(each, ConfigProblems)] == []


def test_a_file_that_nothing_reads_is_told_and_no_hidden_one(tmp_path: Path) -> None:
    conf = conf_copy(tmp_path, ("sma_crossover",))
    (conf / "strategy" / "own.yml").write_text("id: own\n")
    (conf / "strategy" / ".own.yml").write_text("id: own\n")
    (problem,) = check((), conf)
    assert (problem.file, "only files that end with .yaml are read" in problem.rule) == ("conf/strategy/own.yml", True)


@pytest.mark.parametrize("group", [group for group in CHOSEN if group != "strategy"])
def test_every_default_of_the_list_is_told_alike(group: str, tmp_path: Path) -> None:
    conf = conf_copy(tmp_path)
    file = conf / group / f"{CHOSEN[group]}.yaml"
    file.rename(file.with_name("another.yaml"))
    problem = next(each for each in examine((), conf)[1] if each.key == group)
    assert (problem.file, problem.value) == ("conf/config.yaml", CHOSEN[group])
    assert problem.line == 3 + list(CHOSEN).index(group)
    assert "another" in problem.rule


def test_a_default_within_a_group_is_told_by_its_own_file(tmp_path: Path) -> None:
    conf = conf_copy(tmp_path)
    (conf / "backtest" / "costs" / "bps.yaml").unlink()
    (problem,) = [each for each in check((), conf) if each.key == "backtest.costs"]
    assert (problem.file, problem.line, problem.value) == ("conf/backtest/default.yaml", 2, "bps")
    assert compose(("backtest/costs=none",), conf).backtest.costs is not None


def test_a_group_without_any_file_is_told(tmp_path: Path) -> None:
    conf = conf_copy(tmp_path)
    for path in (conf / "universe").glob("*.yaml"):
        path.unlink()
    with pytest.raises(ConfigProblems, match=r"conf/config\.yaml:7: universe: has no file in conf/universe"):
        compose((), conf)
    assert any(problem.key == "universe" for problem in check((), conf))
