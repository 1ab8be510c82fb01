"""The newest exchange rates into the account's currency, as the gate and people need them: with age and origin."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np

from tradewright.model.currency import RateSeries
from tradewright.model.errors import TradewrightError
from tradewright.policy.exchange_rate import ExchangeRate

Source = Callable[[str], RateSeries]
"""The newest rates from a currency to the account's; raises a ``TradewrightError`` that says why there are none."""

_DAY = 86_400


class ExchangeRates:
    """Rates by currency, each read from its source once. A source that cannot be read gives no rate, and the reason.

    Args:
        account: the account's currency.
        source: gives the rates of another one.
    """

    def __init__(self, account: str, source: Source) -> None:
        self._account, self._source = account, source
        self._known: dict[str, RateSeries | str] = {}

    def refresh(self) -> None:
        """Forget what was read, so that the next look sees the newest rates."""
        self._known.clear()

    def of(self, currency: str, now: datetime) -> ExchangeRate:
        """The newest rate from a currency to the account's that was known at ``now``, or why it is not known."""
        if currency not in self._known:
            self._known[currency] = self._read(currency)
        found = self._known[currency]
        if isinstance(found, str):
            return ExchangeRate(source=currency, target=self._account, origin=found)
        moment = np.datetime64(now.astimezone(UTC).replace(tzinfo=None), "ns").astype(np.int64)
        rate, age = (float(column[0]) for column in found.at(np.array([moment])))
        if np.isnan(rate):
            return ExchangeRate(source=currency, target=self._account, origin=f"{found.origin} begins later")
        return ExchangeRate(
            source=currency,
            target=self._account,
            rate=Decimal(repr(rate)),
            age_seconds=Decimal(math.ceil(round(age * _DAY, 3))),  # never younger than it is
            origin=found.origin,
        )

    def _read(self, currency: str) -> RateSeries | str:
        try:
            return self._source(currency)
        except TradewrightError as error:
            return str(error)
