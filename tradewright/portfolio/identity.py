"""Names made from content: the same wish materialized twice is the same signal and the same intent."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tradewright.model.hashing import content_hash
from tradewright.model.signal import SignalCandidate

LENGTH = 24
"""Of an id: 96 bits of SHA-256 in hexadecimal, within the 28 characters that an order's reference leaves."""


class Leg(StrEnum):
    """Which part of a signal an intent carries out; a reversal has both."""

    CLOSE = "close"
    OPEN = "open"


def signal_id(strategy: str, instrument: str, bar_ts: datetime, config_hash: str, data_hash: str) -> str:
    """The id of what a strategy wanted on one bar, given its configuration and the bars it saw."""
    return "sig-" + content_hash(["signal", strategy, instrument, bar_ts, config_hash, data_hash])[:LENGTH]


def intent_id(signal: SignalCandidate, leg: Leg) -> str:
    """The id of one leg of a signal.

    It depends on strategy, instrument, bar and configuration only: neither on equity and positions, which change when
    the order is filled, nor on the data, so that a revised bar cannot make a second order of one decision.
    """
    return content_hash(["intent", signal.strategy, signal.instrument, signal.bar_ts, signal.config_hash, leg])[:LENGTH]


def manual_intent_id(key: str) -> str:
    """The id of a person's intent: one per idempotency key (R-EXEC-04)."""
    return content_hash(["manual", key])[:LENGTH]
