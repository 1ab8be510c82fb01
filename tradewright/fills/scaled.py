"""Costs and slippage some times as high, for stress tests."""

from __future__ import annotations

from dataclasses import dataclass

from tradewright.fills.costs import CostModel, FeeTerms
from tradewright.fills.slippage import SlippageModel, SlippageTerms


@dataclass(frozen=True)
class ScaledCosts:
    """Every charge of a cost model times ``factor`` (> 0); what a venue pays (a rate below zero) stays as it is."""

    model: CostModel
    factor: float

    @property
    def currency(self) -> str | None:
        """That of the model."""
        return self.model.currency

    def terms(self) -> FeeTerms:
        """The model's terms, scaled."""
        return FeeTerms(*(value * self.factor if value > 0.0 else value for value in self.model.terms()))


@dataclass(frozen=True)
class ScaledSlippage:
    """Every part of a slippage model times ``factor`` (>= 0); the spread that stands in for an unknown one is kept."""

    model: SlippageModel
    factor: float

    def terms(self) -> SlippageTerms:
        """The model's terms, scaled."""
        known = self.model.terms()
        scaled = SlippageTerms(*(value * self.factor for value in known))
        return scaled._replace(default_spread=known.default_spread)
