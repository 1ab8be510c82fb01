"""A broken file of one traded strategy stops that strategy alone, and is told; all else of the daily loop goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.operations import trade
from conf.compose import compose_without_strategy
from runtime import bar_suite
from runtime.container import Container
from tests.app.conftest import say
from tests.assets.days import without_quality_extra
from tests.support.broken_strategies import SOUND, WAYS, project
from tests.support.houses import House
from tradewright.model.clock import ManualClock

AFTER = datetime(2026, 11, 20, 15, 0, 5, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for a project, found by every command; each wait ends at once."""
    monkeypatch.setenv("TRADEWRIGHT_PROJECT", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setattr(Container, "clock", ManualClock(AFTER))
    monkeypatch.setattr(bar_suite, "run_suite", without_quality_extra)
    return tmp_path


def positions(house: House) -> dict[str, Any]:
    """What each strategy holds, by the ledger."""
    with Container(compose_without_strategy(house.overrides)) as made:
        (account,) = made.ledger.outbox.accounts()
        return made.ledger.executions.holders(account)


def test_each_way_of_being_broken_is_told_and_the_sound_ones_trade(place: Path) -> None:
    house = project(place, *WAYS)
    said = say("trade", "--once", *house.overrides, "--json")
    assert said.status == 1, "a traded strategy is broken"
    reply = said.json
    assert reply["worked"] == ["refresh_bars", "signals", "desk", "send_orders", "reconcile"]
    assert reply["failures"] == []
    assert {view["intent"]["strategy"] for view in reply["intents"]} == set(SOUND)
    assert "FILLED" in [order["state"] for order in reply["orders"]]
    told = {row["strategy"]: row for row in reply["broken"]}
    assert told.keys() == WAYS.keys()
    for name, way in WAYS.items():
        text = f"{told[name]['where']} {told[name]['what']}"
        assert way.where.replace("{name}", name) in text, name
        assert way.what in text, name
        assert told[name]["remedy"], name


def test_the_file_that_the_root_chooses_may_be_the_broken_one_and_its_holding_stays(place: Path) -> None:
    """Its orders rest as before, nothing is entered or closed for it, and the other one trades on the next bar."""
    house = project(place)
    first = say("trade", "--once", *house.overrides, "--json")
    assert (first.status, first.json["broken"]) == (0, []), first
    held, resting = positions(house), first.json["open_orders"]
    assert set(held["BTC"]) <= set(SOUND)
    assert resting, "the entry left its protective orders at the venue"
    for name in SOUND:
        (house.conf / "strategy" / f"{name}.yaml").write_text("kind: [\n")
    said = say("trade", "--once", *house.overrides)
    assert said.status == 1
    for name in held["BTC"]:
        line = next(line for line in said.out.splitlines() if line.startswith(f"{name} is broken"))
        assert f"conf/strategy/{name}.yaml:2" in line
        assert "its holding stays as it is (BTC" in line
    again = say("trade", "--once", *house.overrides, "--json").json
    assert again["worked"] == ["reconcile"], "nothing was decided, and the venue was asked all the same"
    assert (again["intents"], again["open_orders"]) == ([], resting)
    assert positions(house) == held
    gone_while_it_holds(house, *held["BTC"])


def gone_while_it_holds(house: House, owner: str) -> None:
    """A file that is gone is told as long as its strategy holds something; the doctor tells it too."""
    for name in SOUND:
        (house.conf / "strategy" / f"{name}.yaml").unlink()
    said = say("trade", "--once", *house.overrides, "--json")
    (row,) = said.json["broken"]
    assert (said.status, row["strategy"], row["where"]) == (1, owner, f"conf/strategy/{owner}.yaml")
    assert row["holds"].keys() == {"BTC"}
    assert said.json["worked"] == ["reconcile"]
    found = say("doctor", *house.overrides, "--json").json["findings"]
    assert [each["state"] for each in found if each["what"] == f"strategy {owner}"] == ["broken"]


def test_rounds_take_up_a_strategy_when_its_file_is_repaired(place: Path) -> None:
    house = project(place)
    file = house.conf / "strategy" / f"{SOUND[1]}.yaml"
    sound = file.read_text()
    file.write_text("kind: [\n")
    rounds = trade.trade(house.overrides, 30.0, lambda _line: None)
    first = next(rounds)
    assert [row.strategy for row in first.broken] == [SOUND[1]]
    assert {view.intent.strategy for view in first.intents} == {SOUND[0]}
    file.unlink()
    second = next(rounds)
    assert [(row.strategy, row.where) for row in second.broken] == [(SOUND[1], f"conf/strategy/{SOUND[1]}.yaml")]
    file.write_text(sound)
    third = next(rounds)
    assert (third.broken, {view.intent.strategy for view in third.intents}) == ((), {SOUND[1]})
    rounds.close()
