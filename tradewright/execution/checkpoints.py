"""The boundaries between the steps of the protocol: where a test kills the process."""

from __future__ import annotations

from collections.abc import Callable

Checkpoint = Callable[[str], None]

CHECKPOINTS = (
    "S1.listed",
    "S2.before_claim",
    "S2.claimed",
    "S3.connected",
    "S3.reconciled",
    "S3.rechecked",
    "S4.before_write",
    "S4.written",
    "S4.read_back",
    "S5.before_place",
    "S5.placed",
    "S6.before_wait",
    "S6.acknowledged",
    "S7.recorded",
    "S7.applied",
    "S8.before_end",
    "S8.ended",
    "C.written",
    "C.cancelled",
)
"""In the order in which an order passes them; ``C`` is a cancel. S7 comes with every message of the venue."""


def pass_by(_name: str) -> None:
    """Do nothing, as in production."""
