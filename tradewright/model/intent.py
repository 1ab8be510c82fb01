"""Intents: sized, proposed orders, before the gate has spoken."""

from __future__ import annotations

from pydantic import Field

from tradewright.model.base import FrozenModel, Instant, Name, Number
from tradewright.model.order import OrderTerms

MANUAL = "manual"
"""The strategy name of intents that people make."""

FLATTEN = "flatten"
"""The strategy name of intents that close holdings on a person's command; a kill switch lets them pass."""

RESERVED = frozenset({MANUAL, FLATTEN})
"""Names that no strategy may have."""


class Intent(FrozenModel):
    """A proposed order and where it comes from.

    The id is made of its content (strategy and its identity, instrument, deciding bar), so that the same signal
    computed twice is the same intent and can never become two orders. It is at most 28 ASCII characters, because
    the reference of an attempt is ``<intent_id>.<n>`` in at most 32.
    """

    intent_id: str = Field(pattern=r"^[a-z0-9]{4,28}$")
    strategy: Name
    signal_id: str
    terms: OrderTerms
    confidence: float = Field(ge=0, le=1)
    size_pct: float = Field(ge=0)
    """The notional asked for as a share of equity."""
    reference_price: Number
    """The close of the deciding bar, at which a market order is valued."""
    stop: Number | None = None
    take_profit: Number | None = None
    protective_orders: bool = Field(default=False, exclude_if=lambda wanted: not wanted)
    """Whether stop and take-profit go to the venue with the entry, as protective legs; else the bars of the strategy
    watch them. Left out of the recorded form where False, so that the hash of an older intent stays the same."""
    decided_at: Instant
    """When the deciding bar closed."""
    reduce_only: bool = False
    account: str = ""
    provenance: dict[str, str] = Field(default_factory=dict)
    """Its origins: the ``bar``, the values of the ``features`` on it, and the hashes ``data_hash``, ``feature_hash``,
    ``config_hash``, ``strategy_hash``."""
