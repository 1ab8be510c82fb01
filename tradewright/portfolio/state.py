"""The book: what is owned, what it is worth, and how much an amount of money buys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Context, Decimal, localcontext

from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument

_DOWN = Context(prec=60, rounding=ROUND_DOWN)
_SHORT = Context(prec=12, rounding=ROUND_DOWN)


@dataclass(frozen=True, slots=True)
class PortfolioState:
    """The holdings that a strategy may act on, and what is needed to value them.

    Args:
        equity: in ``currency``.
        positions: signed units by instrument; what is absent is not held.
        instruments: by symbol.
        rates: account currency per unit of another currency.
    """

    equity: Decimal
    positions: Mapping[str, Decimal]
    instruments: Mapping[str, Instrument]
    account: str = ""
    currency: str = "USD"
    rates: Mapping[str, Decimal] = field(default_factory=dict)

    def held(self, symbol: str) -> Decimal:
        """Signed units held; 0 when flat."""
        return self.positions.get(symbol, Decimal(0))

    def instrument(self, symbol: str) -> Instrument:
        """What is known of a symbol.

        Raises:
            ConfigError: when it is not among the instruments.
        """
        if symbol not in self.instruments:
            raise ConfigError(f"unknown instrument {symbol}", where="portfolio", remedy="add it to conf/instruments")
        return self.instruments[symbol]

    def unit_value(self, symbol: str, price: Decimal) -> Decimal | None:
        """Account currency per unit at a price; None without a rate for the instrument's currency."""
        instrument = self.instrument(symbol)
        rate = Decimal(1) if instrument.currency == self.currency else self.rates.get(instrument.currency)
        return None if rate is None else price * instrument.multiplier * rate

    def quantity(self, symbol: str, share: Decimal, price: Decimal) -> Decimal:
        """How many units a share of equity buys at a price, never worth more than it (R-EXEC-27).

        Whole lots; a wish of less than one lot is left as it is (12 digits), and where nothing can be computed (no
        equity, a price of zero, no rate) it is one lot: in each case the gate refuses by name what would otherwise
        vanish without a trace.
        """
        instrument, value = self.instrument(symbol), self.unit_value(symbol, price)
        if not value or self.equity <= 0:
            return instrument.lot_size
        with localcontext(_DOWN):
            wanted = self.equity * share / abs(value)
            return instrument.round_quantity(wanted) or _SHORT.create_decimal(wanted)

    def size_pct(self, symbol: str, quantity: Decimal, price: Decimal) -> float:
        """What a quantity is worth as a share of equity; 0 where that is not known (no equity, no rate)."""
        value = self.unit_value(symbol, price)
        if value is None or self.equity <= 0:
            return 0.0
        return float(quantity * abs(value) / self.equity)
