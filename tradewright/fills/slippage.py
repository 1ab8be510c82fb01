"""How much worse than the rule price a market or stop order fills: four models and their sum, one scalar rule.

Each model is at the same time the schema of one file of ``conf/backtest/slippage``; ``kind`` tells them apart.
Limit and take-profit orders never slip: they fill at their price or better, or not at all.
"""

from __future__ import annotations

import math
from dataclasses import field, replace
from typing import Annotated, Literal, NamedTuple, Protocol, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from tradewright.fills.costs import TERMS_CONFIG, NotNegative

USUAL_SPREAD = 1.0
"""Basis points: the spread of bars that have none, where neither the model nor an instrument says more."""

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
    fill's bar; one that is unknown or below zero counts as the default spread. The share is ``units / volume`` of the
    fill's bar, at most 1.

    Where the bar's volume is unknown (NaN) or 0, there is nothing to measure the order against, and the impact is left
    out; base, volatility and spread are still charged. Bars of quotes (forex, CFD) have no volume by construction, so
    their impact, if it matters, must be stated as basis points. The sum is at most :data:`MAX_BPS`.
    """
    spread = spread_bps if spread_bps >= 0.0 else terms.default_spread
    moved = volatility if volatility == volatility else 0.0
    bps = terms.base + terms.vol * moved + terms.spread * spread
    if terms.impact > 0.0 and volume > 0.0:
        bps += terms.impact * math.sqrt(min(units / volume, 1.0))
    return min(bps, MAX_BPS)


def half_spread_bps(spread_bps: float, terms: SlippageTerms) -> float:
    """How far bid and ask of a bar of quotes are from its middle prices, in basis points of them.

    Half the bar's spread; one that is unknown or below zero counts as the default spread. At most :data:`MAX_BPS`.
    """
    return min(0.5 * (spread_bps if spread_bps >= 0.0 else terms.default_spread), MAX_BPS)


def slipped(price: float, side: int, bps: float) -> float:
    """The price after slippage of ``bps`` in [0, ``MAX_BPS``]: a purchase pays more, a sale gets less, at least 0."""
    return price if bps == 0.0 else price * (1.0 + side * bps / 1e4)


class SlippageModel(Protocol):
    """Anything that can be brought to the common form."""

    def terms(self) -> SlippageTerms:
        """The common form of this model."""
        ...


@dataclass(frozen=True, config=TERMS_CONFIG)
class NoSlippage:
    """Fills at the rule price."""

    kind: Literal["none"] = field(default="none", kw_only=True)

    def terms(self) -> SlippageTerms:
        """Zero everywhere."""
        return SlippageTerms()


@dataclass(frozen=True, config=TERMS_CONFIG)
class BpsSlippage:
    """A constant number of basis points."""

    bps: NotNegative
    kind: Literal["bps"] = field(default="bps", kw_only=True)

    def terms(self) -> SlippageTerms:
        """The base alone."""
        return SlippageTerms(base=self.bps)


@dataclass(frozen=True, config=TERMS_CONFIG)
class VolSlippage:
    """``base + k x volatility`` basis points (R-BT-06, Q-35).

    The volatility is that of D17 (sample deviation of 20 log returns, per bar) as a fraction: with ``k = 10`` a daily
    volatility of 0.01 adds 0.1 bps; for 10 bps per percent of volatility take ``k = 1000``.
    """

    base: NotNegative
    k: NotNegative
    kind: Literal["vol"] = field(default="vol", kw_only=True)

    def terms(self) -> SlippageTerms:
        """The base and the volatility's share."""
        return SlippageTerms(base=self.base, vol=self.k)


@dataclass(frozen=True, config=TERMS_CONFIG)
class SpreadImpact:
    """Half the spread plus ``impact x sqrt(order / bar volume)`` of the price (R-BT-06, Q-35).

    With ``impact = 0.1`` an order of 1 % of the bar's volume moves the price by 1 %. ``default_spread`` (basis points)
    stands in where the bars have none; None takes that of the instrument (:func:`for_instrument`). In a bar without a
    known volume only the spread is charged.
    """

    impact: NotNegative
    default_spread: NotNegative | None = None
    kind: Literal["spread_impact"] = field(default="spread_impact", kw_only=True)

    def terms(self) -> SlippageTerms:
        """Half the spread, and the impact in basis points."""
        spread = USUAL_SPREAD if self.default_spread is None else self.default_spread
        return SlippageTerms(spread=0.5, impact=self.impact * 1e4, default_spread=spread)


SlippagePart = Annotated[NoSlippage | BpsSlippage | VolSlippage | SpreadImpact, Field(discriminator="kind")]


@dataclass(frozen=True, config=TERMS_CONFIG)
class SumSlippage:
    """Several models added up; parts that read the spread must agree on the default spread."""

    parts: tuple[SlippagePart, ...]
    kind: Literal["sum"] = field(default="sum", kw_only=True)

    @model_validator(mode="after")
    def _one_default_spread(self) -> Self:
        defaults = {part.terms().default_spread for part in self.parts if part.terms().spread}
        if len(defaults) > 1:
            raise ValueError(f"parts have default spreads {sorted(defaults)}; one is needed")
        return self

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


Slippage = Annotated[NoSlippage | BpsSlippage | VolSlippage | SpreadImpact | SumSlippage, Field(discriminator="kind")]
"""Every slippage model, as the group ``backtest/slippage`` names it by ``kind``."""


def for_instrument(
    model: NoSlippage | BpsSlippage | VolSlippage | SpreadImpact | SumSlippage, spread_bps: float
) -> NoSlippage | BpsSlippage | VolSlippage | SpreadImpact | SumSlippage:
    """The model on an instrument whose usual spread is ``spread_bps``, wherever the model names no spread itself."""
    if isinstance(model, SumSlippage):
        return SumSlippage(tuple(_part_for(part, spread_bps) for part in model.parts))
    return _part_for(model, spread_bps)


def _part_for(
    part: NoSlippage | BpsSlippage | VolSlippage | SpreadImpact, spread_bps: float
) -> NoSlippage | BpsSlippage | VolSlippage | SpreadImpact:
    if isinstance(part, SpreadImpact) and part.default_spread is None:
        return replace(part, default_spread=spread_bps)
    return part
