"""Identities made of content: the same signal computed twice is the same signal and the same intent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from tradewright.model.bars import Timeframe
from tradewright.model.hashing import content_hash
from tradewright.model.signal import SignalCandidate
from tradewright.model.strategy import Feature

LENGTH = 24
"""Of an id: 96 bits of SHA-256 in hexadecimal, within the 28 characters that an order's reference leaves."""


class Leg(StrEnum):
    """Which part of a signal an intent carries out: it ends or reduces a holding, or begins or increases one.

    A reversal has both.
    """

    CLOSE = "close"
    OPEN = "open"


def strategy_identity(
    name: str,
    kind: str,
    code_digest: str,
    parameters: Mapping[str, float],
    features: Sequence[Feature],
    timeframe: Timeframe,
    instruments: Iterable[str],
) -> str:
    """The hash of all that decides what a strategy does, as 64 hexadecimal digits; no other setting changes it.

    Args:
        name: of the strategy, unique.
        kind: the ``name`` of its class.
        code_digest: of its decision function.
        parameters: equal numbers are equal (10 and 10.0); their order does not matter.
        features: in the order in which the decision reads them.
        instruments: their order does not matter.

    Raises:
        ValueError: for a parameter that is NaN or infinite.
    """
    numbers = {parameter: float(value) for parameter, value in parameters.items()}
    columns = [
        [feature.indicator, [float(each) for each in feature.arguments], *feature.source] for feature in features
    ]
    traded = sorted(set(instruments))
    return content_hash(["strategy", name, kind, code_digest, numbers, columns, timeframe, traded])


def signal_id(strategy: str, instrument: str, bar_ts: datetime, strategy_hash: str, data_hash: str) -> str:
    """The id of a strategy's signal on one bar, given the strategy's identity and the bars that it read."""
    return "sig-" + content_hash(["signal", strategy, instrument, bar_ts, strategy_hash, data_hash])[:LENGTH]


def intent_id(signal: SignalCandidate, leg: Leg, account: str) -> str:
    """The id of one leg of a signal on an account: a signal that was tried in simulation may be traded on paper.

    Besides the account it depends on strategy, strategy identity, instrument and bar alone: neither on equity and
    positions, which change when the order is filled, nor on the data, so that a revised bar cannot make a second order
    of one signal, nor on any setting that does not decide, so that an edit of the configuration cannot either.
    """
    origin = [signal.strategy, signal.instrument, signal.bar_ts, signal.strategy_hash]
    return content_hash(["intent", account, *origin, leg])[:LENGTH]


def rest_id(first: str, number: int) -> str:
    """The id of the intent for what the orders of an exit have left, the first rest of it being number 1.

    Args:
        first: the id of the exit that its signal asked for.
    """
    return content_hash(["rest", first, number])[:LENGTH]


def manual_intent_id(key: str, account: str) -> str:
    """The id of a person's intent: one per account and idempotency key (R-EXEC-04)."""
    return content_hash(["manual", account, key])[:LENGTH]
