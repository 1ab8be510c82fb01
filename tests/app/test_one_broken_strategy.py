"""A broken file of one traded strategy stops that strategy alone, and is told; all else of the daily loop goes on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from app.operations import trade
from assets.daily_loop import DailyLoop
from assets.execution.definitions import DESK_JOB, execution_definitions
from assets.runs import execute
from conf.compose import compose_without_strategy
from runtime import bar_suite
from runtime.container import Container
from tests.app.conftest import say
from tests.assets.days import without_quality_extra
from tests.support.broken_strategies import AT_WORK, SOUND, WAYS, project
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
    ways = WAYS | AT_WORK
    house = project(place, *ways)
    said = say("trade", "--once", *house.overrides, "--json")
    assert said.status == 1, "a traded strategy is broken"
    reply = said.json
    assert reply["worked"] == ["refresh_bars", "signals", "desk", "send_orders", "reconcile"]
    assert reply["failures"] == []
    assert {view["intent"]["strategy"] for view in reply["intents"]} == set(SOUND)
    assert "FILLED" in [order["state"] for order in reply["orders"]]
    told = {row["strategy"]: row for row in reply["broken"]}
    assert told.keys() == ways.keys()
    for name, way in ways.items():
        text = f"{told[name]['where']} {told[name]['what']}"
        assert way.where.replace("{name}", name) in text, name
        assert way.what in text, name
        assert told[name]["remedy"], name
    again = say("trade", "--once", *house.overrides, "--json")
    assert again.json["worked"] == ["reconcile"], "the next try of what fails at work comes later"
    assert {row["strategy"] for row in again.json["broken"]} == ways.keys(), "and it is told meanwhile"


def test_rounds_leave_a_broken_strategy_out_and_take_it_up_again(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is decided on the signals that it has from before, in the loop or in Dagster, until it can be read."""
    house = project(place)
    owner = SOUND[1]
    file = house.conf / "strategy" / f"{owner}.yaml"
    sound = file.read_text()
    rounds = trade.trade(house.overrides, 30.0, lambda _line: None)
    with monkeypatch.context() as dying:
        dying.setattr(DailyLoop, "_decide", lambda _self, _idle: None)
        assert next(rounds).worked[:2] == ("refresh_bars", "signals")
    file.write_text("kind: [\n")
    with dg.DagsterInstance.ephemeral() as instance:
        only_due = {"ops": {"intents": {"config": {"only_due": True}}}}
        execute(execution_definitions(house.overrides), DESK_JOB, instance, run_config=only_due)
    assert proposed(house) == {SOUND[0]}
    second = next(rounds)
    assert [row.strategy for row in second.broken] == [owner]
    assert "desk" not in second.worked
    file.unlink()
    third = next(rounds)
    assert [(row.strategy, row.where) for row in third.broken] == [(owner, f"conf/strategy/{owner}.yaml")]
    assert proposed(house) == {SOUND[0]}
    file.write_text(sound)
    fourth = next(rounds)
    assert (fourth.broken, {view.intent.strategy for view in fourth.intents}) == ((), {owner})
    rounds.close()
    assert positions(house)["BTC"].keys() == {owner}
    assert fourth.open_orders, "the entry left its protective orders at the venue"
    a_holding_stays(house, owner, list(fourth.open_orders))
    gone_while_it_holds(house, owner)


def a_holding_stays(house: House, owner: str, resting: list[str]) -> None:
    """All are broken, the one that the root file chooses too: the venue is asked, nothing is entered or closed."""
    held = positions(house)
    for name in SOUND:
        (house.conf / "strategy" / f"{name}.yaml").write_text("kind: [\n")
    said = say("trade", "--once", *house.overrides)
    assert said.status == 1
    line = next(line for line in said.out.splitlines() if line.startswith(f"{owner} is broken"))
    assert f"conf/strategy/{owner}.yaml:2" in line
    assert "its holding stays as it is (BTC" in line
    again = say("trade", "--once", *house.overrides, "--json").json
    assert again["worked"] == ["reconcile"], "nothing was decided, and the venue was asked all the same"
    assert (again["intents"], again["open_orders"]) == ([], resting)
    assert positions(house) == held


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


def proposed(house: House) -> set[str]:
    """The strategies of all intents on record."""
    with Container(compose_without_strategy(house.overrides)) as made:
        return {intent.strategy for intent in made.ledger.decisions.intents()}
