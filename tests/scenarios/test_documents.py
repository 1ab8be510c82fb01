"""Scenario documents: two validators that agree, what is refused, hashes that stay, bytes that stay."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from conf.environment import SOURCE
from conf.scenarios import scenarios
from tests.scenarios.support import PARAMS, document, values
from tradewright.model.errors import ConfigError
from tradewright.scenarios.document import Family, ScenarioDocument, ScenarioFile, json_schema
from tradewright.scenarios.market import contradictions, generate
from tradewright.store.dataset import bars_hash

SHIPPED = {each.id: each for each in scenarios(folder=SOURCE / "conf")}
NAMED = {
    "scenario_trend_up_mid": "cb2621905c 3200dbcfa5",
    "scenario_trend_down_high": "89bb20e08b a4460961ce",
    "scenario_mean_revert": "93c87e9922 29e378e940",
    "scenario_vol_cluster_low": "f2a6eb27c3 6495829f0f",
    "scenario_vol_cluster_high": "4c46cb4e38 c19d0c0311",
    "scenario_shocky": "2db33081f8 c0d863000a",
}
"""The six of R-SCEN-14: the beginning of the hashes of document and dataset."""
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def is_accepted(plain: dict[str, Any]) -> bool:
    try:
        ScenarioFile.model_validate_json(json.dumps(plain), strict=True)
    except ValidationError:
        return False
    return True


def test_the_schema_is_one_and_there_are_five_families() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert len(Family) >= 5
    assert PARAMS.keys() == set(Family)


ODD: list[dict[str, Any]] = [
    {"id": "Upper"}, {"id": ""}, {"id": "../x"}, {"id": 7},
    {"version": "0.2"}, {"version": 0.1},
    {"timeframe": "2h"}, {"timeframe": "1w"}, {"timeframe": None},
    {"duration_bars": 99}, {"duration_bars": 5_000_001}, {"duration_bars": 100.5}, {"duration_bars": "500"},
    {"seed": -1}, {"seed": 2**63}, {"seed": None},
    {"family": "rally"}, {"family": None}, {"family": "shock_mix"},
    {"volume_model": "normal"}, {"volume": 0}, {"price": 0}, {"price": "100"},
    {"params": {}}, {"params": None}, {"params": {"drift": 1.0}}, {"params": {"drift": 1.0, "sigma": 0}},
    {"params": {"drift": 1001, "sigma": 5}}, {"params": {"drift": 1, "sigma": 5, "skew": 1}},
    {"instruments": 0}, {"instruments": 51}, {"correlation": 1.01}, {"notes": 3}, {"colour": "red"},
    {"hours": {}}, {"hours": {"weekdays_only": True, "start": "25:00"}}, {"hours": {"weekdays_only": "yes"}},
    {"events": {}}, {"events": [{"kind": "crush"}]}, {"events": [{"at": 3}]}, {"events": [{"kind": "crash", "at": 0}]},
    {"events": [{"kind": "crash", "at": 3, "bars": 2, "depth": 1.0}]},
    {"events": [{"kind": "split", "at": 3, "ratio": 0}]}, {"events": [{"kind": "missing", "share": 0.9}]},
    {"events": [{"kind": "half_days", "every": 1}]}, {"events": [{"kind": "halt", "at": 3}]},
    {"events": [{"kind": "gap", "at": 3, "size": -0.1, "only": -1}]},
]  # fmt: skip


@pytest.mark.parametrize("changed", ODD, ids=str)
def test_what_is_wrong_is_refused_by_model_and_schema(changed: dict[str, Any]) -> None:
    plain = values() | changed
    assert (is_accepted(plain), VALIDATOR.is_valid(plain)) == (False, False)


@pytest.mark.parametrize("name", [name for name in values() if name != "params"] + ["params"])
def test_each_required_field_is_demanded(name: str) -> None:
    plain = {key: value for key, value in values().items() if key != name}
    assert (is_accepted(plain), VALIDATOR.is_valid(plain)) == (False, False)


@pytest.mark.parametrize("family", PARAMS)
def test_both_accept_each_family_and_demand_each_of_its_params(family: str) -> None:
    assert (is_accepted(values(family)), VALIDATOR.is_valid(values(family))) == (True, True)
    for name in PARAMS[family]:
        plain = values(family, params={key: value for key, value in PARAMS[family].items() if key != name})
        assert (is_accepted(plain), VALIDATOR.is_valid(plain)) == (False, False), name


@pytest.mark.parametrize("name", SHIPPED)
def test_both_accept_the_shipped_ones(name: str) -> None:
    plain = json.loads(SHIPPED[name].model_dump_json())
    assert (is_accepted(plain), VALIDATOR.is_valid(plain)) == (True, True)


CROSSED: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"events": [{"kind": "gap", "at": 500, "size": 0.1}]}, ("events", "0", "at")),
    ({"events": [{"kind": "crash", "at": 490, "bars": 6, "depth": 0.1, "back": 0.5, "back_bars": 9}]},
     ("events", "0", "at")),
    ({"events": [{"kind": "squeeze", "at": 400, "bars": 60, "loud_bars": 60}]}, ("events", "0", "at")),
    ({"events": [{"kind": "gap", "at": 9, "size": 0.1, "only": 1}]}, ("events", "0", "only")),
    ({"events": [{"kind": "weekend_gap", "sigma": 9.0}]}, ("events", "0", "kind")),
    ({"events": [{"kind": "correlation", "at": 9, "bars": 9, "to": 0.9}]}, ("events", "0", "kind")),
    ({"events": [{"kind": "delisting", "at": 499, "left": 0.9}]}, ("events", "0", "at")),
    ({"hours": {"weekdays_only": True}, "duration_bars": 119, "events": [{"kind": "weekend_gap", "sigma": 9.0}]},
     ("events", "0", "kind")),
    ({"events": [{"kind": "half_days", "every": 40}]}, ("events", "0", "every")),
    ({"events": [{"kind": "limit_down", "at": 450, "days": 3, "limit": 0.1}]}, ("events", "0", "days")),
    ({"events": [{"kind": "missing", "share": 0.0009}]}, ("events", "0", "share")),
    ({"params": {"drift": -9.0, "sigma": 1.0}}, ("params", "drift")),
    ({"family": "vol_cluster", "params": {"mu": 9.0, "omega": 1.0, "alpha": 0.5, "beta": 0.4}}, ("params", "mu")),
    ({"hours": {"weekdays_only": True, "start": "21:00", "end": "14:00"}}, ("hours", "start")),
    ({"hours": {"weekdays_only": True, "start": "14:00", "end": "14:30"}}, ("hours", "end")),
    ({"timeframe": "1d", "duration_bars": 82_546}, ("duration_bars",)),
    ({"timeframe": "1d", "events": [{"kind": "halt", "at": 9, "bars": 82_100}]}, ("duration_bars",)),
    ({"timeframe": "1m", "duration_bars": 90_000, "hours": {"weekdays_only": False, "start": "00:00", "end": "00:01"}},
     ("duration_bars",)),
    ({"events": [{"kind": "halt", "at": 9, "bars": 2_500_001}] * 2}, ("events",)),
    ({"duration_bars": 2_000_000, "timeframe": "1m", "instruments": 3}, ("instruments",)),
    ({"events": [{"kind": "split", "at": 9, "ratio": 0.01}, {"kind": "split", "at": 99, "ratio": 0.01},
                 {"kind": "split", "at": 199, "ratio": 0.5}]}, ("events",)),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "key"), CROSSED)
def test_keys_that_contradict_each_other_are_told_and_never_generated(
    changed: dict[str, Any], key: tuple[str, ...]
) -> None:
    made = document(**changed)
    assert [row.key for row in contradictions(made)] == [key]
    with pytest.raises(ConfigError, match=r"scenario market, " + r"\.".join(key)) as refused:
        generate(made)
    assert refused.value.code == "SCENARIO_INVALID"


def hashes(made: ScenarioDocument) -> str:
    return f"{made.scenario_hash[:10]} {bars_hash(generate(made)[0].bars)[:10]}"


def test_the_six_named_scenarios_are_there_and_their_hashes_stay() -> None:
    """A new hash is another market: whoever changes one says so in the changelog."""
    assert {name: hashes(SHIPPED[name]) for name in NAMED} == NAMED


def test_the_hash_is_of_all_that_counts_and_of_nothing_else() -> None:
    plain = document()
    assert document(notes="for people", volume=100_000.0).scenario_hash == plain.scenario_hash
    changed: list[dict[str, Any]] = [
        {"id": "other"}, {"seed": 8}, {"timeframe": "1d"}, {"duration_bars": 501}, {"volume_model": "const"},
        {"volume": 5.0}, {"price": 5.0}, {"instruments": 2}, {"correlation": 0.5},
        {"params": {"drift": 1.0, "sigma": 41.0}}, {"hours": {"weekdays_only": True}},
        {"events": [{"kind": "gap", "at": 9, "size": 0.1}]},
    ]  # fmt: skip
    assert len({document(**each).scenario_hash for each in changed} | {plain.scenario_hash}) == len(changed) + 1


def test_another_process_makes_the_same_bytes() -> None:
    text = json.dumps([values(family) for family in PARAMS])
    code = (
        "import json, sys\n"
        "from tradewright.scenarios.document import ScenarioFile\n"
        "from tradewright.scenarios.market import generate\n"
        "from tradewright.store.dataset import bars_hash\n"
        "made = [ScenarioFile.model_validate(each).root for each in json.load(sys.stdin)]\n"
        "print([bars_hash(generate(each)[0].bars) for each in made])\n"
    )
    said = subprocess.run([sys.executable, "-c", code], input=text, capture_output=True, text=True, check=True)
    here = [generate(document(family))[0].bars for family in PARAMS]
    assert said.stdout.strip() == str([bars_hash(bars) for bars in here])
    again = copy.deepcopy(document("trend"))
    assert bars_hash(generate(again)[0].bars) == bars_hash(here[0])
    assert bars_hash(generate(document(seed=8))[0].bars) != bars_hash(here[0])
