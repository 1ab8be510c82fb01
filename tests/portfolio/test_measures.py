"""Exposure and drawdown, with figures by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.portfolio.test_intents import book
from tradewright.portfolio.exposure import drawdown, exposure


def test_gross_adds_sizes_and_net_adds_signs() -> None:
    prices = {"AAPL": Decimal(150), "BTC": Decimal(60_000), "DAX": Decimal(100)}
    owned = book(rates={"EUR": Decimal("1.2")}, AAPL=10, BTC="-0.1", DAX=2)
    measured = exposure(owned, prices)
    assert measured is not None
    assert measured.by_symbol == {"AAPL": 1500, "BTC": -6000, "DAX": 1200}
    assert (measured.gross, measured.net) == (8700, -3300)


def test_an_empty_or_flat_book_has_no_exposure() -> None:
    for owned in (book(), book(AAPL=0)):
        measured = exposure(owned, {})
        assert measured is not None
        assert (dict(measured.by_symbol), measured.gross, measured.net) == ({}, 0, 0)


def test_a_holding_without_price_or_rate_is_not_known() -> None:
    assert exposure(book(AAPL=1), {}) is None
    assert exposure(book(DAX=1), {"DAX": Decimal(100)}) is None


@pytest.mark.parametrize(
    ("equity", "expected"),
    [([], None), ([0], None), ([-5, -6], None), ([100], 0), ([100, 97], 0.03), ([90, 100, 80, 95], 0.05), ([5, 6], 0)],
)
def test_drawdown_is_counted_from_the_highest(equity: list[int], expected: float | None) -> None:
    found = drawdown([Decimal(value) for value in equity])
    assert found == (None if expected is None else Decimal(str(expected)))
