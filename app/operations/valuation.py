"""Holdings at the newest stored prices."""

from __future__ import annotations

from collections.abc import Iterable

from app.operations.replies import PositionView
from runtime.container import Container
from tradewright.model.instrument import Instrument
from tradewright.model.order import Position

NOT_CONFIGURED = "not in conf/instruments"
"""The remark of a position that cannot be valued because its instrument is not declared."""


def valued(house: Container, positions: Iterable[Position]) -> tuple[PositionView, ...]:
    """Positions in the account's currency; a remark in the place of a value that is not known."""
    held = [row for row in positions if row.quantity]
    quotes = house.newest_quotes() if held else {}
    views = []
    for row in held:
        last = quotes[row.instrument].last if row.instrument in quotes else None
        known = house.instruments.get(row.instrument)
        remark = _remark(known, house.settings.policy.currency)
        value = row.quantity * last * known.multiplier if known and last is not None and not remark else None
        views.append(PositionView(row.instrument, row.quantity, row.average_price, last, value, remark))
    return tuple(views)


def _remark(known: Instrument | None, account: str) -> str:
    if known is None:
        return NOT_CONFIGURED
    return "" if known.currency == account else f"priced in {known.currency}, not converted to {account}"
