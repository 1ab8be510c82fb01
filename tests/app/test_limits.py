"""Limits on the command line: listed in both layers, tightened at once, loosened by the configuration alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.app.conftest import say
from tests.support.houses import House, copied_house

REASON = ("--reason", "a wild day", "--actor", "ann")
BUY = ("--instrument", "BTC", "--side", "BUY", "--qty")


@pytest.fixture(scope="module")
def reconciled(stocked: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A house whose account the venue has told."""
    made = copied_house(stocked, tmp_path_factory.mktemp("limits"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        done("reconcile", *made.overrides)
    return made


@pytest.fixture
def desk(reconciled: House, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(reconciled.conf))
    return copied_house(reconciled, tmp_path_factory.mktemp("copy"))


def done(*words: str) -> Any:
    said = say(*words, "--json")
    assert said.status == 0, said.err + said.out
    return said.json


def row(desk: House, name: str) -> dict[str, Any]:
    rows: list[dict[str, Any]] = done("limits", *desk.overrides)["limits"]
    return next(each for each in rows if each["name"] == name)


def test_a_tightened_limit_is_listed_counts_at_once_and_is_named_by_the_decision(desk: House) -> None:
    assert (row(desk, "restricted")["in_force"], row(desk, "restricted")["tightened"]) == ([], None)
    asked = done("intent", *desk.overrides, *BUY, "0.01")
    assert asked["verdict"] == "APPROVE"
    told = done("tighten", "restricted", "BTC", *desk.overrides, *REASON)["tightened"]
    assert (told["name"], told["value"], told["base"], told["reason"]) == ("restricted", ["BTC"], [], "a wild day")
    assert "claimed: ann" in told["actor"]
    listed = row(desk, "restricted")
    assert (listed["configured"], listed["in_force"], listed["tightened"]["seq"]) == ([], ["BTC"], told["seq"])
    late = say("send", *desk.overrides, "--json")
    assert late.status == 1
    (outcome,) = late.json["outcomes"]
    assert (outcome["status"], outcome["reasons"][0].partition(":")[0]) == ("REFUSED", "RULES_CHANGED")
    refused = say("intent", *desk.overrides, *BUY, "0.01", "--key", "again", "--json")
    assert refused.status == 1
    codes = {reason["code"]: reason["text"] for reason in refused.json["reasons"]}
    assert codes["LIMITS_TIGHTENED"].startswith("restricted BTC by")
    assert "RESTRICTED" in codes
    findings = {row["what"]: row["state"] for row in say("doctor", *desk.overrides, "--json").json["findings"]}
    assert findings["limits"] == "good", "the limits in force are those of the last decision"
    assert f"event {told['seq']}" in say("explain", refused.json["decision_id"], *desk.overrides).out


def test_people_see_both_layers_and_what_is_over(desk: House) -> None:
    done("tighten", "max_gross", "0.2", *desk.overrides, *REASON)
    shown = say("limits", *desk.overrides).out
    (line,) = [each for each in shown.splitlines() if each.startswith("max_gross")]
    assert line.split()[:3] == ["max_gross", "0.5", "0.2"]
    assert "a wild day" in line
    elsewhere = say("limits", *desk.overrides, "risk.max_gross=0.4").out
    (line,) = [each for each in elsewhere.splitlines() if each.startswith("max_gross")]
    assert line.split() == ["max_gross", "0.4"]
    assert "no longer in force, the configuration has changed: max_gross 0.2" in elsewhere


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("max_gross", "0.5", *REASON), "0.5 is not tighter than 0.5, which is in force"),
        (("max_gross", "0.9", *REASON), "change it in conf/policy, conf/risk or conf/stage"),
        (("max_gros", "0.1", *REASON), "'max_gros' is no limit that can be tightened"),
        (("restricted", "NOSUCH", *REASON), "there is no instrument NOSUCH"),
        (("max_gross", "lots", *REASON), "limit max_gross: lots"),
        (("max_gross", "0.1"), "a reason is needed"),
    ],
)
def test_what_is_no_tightening_is_refused_and_writes_nothing(desk: House, words: tuple[str, ...], told: str) -> None:
    name, value, *rest = words
    said = say("tighten", name, value, *desk.overrides, *rest)
    assert said.status == 1
    assert told in said.err
    assert all(each["tightened"] is None for each in done("limits", *desk.overrides)["limits"])


def test_without_a_known_account_nothing_is_tightened(house: House) -> None:
    said = say("tighten", "max_gross", "0.2", *house.overrides, "mode=paper", "broker=ibkr", *REASON)
    assert said.status == 1
    assert "tradewright reconcile" in said.err
