"""The ring of the last ticks of each instrument."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.vendors.base import StreamSettings
from tradewright.live.tick_store import TICKS_PER_SYMBOL, InMemoryTickStore
from tradewright.model.live import Tick


def tick(symbol: str, number: int) -> Tick:
    return Tick(symbol, number, None, None, Decimal(number))


def test_the_twenty_first_tick_takes_the_place_of_the_first() -> None:
    kept = InMemoryTickStore()
    for number in range(TICKS_PER_SYMBOL + 1):
        kept.put(tick("BTC", number))
    assert [each.time for each in kept.recent("BTC")] == list(range(1, 21))
    assert kept.recent("ETH") == ()


@given(
    ticks=st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), st.integers(0, 9))),
    usual=st.integers(1, 6),
    own=st.integers(1, 6),
)
def test_each_symbol_has_its_own_newest_ones_in_the_order_of_their_arrival(
    ticks: list[tuple[str, int]], usual: int, own: int
) -> None:
    kept = InMemoryTickStore(usual, {"A": own})
    for each in ticks:
        kept.put(tick(*each))
    for symbol, size in (("A", own), ("B", usual), ("C", usual)):
        assert list(kept.recent(symbol)) == [tick(*each) for each in ticks if each[0] == symbol][-size:]


@pytest.mark.parametrize(("usual", "own"), [(0, {}), (20, {"A": 0}), (-1, {"A": 3})])
def test_a_ring_of_nothing_is_refused(usual: int, own: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least one tick"):
        InMemoryTickStore(usual, own)


def test_settings_of_before_keep_the_usual_number() -> None:
    fields = StreamSettings.model_fields
    assert fields["ticks_per_symbol"].default == TICKS_PER_SYMBOL
    assert fields["ticks_of"].get_default(call_default_factory=True) == {}
