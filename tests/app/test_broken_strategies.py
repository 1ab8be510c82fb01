"""Broken strategy files through the command line: nothing that has to do with money or with looking stops (A14)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.app.conftest import say
from tests.support.houses import House, conf_copy

TEXTS = {
    "a wrong kind": "kind: nonsense\nconfidence: 0.5\nsize_pct: 0.01\ninstruments: null\ntimeframe: null\n",
    "no YAML": "kind: [\n",
    "no mapping": "- kind\n",
    "empty": "",
    "another's name": "name: other\nkind: buy_and_hold\nconfidence: 0.5\nsize_pct: 0.01\ninstruments: null\n",
}


@pytest.fixture(params=sorted(TEXTS))
def house(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house in which every strategy file, the chosen one included, is broken in the same way."""
    made = House(conf_copy(tmp_path), tmp_path / "data")
    for path in (made.conf / "strategy").glob("*.yaml"):
        path.write_text(TEXTS[request.param])
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made.conf))
    return made


def test_the_desk_goes_on(house: House) -> None:
    root = f"storage.root={house.root}"
    stopped = say("kill", "--reason", "a test", "--json", root)
    assert stopped.status == 0, stopped.out
    assert stopped.json["stopped"]["scope"] == "everything"
    assert say("orders", "--json", root).json["orders"] == []
    assert say("intents", "--json", root).json["intents"] == []
    assert say("resume", "--reason", "a test", root).status == 0


def test_a_misspelt_strategy_stops_no_kill_either(house: House) -> None:
    stopped = say("kill", "--reason", "a test", f"storage.root={house.root}", "strategy=no_such", "strategy.fast=x")
    assert stopped.status == 0, stopped.out


def test_the_doctor_names_the_files_and_looks_at_the_rest(house: House) -> None:
    said = say("doctor", "--json", f"storage.root={house.root}")
    found = said.json["findings"]
    broken = [row["detail"] for row in found if row["what"] == "configuration"]
    assert said.status == 1
    for name in ("buy_and_hold", "sma_crossover"):
        assert any(detail.startswith(f"conf/strategy/{name}.yaml") for detail in broken)
    assert {"ledger", "broker", "disk"} <= {row["what"] for row in found}


def test_what_needs_a_strategy_is_refused_with_the_file(house: House) -> None:
    said = say("backtest", "--json", f"storage.root={house.root}")
    assert said.status == 1
    assert "conf/strategy/sma_crossover.yaml" in json.dumps(said.json["error"])


def test_the_other_strategies_have_their_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from assets.execution.definitions import execution_definitions
    from assets.research.definitions import research_definitions

    made = House(conf_copy(tmp_path), tmp_path / "data")
    (made.conf / "strategy" / "sma_crossover.yaml").write_text(TEXTS["a wrong kind"])
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made.conf))
    graph = research_definitions((f"storage.root={made.root}",)).resolve_asset_graph()
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert "strategy/buy_and_hold/risk_report" in keys
    assert "strategy/sma_crossover/risk_report" not in keys
    assert execution_definitions((f"storage.root={made.root}",)).resolve_job_def("desk")


def test_the_command_line_takes_the_overrides_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """D3: Dagster stopped one ledger and the command line another; its own words come last and win."""
    monkeypatch.setenv("TRADEWRIGHT_OVERRIDES", f"storage.root={tmp_path / 'there'}")
    assert say("orders", "--json").json["orders"] == []
    assert (tmp_path / "there" / "ledger.sqlite3").is_file()
    assert say("orders", "--json", f"storage.root={tmp_path / 'here'}").status == 0
    assert (tmp_path / "here" / "ledger.sqlite3").is_file()


def test_the_command_line_reads_the_project_s_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".env"
    path.write_text(f"TRADEWRIGHT_OVERRIDES=storage.root={tmp_path / 'there'}\n")
    monkeypatch.setenv("TRADEWRIGHT_ENV_FILE", str(path))
    assert say("orders", "--json").status == 0
    assert (tmp_path / "there" / "ledger.sqlite3").is_file()
