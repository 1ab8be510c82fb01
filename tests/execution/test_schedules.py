"""Random schedules of faults, deaths and restarts: whatever happens, nothing is doubled, lost, adrift or unapproved."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from tests.execution.venue import ACCOUNT
from tests.execution.world import World, run, violations
from tests.support import postgres
from tests.support.extent import runs
from tests.support.ledgers import new_url
from tradewright.execution.sender import Sender
from tradewright.execution.types import CHECKPOINTS, SendRefused
from tradewright.model.broker import VenueStatus
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError, LedgerError
from tradewright.policy.approval import approve

SCHEDULES, BATCH = runs(15, 300), 15
PLACE_FAULTS = ["swallow", "drop_before", "drop_after", "silent", "reject", "refuse", "partial", "late", "false_cancel",
                "duplicate", "noise"]  # fmt: skip
GROUP_FAULTS = ["drop_after_leg_1", "drop_after_leg_2", "drop_after_leg_3"]
OTHER_FAULTS = ["refuse_connect", "fail_snapshot", "cancel_silent", "cancel_unknown", "cancel_drop"]
SYMBOLS = ["AAPL", "MSFT", "GOOG"]


class Died(BaseException):
    """The process is gone: nothing of the sender's own handling may run."""


class Schedule:
    """One seeded run. The same seed plays the same story."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.dice, self.story = world, random.Random(seed), [f"seed {seed}"]
        self.corrected: set[str] = set()

    def play(self) -> list[str]:
        """Some rounds of trouble, then calm, then the laws."""
        for _ in range(self.dice.randint(2, 5)):
            self._round()
            found = violations(self.world.ledger, self.world.venue, settled=False)
            if found:
                return found
        self._calm()
        return violations(self.world.ledger, self.world.venue) + self._wrongly_settled()

    def _wrongly_settled(self) -> list[str]:
        """Orders that are called unsent although the venue has them, or open although it has ended them."""
        status = {order["ref"]: order["status"] for order in self.world.venue.state["orders"]}
        attempts = {attempt.ref: attempt.state for attempt in self.world.ledger.attempts.all()}
        unsent = [ref for ref, state in attempts.items() if state.value in ("NOT_SENT", "EXPIRED") and ref in status]
        ended = ("FILLED", "CANCELLED", "REJECTED")
        open_here = [ref for ref, state in attempts.items() if not state.terminal and status.get(ref) in ended]
        return [f"{ref} is called unsent" for ref in unsent] + [f"{ref} has ended" for ref in open_here]

    def _round(self) -> None:
        for _ in range(self.dice.randint(0, 2)):
            is_group = self.dice.random() < 0.3
            make = self.world.proposer.bracket if is_group else self.world.proposer.order
            make(self.dice.choice(SYMBOLS), str(self.dice.randint(1, 9) * 2))
            if self.dice.random() < 0.6:
                self._fault(self.dice.choice(GROUP_FAULTS if is_group else PLACE_FAULTS))
        if self.dice.random() < 0.3:
            self._decide_again()
        if self.dice.random() < 0.3:
            self._fault(self.dice.choice(OTHER_FAULTS))
        self.world.venue.set(mode=self.dice.choice(["fill", "rest"]))
        self._sit(self._checkpoint())
        for _ in range(self.dice.randint(0, 2)):
            self._outside_event()

    def _decide_again(self) -> None:
        """The gate approves an intent a second time, whatever became of it."""
        if intents := self.world.ledger.decisions.intents():
            intent = self.dice.choice(intents)
            self.story.append(f"decide {intent.intent_id} again")
            self.world.ledger.outbox.put(approve(intent, self.world.proposer.decide(intent), ACCOUNT))

    def _correct(self) -> None:
        """An execution is corrected, at most one per symbol, since two at once cannot be told apart by a position."""
        state = self.world.venue.state
        grouped = {ref for order in state["orders"] for ref in (order["ref"], order.get("parent_ref"))}
        grouped -= {order["ref"] for order in state["orders"] if "parent_ref" not in order}
        fills = [row for row in state["fills"] if row["instrument"] not in self.corrected and row["ref"] not in grouped]
        if fills:
            fill = self.dice.choice(fills)
            self.corrected.add(fill["instrument"])
            self.world.venue.correct(fill["exec_id"], str(self.dice.randint(1, 9)))

    def _checkpoint(self) -> object:
        """Perhaps die at a boundary, the n-th time it is passed."""
        if self.dice.random() < 0.5:
            return None
        name, left = self.dice.choice(CHECKPOINTS), [self.dice.randint(1, 3)]
        self.story.append(f"die at {name} {left[0]}")

        def die(passed: str) -> None:
            left[0] -= passed == name
            if left[0] == 0 and passed == name:
                raise Died

        return die

    def _sit(self, checkpoint: object) -> None:
        """One life of a sender."""
        world = self.world
        sender = world.sender(checkpoint=checkpoint) if checkpoint else world.sender()  # type: ignore[arg-type]
        with contextlib.suppress(Died, BrokerError, LedgerError, SendRefused):
            run(self._live(sender))
        world.venue.sinks.clear()
        world.expire_lease()

    async def _live(self, sender: Sender) -> None:
        await sender.drain()
        if self.dice.random() < 0.4:
            self._outside_event()
            await self.world.clock.sleep(1)
        seen, attempts = sender.tracker.snapshot, self.world.ledger.attempts.live(ACCOUNT)
        live = [row for row in attempts if seen is not None and sender._canceller.is_possible(row, seen)]
        if live and self.dice.random() < 0.3:
            await sender.cancel(self.dice.choice(live).ref, "dice", "test")
        await sender.tracker.follow(self.dice.choice([0, 10]))
        await sender.close()

    def _outside_event(self) -> None:
        """The market, the gateway, or somebody else does something."""
        venue = self.world.venue
        live = self._working()
        what = self.dice.choice(["fill", "part", "end", "restart", "external", "wait", "correct"])
        self.story.append(f"{what} of {len(live)}")
        with contextlib.suppress(RuntimeError):
            if what == "restart":
                venue.restart(next_order_id=self.dice.randint(1, 3))
            elif what == "external" and self.dice.random() < 0.2:
                venue.external(self.dice.choice(SYMBOLS), filled=True)
            elif what == "correct":
                self._correct()
            elif what == "wait":
                assert isinstance(self.world.clock, ManualClock)
                self.world.clock.advance(self.dice.choice([1, 20, 200]))
            elif live and what in ("fill", "part"):
                ref = self.dice.choice(live)
                venue.fill(ref, "1" if what == "part" else None, tell=self.dice.random() < 0.7)
            elif live and what == "end":
                venue.end(self.dice.choice(live), VenueStatus.CANCELLED, tell=self.dice.random() < 0.7)

    def _working(self) -> list[str]:
        """The orders that the market can fill: a leg only when its entry has ended with something filled."""
        orders = {order["ref"]: order for order in self.world.venue.state["orders"] if order["ref"]}
        free = [order for order in orders.values() if order["status"] == "WORKING" and not order.get("held_back")]
        entries = [orders.get(order.get("parent_ref", "")) for order in free]
        return [
            order["ref"]
            for order, entry in zip(free, entries, strict=True)
            if entry is None or (entry["status"] != "WORKING" and entry["filled"] != "0")
        ]

    def _fault(self, name: str) -> None:
        self.story.append(name)
        self.world.venue.fault(name)

    def _calm(self) -> None:
        """No more faults: two recoveries must make everything right."""
        self.world.venue.set(faults=[], hidden={})
        for _ in range(2):
            self.world.recover()


def play(engine: str, folder: Path, seeds: range) -> None:
    for seed in seeds:
        world = World(new_url(engine, folder, f"ledger{seed}.db"), folder / f"venue{seed}.db")
        schedule = Schedule(world, seed)
        found = schedule.play()
        unsettled = [
            attempt.ref for attempt in world.ledger.attempts.all() if attempt.state.value in ("CLAIMED", "SENDING")
        ]
        world.close()
        assert not found, (found, schedule.story)
        assert not unsettled, (unsettled, schedule.story)


@pytest.mark.parametrize("first", range(0, SCHEDULES, BATCH))
def test_random_schedules_keep_the_laws(tmp_path: Path, first: int) -> None:
    play("sqlite", tmp_path, range(first, first + BATCH))


@pytest.mark.postgres
def test_random_schedules_keep_the_laws_on_postgres(tmp_path: Path) -> None:
    if reason := postgres.server().reason:
        pytest.skip(reason)
    play("postgres", tmp_path, range(10_000, 10_000 + runs(3, 30)))
