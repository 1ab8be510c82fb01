"""Holdings at the newest stored prices and exchange rates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType

from app.operations.replies import PositionView
from runtime.container import Container
from runtime.exchange_rates import account_currency, newest_rates
from tradewright.model.order import Position

NOT_CONFIGURED = "not in conf/instruments"
"""The remark of a position that cannot be valued because its instrument is not declared."""


def valued(
    house: Container, positions: Iterable[Position], protections: Mapping[str, str] = MappingProxyType({})
) -> tuple[PositionView, ...]:
    """Positions in the account's currency, each with the rate that it was converted at, or why it has no value.

    Args:
        protections: what protects each holding at the venue, by instrument.
    """
    held = [row for row in positions if row.quantity]
    quotes = house.newest_quotes() if held else {}
    worth = _Worth(house)
    views = []
    for row in held:
        last = quotes[row.instrument].last if row.instrument in quotes else None
        point, remark = worth.of_point(row.instrument)
        value = None if last is None or point is None else row.quantity * last * point
        views.append(
            PositionView(
                row.instrument,
                row.quantity,
                row.average_price,
                last,
                value,
                remark,
                protections.get(row.instrument, ""),
            )
        )
    return tuple(views)


class _Worth:
    """What a price point of an instrument is worth in the account's currency."""

    def __init__(self, house: Container) -> None:
        self._house, self._rates = house, newest_rates(house)
        self._oldest = house.settings.policy.max_rate_age_seconds

    def of_point(self, symbol: str) -> tuple[Decimal | None, str]:
        """The worth of one price point of one unit, None where it is not known, and the remark on it."""
        known = self._house.instruments.get(symbol)
        if known is None:
            return None, NOT_CONFIGURED
        if known.currency == account_currency(self._house.settings):
            return known.multiplier, ""
        rate = self._rates.of(known.currency, self._house.clock.now())
        used = rate.usable(self._oldest)
        if used is None:
            return None, rate.why_unknown() or rate.why_stale(self._oldest)
        return known.multiplier * used, rate.told()
