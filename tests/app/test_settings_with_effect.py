"""Settings of the money side that are believed have their effect, at the command line and all the way to the venue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.desk import Desk, desk

BUY = "intent --instrument AAPL --side BUY --qty 3"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        made.open_market()
        yield made


def under(at: Desk, *overrides: str) -> Desk:
    """The same desk under further settings."""
    return Desk(at.counter, (*at.overrides, *overrides))


@pytest.mark.parametrize(("seconds", "outcomes"), [(80, ["SENT"]), (101, [])])
def test_a_person_s_yes_lives_as_long_as_the_setting_says(at: Desk, seconds: int, outcomes: list[str]) -> None:
    """Longer than the minute that is the default; past its end the order is no longer there to be sent."""
    asking = under(at, "stage.manual_approval=true", "policy.approval_ttl_seconds=100")
    decision = asking.run(BUY)[1]
    assert (decision["verdict"], [row["code"] for row in decision["reasons"]][:1]) == ("REVIEW", ["MANUAL_APPROVAL"])
    assert asking.run(f'approve {decision["decision_id"]} --reason "yes"')[0] == 0
    at.counter.clock.advance(seconds)
    assert [row["status"] for row in asking.run("send")[1]["outcomes"]] == outcomes


def test_the_sandbox_asks_a_person_and_sends_a_hundred_dollars_at_the_most(at: Desk) -> None:
    """At 100 USD a share three become one, whoever says yes."""
    sandbox = under(at, "stage=sandbox")
    decision = sandbox.run(BUY)[1]
    assert (decision["verdict"], decision["approved_quantity"]) == ("REVIEW", 1)
    assert {"MANUAL_APPROVAL", "STAGE_MONEY"} <= {row["code"] for row in decision["reasons"]}
    sandbox.run(f'approve {decision["decision_id"]} --reason "yes"')
    sandbox.run("send")
    assert at.venue.state["orders"][-1]["quantity"] == "1"


def test_the_day_s_loss_in_money_stops_entries_and_no_exits(at: Desk) -> None:
    """The cap of the stage, tightened on the command line; half a per cent is far from the cap in percent."""
    capped = under(at, "stage.max_daily_loss=500")
    capped.run("reconcile")
    at.order("--side BUY --qty 3")
    at.counter.money = at.counter.money.model_copy(update={"equity": at.counter.money.equity - 500})
    at.counter.clock.advance(61)
    refused = capped.run(BUY)[1]
    assert refused["verdict"] == "REJECT"
    assert {"DAILY_LOSS_MONEY", "BREAKER_TRIPPED"} <= {row["code"] for row in refused["reasons"]}
    at.counter.clock.advance(61)
    way_out = capped.run("intent --instrument AAPL --side SELL --qty 3 --reduce-only")[1]
    assert way_out["verdict"] == "APPROVE", way_out["reasons"]
