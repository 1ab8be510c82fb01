"""Drawdown, with figures by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tradewright.portfolio.state import drawdown


@pytest.mark.parametrize(
    ("equity", "expected"),
    [([], None), ([0], None), ([-5, -6], None), ([100], 0), ([100, 97], 0.03), ([90, 100, 80, 95], 0.05), ([5, 6], 0)],
)
def test_drawdown_is_counted_from_the_highest(equity: list[int], expected: float | None) -> None:
    found = drawdown([Decimal(value) for value in equity])
    assert found == (None if expected is None else Decimal(str(expected)))
