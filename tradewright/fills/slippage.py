"""How much worse than the rule price a market or stop order fills: four models and their sum, one scalar rule.

Limit and take-profit orders never slip: they fill at their price or better, or not at all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tradewright.model.errors import ConfigError

MAX_BPS = 10_000.0
"""The most that a fill slips: a sale is made for nothing, and never for less."""


class SlippageTerms(NamedTuple):
    """The common form, in basis points: ``base + vol x volatility + spread x spread_bps + impact x sqrt(share)``."""

    base: float = 0.0
    vol: float = 0.0
    spread: float = 0.0
    impact: float = 0.0
    default_spread: float = 0.0


def slippage_bps(volatility: float, spread_bps: float, units: float, volume: float, terms: SlippageTerms) -> float:
    """The slippage of one fill in basis points of the price, never negative.

    ``volatility`` is that of the bar before the fill (NaN in the warm-up counts as 0), ``spread_bps`` that of the
    fill's bar (NaN: the default spread). The share is ``units / volume`` of the fill's bar, at most 1.

    Where the bar's volume is unknown (NaN) or 0, there is nothing to measure the order against, and the impact is left
    out; base, volatility and spread are still charged. Bars of quotes (forex, CFD) have no volume by construction, so
    their impact, if it matters, must be stated as basis points. The sum is at most :data:`MAX_BPS`.
    """
    spread = spread_bps if spread_bps == spread_bps else terms.default_spread
    moved = volatility if volatility == volatility else 0.0
    bps = terms.base + terms.vol * moved + terms.spread * spread
    if terms.impact > 0.0 and volume > 0.0:
        bps += terms.impact * math.sqrt(min(units / volume, 1.0))
    return min(bps, MAX_BPS)


def slipped(price: float, side: int, bps: float) -> float:
    """The price after slippage of ``bps`` in [0, ``MAX_BPS``]: a purchase pays more, a sale gets less, at least 0."""
    return price if bps == 0.0 else price * (1.0 + side * bps / 1e4)


class SlippageModel(Protocol):
    """Anything that can be brought to the common form."""

    def terms(self) -> SlippageTerms:
        """The common form of this model."""
        ...


def _at_least_zero(where: str, **values: float) -> None:
    for name, value in values.items():
        if not 0.0 <= value < math.inf:
            raise ConfigError(f"{name} = {value}", where=where, remedy="a finite number >= 0 is needed")


@dataclass(frozen=True)
class NoSlippage:
    """Fills at the rule price."""

    def terms(self) -> SlippageTerms:
        """Zero everywhere."""
        return SlippageTerms()


@dataclass(frozen=True)
class BpsSlippage:
    """A constant number of basis points."""

    bps: float = 1.0

    def __post_init__(self) -> None:
        _at_least_zero("slippage bps", bps=self.bps)

    def terms(self) -> SlippageTerms:
        """The base alone."""
        return SlippageTerms(base=self.bps)


@dataclass(frozen=True)
class VolSlippage:
    """``base + k x volatility`` basis points (R-BT-06, Q-35).

    The volatility is that of D17 (sample deviation of 20 log returns, per bar) as a fraction: with ``k = 10`` a daily
    volatility of 0.01 adds 0.1 bps; for 10 bps per percent of volatility take ``k = 1000``.
    """

    base: float = 1.0
    k: float = 10.0

    def __post_init__(self) -> None:
        _at_least_zero("slippage vol", base=self.base, k=self.k)

    def terms(self) -> SlippageTerms:
        """The base and the volatility's share."""
        return SlippageTerms(base=self.base, vol=self.k)


@dataclass(frozen=True)
class SpreadImpact:
    """Half the spread plus ``impact x sqrt(order / bar volume)`` of the price (R-BT-06, Q-35).

    With ``impact = 0.1`` an order of 1 % of the bar's volume moves the price by 1 %. ``default_spread`` (basis points)
    stands in where the bars have none. In a bar without a known volume only the spread is charged.
    """

    impact: float = 0.1
    default_spread: float = 1.0

    def __post_init__(self) -> None:
        _at_least_zero("slippage spread_impact", impact=self.impact, default_spread=self.default_spread)

    def terms(self) -> SlippageTerms:
        """Half the spread, and the impact in basis points."""
        return SlippageTerms(spread=0.5, impact=self.impact * 1e4, default_spread=self.default_spread)


@dataclass(frozen=True)
class SumSlippage:
    """Several models added up.

    Raises:
        ConfigError: two parts with different default spreads.
    """

    parts: tuple[SlippageModel, ...]

    def __post_init__(self) -> None:
        defaults = {part.terms().default_spread for part in self.parts if part.terms().spread}
        if len(defaults) > 1:
            raise ConfigError(
                f"default spreads {sorted(defaults)}", where="slippage sum", remedy="one default spread is needed"
            )

    def terms(self) -> SlippageTerms:
        """The parts' terms, each added up; the default spread is that of the part that reads it."""
        terms = [part.terms() for part in self.parts]
        return SlippageTerms(
            base=sum(part.base for part in terms),
            vol=sum(part.vol for part in terms),
            spread=sum(part.spread for part in terms),
            impact=sum(part.impact for part in terms),
            default_spread=max((part.default_spread for part in terms), default=0.0),
        )
