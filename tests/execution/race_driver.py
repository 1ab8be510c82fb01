"""One of several senders in processes of their own, which race for the same outbox.

It says ``ready`` when everything is open, waits for the start, and then takes part until the outbox is empty and
nothing is under way. At the end it tells what it sent, what it lost and how often the account was taken. ``--stall
NAME`` makes it fall asleep once at a checkpoint: it says ``asleep`` and wakes when another one has its account.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection

from tests.execution.kill_driver import allow
from tests.execution.venue import ACCOUNT, broker
from tradewright.execution.sender import Sender
from tradewright.execution.types import (
    CHECKPOINTS,
    Checkpoint,
    ProtocolTimes,
    SenderSettings,
    SendRefused,
    SendResult,
    SendStatus,
)
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.errors import LedgerError

PATIENCE = 240.0
"""Seconds after which a racer gives up, so that a stuck race ends by itself."""


def stalling_at(name: str | None, sleep: Callable[[], None]) -> Checkpoint:
    """A checkpoint at which this process falls asleep once, as on a machine that is suspended."""
    left = [1]

    def checkpoint(passed: str) -> None:
        if passed == name and left[0]:
            left[0] = 0
            sleep()

    return checkpoint


def until_overtaken(ledger: Ledger, holder: str) -> None:
    """Return when the account has another holder; this process does nothing else meanwhile."""
    end = time.monotonic() + PATIENCE
    while (lease := ledger.leases.get(ACCOUNT)) is not None and lease.holder == holder:
        assert time.monotonic() < end, f"nobody took the account of {lease}"
        time.sleep(0.01)


class Racer:
    """A sender that comes and goes: it takes some of what is waiting, lets the account go, and comes again.

    Args:
        senders: the first one, and the one of all later turns.
        batch: how many orders it asks for at once; 0 for everything.
        most: how many it sends before it leaves the rest to the others.
        turns: how often it asks for the account.
    """

    def __init__(
        self, senders: tuple[Sender, Sender], ledger: Ledger, seed: int, batch: int, most: int, turns: int
    ) -> None:
        self._sender, self._later = senders
        self._ledger, self._chance = ledger, random.Random(seed)
        self._batch, self._most, self._turns = batch, most, turns
        self.outcomes: list[SendResult] = []
        self.seen: Counter[str] = Counter()

    async def race(self) -> None:
        """Until nothing waits and nothing is under way."""
        end = time.monotonic() + PATIENCE
        while self._ledger.outbox.sendable(ACCOUNT) or self._ledger.attempts.live(ACCOUNT):
            assert time.monotonic() < end, f"still waiting: {self._ledger.outbox.sendable(ACCOUNT)}"
            if len(self.outcomes) < self._most and self._turns:
                self._turns -= 1
                await self._once()
            await asyncio.sleep(self._chance.uniform(0, 0.02))

    async def _once(self) -> None:
        waiting = [row.decision_id for row in self._ledger.outbox.sendable(ACCOUNT)]
        chosen = self._chance.sample(waiting, min(self._batch, len(waiting))) if self._batch else None
        try:
            self.outcomes += await self._sender.drain(chosen)
            await self._sender.ready()
            await self._sender.tracker.follow(0.2)
        except SendRefused:
            self.seen["refused"] += 1
        except LedgerError as error:
            if "the claim or the lease is gone" not in str(error):
                raise
            self.seen["overtaken"] += 1
        finally:
            await self._sender.close()
            self._sender = self._later


def main(arguments: Sequence[str], pipe: Connection) -> None:
    """Parse, say that it is ready, wait for the start, race, and send the findings back.

    Args:
        pipe: the other end of the test that started this process.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--argument", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=-1, help="-1: no limit")
    parser.add_argument("--lease", type=float, default=60, help="of the first turn")
    parser.add_argument("--stall", choices=CHECKPOINTS, default=None)
    parser.add_argument("--seconds", type=float, default=0.0, help="before the start")
    given = parser.parse_args(arguments)
    clock = SystemClock()
    settings = SenderSettings(ACCOUNT, f"racer-{os.getpid()}", per_second=1000, per_minute=10_000)
    times = ProtocolTimes(acknowledge=2.0, settle=0.01, absence=0.1, poll=0.2, lease=60, pause=0.01)
    with Ledger.open(given.ledger, clock, busy_seconds=20) as ledger:

        def sleep() -> None:
            pipe.send("asleep")
            until_overtaken(ledger, settings.holder)

        checkpoint = stalling_at(given.stall, sleep)
        first, later = (
            Sender(
                ledger,
                broker(given.argument),
                clock,
                allow,
                settings,
                replace(times, lease=lease),
                checkpoint=checkpoint,
            )
            for lease in (given.lease, 60)
        )
        racer = Racer((first, later), ledger, given.seed, given.batch, given.most, given.turns)
        pipe.send("ready")
        pipe.recv()
        time.sleep(given.seconds)
        asyncio.run(racer.race())
        found = {status: [o.ref for o in racer.outcomes if o.status == status] for status in SendStatus} | dict(
            racer.seen
        )
        pipe.send(found)
