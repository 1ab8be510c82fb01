"""What is held, on order and traded is worth in the account's currency, at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from tradewright.execution.exchange_rates import ExchangeRates
from tradewright.execution.exposure import ZERO, PositionRange, WorkingOrder
from tradewright.execution.market_state import MarketStateReader
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import Quote
from tradewright.model.instrument import Instrument
from tradewright.model.order import Side
from tradewright.policy.exchange_rate import ExchangeRate
from tradewright.policy.limits import Limits

LONGEST_CLOSURE = timedelta(days=4)
"""Markets reopen within so many days: an older stored close values no holding."""


@dataclass(frozen=True)
class AccountValues:
    """Values at the venue's prices, else at recent stored closes, and at the newest rates known at ``now``.

    A value is None where it is not known: the instrument is not configured, has no recent price, or is in another
    currency without a rate that is young enough (``limits.max_rate_age_seconds``). Nothing is converted one to one.
    """

    ledger: Ledger
    facts: MarketStateReader
    exchange: ExchangeRates
    instruments: Mapping[str, Instrument]
    limits: Limits
    quotes: Mapping[str, Quote]
    now: datetime
    _asked: dict[str, ExchangeRate] = field(default_factory=dict)

    def rates(self) -> tuple[ExchangeRate, ...]:
        """The rates that the values so far have needed, usable or not, by currency."""
        return tuple(self._asked[currency] for currency in sorted(self._asked))

    def rate(self, currency: str) -> Decimal | None:
        """Account currency per unit of a currency; None without a usable rate."""
        if currency == self.limits.currency:
            return Decimal(1)
        if currency not in self._asked:
            self._asked[currency] = self.exchange.of(currency, self.now)
        return self._asked[currency].usable(self.limits.max_rate_age_seconds)

    def money(self, amount: Decimal, currency: str) -> Decimal | None:
        """An amount of a currency in the account's."""
        rate = self.rate(currency)
        return None if rate is None else amount * rate

    def unit(self, symbol: str) -> Decimal | None:
        """What one unit of an instrument is worth."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return None
        price, point = self._price(instrument), self._point(instrument)
        return None if price is None or point is None else price * point

    def units(self, symbols: Iterable[str]) -> dict[str, Decimal] | None:
        """What one unit of each instrument is worth; None when one of them is not known."""
        found = {symbol: self.unit(symbol) for symbol in symbols}
        known = {symbol: value for symbol, value in found.items() if value is not None}
        return known if len(known) == len(found) else None

    def unknown(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """The instruments of which no value is known."""
        return tuple(sorted(symbol for symbol in symbols if self.unit(symbol) is None))

    def gross(self, ranges: Mapping[str, PositionRange]) -> Decimal | None:
        """The value of all positions at their widest; None when a unit's value is not known."""
        values = self.units(ranges)
        if values is None:
            return None
        return sum((span.widest * abs(values[symbol]) for symbol, span in ranges.items()), ZERO)

    def committed_cash(self, waiting: Iterable[WorkingOrder]) -> Decimal | None:
        """Cash promised to purchases that are approved or working, at the far end of the widest collar."""
        total, worst = ZERO, 1 + max(self.limits.collar_liquid, self.limits.collar_other)
        for row in waiting:
            unit = self.unit(row.instrument) if row.side is Side.BUY else ZERO
            if unit is None:
                return None
            total += row.quantity * abs(unit) * worst
        return total

    def traded(self, account: str, since: datetime, waiting: Iterable[WorkingOrder]) -> Decimal | None:
        """The value filled since a moment, at the fills' prices and the rates of now, and of what may still be."""
        total = ZERO
        for fill in self.ledger.executions.traded_since(account, since):
            if fill.counts:
                instrument = self.instruments.get(fill.instrument)
                point = None if instrument is None else self._point(instrument)
                if point is None:
                    return None
                total += fill.quantity * abs(fill.price) * point
        for row in waiting:
            unit = self.unit(row.instrument)
            if unit is None:
                return None
            total += row.quantity * abs(unit)
        return total

    def _point(self, instrument: Instrument) -> Decimal | None:
        """Account currency per price point of one unit."""
        return self.money(instrument.multiplier, instrument.currency)

    def _price(self, instrument: Instrument) -> Decimal | None:
        price = price_of(self.quotes.get(instrument.symbol))
        if price is not None:
            return price
        facts = self.facts.of(instrument)
        is_recent = facts.closed_at is not None and self.now - facts.closed_at <= LONGEST_CLOSURE
        return facts.last_close if is_recent else None


def price_of(quote: Quote | None) -> Decimal | None:
    """What a holding is worth: the middle of bid and ask, else whichever of them there is, else the last trade.

    A last trade may be hours old while bid and ask move, so it comes last.
    """
    if quote is None:
        return None
    sides = [side for side in (quote.bid, quote.ask) if side is not None]
    return sum(sides, ZERO) / len(sides) if sides else quote.last
