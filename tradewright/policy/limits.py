"""Limits: the numbers of the rules. None of them switches a rule, or the gate, off."""

from __future__ import annotations

from decimal import Decimal
from typing import Self

from pydantic import Field, model_validator

from tradewright.model.base import FrozenModel, Name, Number
from tradewright.model.tightening import Tightening
from tradewright.policy.decimals import Money


class RuleLimits(FrozenModel):
    """The numbers of the rules: ``conf/policy``.

    Fractions are of equity unless said otherwise (0.02 = 2 %), times in seconds, money in ``currency``.
    """

    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$")
    """The account's currency, in which equity and exposures are counted."""
    restricted: frozenset[Name] = frozenset()
    """Instruments that may not be traded in either direction, exits included (control 13)."""
    max_data_age_seconds: Number = Field(default=Decimal(30), gt=0, le=3600)
    """R-RISK-05. Where bars are the only source their length is added (C-22)."""
    max_check_age_seconds: Number = Field(default=Decimal(3600), gt=0, le=86400)
    """How old the latest check of an input may be before it counts as stale (P2)."""
    max_rate_age_seconds: Number = Field(default=Decimal(345_600), gt=0, le=864_000)
    """How old an exchange rate may be; an older one is as none. Four days last over a weekend and a holiday."""
    max_daily_drawdown: Number = Field(default=Decimal("0.03"), gt=0, le=Decimal("0.2"))
    """R-RISK-07, C-13: at this fraction no new entries until the next session."""
    warn_daily_drawdown: Number = Field(default=Decimal("0.02"), gt=0, le=Decimal("0.2"))
    """C-13: from this fraction on an advisory."""
    min_liquidity: Number = Field(default=Decimal("0.7"), ge=Decimal("0.1"), le=1)
    """R-RISK-09, in units of the liquidity score."""
    max_spread_bps: Number = Field(default=Decimal(50), gt=0, le=1000)
    """R-RISK-30, in basis points of the middle of bid and ask: a wider newest spread rejects entries."""
    collar_liquid: Number = Field(default=Decimal("0.03"), gt=0, le=Decimal("0.2"))
    """Control 2, for liquid instruments: the largest distance from last and from previous close, as a fraction."""
    collar_other: Number = Field(default=Decimal("0.10"), gt=0, le=Decimal("0.5"))
    """Control 2, for the others."""
    duplicate_window_seconds: Number = Field(default=Decimal(60), ge=1, le=86400)
    """Control 7."""
    max_orders_per_second: int = Field(default=1, ge=1, le=40)
    """Control 8; the venue disconnects at 50 messages."""
    max_orders_per_minute: int = Field(default=20, ge=1, le=1000)
    """Control 8."""
    max_open_orders_per_side: int = Field(default=5, ge=1, le=20)
    """Control 9; the venue refuses above 20 per contract, side and account."""
    min_confidence: Number = Field(default=Decimal("0.6"), ge=0, le=1)
    """R-RISK-10."""
    max_correlation: Number = Field(default=Decimal("0.35"), ge=0, lt=1)
    """R-RISK-12; above it the holding also belongs to the candidate's cluster (R-RISK-24)."""
    approval_ttl_seconds: Number = Field(default=Decimal(60), gt=0, le=600)
    """Q-18: how long an approval may be acted upon."""
    review_ttl_seconds: Number = Field(default=Decimal(600), gt=0, le=3600)
    """Control 18: how long a decision waits for a person."""
    recheck_drift: Number = Field(default=Decimal("0.01"), ge=0, le=Decimal("0.05"))
    """By which fraction an order may exceed its caps at the moment of sending, because prices moved meanwhile."""

    @model_validator(mode="after")
    def _warnings_come_first(self) -> Self:
        if self.warn_daily_drawdown > self.max_daily_drawdown:
            raise ValueError("warn_daily_drawdown is above max_daily_drawdown: the warning would never come")
        return self


class RiskLimits(FrozenModel):
    """The limits on holdings and losses, as fractions of equity: ``conf/risk``."""

    allow_short: bool = False
    """Whether a sale may leave a short position, in instruments that are shortable (D7)."""
    max_size_pct: Number = Field(default=Decimal("0.01"), gt=0, le=1)
    """Q-21: the largest notional of one order."""
    risk_per_trade: Number = Field(default=Decimal("0.005"), gt=0, le=Decimal("0.05"))
    """R-RISK-20: the largest loss at the stop."""
    atr_stop_multiple: Number = Field(default=Decimal(2), gt=0, le=20)
    """Q-20: where an intent has no stop, it is taken this many ATR away."""
    max_position: Number = Field(default=Decimal("0.10"), gt=0, le=1)
    """R-RISK-21: the largest position in one symbol."""
    max_strategy: Number = Field(default=Decimal("0.50"), gt=0, le=4)
    """Control 6: the largest gross exposure of one strategy."""
    max_gross: Number = Field(default=Decimal("0.50"), gt=0, le=4)
    """R-RISK-22: the largest gross exposure of the account; the net exposure is never larger than the gross."""
    correlation_cap: Number = Field(default=Decimal("0.10"), gt=0, le=4)
    """R-RISK-24: the largest exposure of the candidate and all holdings correlated with it."""
    max_order_value: Number = Field(default=Decimal("0.02"), gt=0, le=1)
    """Control 3; a market order is valued at the far end of its collar."""
    max_daily_notional: Number = Field(default=Decimal("0.50"), gt=0, le=10)
    """Control 5: filled and open notional of a day."""
    warn_ratio: Number = Field(default=Decimal("0.8"), gt=0, le=1)
    """R-RISK-42: from this part of an exposure limit on an advisory."""


class Limits(RuleLimits, RiskLimits):
    """The numbers of the gate; the defaults are those of the requirements, and each has a range that keeps it so."""

    allowlist: frozenset[Name] = frozenset()
    """The instruments that may be traded (R-RISK-06); empty means none."""
    max_order_money: Money | None = None
    """The rollout stage's cap on one order, in money (R-RISK-33); None where the stage has none."""
    max_daily_loss: Money | None = None
    """The rollout stage's limit on the loss of the day, in money: at it entries are rejected. None: no limit."""
    manual_approval: bool = False
    """Whether the rollout stage asks a person about every entry (C-45). It only tightens."""
    tightened: tuple[Tightening, ...] = ()
    """Which of these numbers a person has tightened since the configuration was written: ``tradewright tighten``."""
