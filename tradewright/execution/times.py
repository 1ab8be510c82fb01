"""The waiting times of the order protocol."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProtocolTimes:
    """Seconds, at their production minimums: live mode refuses shorter ones, tests and the demo have them.

    Args:
        acknowledge: how long to wait for the venue's word on an order before it is in doubt (S6).
        settle: between the two snapshots of a recovery (R2).
        absence: between the two snapshots that may prove an order unsent (R5).
        poll: how old a snapshot may be when an order is sent, and how often a follower asks.
        lease: how long a silent sender keeps the account to itself.
        pause: the longest single wait while something is awaited.
    """

    acknowledge: float = 30.0
    settle: float = 5.0
    absence: float = 60.0
    poll: float = 5.0
    lease: float = 120.0
    pause: float = 0.25
