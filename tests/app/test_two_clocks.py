"""A ledger that was traded on the machine's clock is not traded on a scenario's, which stands in the past."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from conf.compose import compose
from runtime.container import Container
from tests.app.conftest import NOW, say
from tests.support.houses import House
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import ManualClock

BUY = ("--instrument", "BTC", "--side", "BUY", "--qty", "0.01")


@pytest.fixture
def later(house: House) -> tuple[str, ...]:
    """An account that was valued eight days after the end of the scenario."""
    with Container(compose(house.overrides)) as made:
        url, mode = made.ledger_url(), made.settings.mode.name
    with Ledger.create(url, ManualClock(NOW + timedelta(days=8)), mode=mode) as ledger:
        ledger.equity.mark("SIM", Decimal(100_000), Decimal(100_000))
    return house.overrides


@pytest.mark.parametrize(
    "words", [("send",), ("reconcile",), ("intent", *BUY), ("flatten", "--reason", "out"), ("end-of-day",)]
)
def test_nothing_is_traded_at_prices_of_the_past(later: tuple[str, ...], words: tuple[str, ...]) -> None:
    said = say(*words, *later, "--json")
    assert said.status == 1
    error = said.json["error"]
    assert "was last valued at 2026-11-28" in error["what"]
    assert "under another feed than feed=scenario" in error["what"]
    assert "feed=..." in error["remedy"]


def test_stops_cancels_and_listings_are_never_refused(later: tuple[str, ...]) -> None:
    for words in (("kill", "--reason", "r"), ("resume", "--reason", "r"), ("cancel-all", "--reason", "r"), ("orders",)):
        assert say(*words, *later).status == 0, words
