"""The faults that the gateway has been told to make."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Drop(StrEnum):
    """When the connection breaks around the next order."""

    NEVER = "never"
    BEFORE_ORDER = "before_order"
    """The order is not taken."""
    AFTER_ORDER = "after_order"
    """The order is taken, but its acknowledgement is not sent."""
    AFTER_ACK = "after_ack"
    """The order is taken and acknowledged; what follows is not sent."""


class Objection(NamedTuple):
    """An error to answer the next order with; ``taken`` orders live on none the less."""

    code: int
    text: str
    taken: bool


@dataclass
class Faults:
    """The faults in force. Counters count down, switches stay until they are switched back.

    Args:
        swallow: incoming message number -> how many of them to ignore.
        omit: outgoing message number -> how many of them not to send.
        objections: errors for the coming orders.
        duplicate_executions: send each live execution twice.
        hold_executions: keep live executions and the statuses they cause back until released.
        silent_status: send live executions without any order status.
        hidden: references of orders that no query shows.
        refused_clients: client id -> until which monotonic second it is refused.
        delay: seconds before each outgoing message.
        clock_skew: seconds added to the time that is told.
        market_data: off answers every request for prices with 354.
        running: cleared while the gateway hangs.
    """

    swallow: Counter[int] = field(default_factory=Counter)
    omit: Counter[int] = field(default_factory=Counter)
    drop: Drop = Drop.NEVER
    objections: deque[Objection] = field(default_factory=deque)
    duplicate_executions: bool = False
    hold_executions: bool = False
    silent_status: bool = False
    hidden: set[str] = field(default_factory=set)
    refused_clients: dict[int, float] = field(default_factory=dict)
    delay: float = 0.0
    clock_skew: float = 0.0
    market_data: bool = True
    running: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.running.set()

    def swallows(self, message: int) -> bool:
        """Whether to ignore this incoming message; counts down."""
        return _take(self.swallow, message)

    def omits(self, message: int) -> bool:
        """Whether not to send this outgoing message; counts down."""
        return _take(self.omit, message)


def _take(counter: Counter[int], message: int) -> bool:
    if counter[message] <= 0:
        return False
    counter[message] -= 1
    return True
