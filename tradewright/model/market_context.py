"""The market context: the facts about an instrument's market that gate, reasoner and people look at (R-DATA-29)."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from tradewright.model.base import FrozenModel, Share, Size
from tradewright.model.duration import age_text, limit_text


class MarketContext(FrozenModel):
    """How old the data is, whether the market is open, whether an event keeps entries back, its liquidity and spread.

    None is "not known". The gate refuses an entry for it, and a decision carries the context that it was made in.

    Args:
        data_age_seconds: since the newest quote; where bars are all there is, how long the market was open since the
            newest of them closed.
        bars_only_seconds: the length of a bar where bars are the only source, else 0; relaxes the age limit (C-22).
        event_blackout_active: whether an event window is open now.
        event: the reasons of the open windows, or why it is not known whether one is.
        liquidity_score: 0 (none) to 1, of the newest bar; see ``tradewright.indicators.market.liquidity_scores``.
        spread_bps: of the newest quote or of the newest bar that has one, in basis points of the middle; never assumed.
    """

    data_age_seconds: Size | None = None
    bars_only_seconds: Size = Decimal(0)
    market_open: bool | None = None
    event_blackout_active: bool | None = None
    event: str = Field(default="", exclude_if=lambda reason: not reason)
    liquidity_score: Share | None = None
    spread_bps: Size | None = Field(default=None, exclude_if=lambda spread: spread is None)

    @property
    def text(self) -> str:
        """The facts in one line."""
        age = (
            "age of the data not known"
            if self.data_age_seconds is None
            else f"data {age_text(self.data_age_seconds)} old"
        )
        of_bars = f" (bars of {limit_text(self.bars_only_seconds)})" if self.bars_only_seconds else ""
        event = _EVENT[self.event_blackout_active] + (f" ({self.event})" if self.event else "")
        score = "not known" if self.liquidity_score is None else f"{self.liquidity_score:.2f}"
        spread = "not known" if self.spread_bps is None else f"{self.spread_bps:.1f} bps"
        return f"{age}{of_bars}, {_MARKET[self.market_open]}, {event}, liquidity {score}, spread {spread}"


_MARKET = {True: "market open", False: "market closed", None: "not known whether the market is open"}
_EVENT = {True: "event window open", False: "no event window", None: "not known whether an event window is open"}
