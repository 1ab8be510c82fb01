"""``tradewright scenarios`` and ``tradewright certify``: exit codes, files, limits of a strategy's own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from app.operations.new_project import make_project
from conf.environment import SOURCE
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.support.houses import conf_copy
from tradewright.scenarios.document import json_schema


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped settings with a few strategies and scenarios, in force."""
    folder = conf_copy(tmp_path)
    for path in (folder / "scenario").glob("*.yaml"):
        if path.stem not in ("scenario_halt", "scenario_slow_bleed"):
            path.unlink()
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    return folder


@pytest.fixture
def root(tmp_path: Path) -> str:
    return f"storage.root={tmp_path / 'data'}"


@pytest.mark.usefixtures("conf")
def test_generate_check_list_and_show(root: str, tmp_path: Path) -> None:
    assert say("scenarios", "check", root).status == 1
    assert {row["state"] for row in say("scenarios", "list", root, "--json").json["scenarios"]} == {"missing"}
    made = say("scenarios", "generate", root, "--json")
    assert (made.status, [row["written"] for row in made.json["datasets"]]) == (0, [True, True])
    again = say("scenarios", "generate", root, "--json").json["datasets"]
    assert [row["written"] for row in again] == [False, False]
    assert (say("scenarios", "check", root).status, say("scenarios", "list", root).status) == (0, 0)
    shown = say("scenarios", "show", "scenario_halt", root, "--json").json
    assert shown["manifest"]["scenario_hash"] == shown["row"]["scenario_hash"]
    assert say("scenarios", "show", "scenario_hal", root, "--json").json["error"]["remedy"].startswith("did you mean")
    lines = say("scenarios", "show", "scenario_halt", root).out.splitlines()
    assert any(line.startswith("events[0]") and "kind: halt, at: " in line for line in lines)
    assert not any("{" in line for line in lines), "no values as Python writes them"
    shutil.rmtree(tmp_path / "data" / "scenarios" / "scenario_halt")
    said = say("scenarios", "check", root, "--json")
    assert (said.status, said.json) == (1, {"problems": [{"scenario": "scenario_halt", "problem": "is not stored"}]})
    one = say("scenarios", "generate", root, "--scenario", "scenario_halt", "--json").json["datasets"]
    assert [row["scenario"] for row in one] == ["scenario_halt"]


def test_a_wrong_scenario_is_told_and_nothing_is_written(conf: Path, root: str, tmp_path: Path) -> None:
    path = conf / "scenario" / "scenario_slow_bleed.yaml"
    path.write_text(path.read_text().replace("kind: bleed", "kind: bled"))
    page = tmp_path / "page.html"
    certify = ("certify", "buy_and_hold", "--report", str(page))
    for words in (*(("scenarios", name) for name in ("generate", "list", "check")), certify):
        said = say(*words, root, "--json")
        assert said.status == 1
        error = said.json["error"]
        assert error["code"] == "SCENARIO_INVALID"
        assert "scenario_slow_bleed.yaml:11: events.0.kind" in error["what"]
        assert "did you mean 'bleed'" in error["what"]
    assert not (tmp_path / "data" / "scenarios").exists()
    assert not page.exists()


def test_a_strategy_passes_or_fails_by_the_limits_in_force(conf: Path, root: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    good = say("certify", "buy_and_hold", root, "--report", str(page), "--json")
    assert (good.status, good.json["passed"], good.json["limits"]["max_drawdown"]) == (0, True, 0.35)
    assert "buy_and_hold" in page.read_text()
    foreign = say("certify", "buy_and_hold", root, "policy.currency=EUR", "backtest/costs=ibkr_fixed", "--json")
    assert (foreign.status, foreign.json["error"]["where"]) == (1, "backtest.costs.currency, policy.currency=EUR")
    assert "fees are charged in USD, the account is in EUR" in foreign.json["error"]["what"]
    assert say("certify", "buy_and_hold", root, "certify.max_loss=0.01").status == 1
    path = conf / "strategy" / "buy_and_hold.yaml"
    path.write_text(f"{path.read_text()}certify: {{max_loss: 0.01}}\n")
    bad = say("certify", "buy_and_hold", root, "--json")
    assert (bad.status, bad.json["passed"]) == (1, False)
    failed = [(row["scenario"], row["figure"], row["limit"]) for row in bad.json["rows"] if not row["passed"]]
    assert ("scenario_slow_bleed", "max_loss", 0.01) in failed
    told = say("certify", "buy_and_hold", root)
    assert "FAIL scenario_slow_bleed: max_loss is" in told.out
    assert say("certify", "buy_and_hold", root, "--scenario", "scenario_slow_bleed", "certify.max_loss=0.5").status == 1


def test_a_document_declares_its_limits_too(conf: Path, root: str) -> None:
    path = conf / "strategy" / "ma_crossover.yaml"
    text = (LIBRARY / "ma_crossover.yaml").read_text()
    path.write_text(f"{text}certify: {{max_time_in_market: 0.1}}\n")
    said = say("certify", "ma_crossover", root, "--json")
    assert said.status == 1
    assert said.json["limits"]["max_time_in_market"] == 0.1
    path.write_text(f"{text}certify: {{max_time_in_markt: 0.1}}\n")
    wrong = say("certify", "ma_crossover", root, "--json").json["error"]
    assert "DSL_SCHEMA_INVALID" in wrong["what"]
    assert "did you mean 'max_time_in_market'" in wrong["what"]


CHEAT = '''
"""A strategy that knows tomorrow."""

from dataclasses import dataclass

from strategies.base import BaseStrategy
from tradewright.model.strategy import Feature


def knows(i, features, params, position):
    close = features[0]
    return (1.0 if i + 1 < len(close) and close[i + 1] > close[i] else 0.0, float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class Cheat(BaseStrategy):
    """Buys before it rises."""

    name = "cheat"
    generate_signal = staticmethod(knows)

    def prepare_state(self):
        return (Feature("close"),)
'''


def test_a_strategy_that_looks_ahead_gets_no_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    project = make_project(tmp_path / "mine").folder
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(project))
    (project / "strategies" / "cheat.py").write_text(CHEAT)
    text = (project / "conf" / "strategy" / "buy_and_hold.yaml").read_text().replace("buy_and_hold", "cheat")
    (project / "conf" / "strategy" / "cheat.yaml").write_text(text)
    said = say("certify", "cheat", root, "--scenario", "scenario_halt", "--json")
    assert (said.status, said.json["passed"]) == (1, False)
    assert all(row["passed"] for row in said.json["rows"]), "it earns everywhere"
    assert said.json["look_ahead"]
    assert say("certify", "cheat", root, "--scenario", "scenario_halt").out.startswith("VOID: it looks ahead")


def test_orders_at_the_quote_pay_the_spread_of_a_synthetic_market(root: str) -> None:
    """The same bars, bought at the ask and sold at the bid: half of two basis points each."""
    ask = ("certify", "buy_and_hold", root, "--scenario", "scenario_halt", "backtest/costs=none", "--json")
    terms = (
        ("backtest.fill.market=next_close", "backtest.bar_delay=1"),
        ("backtest.fill.market=quote_close", "backtest.bar_delay=2"),
    )
    middle, quoted = (say(*ask, *each).json["scenarios"][0]["total_return"] for each in terms)
    assert middle - quoted == pytest.approx(2 * 0.1 * 1e-4, rel=0.1), "a tenth of the equity is held"


def test_an_allocation_is_certified_in_one_account(conf: Path, root: str) -> None:
    shutil.copy(SOURCE / "conf" / "strategy" / "equal_weight.yaml", conf / "strategy")
    said = say("certify", "equal_weight", root, "certify.max_drawdown=1", "certify.max_loss=1", "--json")
    assert (said.status, said.json["passed"]) == (0, True)
    assert {row["instruments"] for row in said.json["scenarios"]} == {4}


def test_the_schema_is_that_of_the_file_beside_the_scenarios(tmp_path: Path) -> None:
    assert say("schema", "scenario", "--json").json == json_schema()
    assert say("schema", "scenario", str(tmp_path / "schema.json")).status == 0
    kept = SOURCE / "conf" / "scenario" / "scenario.schema.json"
    assert (tmp_path / "schema.json").read_text() == kept.read_text(), (
        "tradewright schema scenario conf/scenario/scenario.schema.json"
    )
    assert json.loads(kept.read_text()) == json_schema()
