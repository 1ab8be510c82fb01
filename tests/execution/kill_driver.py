"""One sender in a process of its own, which kills itself with SIGKILL at a step boundary.

``python -m tests.execution.kill_driver --ledger URL --broker MODULE:FACTORY --argument TEXT --die-at S5.placed``

The factory is called with ``--argument`` and returns a broker, so that the same driver serves any venue. Without
``--die-at`` the sender does its work and prints one JSON document: the outcomes and the recovery's findings.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ib_async import IB

from brokers.sim.broker import SimBroker
from tradewright.execution.sender import Sender
from tradewright.execution.types import CHECKPOINTS, Checkpoint, Mode, ProtocolTimes, SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.approved import ApprovedOrder
from tradewright.model.broker import Broker, BrokerSnapshot
from tradewright.model.clock import SystemClock
from tradewright.model.decision import Reason

SHORT = ProtocolTimes(acknowledge=2.0, settle=0.05, absence=0.3, poll=0.2, lease=60, pause=0.02)
"""The protocol's times for tests: the same order of sizes, a hundredth as long."""


def dying_at(name: str, nth: int) -> Checkpoint:
    """A checkpoint that kills this process the ``nth`` time it passes ``name``."""
    left = [nth]

    def checkpoint(passed: str) -> None:
        if passed == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return checkpoint


async def allow(_order: ApprovedOrder, _snapshot: BrokerSnapshot) -> Sequence[Reason]:
    """A pre_send_check that has nothing against it."""
    return ()


def die_after_leg(broker: Broker, number: int) -> None:
    """Let this process kill itself as soon as a leg of a group has been handed to the venue's wire."""
    sent = [0]

    def after(*_args: object) -> None:
        sent[0] += 1
        if sent[0] == number:
            os.kill(os.getpid(), signal.SIGKILL)

    if hasattr(broker, "after_leg"):
        broker.after_leg = after
        return
    if isinstance(broker, SimBroker):
        _after_each(broker.market, "place", after)
    else:
        _after_each(IB, "placeOrder", after)


def _after_each(owner: Any, name: str, act: Callable[[], None]) -> None:
    real = getattr(owner, name)

    def call(*args: Any) -> Any:
        answer = real(*args)
        act()
        return answer

    setattr(owner, name, call)


def load(path: str, argument: str) -> Broker:
    """The broker that ``module:factory`` makes of an argument."""
    module, _, factory = path.partition(":")
    made: Broker = getattr(importlib.import_module(module), factory)(argument)
    return made


async def work(sender: Sender, cancel: Sequence[str], follow: float) -> list[list[str]]:
    """Drain, cancel what was asked for, and follow for a while."""
    try:
        outcomes = await sender.drain()
        for ref in cancel:
            await sender.cancel(ref, "driver", "test")
        await sender.ready()
        await sender.tracker.follow(follow)
    finally:
        await sender.close()
    return [[outcome.ref, outcome.status.value] for outcome in outcomes]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse, work, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--broker", default="tests.execution.venue:broker")
    parser.add_argument("--argument", required=True)
    parser.add_argument("--account", default="DU100")
    parser.add_argument("--mode", type=Mode, default=Mode.SIM)
    parser.add_argument("--die-at", choices=CHECKPOINTS, default=None)
    parser.add_argument("--nth", type=int, default=1)
    parser.add_argument("--die-after-leg", type=int, default=0)
    parser.add_argument("--cancel", action="append", default=[])
    parser.add_argument("--follow", type=float, default=1.0)
    parser.add_argument("--times", type=json.loads, default=None, help="ProtocolTimes as JSON")
    given = parser.parse_args(arguments)
    clock = SystemClock()
    settings = SenderSettings(given.account, f"driver-{os.getpid()}", given.mode, per_second=100, per_minute=1000)
    times = ProtocolTimes(**given.times) if given.times else SHORT
    checkpoint = dying_at(given.die_at, given.nth)
    with Ledger.open(given.ledger, clock, mode=given.mode) as ledger:
        broker = load(given.broker, given.argument)
        if given.die_after_leg:
            die_after_leg(broker, given.die_after_leg)
        sender = Sender(ledger, broker, clock, allow, settings, times, checkpoint=checkpoint)
        sys.stdout.write(json.dumps(asyncio.run(work(sender, given.cancel, given.follow))))


if __name__ == "__main__":
    main()
