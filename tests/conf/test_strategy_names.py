"""The file's name is the strategy's name: unique, never a path, and never that of a person's orders (H6)."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.compose import check, compose, compose_strategies, examine
from conf.problems import ConfigProblems
from conf.schema.settings import Settings

TEXT = "kind: buy_and_hold\nconfidence: 0.5\nsize_pct: 0.01\ninstruments: null\ntimeframe: null\n"


def test_a_file_without_a_name_is_called_after_itself(conf_copy: Path) -> None:
    (conf_copy / "strategy" / "patient.yaml").write_text(TEXT)
    assert compose(["strategy=patient"], conf_copy).strategy.name == "patient"
    made = compose_strategies((), conf_copy)["patient"]
    assert isinstance(made, Settings)
    assert made.strategy.name == "patient"


def test_a_copy_under_another_name_is_refused_by_file_and_line(conf_copy: Path) -> None:
    """The proof of the review: two files with one ``name:`` shared one book, one kill scope and one check."""
    source = (conf_copy / "strategy" / "sma_crossover.yaml").read_text()
    (conf_copy / "strategy" / "my_cross.yaml").write_text("# mine\n" + source)
    (problem,) = check((), conf_copy)
    assert (problem.file, problem.line, problem.key) == ("conf/strategy/my_cross.yaml", 2, "strategy.name")
    assert (problem.value, "my_cross, or be left out" in problem.rule) == ("sma_crossover", True)


def test_manual_is_the_name_of_a_person_s_orders(conf_copy: Path) -> None:
    (conf_copy / "strategy" / "manual.yaml").write_text(TEXT)
    (problem,) = check((), conf_copy)
    assert (problem.file, problem.key) == ("conf/strategy/manual.yaml", "strategy.name")
    assert "rename the file" in problem.rule


@pytest.mark.parametrize("name", ["other", "../sma_crossover", "a/b", "manual", "''"])
def test_no_override_renames_a_strategy(name: str) -> None:
    problems = examine([f"strategy.name={name}"])[1]
    assert any(problem.key == "strategy.name" and problem.file == "command line" for problem in problems)


@pytest.mark.parametrize("name", ["a b", "a:b", "ä", "-x"])
def test_a_file_whose_name_is_no_name_is_refused(conf_copy: Path, name: str) -> None:
    (conf_copy / "strategy" / f"{name}.yaml").write_text(TEXT)
    made = compose_strategies((), conf_copy)[name]
    assert isinstance(made, ConfigProblems)
    assert any("strategy" in problem.key for problem in made.problems)


def test_only_the_strategy_whose_file_is_wrong_has_problems(conf_copy: Path) -> None:
    folder = conf_copy / "strategy"
    (folder / "no_kind.yaml").write_text(TEXT.replace("buy_and_hold", "nonsense"))
    (folder / "no_yaml.yaml").write_text("kind: [")
    (folder / "refers.yaml").write_text(TEXT.replace("0.5", "${strategy.size_pct}"))
    made = compose_strategies(("base.seed=3",), conf_copy)
    wrong = {name for name, each in made.items() if isinstance(each, ConfigProblems)}
    assert wrong == {"no_kind", "no_yaml"}
    refers = made["refers"]
    assert isinstance(refers, Settings)
    assert (refers.strategy.confidence, refers.base.seed) == (0.01, 3)
    assert str(made["no_kind"]).startswith("conf/strategy/no_kind.yaml:1: strategy.kind: must be one of")


def test_overrides_of_a_strategy_s_keys_are_judged_for_each(conf_copy: Path) -> None:
    made = compose_strategies(("strategy.fast=7",), conf_copy)
    assert isinstance(made["buy_and_hold"], ConfigProblems)
    crossover = made["sma_crossover"]
    assert isinstance(crossover, Settings)
    assert crossover.strategy.parameters["fast"] == 7


def test_what_is_wrong_elsewhere_is_told_of_every_strategy(conf_copy: Path) -> None:
    (conf_copy / "risk" / "default.yaml").write_text("allow_short: [\n")
    assert all(isinstance(each, ConfigProblems) for each in compose_strategies((), conf_copy).values())
