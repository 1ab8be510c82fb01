"""What the lab asks further: the same answers as the command line, trials that count, refusals as text."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.operations import lab
from app.operations.lab_questions import OF_GRIDS, Answer, Asked, Question, answer, grid_texts, percent_steps
from app.operations.sweep import sweep
from app.operations.trials import evaluations
from app.operations.walk_forward import walk_forward
from conf.compose import compose
from tests.app.test_walk_forward import house, stocked
from tests.support.desk_store import SCENARIO
from tests.support.houses import House

__all__ = ["house", "stocked"]
GRID = {"fast": "2,5,9", "slow": " 7,21"}


@pytest.fixture
def choice(house: House) -> lab.Choice:
    return replace(lab.lab_options(house.overrides).first, parameters={"fast": 3, "slow": 9})


def test_a_sweep_is_that_of_the_command_line_and_counts(house: House, choice: lab.Choice) -> None:
    moved: list[int] = []
    said = answer(house.overrides, Asked(Question.SWEEP, choice, GRID), percent_steps(moved.append))
    assert said.problem == ""
    reply = sweep((*house.overrides, "strategy.fast=2,5,9", "strategy.slow=7,21"))
    assert said.verdict == f"{reply.verdict['code']}: {reply.verdict['text']}"
    assert len(said.rows) == reply.trials == 5
    assert [row["fast"] for row in said.rows] == [row["fast"] for row in reply.rows]
    assert said.note.startswith("5 sets tried, each counted as a trial, 1 left out: fast = 9, slow = 7; fast < slow")
    assert set(said.pictures) == {"By two parameters", "By all parameters", "Over all sets"}
    assert sum(moved) == 100
    assert sum(line.added for line in evaluations(compose(house.overrides), 0)) == 5


def test_an_empty_text_leaves_a_parameter_at_its_slider(house: House, choice: lab.Choice) -> None:
    said = answer(house.overrides, Asked(Question.SWEEP, choice, {"fast": "2,3,4", "slow": ""}, where="fast < 4"))
    assert {row["fast"] for row in said.rows} == {2, 3}
    reply = sweep((*house.overrides, "strategy.slow=9", "strategy.fast=2,3"))
    assert [row["sharpe"] for row in said.rows] == pytest.approx([row["sharpe"] for row in reply.rows], rel=1e-3)


def test_a_walk_forward_is_that_of_the_command_line(house: House, choice: lab.Choice) -> None:
    said = answer(house.overrides, Asked(Question.WALK_FORWARD, choice, GRID, folds=3))
    reply = walk_forward((*house.overrides, "strategy.fast=2,5,9", "strategy.slow=7,21", "walkforward.folds=3"))
    assert said.problem == ""
    assert [row["out of sample"] for row in said.rows] == [round(each.out_of_sample_sharpe, 2) for each in reply.folds]
    assert said.rows[0]["test"] == " to ".join(reply.folds[0].test)
    assert said.verdict.startswith(f"{reply.verdict['code']}: ")
    assert set(said.pictures) == {"The folds, and Sharpe ratios", "The tests as one account"}


def test_a_monte_carlo_shows_its_fan(house: House, choice: lab.Choice) -> None:
    small = (*house.overrides, "montecarlo.paths=100", "montecarlo.permutations=5")
    said = answer(small, Asked(Question.MONTE_CARLO, choice))
    assert said.problem == ""
    assert said.note.startswith("100 paths of ")
    assert [each.label for each in said.tiles][-1] == "p-value"
    assert list(said.pictures) == ["Equity of the paths"]
    assert [row["costs"] for row in said.rows] == ["x 1", "x 2", "x 3", "x 1", "x 1"]


@pytest.fixture(scope="module")
def crypto(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return (*SCENARIO, f"storage.root={tmp_path_factory.mktemp('store')}")


@pytest.mark.parametrize("strategy", ["sma_crossover", "equal_weight"])
def test_all_instruments_in_one_account(crypto: tuple[str, ...], strategy: str) -> None:
    """Also of an allocation, of which these are the figures at the head of the lab too."""
    first = lab.lab_options(crypto).first
    picked = replace(first, strategy=strategy, instruments=("BTC", "ETH"), days=None)
    said = answer(crypto, Asked(Question.ONE_ACCOUNT, picked))
    assert said.problem == ""
    assert said.note == "2 instruments, one account"
    assert set(said.pictures) == {"Equity, drawdown, exposure", "Weights over time"}
    assert {row["instrument"] for row in said.rows} == {"BTC", "ETH"}
    if strategy == "equal_weight":
        assert lab.explore(crypto, picked).tiles == said.tiles[:6]


REFUSED = [
    ({"fast": "${oc.env:HOME}"}, "", "'${oc.env:HOME}' is no list of values"),
    ({"fast": "2 mode=live"}, "", "is no list of values"),
    ({"fast": "2;3"}, "", "say numbers, as 5,10,20, or a range, as range(5,50,5)"),
    ({"fast": "many"}, "", "strategy.fast: must be a whole number from 1 to 10000 (got many)"),
    ({"fast": "2,,3"}, "", "'2,,3' is no list of values"),
    ({"fast": "2,3,"}, "", "'2,3,' is no list of values"),
    ({"fast": ""}, "", "no parameter has values to try"),
    ({"fast": "2,3"}, "fast <", "Only where: "),
    ({"fast": "2,3"}, "fast > 99", "Only where: "),
    ({"fast": "range(1,100000000)"}, "", "at most 1,000,000 are tried at once"),
]


@pytest.mark.parametrize(("grid", "where", "text"), REFUSED)
@pytest.mark.parametrize("question", OF_GRIDS)
def test_a_refusal_is_text(
    house: House, choice: lab.Choice, question: Question, grid: dict[str, str], where: str, text: str
) -> None:
    said = answer(house.overrides, Asked(question, choice, grid, where))
    assert text in said.problem
    assert said == Answer(said.asked, problem=said.problem), "nothing else is shown"


@pytest.mark.parametrize("question", list(Question))
def test_without_an_instrument_nothing_is_asked(house: House, choice: lab.Choice, question: Question) -> None:
    said = answer(house.overrides, Asked(question, replace(choice, instruments=()), GRID))
    assert said.problem == "no instrument is picked: pick at least one"


def test_an_allocation_is_asked_in_one_account(crypto: tuple[str, ...]) -> None:
    """The answers are those of the command line with ``backtest.account=shared``."""
    first = lab.lab_options(crypto).first
    picked = replace(
        first, strategy="momentum_rotation", instruments=("BTC", "ETH"), days=None, parameters={"least": -100}
    )
    small = (*crypto, "montecarlo.paths=100", "montecarlo.permutations=3")
    told = {
        question: answer(small, Asked(question, picked, {"bars": "5,9", "top": "1"}, folds=2))
        for question in (Question.SWEEP, Question.WALK_FORWARD, Question.MONTE_CARLO)
    }
    assert [said.problem for said in told.values()] == [""] * 3
    words = (*small, *picked.overrides(), "backtest.account=shared", "strategy.bars=5,9", "strategy.top=1")
    swept = sweep(words)
    assert [row["sharpe"] for row in told[Question.SWEEP].rows] == pytest.approx(
        [row["sharpe"] for row in swept.rows], rel=1e-3
    )
    folds = walk_forward((*words, "walkforward.folds=2")).folds
    assert [row["chosen"] for row in told[Question.WALK_FORWARD].rows] == [
        f"bars {fold.parameters['bars']:g}" for fold in folds
    ]
    assert told[Question.MONTE_CARLO].note.startswith("100 paths of ")
    assert [row["costs"] for row in told[Question.MONTE_CARLO].rows] == ["x 1", "x 2", "x 3", "x 1", "x 1"]


def test_the_values_of_the_file_are_suggested(crypto: tuple[str, ...]) -> None:
    texts = grid_texts(crypto, "sma_crossover")
    declared = compose((*crypto, "strategy=sma_crossover")).strategy
    assert list(texts) == list(declared.parameters)
    for name, values in declared.grid.items():
        assert [float(each) for each in texts[name].split(",")] == list(values)
    assert grid_texts(crypto, "no_such") == {}
