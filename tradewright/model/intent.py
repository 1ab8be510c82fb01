"""Intents: sized, proposed orders, before the gate has spoken."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from tradewright.model.base import FrozenModel, Instant, Name, Number, Positive
from tradewright.model.order import OrderTerms, Percentage, TrailingStopOrder, one_distance

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
    trail: Positive | None = Field(default=None, exclude_if=lambda distance: distance is None)
    """A stop follows the best price at this distance, in price units; with ``stop`` it starts there."""
    trail_percent: Percentage | None = Field(default=None, exclude_if=lambda distance: distance is None)
    """The same in percent of the best price; one of the two at most. Left out of the recorded form where None, as the
    amount is, so that the hash of an older intent stays the same."""
    protective_orders: bool = Field(default=False, exclude_if=lambda wanted: not wanted)
    """Whether stop, trailing stop and take-profit go to the venue with the entry, as protective legs; else the bars of
    the strategy watch them. Left out of the recorded form where False, so that an older intent keeps its hash."""
    decided_at: Instant
    """When the deciding bar closed."""
    reduce_only: bool = False
    account: str = ""
    provenance: dict[str, str] = Field(default_factory=dict)
    """Its origins: the ``bar``, the values of the ``features`` on it, and the hashes ``data_hash``, ``feature_hash``,
    ``config_hash``, ``strategy_hash``."""

    @model_validator(mode="after")
    def _one_trailing_stop(self) -> Self:
        one_distance(self.trail, self.trail_percent)
        return self

    @property
    def trailing_stop(self) -> TrailingStopOrder | None:
        """The order that its trailing stop is; None without one. Where a stop is asked for too, it starts there."""
        if self.trail is None and self.trail_percent is None:
            return None
        return TrailingStopOrder(amount=self.trail, percent=self.trail_percent, stop_price=self.stop)

    @property
    def is_guarded(self) -> bool:
        """Whether a stop, a trailing stop or a take-profit is to close what it opens."""
        return any(each is not None for each in (self.stop, self.take_profit, self.trailing_stop))
