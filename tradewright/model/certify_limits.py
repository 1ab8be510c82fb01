"""What a strategy may lose and do on synthetic markets: the limits of its certificate."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tradewright.model.base import FrozenModel

Loss = Annotated[float, Field(ge=0, le=1)]
"""A fraction; one above 1 would be no limit, such as 5 where 5 percent are meant."""
Turnover = Annotated[float, Field(ge=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, le=1)]


class CertifyLimits(FrozenModel):
    """Limits of one run on one scenario; a figure that is equal to its limit is within it.

    Args:
        max_loss: of the starting cash at the last bar, a fraction.
        max_drawdown: the deepest fall from a peak over all bars, a fraction.
        max_turnover: traded value, buys and sells, in multiples of the mean equity.
        max_time_in_market: the share of bars at whose close a position is held.
    """

    max_loss: Loss
    max_drawdown: Loss
    max_turnover: Turnover
    max_time_in_market: Share


class DeclaredLimits(FrozenModel):
    """The limits that a strategy declares for itself; one that is None is that of the settings."""

    max_loss: Loss | None = None
    max_drawdown: Loss | None = None
    max_turnover: Turnover | None = None
    max_time_in_market: Share | None = None

    def over(self, usual: CertifyLimits) -> CertifyLimits:
        """These limits, and the usual ones where there is none."""
        return usual.model_copy(update=self.model_dump(exclude_none=True))
