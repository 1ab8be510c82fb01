"""An exchange rate into the account's currency as the gate sees it: known, too old, or not known and why."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from tradewright.model.base import FrozenModel, Size
from tradewright.model.duration import age_text, limit_text
from tradewright.policy.decimals import Units, computable, show


class ExchangeRate(FrozenModel):
    """Units of ``target`` per unit of ``source``, at the moment of a snapshot.

    Args:
        rate: None while it is not known.
        age_seconds: since the prices that it was made of.
        origin: where it comes from, in words; of a rate that is not known, why it is not. Empty where nobody asked.
    """

    source: str
    target: str
    rate: Units | None = None
    age_seconds: Size | None = None
    origin: str = Field(default="", exclude_if=lambda words: not words)

    @property
    def pair(self) -> str:
        """The two currencies in words."""
        return f"{self.source} to {self.target}"

    def usable(self, oldest: Decimal) -> Decimal | None:
        """The rate, where it is known, and known to be no older than ``oldest`` seconds."""
        if self.rate is None or self.age_seconds is None or self.age_seconds > oldest:
            return None
        return self.rate

    def why_unknown(self) -> str:
        """Why the rate, or its age, is not known; empty where both are."""
        if self.rate is not None and self.age_seconds is not None:
            return ""
        return f"no rate from {self.pair} is known" + (f": {self.origin}" if self.origin else "")

    def why_stale(self, oldest: Decimal) -> str:
        """That the rate is too old, and what to do; empty where it is not."""
        if self.why_unknown() or self.usable(oldest) is not None or self.age_seconds is None:
            return ""
        return (
            f"the rate from {self.pair} ({self.origin}) is {age_text(self.age_seconds)} old; at most "
            f"{limit_text(oldest)} are allowed (policy.max_rate_age_seconds): bring newer rates"
        )

    def told(self) -> str:
        """A known rate in words."""
        rate, age = self.rate or Decimal(0), self.age_seconds or Decimal(0)
        return f"{self.pair} at {show(rate)} ({self.origin}, {age_text(age)} old)"

    def without_implausible(self) -> ExchangeRate:
        """The same with each figure that cannot be computed with replaced by "not known"."""
        wrong = {name: None for name, value in self.figures() if not computable(value)}
        return self.model_copy(update=wrong) if wrong else self

    def figures(self) -> tuple[tuple[str, Decimal], ...]:
        """Its numbers, by their names."""
        numbers = (("rate", self.rate), ("age_seconds", self.age_seconds))
        return tuple((name, value) for name, value in numbers if value is not None)
