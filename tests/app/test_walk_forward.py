"""The command walkforward: folds, figures, verdict, refusals."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.app.conftest import say
from tests.support.houses import House
from tests.support.random_walks import walk_house, without_trials
from tradewright.store.uses import UseKind, Uses

GRID = ("strategy.fast=2,5,9", "strategy.slow=7,21")
FOLDS = 5
SETS = 5


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Most of a year of a random walk under the name of GOOG."""
    return walk_house(tmp_path_factory.mktemp("walk"), seed=5, days=230)


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The bars, and a trial ledger without a line."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    return without_trials(stocked, tmp_path)


def test_the_folds_the_account_and_the_verdict(house: House, tmp_path: Path) -> None:
    page = tmp_path / "walk.html"
    said = say("walkforward", *house.overrides, *GRID, "--report", str(page), "--json")
    assert said.status == 0, said.err
    reply = said.json
    assert (reply["sets"], reply["left_out"], len(reply["folds"])) == (SETS, 1, FOLDS)
    assert "fast < slow" in reply["why"]
    for before, after in zip(reply["folds"], reply["folds"][1:], strict=False):
        assert before["train"][0] < before["train"][1] < before["test"][0] < before["test"][1] < after["test"][0]
        assert before["train_bars"] == after["train_bars"]
    assert sum(fold["test_bars"] for fold in reply["folds"]) == reply["metrics"]["bars"]
    assert all(set(fold["parameters"]) == {"fast", "slow"} for fold in reply["folds"])
    names = {name for name, value in reply["metrics"].items() if type(value) in (int, float)}
    for fold in reply["folds"]:
        for part in ("in_sample", "out_of_sample"):
            assert names <= set(fold[part])
            assert all(math.isfinite(fold[part][name]) for name in names)
        assert fold["out_of_sample_sharpe"] == fold["out_of_sample"]["sharpe"]
    spread = {row["name"]: row for row in reply["stability"]}
    assert names - set(spread) == {"days_per_year", "risk_free", "periods_per_year"}
    sharpes = [fold["out_of_sample_sharpe"] for fold in reply["folds"]]
    assert spread["sharpe"]["variance"] == pytest.approx(np.var(sharpes, ddof=1))
    assert reply["final_equity"] == pytest.approx(100_000 + reply["metrics"]["net_profit"])
    assert set(reply["verdict"]) == {"code", "text", "figures"}
    assert reply["verdict"]["figures"]["trials"] == FOLDS * SETS + 1
    assert "chosen anew in each of 5 folds, by sharpe" in page.read_text()


def test_each_set_of_each_fold_is_listed_and_counts_against_a_backtest(house: House) -> None:
    assert say("walkforward", *house.overrides, *GRID).status == 0
    (line,) = say("trials", *house.overrides, "--json").json["trials"]
    assert (line["source"], line["trials"], line["added"]) == ("walkforward", FOLDS * SETS + 1, FOLDS * SETS + 1)
    alone = say("backtest", *house.overrides, "--json").json
    assert alone["verdict"]["figures"]["trials"] == FOLDS * SETS + 2
    assert UseKind.WALK_FORWARD in {use.kind for use in Uses(house.root).all()}


def test_several_instruments_are_walked_together(house: House) -> None:
    said = say("walkforward", *house.overrides, *GRID, "backtest.instruments=[GOOG,AAPL]", "--json")
    assert said.status == 0, said.err
    reply = said.json
    assert sum(fold["test_bars"] for fold in reply["folds"]) == reply["metrics"]["bars"]
    assert reply["final_equity"] == pytest.approx(100_000 + reply["metrics"]["net_profit"])
    (line,) = say("trials", *house.overrides, "--json").json["trials"]
    assert (line["trials"], line["bars"].partition(" 1d")[0]) == (FOLDS * SETS + 1, "AAPL, GOOG")


def test_the_settings_divide_the_bars(house: House) -> None:
    more = ("walkforward.folds=2", "walkforward.train_share=0.5", "walkforward.embargo_bars=5")
    reply = say("walkforward", *house.overrides, *GRID, *more, "walkforward.anchored=true", "--json").json
    # 225 bars after the embargo, half of the first fold's: 75 to train on, twice 75 to test on
    assert [(fold["train_bars"], fold["test_bars"]) for fold in reply["folds"]] == [(75, 75), (150, 75)]
    assert reply["folds"][0]["train"][0] == reply["folds"][1]["train"][0]


def test_people_read_tables(house: House) -> None:
    out = say("walkforward", *house.overrides, *GRID).out
    assert "sma_crossover: 5 sets in each of 5 folds, chosen by sharpe" in out
    for word in ("trained on", "out of sample over the folds", "the tests as one account, in USD", "verdict LUCK:"):
        assert word in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("walkforward.folds=200",), "200 folds of 230 bars with no embargo leave"),
        (("walkforward.embargo_bars=500",), "walkforward.embargo_bars"),
        (("walkforward.folds=1",), "walkforward.folds"),
        (("walkforward.train_share=1.5",), "walkforward.train_share"),
        (("--rank", "sharp"), "did you mean 'sharpe'"),
    ],
)
def test_what_cannot_be_walked_is_refused(house: House, words: tuple[str, ...], message: str) -> None:
    said = say("walkforward", *house.overrides, *GRID, *words)
    assert said.status == 1
    assert message in said.err
    assert "no trial is recorded yet" in say("trials", *house.overrides).out


def test_ctrl_c_says_that_the_same_command_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_words: object, **_named: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.operations.walk_forward.walk_forward", stopped)
    said = say("walkforward", *house.overrides, *GRID)
    assert (said.status, said.out) == (1, "")
    assert said.err.strip() == "stopped, nothing was counted; the same command goes on where it was"


def test_one_that_looks_ahead_says_void_first_and_ends_with_one(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewright.research import look_ahead

    plain = look_ahead.evidence_of
    monkeypatch.setattr(look_ahead, "evidence_of", lambda *said: replace(plain(*said), findings=("bar 3: target",)))
    said = say("walkforward", *house.overrides, *GRID)
    assert said.status == 1
    assert said.out.splitlines()[0].startswith("VOID: The strategy looks ahead")
    reply = say("walkforward", *house.overrides, *GRID, "--json")
    assert (reply.status, "bar 3: target" in reply.json["void"]) == (1, True)
    assert reply.json["verdict"]["code"] == "INCONCLUSIVE"
