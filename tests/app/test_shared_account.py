"""One account for many instruments on the command line: the report, the trial, each setting's effect, refusals."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import say
from tests.support.houses import House, conf_copy
from tests.support.random_walks import asked
from tradewright.backtest.panel import allocation_lookahead
from tradewright.research import look_ahead

INSTRUMENTS = "backtest.instruments=[BTC,ETH,AAPL]"
ROTATION = ("strategy=momentum_rotation", "strategy.bars=5", "strategy.top=2", "strategy.least=-100.0")
SHARED = (INSTRUMENTS, "backtest.timeframe=1d", "backtest.account=shared")


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Scenario days of three instruments, and a few strategies."""
    folder = tmp_path_factory.mktemp("shared")
    kept = ("momentum_rotation", "inverse_volatility", "equal_weight", "buy_and_hold", "sma_crossover")
    made = House(conf_copy(folder, kept), folder / "data", ("universe.instruments=[BTC,ETH,AAPL]",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        said = say("backtest", *made.overrides, "strategy=buy_and_hold", INSTRUMENTS, "backtest.timeframe=1d", "--json")
        assert said.status == 0, said.err
    return made


@pytest.fixture
def house(stocked: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """The bars, without trials."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))
    root = Path(shutil.copytree(stocked.root, tmp_path / "data", ignore=shutil.ignore_patterns("trials")))
    return House(stocked.conf, root, stocked.more)


def test_a_rotation_reports_as_any_backtest_and_is_a_trial(house: House, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = say("backtest", *house.overrides, *ROTATION, *SHARED, "--report", str(page), "--json")
    assert said.status == 0, said.err
    reply = said.json
    assert reply["verdict"]["figures"]["trials"] == 1
    assert {line["instrument"] for line in reply["fills"]} <= {"BTC", "ETH", "AAPL"}
    assert (reply["orders"], len(reply["fills"])) > (3, 3)
    assert reply["final_equity"] == pytest.approx(100_000 + reply["net_profit"])
    assert "shared by all instruments" in page.read_text()
    again = say("backtest", *house.overrides, *ROTATION, *SHARED, "--json").json
    assert (again["used_cache"], again["cache_key"]) == (True, reply["cache_key"])
    assert again["verdict"]["figures"]["trials"] == 1
    assert {**again, "used_cache": False} == reply
    other = say("backtest", *house.overrides, *ROTATION, *SHARED, "backtest.instruments=[AAPL,ETH,BTC]", "--json").json
    assert other["verdict"]["figures"]["trials"] == 2, "the order of the instruments decides who comes first"
    split = say("backtest", *house.overrides, "strategy=buy_and_hold", INSTRUMENTS, "backtest.timeframe=1d", "--json")
    assert set(reply) == set(split.json)


@pytest.mark.parametrize(
    "setting",
    [
        "backtest.shared.rebalance=bar",
        "backtest.shared.cash_buffer=0.2",
        "backtest.shared.max_weight=0.1",
        "backtest.shared.max_gross=0.3",
    ],
)
def test_settings_of_the_account_have_effect(house: House, setting: str) -> None:
    plain = say("backtest", *house.overrides, "strategy=buy_and_hold", "backtest/sizing=max", *SHARED, "--json")
    allocated = say("backtest", *house.overrides, "strategy=equal_weight", *SHARED, "--json")
    changed = say(
        "backtest", *house.overrides, "strategy=buy_and_hold", "backtest/sizing=max", *SHARED, setting, "--json"
    )
    other = say("backtest", *house.overrides, "strategy=equal_weight", *SHARED, setting, "--json")
    assert plain.status == changed.status == allocated.status == 0
    if "max_" in setting:
        assert "error: strategy equal_weight" in other.err
        assert "backtest.shared.max_" in other.err
        assert changed.json["fills"] != plain.json["fills"]
    else:
        assert other.json["fills"] != allocated.json["fills"]


def test_an_allocation_that_is_a_document_is_packed_and_proved(house: House, tmp_path: Path) -> None:
    file, document = tmp_path / "quiet.hsp", house.conf / "strategy" / "inverse_volatility.yaml"
    document.write_text(document.read_text().replace("window: 60", "window: 5"))
    span = ("feed.end='2026-11-20T00:00:00Z'", *SHARED)
    made = say("package", "export", "inverse_volatility", str(file), *house.overrides, *span, "--unsigned", "--json")
    assert made.status == 0, made.err
    told = made.json
    assert {row["instrument"]: row["fills"] > 0 for row in told["manifest"]["expected"]["orders"]} == {
        "BTC": True, "ETH": True, "AAPL": True
    }  # fmt: skip
    assert told["certificate"]["terms"]["size"] == "the weights that it gives"
    verified = say("package", "verify", str(file), *house.overrides, "--allow-unsigned", "--json")
    assert (verified.status, verified.json["holds"], verified.json["differences"]) == (0, True, [])
    split = say("package", "export", "inverse_volatility", str(file), *house.overrides, *span[:-1], "--unsigned")
    assert "add backtest.account=shared" in split.err


def test_bars_that_do_not_begin_together_are_refused_in_one_account(house: House) -> None:
    """Hours of New York begin at :30, those of a coin at :00; days of both are one row each."""
    hours = (*house.overrides, *ROTATION, INSTRUMENTS, "backtest.timeframe=1h", "backtest.account=shared")
    said = say("backtest", *hours)
    assert said.status == 1
    assert "a bar of BTC begins at" in said.err
    assert "while that of AAPL from" in said.err
    assert "backtest.account=split" in said.err
    assert say("backtest", *hours, "backtest.instruments=[BTC,ETH]").status == 0


def test_an_allocation_needs_the_shared_account(house: House) -> None:
    said = say("backtest", *house.overrides, *ROTATION, INSTRUMENTS, "backtest.timeframe=1d", "--json")
    assert said.status == 1
    assert "momentum_rotation is an allocation" in said.err
    assert "add backtest.account=shared" in said.err


@pytest.mark.parametrize("command", [("rehearse",), ("trade", "--once")])
def test_trading_and_rehearsing_an_allocation_need_the_shared_account(house: House, command: tuple[str, ...]) -> None:
    word, *more = command
    said = say(word, *house.overrides, *ROTATION, *more)
    assert said.status == 1, said
    assert "is an allocation: it decides on all instruments together, which needs one account for them" in said.err
    assert "add backtest.account=shared" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", ["sweep", "walkforward", "montecarlo"])
def test_research_of_an_allocation_needs_the_shared_account(house: House, command: str) -> None:
    grid = () if command == "montecarlo" else ("strategy.bars=5,9",)
    words = ("strategy=momentum_rotation", INSTRUMENTS, "backtest.timeframe=1d", *grid)
    said = say(command, *house.overrides, *words)
    assert said.status == 1, said
    assert "add backtest.account=shared" in said.err


BACKTESTED = ("total_return", "max_drawdown", "trades", "exposure", "fees")


@pytest.mark.parametrize("strategy", ["momentum_rotation", "sma_crossover"])
def test_each_set_of_a_sweep_is_a_backtest_and_the_same_trial(house: House, strategy: str) -> None:
    grid, fixed = {
        "momentum_rotation": ({"bars": (5, 9), "top": (1, 2)}, ("strategy.least=-100.0",)),
        "sma_crossover": ({"fast": (2, 4), "slow": (7, 9)}, ()),
    }[strategy]
    words = (f"strategy={strategy}", *fixed, *SHARED)
    swept = asked(house, "sweep", *words, *(f"strategy.{key}={low},{high}" for key, (low, high) in grid.items()))
    assert (swept["trials"], swept["verdict"]["figures"]["trials"]) == (4, 4)
    assert swept["tests"]["reality_check"] > 0.0
    rows = {tuple(row[key] for key in grid): row for row in swept["rows"]}
    for chosen, row in rows.items():
        alone = asked(
            house, "backtest", *words, *(f"strategy.{key}={at:g}" for key, at in zip(grid, chosen, strict=True))
        )
        assert {key: row[key] for key in BACKTESTED} == pytest.approx(
            {key: alone["metrics"][key] for key in BACKTESTED}
        )
        assert (row["orders"], row["fills"]) == (alone["orders"], len(alone["fills"]))
        figures = alone["verdict"]["figures"]
        assert figures["trials"] == 4, "a set of the sweep is no further trial"
        assert row["skill_sharpe"] == pytest.approx(figures["skill_sharpe"], abs=1e-9)
        assert row["luck_chance"] == pytest.approx(figures["luck_chance"], abs=1e-9)
        assert row["deflated_sharpe"] == pytest.approx(figures["deflated_sharpe"], abs=1e-9)
    best = tuple(swept["rows"][0][key] for key in grid)
    assert rows[best]["sharpe"] == max(row["sharpe"] for row in rows.values())


def test_a_sweep_draws_searches_and_sweeps_settings_of_the_account(house: House, tmp_path: Path) -> None:
    words = ("strategy=momentum_rotation", "strategy.least=-100.0", *SHARED, "strategy.top=1,2")
    grid = (*words, "strategy.bars=range(3,9)")
    some = asked(house, "sweep", *grid, "--random", "4", "--where", "bars > 3")
    assert (some["trials"], min(row["bars"] for row in some["rows"]) > 3) == (4, True)
    found = asked(house, "sweep", *grid, "--optuna", "5", "--objective", "sharpe", "--objective", "max_drawdown")
    assert found["trials"] == 5
    page = tmp_path / "page.html"
    both = asked(
        house, "sweep", *words, "strategy.bars=5", "backtest.shared.rebalance=week,month", "--report", str(page)
    )
    assert {row["backtest.shared.rebalance"] for row in both["rows"]} == {"week", "month"}
    assert len({row["final_equity"] for row in both["rows"]}) > 1
    assert "shared by all instruments" in page.read_text()


@pytest.mark.parametrize("anchored", ["true", "false"])
def test_a_walk_forward_of_an_allocation(house: House, anchored: str) -> None:
    folds = ("walkforward.folds=3", f"walkforward.anchored={anchored}")
    words = ("strategy=momentum_rotation", "strategy.least=-100.0", *SHARED, "strategy.top=1,2", "strategy.bars=3,5")
    said = asked(house, "walkforward", *words, *folds)
    assert (said["sets"], len(said["folds"])) == (4, 3)
    assert said["verdict"]["figures"]["trials"] == 3 * 4 + 1
    assert said["final_equity"] == pytest.approx(100_000.0 + said["metrics"]["net_profit"])
    first = said["folds"][0]["out_of_sample"]["total_return"]
    growth = 1.0
    for fold in said["folds"]:
        growth *= 1.0 + fold["out_of_sample"]["total_return"]
    assert first != 0.0
    assert said["metrics"]["total_return"] == pytest.approx(growth - 1.0, rel=0.02), "whole lots of another cash"


@pytest.mark.parametrize("command", ["sweep", "walkforward"])
def test_an_allocation_that_looks_ahead_is_void(house: House, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    plain = look_ahead.allocation_evidence

    def peeking(*said: Any) -> dict[str, Any]:
        return {symbol: replace(each, findings=("bar 3: weights",)) for symbol, each in plain(*said).items()}

    monkeypatch.setattr(look_ahead, "allocation_evidence", peeking)
    said = say(command, *house.overrides, *ROTATION[:1], "strategy.bars=3,5", *SHARED, "walkforward.folds=2", "--json")
    assert (said.status, "bar 3: weights" in said.json["void"]) == (1, True)
    assert said.json["verdict"]["code"] == "INCONCLUSIVE"


def test_an_allocation_is_tested_for_look_ahead_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """By backtest and sweep alike, until its code, its bars or their order change; what was found stays."""
    made = []

    def found(*_given: object) -> tuple[str, ...]:
        made.append(len(made))
        return () if len(made) == 1 else (f"bar 3: found by test {len(made)}",)

    monkeypatch.setattr(allocation_lookahead, "allocation_look_ahead", found)
    for words in (("backtest",), ("backtest", "backtest.cash=5000"), ("sweep", "backtest.bar_delay=1,2")):
        assert say(*words[:1], *house.overrides, *ROTATION, *SHARED, *words[1:], "--json").status == 0
    assert made == [0]
    turned = (*ROTATION, *SHARED, "backtest.instruments=[ETH,BTC,AAPL]")
    for expected, words in ((1, turned), (1, turned), (2, (*ROTATION, *SHARED, "strategy.top=1"))):
        said = say("sweep", *house.overrides, *words, "backtest.bar_delay=1,2", "--json")
        assert (said.status, f"found by test {expected + 1}" in said.json["void"], made[-1]) == (1, True, expected)
    for kept in (house.root / "cache" / "look_ahead").rglob("*.json"):
        kept.write_text("{}")
    assert say("backtest", *house.overrides, *ROTATION, *SHARED, "--json").json["findings"][0]["code"] == "LOOK_AHEAD"
    assert made[-1] == 3


def test_monte_carlo_of_an_allocation_says_what_makes_no_sense(house: House) -> None:
    small = ("montecarlo.paths=100", "montecarlo.permutations=3")
    said = asked(house, "montecarlo", *ROTATION, *SHARED, *small)
    alone = asked(house, "backtest", *ROTATION, *SHARED)
    plain, costly = said["stresses"][:2]
    assert (plain["net_profit"], plain["trades"]) == (pytest.approx(alone["net_profit"]), alone["metrics"]["trades"])
    assert costly["costs"] > 1.0
    assert costly["fees"] > plain["fees"]
    assert said["permuted"] is None
    assert (said["shuffled"], said["missed"], set(said["left_out"])) == (None, None, {"shuffled", "missed", "permuted"})
    assert said["left_out"]["permuted"].startswith(
        "AAPL has other bars than BTC, so that they cannot be permuted alike"
    )
    alike = asked(house, "montecarlo", *ROTATION, *SHARED, *small, "backtest.instruments=[BTC,ETH]")
    assert (alike["permuted"]["permutations"], set(alike["left_out"])) == (3, {"shuffled", "missed"})
    assert alike["permuted"]["observed"] == pytest.approx(
        asked(house, "backtest", *ROTATION, *SHARED, "backtest.instruments=[BTC,ETH]")["metrics"]["sharpe"], rel=0.05
    )
    line = say("montecarlo", *house.overrides, *ROTATION, *SHARED, *small).out
    assert "no bars in other orders: AAPL has other bars than BTC" in line
    assert "no trades in other orders or trades missed: several instruments share the account" in line
    one = asked(house, "montecarlo", "strategy=sma_crossover", *SHARED, *small, "backtest.instruments=[BTC]")
    assert (one["left_out"], one["missed"] is None) == ({}, False), "trades of one instrument follow one another"


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("backtest.account=joint", "split"),
        ("backtest.shared.max_weight=0", "max_weight"),
        ("backtest.shared.max_wieght=1", "max_wieght"),
        ("backtest.shared.rebalance=fortnight", "rebalance"),
    ],
)
def test_wrong_settings_are_named(house: House, word: str, rule: str) -> None:
    said = say("backtest", *house.overrides, *ROTATION, *SHARED, word)
    assert said.status != 0
    assert rule in said.err
    assert "Traceback" not in said.err


@pytest.mark.usefixtures("house")
def test_a_round_of_all_strategies_leaves_allocations_out() -> None:
    from app.operations.trade import strategies_of

    assert strategies_of(()) == ("buy_and_hold", "sma_crossover")
