"""An allocation in the daily loop: signals, sales, then purchases, each once for each rebalance."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.operations.trade import strategies_of
from assets.daily_loop import DailyLoop
from assets.execution.orders import propose
from conf.compose import compose
from runtime import bar_suite
from runtime.container import Container
from runtime.job_progress import decisions_due
from runtime.rebalances import desk_of
from tests.app.conftest import say
from tests.assets.days import without_quality_extra
from tests.support.houses import House, conf_copy
from tradewright.model.clock import ManualClock

AFTER = datetime(2026, 11, 20, 15, 0, 5, tzinfo=UTC)
CHOSEN = (
    "strategy=momentum_rotation",
    "strategy.bars=5",
    "strategy.top=1",
    "strategy.least=-100",
    "strategy.confidence=0.9",
    "backtest.account=shared",
    "backtest.shared.rebalance=bar",
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(AFTER)


@pytest.fixture
def house(clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    folder = conf_copy(tmp_path, ("momentum_rotation", "buy_and_hold"))
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setattr(Container, "clock", clock)
    monkeypatch.setattr(bar_suite, "run_suite", without_quality_extra)
    return House(folder, tmp_path / "data", ("universe.instruments=[BTC,ETH]", *CHOSEN))


def later(house: House, clock: ManualClock) -> House:
    """One minute on; the scenario's newest bar ends then."""
    clock.advance(60)
    return replace(house, more=(*house.more, f"feed.end='{clock.now():%Y-%m-%dT%H:%M}:00Z'"))


def held(house: House) -> dict[str, float]:
    rows = say("positions", *house.overrides, "--json").json["positions"]
    return {row["instrument"]: float(row["quantity"]) for row in rows if float(row["quantity"])}


def round_of(house: House) -> Any:
    said = say("trade", "--once", *house.overrides, "--json")
    assert said.status == 0, said
    return said.json


def sides(reply: Any) -> dict[str, str]:
    return {view["intent"]["terms"]["instrument"]: view["intent"]["terms"]["side"] for view in reply["intents"]}


def test_a_rotation_sells_then_buys_and_does_neither_twice(
    house: House, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sides(round_of(house)) == {"ETH": "BUY"}
    assert held(house).keys() == {"ETH"}
    house = later(house, clock)
    with monkeypatch.context() as dying:
        dying.setattr(DailyLoop, "_send", lambda _self, _idle: None)
        reply = round_of(house)
        assert sides(reply) == {"ETH": "SELL"}
        (row,) = reply["waiting"]
        assert (row["strategy"], row["instruments"]) == ("momentum_rotation", ["BTC"])
        assert row["reductions"] == {view["intent"]["intent_id"]: "ETH" for view in reply["intents"]}
    waits = "momentum_rotation: the orders in BTC wait for those that reduce ETH"
    with Container(compose(house.overrides)) as made:
        assert decisions_due(made, ["momentum_rotation"]).reasons == (f"momentum_rotation: {waits}",)
    reply = round_of(house)
    assert reply["worked"] == ["send_orders", "desk", "send_orders", "reconcile"]
    assert (sides(reply), reply["waiting"]) == ({"BTC": "BUY"}, [])
    assert held(house).keys() == {"BTC"}
    again = say("trade", "--once", *house.overrides, "--json")
    assert (again.json["worked"], again.json["intents"], again.json["orders"]) == (["reconcile"], [], [])
    (order,) = reply["orders"]
    told = say("explain", order["attempt"]["ref"], *house.overrides).out
    assert "series ETH 1m" in told
    assert "features roc(5)" in told
    assert held(house).keys() == {"BTC"}
    a_damaged_record_stops_this_one_alone(house)


def a_damaged_record_stops_this_one_alone(house: House) -> None:
    settings = compose(house.overrides)
    with Container(settings) as made:
        made.progress.write_json(("rebalanced", desk_of(settings), "momentum_rotation", "progress"), [1])
    (check,) = propose(settings, ("buy_and_hold", "momentum_rotation")).check_results or ()
    told = str(check.metadata["problems"].value)
    assert "momentum_rotation is broken" in told
    assert "buy_and_hold has no signals yet" in told, "it was looked at all the same"


def test_without_one_account_an_allocation_is_refused_and_left_out(house: House) -> None:
    split = (*house.overrides, "backtest.account=split")
    said = say("trade", "--once", *split)
    assert said.status == 1
    assert "momentum_rotation is an allocation" in said.err
    assert "add backtest.account=shared" in said.err
    everything = [each for each in split if not each.startswith("strategy")]
    assert strategies_of(everything) == ("buy_and_hold",)
    assert strategies_of([*everything, "backtest.account=shared"]) == ("buy_and_hold", "momentum_rotation")
