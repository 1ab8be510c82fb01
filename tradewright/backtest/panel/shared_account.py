"""The terms of an account that instruments share. Loads no compiler."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from tradewright.fills.costs import TERMS_CONFIG
from tradewright.model.allocation import Rebalance

Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True, config=TERMS_CONFIG)
class SharedAccount:
    """``backtest.shared``: limits as fractions of the equity.

    Args:
        max_weight: the most in one instrument, long or short.
        max_gross: the most in all instruments, longs and shorts added up.
        cash_buffer: what stays in cash. Target weights are fractions of the rest, so that the buffer pays fees and
            gaps; a decision by instrument that enters leaves it untouched.
        borrow_rate: what borrowed units cost a year, as a fraction of the value of the shorts at each close.
        margin: the equity, as a fraction of all positions, below which an account with shorts is closed whole.
        rebalance: when an allocation is asked; None as the strategy says.
    """

    max_weight: Share = 1.0
    max_gross: Share = 1.0
    cash_buffer: Annotated[float, Field(ge=0, lt=1)] = 0.0
    borrow_rate: Annotated[float, Field(ge=0, le=10)] = 0.0
    margin: Annotated[float, Field(ge=0, lt=1)] = 0.25
    rebalance: Rebalance | None = None
