"""The state of a portfolio: equity, positions, their value, drawdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument


@dataclass(frozen=True, slots=True)
class PortfolioState:
    """The positions that a strategy may act on, with the equity, instruments and rates that value them.

    Args:
        equity: in ``currency``.
        positions: signed units by instrument; an absent instrument is not held.
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
        """The definition of a symbol.

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


def drawdown(equity: Sequence[Decimal]) -> Decimal | None:
    """How far the last value is below the highest, as a fraction of the highest, 0 or more (0.03 = 3 %).

    None without values and where the highest is not above zero.
    """
    peak = max(equity, default=Decimal(0))
    return (peak - equity[-1]) / peak if peak > 0 else None
