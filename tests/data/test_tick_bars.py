"""Bars out of ticks: on the grid of the session, whole ones alone, whatever the order of the ticks."""

from __future__ import annotations

import math
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, strategies

from tests.support.histories import PAIR, STOCK
from tradewright.live.backoff import Backoff
from tradewright.live.tick_bars import TickBars
from tradewright.model.bars import Timeframe
from tradewright.model.instrument import Instrument
from tradewright.model.live import LiveBar, Tick

M1, H1 = Timeframe.M1, Timeframe.H1
MINUTE = 60_000_000_000
NOON = pd.Timestamp("2026-03-04 17:00", tz="UTC").value


def tick(moment: int, price: int, half: int = 1, symbol: str = "EURUSD") -> Tick:
    return Tick(symbol, moment, Decimal(price - half), Decimal(price + half), None)


def bars(ticks: list[Tick], heard: int = NOON, of: Instrument = PAIR, timeframe: Timeframe = M1) -> list[LiveBar]:
    made = TickBars(of, timeframe)
    made.heard_from(heard)
    found = [bar for each in ticks if (bar := made.add(each))]
    last = made.close(NOON + 10**16)
    return [*found, *([last] if last else [])]


def test_a_bar_holds_the_prices_of_its_own_time_alone() -> None:
    found = bars([tick(NOON, 100), tick(NOON + 1, 108), tick(NOON + 30 * 10**9, 95), tick(NOON + MINUTE - 1, 101),
                  tick(NOON + MINUTE, 200), tick(NOON + 4 * MINUTE, 300)])  # fmt: skip
    assert [(bar.start, bar[2:6]) for bar in found] == [
        (NOON, (100, 108, 95, 101)),
        (NOON + MINUTE, (200, 200, 200, 200)),
        (NOON + 4 * MINUTE, (300, 300, 300, 300)),
    ]
    assert all(math.isnan(bar.volume) for bar in found)
    assert found[0].spread == pytest.approx(10_000 * (2 / 100 + 2 / 101) / 2)


@given(strategies.permutations(range(7)), strategies.data())
def test_the_order_of_the_ticks_of_a_bar_and_doubles_change_nothing(
    order: list[int], data: strategies.DataObject
) -> None:
    known = [tick(NOON + at * 10**9, price) for at, price in enumerate((100, 103, 97, 104, 96, 99, 102))]
    shuffled = [known[at] for at in order]
    doubles = data.draw(strategies.lists(strategies.sampled_from(known), max_size=4))
    assert bars([*shuffled, *doubles]) == bars(known)


def test_a_bar_of_which_a_part_was_not_heard_is_not_given() -> None:
    ticks = [tick(NOON + at * MINUTE + 10**9, 100 + at) for at in range(4)]
    assert [bar.start for bar in bars(ticks, heard=NOON + 1)] == [NOON + at * MINUTE for at in (1, 2, 3)]
    made = TickBars(PAIR, M1)
    made.heard_from(NOON)
    made.add(ticks[0])
    made.heard_from(NOON + 30 * 10**9)  # the link was made again within the first minute
    assert made.add(ticks[1]) is None
    assert made.add(ticks[2]) is not None


def test_a_tick_after_its_bar_was_given_is_late_and_changes_nothing() -> None:
    made = TickBars(PAIR, M1)
    made.heard_from(NOON)
    made.add(tick(NOON, 100))
    assert made.close(NOON + MINUTE - 1) is None
    assert made.close(NOON + MINUTE) is not None
    assert made.close(NOON + MINUTE) is None, "given once"
    assert made.add(tick(NOON + 5, 500)) is None
    assert made.late == 1
    made.add(tick(NOON + MINUTE, 101))
    assert made.add(tick(NOON + MINUTE - 1, 500)) is None
    assert (made.late, made.outside) == (2, 0)


def test_bars_are_counted_from_the_opening_and_end_with_the_session() -> None:
    opening = pd.Timestamp("2026-03-04 14:30", tz="UTC").value
    close = pd.Timestamp("2026-03-04 21:00", tz="UTC").value
    moments = [opening - 1, opening, opening + 59 * MINUTE, opening + 60 * MINUTE, close - 1, close, close + MINUTE]
    made = TickBars(STOCK, H1)
    made.heard_from(opening - MINUTE)
    found = [bar for at, moment in enumerate(moments) if (bar := made.add(tick(moment, 100 + at, symbol="AAPL")))]
    assert [bar.start for bar in found] == [opening, opening + 60 * MINUTE, opening + 360 * MINUTE]
    assert made.outside == 3
    assert bars([tick(pd.Timestamp("2026-03-07 12:00", tz="UTC").value, 1)]) == [], "a Saturday"


def test_trades_make_bars_where_there_are_no_quotes_and_one_side_makes_none() -> None:
    trade = Tick("EURUSD", NOON, None, None, Decimal("1.5"))
    (bar,) = bars([trade, Tick("EURUSD", NOON + 1, Decimal(1), None, None)])
    assert bar[2:6] == (1.5, 1.5, 1.5, 1.5)
    assert math.isnan(bar.spread)


def test_waits_double_up_to_the_longest_and_begin_anew() -> None:
    waits = Backoff(1.0, 8.0, 0.5, chance=lambda: 0.0)
    assert [waits.next() for _ in range(6)] == [1, 2, 4, 8, 8, 8]
    waits.reset()
    assert waits.next() == 1
    jittered = Backoff(1.0, 8.0, 0.5, chance=lambda: 0.999)
    assert [jittered.next() for _ in range(4)] == pytest.approx([1.4995, 2.999, 5.998, 11.996])
    assert Backoff(chance=lambda: 0.0).tries == 0
