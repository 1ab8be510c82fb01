"""An entry with protective legs on the whole road: sent once as one group, recovered, cancelled, and never too much."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.execution.conftest import World
from tests.execution.kill_driver import SHORT, allow, work
from tests.execution.processes import run_driver
from tests.execution.venue import ACCOUNT
from tests.execution.world import run, violations
from tests.support.ledgers import Proposer
from tests.support.sim_broker import broker
from tradewright.execution.exposure import working_orders
from tradewright.execution.health import problems
from tradewright.execution.protection import live_protections
from tradewright.execution.sender import Sender
from tradewright.execution.types import CHECKPOINTS, SenderSettings, SendStatus
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import SystemClock
from tradewright.model.order import AttemptState, Leg, Side

ENTRY, STOP, TARGET = "intent0001.1", "intent0001.1.sl", "intent0001.1.tp"
ORDINARY = [name for name in CHECKPOINTS if name[0] == "S" and not name.startswith("S8")]
UNSENT = ("S1", "S2", "S3", "S4.before")
IN_DOUBT = ("S4.written", "S4.read_back", "S5.before")


def codes(world: World) -> list[str]:
    return [problem.code for problem in problems(world.ledger, ACCOUNT)]


def states(world: World) -> dict[str, str]:
    return {attempt.ref: attempt.state.value for attempt in world.ledger.attempts.all()}


def test_all_legs_are_claimed_written_down_and_sent_together(world: World) -> None:
    order = world.proposer.bracket()
    seen: dict[str, dict[str, str]] = {}
    sender = world.sender(checkpoint=lambda name: seen.setdefault(name, states(world)) and None)
    (result,) = world.drain(sender)
    assert (result.ref, result.status, result.state) == (ENTRY, SendStatus.SENT, AttemptState.FILLED)
    assert set(seen["S2.claimed"].values()) == {"CLAIMED"}
    assert set(seen["S2.claimed"]) == {ENTRY, STOP, TARGET}
    assert set(seen["S4.written"].values()) == {"SENDING"}, "all of them before the first one goes out"
    assert world.venue.state["placed"] == [ENTRY, STOP, TARGET]
    assert states(world) == {ENTRY: "FILLED", STOP: "WORKING", TARGET: "WORKING"}
    legs = world.ledger.attempts.group(ENTRY)
    assert [(leg.leg, leg.side, leg.quantity, leg.tif.value) for leg in legs] == [
        (Leg.ENTRY, Side.BUY, 10, "DAY"),
        (Leg.STOP_LOSS, Side.SELL, 10, "GTC"),
        (Leg.TAKE_PROFIT, Side.SELL, 10, "GTC"),
    ]
    assert {leg.payload_hash for leg in legs} == {order.payload_hash}
    assert world.drain() == ()
    assert violations(world.ledger, world.venue) == []
    assert codes(world) == []


def test_a_filled_leg_ends_the_other_and_the_intent_is_not_sent_again(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.venue.fill(STOP, price="95")
    world.recover()
    assert states(world) == {ENTRY: "FILLED", STOP: "FILLED", TARGET: "CANCELLED"}
    assert world.ledger.executions.positions(ACCOUNT) == []
    assert (world.drain(), codes(world), violations(world.ledger, world.venue)) == ((), [], [])


def test_a_leg_that_the_venue_made_smaller_ends_as_filled(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.venue.fill(TARGET, "4", price="110")
    world.venue.fill(STOP, "6", price="95")
    world.recover()
    assert states(world) == {ENTRY: "FILLED", STOP: "FILLED", TARGET: "FILLED"}
    assert (codes(world), violations(world.ledger, world.venue)) == ([], [])


def test_an_entry_cancelled_after_a_part_keeps_its_protection_for_that_part(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.bracket()
    world.drain()
    world.venue.fill(ENTRY, "4")
    world.venue.end(ENTRY)
    world.recover()
    assert states(world)[ENTRY] == "CANCELLED"
    assert [group.uncovered for group in live_protections(world.ledger, ACCOUNT)] == [4]
    world.venue.fill(STOP, price="95")
    world.recover()
    assert states(world) == {ENTRY: "CANCELLED", STOP: "FILLED", TARGET: "CANCELLED"}
    assert (codes(world), violations(world.ledger, world.venue)) == ([], [])


def test_protective_legs_commit_nothing_and_count_in_no_limit_on_entries(world: World) -> None:
    world.venue.set(mode="rest")
    world.proposer.bracket()
    world.drain()
    assert [row.quantity for row in working_orders(world.ledger, ACCOUNT, world.venue.snapshot())] == [10]
    world.venue.fill(ENTRY)
    world.recover()
    assert working_orders(world.ledger, ACCOUNT, world.venue.snapshot()) == []
    assert len(world.ledger.attempts.sent_at(ACCOUNT, world.clock.now().replace(year=2000))) == 1


@pytest.mark.parametrize("strategy", ["trend", "manual", "flatten"])
def test_an_order_that_closes_cancels_the_protection_first(world: World, strategy: str) -> None:
    world.proposer.bracket()
    world.drain()
    world.proposer.order("AAPL", "10", side=Side.SELL, strategy=strategy, reduce_only=True)
    (result,) = world.drain()
    assert result.status is SendStatus.SENT
    cancelled = [ref for ref, _number in world.venue.state["cancels"]]
    assert sorted(cancelled) == [STOP, TARGET]
    assert states(world) | {"intent0002.1": "FILLED"} == {
        ENTRY: "FILLED", STOP: "CANCELLED", TARGET: "CANCELLED", "intent0002.1": "FILLED",
    }  # fmt: skip
    assert world.ledger.executions.positions(ACCOUNT) == []
    assert violations(world.ledger, world.venue) == []


def test_an_order_of_another_strategy_leaves_the_protection_alone(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.proposer.order("AAPL", "10", side=Side.SELL, strategy="other")
    world.drain()
    assert world.venue.state["cancels"] == []


def test_an_order_that_closes_is_refused_while_the_protection_may_still_be_filled(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.venue.fault("cancel_silent", 2)
    world.proposer.order("AAPL", "10", side=Side.SELL, reduce_only=True)
    (result,) = world.drain()
    assert [reason.code for reason in result.reasons] == ["PROTECTION_OPEN"]
    assert "intent0002.1" not in world.venue.state["placed"]
    assert states(world)["intent0002.1"] == "NOT_SENT"


def test_a_stop_that_fills_while_it_is_cancelled_leaves_nothing_to_close(world: World) -> None:
    """The second check sees a flat position; with the gate's own controls that is NOT_REDUCING."""
    world.proposer.bracket()
    world.drain()
    world.proposer.order("AAPL", "10", side=Side.SELL, reduce_only=True)
    seen = []

    async def check(_order: object, snapshot: object) -> tuple[()]:
        seen.append(sum(row.quantity for row in snapshot.positions))  # type: ignore[attr-defined]
        return ()

    def meanwhile(name: str) -> None:
        if name == "C.written":
            world.venue.fill(STOP, price="95")

    world.drain(world.sender(pre_send_check=check, checkpoint=meanwhile))
    assert seen == [10, 0]


@pytest.mark.parametrize("number", [1, 2])
def test_a_link_that_breaks_between_two_legs_leaves_nothing_behind(world: World, number: int) -> None:
    world.proposer.bracket()
    world.venue.fault(f"drop_after_leg_{number}")
    (result,) = world.drain()
    assert result.status in (SendStatus.SENT, SendStatus.UNKNOWN)
    world.recover()
    world.recover()
    sent = [ENTRY, STOP, TARGET][:number]
    assert states(world) == {ref: "CANCELLED" if ref in sent else "NOT_SENT" for ref in (ENTRY, STOP, TARGET)}
    assert world.venue.state["placed"] == sent
    assert world.drain() == ()
    assert (violations(world.ledger, world.venue), codes(world), world.codes()) == ([], [], [])


def test_a_refused_group_releases_all_legs(world: World) -> None:
    world.proposer.bracket()
    world.venue.fault("not_accepted")
    (result,) = world.drain()
    assert [reason.code for reason in result.reasons] == ["NOT_ACCEPTED"]
    assert set(states(world).values()) == {"NOT_SENT"}
    assert world.venue.state["placed"] == []


def test_a_stop_that_is_gone_is_a_problem_until_the_holding_is(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    world.venue.end(STOP, VenueStatus.CANCELLED)
    world.recover()
    (problem,) = problems(world.ledger, ACCOUNT)
    assert (problem.code, problem.ref, problem.instrument) == ("UNPROTECTED", STOP, "AAPL")
    assert "10 held by trend have no stop" in problem.text
    world.venue.fill(TARGET, price="110")
    world.recover()
    assert codes(world) == []


def test_protection_beyond_the_holding_is_a_problem(world: World) -> None:
    """A part was sold by other means: the legs would open a short position."""
    world.proposer.bracket()
    world.drain()
    world.venue.set(mode="rest")
    world.proposer.order("MSFT")
    order = world.proposer.made[0]
    sale = world.venue.take(world.proposer.order("AAPL", "4", side=Side.SELL), "intent0003.1", 77)[1]
    assert (order.intent_id, sale is not None) == ("intent0001", True)
    claimed = world.ledger.claims
    made = world.proposer.made[-1]
    assert world.ledger.leases.acquire(ACCOUNT, "by hand", 60)
    attempt = claimed.claim(made.decision_id, made.payload_hash, "by hand")
    assert attempt is not None
    claimed.begin_sending(attempt.ref, "by hand", {Leg.ENTRY: 77}, made.payload_hash, "by hand")
    world.ledger.leases.release(ACCOUNT, "by hand")
    world.venue.fill("intent0003.1")
    world.recover()
    assert "PROTECTION_TOO_LARGE" in codes(world)


def test_a_kill_cancels_the_legs_too(world: World) -> None:
    world.proposer.bracket()
    world.drain()
    done = run(_cancel_all(world))
    assert sorted(done.ended) == [STOP, TARGET]
    assert codes(world) == ["UNPROTECTED"]


async def _cancel_all(world: World):  # type: ignore[no-untyped-def]
    sender = world.sender()
    try:
        return await sender.cancel_all(lambda _attempt: True, "ann", "kill")
    finally:
        await sender.close()


def killed(world: World, *arguments: str) -> None:
    world.expire_lease()
    places = ("--ledger", world.url, "--argument", world.venue.path)
    done = run_driver("tests.execution.kill_driver", (*places, *arguments))
    assert done.returncode == -signal.SIGKILL, f"{arguments} was not passed: {done.stdout} {done.stderr}"


def restart(world: World) -> None:
    world.expire_lease()
    run(work(world.sender(), (), 0.6))


@pytest.mark.kill
@pytest.mark.parametrize("name", ORDINARY)
def test_a_group_survives_a_kill_at_every_boundary(real: World, name: str) -> None:
    real.proposer.bracket()
    killed(real, "--die-at", name)
    restart(real)
    restart(real)
    assert violations(real.ledger, real.venue) == []
    placed = real.venue.state["placed"]
    if name.startswith(IN_DOUBT):
        assert placed == []
        assert set(states(real).values()) == {"NOT_SENT"}
    else:
        ref = "intent0001.2" if name == "S2.claimed" or name in CHECKPOINTS[3:7] else ENTRY
        assert placed == [ref, f"{ref}.sl", f"{ref}.tp"]
        assert [states(real)[leg] for leg in placed] == ["FILLED", "WORKING", "WORKING"]
    assert real.codes() == []


@pytest.mark.kill
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_group_at_the_simulated_venue_survives_a_kill_between_any_two_legs(tmp_path: Path, number: int) -> None:
    url, file = f"sqlite:///{tmp_path / 'ledger.db'}", str(tmp_path / "venue.json")
    with Ledger.create(url, SystemClock(), busy_seconds=1) as ledger:
        Proposer(ledger, SystemClock()).bracket()
        places = ("--ledger", url, "--broker", "tests.support.sim_broker:broker", "--argument", file)
        done = run_driver("tests.execution.kill_driver", (*places, "--die-after-leg", str(number)))
        assert done.returncode == -signal.SIGKILL, f"{done.stdout} {done.stderr}"
        for again in ("first", "second"):
            ledger.leases.release(ACCOUNT, getattr(ledger.leases.get(ACCOUNT), "holder", ""))
            settings = SenderSettings(ACCOUNT, again, per_second=100, per_minute=1000)
            run(work(Sender(ledger, broker(file), SystemClock(), allow, settings, SHORT), (), 0.6))
        states = [attempt.state.value for attempt in ledger.attempts.group(ENTRY)]
        broken = ["CANCELLED"] * number + ["NOT_SENT"] * (3 - number)
        assert states == (["FILLED", "WORKING", "WORKING"] if number == 3 else broken)
        held = [row.quantity for row in ledger.executions.positions(ACCOUNT)]
        assert (held, ledger.freezes.present(ACCOUNT)) == ([10] if number == 3 else [], [])


@pytest.mark.kill
@pytest.mark.parametrize(
    ("real", "number"),
    [("sqlite", 1), ("sqlite", 2), ("sqlite", 3), pytest.param("postgres", 1, marks=pytest.mark.postgres)],
    indirect=["real"],
)
def test_a_group_survives_a_kill_between_any_two_legs(real: World, number: int) -> None:
    real.proposer.bracket()
    killed(real, "--die-after-leg", str(number))
    restart(real)
    restart(real)
    sent = [ENTRY, STOP, TARGET][:number]
    assert real.venue.state["placed"] == sent, "what was not sent is never sent later"
    whole = {ENTRY: "FILLED", STOP: "WORKING", TARGET: "WORKING"}
    broken = {ref: "CANCELLED" if ref in sent else "NOT_SENT" for ref in whole}
    assert states(real) == (whole if number == 3 else broken)
    assert violations(real.ledger, real.venue) == []
    assert real.codes() == []
