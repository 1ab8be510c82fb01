"""The daily loop as a command: from YAML to a filled order that ``explain`` walks back, nothing twice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from app.operations import trade
from assets.runs import RunFailed
from conf.compose import compose
from conf.problems import ConfigProblems
from runtime import bar_suite
from runtime.container import Container
from tests.app.conftest import say
from tests.assets.days import without_quality_extra
from tests.support.houses import House, conf_copy
from tradewright.model.clock import ManualClock

AFTER = datetime(2026, 11, 20, 15, 0, 5, tzinfo=UTC)
STRATEGY = "ema_crossover"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """A project of its own, in which nothing was made yet; each wait ends at once."""
    folder = conf_copy(tmp_path, ("buy_and_hold", STRATEGY))
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setattr(Container, "clock", ManualClock(AFTER))
    return House(folder, tmp_path / "data", ("universe.instruments=[BTC]",))


@pytest.fixture
def no_quality_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first test has it, and its rules have tests of their own."""
    monkeypatch.setattr(bar_suite, "run_suite", without_quality_extra)


def test_one_round_trades_and_the_next_one_finds_nothing_to_do(house: House) -> None:
    chosen = (*house.overrides, f"strategy={STRATEGY}")
    first = say("trade", "--once", *chosen, "--json")
    assert first.status == 0, first
    reply = first.json
    assert reply["worked"] == ["refresh_bars", "signals", "desk", "send_orders", "reconcile"]
    assert (reply["strategies"], reply["failures"], reply["problems"]) == ([STRATEGY], [], [])
    (view,) = reply["intents"]
    assert (view["intent"]["strategy"], view["decision"]["verdict"]) == (STRATEGY, "APPROVE")
    states = {order["attempt"]["ref"].partition(".")[2]: order["state"] for order in reply["orders"]}
    assert states == {"1": "FILLED", "1.sl": "WORKING", "1.tp": "WORKING"}
    assert [ref.partition(".")[2] for ref in reply["open_orders"]] == ["1.sl", "1.tp"]

    walked_back(house, view["orders"][0], chosen)

    again = say("trade", "--once", *chosen, "--json")
    assert (again.status, again.json["worked"], again.json["intents"]) == (0, ["reconcile"], [])
    assert "was decided on" in again.err
    assert "no approved order waits" in again.err


def walked_back(house: House, ref: str, chosen: tuple[str, ...]) -> None:
    """``explain`` leads from the order to its bar and to every resolved setting."""
    told = say("explain", ref, *chosen, "--json").json
    provenance = told["walks"][0]["intent"]["provenance"]
    assert provenance["bar"].startswith("1m 2026-11-20T14:")
    seen = {name: float(value) for name, value in map(str.split, provenance["features"].split(", "))}
    assert set(seen) == {"ema(12)", "ema(26)", "atr(14)", "close"}
    assert seen["ema(12)"] > seen["ema(26)"]  # it bought on the cross
    assert seen["close"] == pytest.approx(float(told["walks"][0]["intent"]["reference_price"]))
    settings = compose(chosen)
    assert told["configurations"] == {
        provenance["config_hash"]: json.loads(json.dumps(settings.model_dump(mode="json")))
    }
    assert provenance["config_hash"] == settings.config_hash
    shown = say("explain", "newest", *chosen).out
    assert shown == say("explain", ref, *chosen).out
    assert f"    features {provenance['features']}" in shown
    assert f"configuration: strategy {STRATEGY} ({STRATEGY}, atr_period=14, fast=12" in shown
    assert str(house.root / "artefacts" / "settings" / settings.config_hash) in shown


def test_every_strategy_is_traded_where_none_is_named(house: House) -> None:
    assert trade.strategies_of(house.overrides) == ("buy_and_hold", STRATEGY)
    with pytest.raises(ConfigProblems, match="must be one of buy_and_hold, ema_crossover"):
        trade.strategies_of(["strategy=ema_crossove"])


def test_a_failed_step_is_told_and_the_rest_is_done(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (house.conf / "expectations" / "bars.yaml").write_text("not: a suite\n")
    monkeypatch.setattr("runtime.bar_suite.SUITE", house.conf / "expectations" / "bars.yaml")
    said = say("trade", "--once", f"strategy={STRATEGY}", *house.overrides, "--json")
    assert said.status == 1
    assert said.json["failures"][0].startswith("refresh_bars: ")
    assert said.json["worked"][-1] == "reconcile"
    assert said.json["orders"] == [], "no checks, no order"


@pytest.mark.usefixtures("no_quality_extra")
def test_rounds_go_on_where_one_breaks_off(house: House) -> None:
    """A YAML file of the limits that is being edited stops no loop; the round after its repair trades."""
    broken = house.conf / "policy" / "default.yaml"
    sound = broken.read_text()
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        if "broke off" in line:
            broken.write_text(sound)

    rounds = trade.trade((*house.overrides, f"strategy={STRATEGY}"), 30.0, hear)
    next(rounds)
    broken.write_text("max_order_value: [\n")
    next(rounds)
    assert sum("the round broke off, tried again in 30 s" in line for line in lines) == 1
    rounds.close()


def test_rounds_go_on_where_dagster_cannot_record_them_and_alerts_are_told_after_each(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked() -> None:
        raise OperationalError("INSERT", {}, Exception("database is locked"))

    class Enough(Exception):
        """The second round has begun."""

    lines: list[str] = []
    told: list[int] = []

    def hear(line: str) -> None:
        lines.append(line)
        if len(lines) > 1:
            raise Enough

    monkeypatch.setattr("assets.daily_loop.open_instance", locked)
    monkeypatch.setattr(trade, "tell_alerts", lambda _settings: told.append(len(lines)))
    with pytest.raises(Enough):
        next(trade.trade(house.overrides, 30.0, hear))
    assert "the round could not be run or recorded: " in lines[0]
    assert "database is locked" in lines[0]
    assert told == [1]
    with pytest.raises(RunFailed):
        trade.trade_once(house.overrides, hear)
    assert told == [1, 2]
