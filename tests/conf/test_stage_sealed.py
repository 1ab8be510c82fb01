"""A stage is a sealed set: one may tighten its file, never loosen it, and live has a ceiling of its own (D4)."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from conf.compose import check, compose, examine
from conf.environment import SOURCE
from conf.problems import Problem
from conf.rules import LIVE_CEILING, sealed_stage

LIVE = ("mode=live", "stage=live_small", "broker=ibkr", "broker.account=U1", "broker.port=4001")


def stage_problems(*overrides: str, folder: Path | None = None) -> list[Problem]:
    return [problem for problem in examine(overrides, folder)[1] if problem.key.startswith("stage.")]


def test_live_trading_composes_as_it_ships() -> None:
    assert examine(LIVE)[1] == []
    shipped = yaml.safe_load((SOURCE / "conf/stage/live_small.yaml").read_text())
    assert {name: shipped[name] for name in LIVE_CEILING} == LIVE_CEILING


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (("stage.name=live_small",), "stage.name"),
        (("stage=live_small", "stage.name=local"), "stage.name"),
        (("stage=live_small", "stage.max_trade_value=null"), "stage.max_trade_value"),
        (("stage=live_small", "stage.max_trade_value=1e15"), "stage.max_trade_value"),
        (("stage=live_small", "stage.max_trade_value=100.01"), "stage.max_trade_value"),
        (("stage=live_small", "stage.max_daily_loss=51"), "stage.max_daily_loss"),
        (("stage=live_small", "stage.manual_approval=false"), "stage.manual_approval"),
        (("stage=sandbox", "stage.manual_approval=false"), "stage.manual_approval"),
    ],
)
def test_an_override_that_loosens_is_refused_where_it_was_said(overrides: tuple[str, ...], key: str) -> None:
    (problem,) = stage_problems(*overrides)
    assert (problem.file, problem.key) == ("command line", key)
    assert "choose" in problem.rule


def test_live_without_its_cap_is_not_one_word_away() -> None:
    """The very words of the finding: another stage under the name of the small live one."""
    problems = stage_problems(*LIVE, "stage=local", "stage.name=live_small")
    assert {problem.key for problem in problems} == {
        "stage.name",
        "stage.max_trade_value",
        "stage.max_daily_loss",
        "stage.manual_approval",
    }


@pytest.mark.parametrize(
    "overrides",
    [
        ("stage=live_small", "stage.max_trade_value=99"),
        ("stage=live_small", "stage.max_daily_loss=1", "stage.max_trade_value=100"),
        ("stage=local", "stage.manual_approval=true"),
        ("stage=local", "stage.max_trade_value=1000000"),
        ("stage=paper", "stage.max_daily_loss=5"),
    ],
)
def test_an_override_that_tightens_is_taken(overrides: tuple[str, ...]) -> None:
    assert compose(overrides).stage is not None


def test_the_root_file_cannot_loosen_a_stage_either(conf_copy: Path) -> None:
    root = conf_copy / "config.yaml"
    text = root.read_text().replace("stage: local ", "stage: live_small ")
    root.write_text(text + "\nstage:\n  max_trade_value: 5000\n")
    (problem,) = stage_problems(folder=conf_copy)
    assert problem.key == "stage.max_trade_value"


def test_a_file_of_one_s_own_may_be_looser_but_not_for_live(conf_copy: Path) -> None:
    path = conf_copy / "stage" / "my_small.yaml"
    path.write_text("name: live_small\nmanual_approval: true\nmax_trade_value: 80\nmax_daily_loss: 20\n")
    mine = (*LIVE, "stage=my_small")
    assert stage_problems(*mine, folder=conf_copy) == []
    path.write_text("name: live_small\nmanual_approval: true\nmax_trade_value: 500\nmax_daily_loss: 20\n")
    (problem,) = stage_problems(*mine, folder=conf_copy)
    assert (problem.file, problem.line, problem.value) == ("conf/stage/my_small.yaml", 3, "500")
    assert "at most 100" in problem.rule
    assert stage_problems("stage=my_small", folder=conf_copy) == []
    assert check((), conf_copy) == []


@pytest.mark.parametrize(
    ("said", "given", "holds"),
    [(None, 1, True), (None, None, True), (5, 5, True), (5, 6, False), (5, 0, False), (5, None, False),
     (5, True, False), (True, False, False), (False, True, True), (5, "4", False)],
)  # fmt: skip
def test_tighter_is_less_and_nothing_else(said: object, given: object, holds: bool) -> None:
    name = "manual_approval" if isinstance(said, bool) else "max_trade_value"
    assert (not list(sealed_stage({name: given}, {name: said}))) is holds
