"""The table of ``docs/strategies.md`` on what happens inside one bar: a case for each of its rows."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.backtest.plain import FLAT, Row, Script, bars, both
from tradewright.backtest.result import FillReason
from tradewright.backtest.sizing import FixedUnits
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.slippage import BpsSlippage
from tradewright.model.bars import Bars
from tradewright.model.strategy import AT_CLOSE, AT_OPEN, DAY, GTC, OrderRequest, order

PAGE = (Path(__file__).parents[2] / "docs" / "strategies.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("### What happens inside one bar")[2].partition("\n## ")[0]
ROWS = re.findall(r"^\| `([^`]+)` \|", TABLE, re.MULTILINE)

TEN = BacktestSpec(sizing=FixedUnits(10.0), allow_short=True)
AT_CLOSES = replace(TEN, fill_market="next_close")
(SIGNAL, LIMIT, STOP, PROFIT, END, STOP_ENTRY, TRAILING, TIME, ON_OPEN, ON_CLOSE, REST, *_ACTIONS) = FillReason

UP: Row = (102.0, 106.0, 101.0, 105.0)
WIDE: Row = (100.0, 110.0, 90.0, 104.0)


class Case(NamedTuple):
    """Decisions by bar, the bars, and the fills that follow: (bar, side, price, cause)."""

    orders: dict[int, OrderRequest]
    rows: list[Row]
    fills: list[tuple[int, int, float, FillReason]]
    spec: BacktestSpec = TEN
    bars_a_day: int = 1
    volume: float = 1000.0
    cut: list[int] | None = None
    """The units of each fill, where not all are 10."""


LONG = (1, 1, 100.0, SIGNAL)

FOUR_A_BAR = replace(TEN, volume_share=0.004)
"""At most 4 of the 10 units in a bar whose volume is 1,000."""

IN = [(1, 1, 100.0, SIGNAL), (2, 1, 100.0, REST), (3, 1, 100.0, REST)]
"""The entry of 10 units in three bars."""

AT_QUOTES = replace(TEN, fill_market="quote_close", quoted_spread=20.0)
"""Half the spread of 20 basis points is 0.1 at a price of 100."""

CASES: dict[str, list[Case]] = {
    "market at the quote": [
        Case({0: order(1.0, stop=99.0)}, [FLAT, WIDE], [(0, 1, 100.1, SIGNAL), (1, -1, 99.0, STOP)], AT_QUOTES),
        Case({0: order(-1.0, fill_at=AT_OPEN)}, [FLAT, FLAT], [(0, -1, 99.9, SIGNAL)], AT_QUOTES),
        Case({0: order(1.0)}, [FLAT, WIDE], [(1, 1, 104.104, SIGNAL)], replace(AT_QUOTES, bar_delay=2)),
    ],
    "market": [Case({0: order(1.0, stop=95.0)}, [FLAT, WIDE], [LONG, (1, -1, 95.0, STOP)])],
    "market on close": [
        Case({0: order(1.0, fill_at=AT_CLOSE)}, [FLAT, WIDE], [(1, 1, 104.0, ON_CLOSE)]),
        Case(
            {0: order(1.0, stop=95.0), 1: order(0.0, fill_at=AT_CLOSE)},
            [FLAT, FLAT, (100.0, 101.0, 94.0, 100.0)],
            [LONG, (2, -1, 95.0, STOP)],
        ),
    ],
    "new target": [
        Case({0: order(1.0, limit=98.0), 1: order(-1.0)}, [FLAT, FLAT, WIDE], [(2, -1, 100.0, SIGNAL)]),
    ],
    "reversal": [
        Case({0: order(1.0), 1: order(-1.0)}, [FLAT, FLAT, UP], [LONG, (2, -1, 102.0, SIGNAL), (2, -1, 102.0, SIGNAL)])
    ],
    "time stop": [
        Case(
            {0: order(1.0, stop=95.0, time_stop=2.0)}, [FLAT, FLAT, FLAT, WIDE], [LONG, (3, -1, 100.0, TIME)]
        ),
        Case(
            {0: order(1.0, stop=95.0, time_stop=1.0)},
            [FLAT, FLAT, UP],
            [(1, 1, 100.0, SIGNAL), (2, -1, 105.0, TIME)],
            AT_CLOSES,
        ),
        Case(
            {0: order(1.0, stop=95.0, time_stop=1.0)},
            [FLAT, FLAT, WIDE],
            [(1, 1, 100.0, SIGNAL), (2, -1, 95.0, STOP)],
            AT_CLOSES,
        ),
    ],
    "limit beyond the open": [Case({0: order(1.0, limit=101.0)}, [FLAT, WIDE], [(1, 1, 100.0, LIMIT)])],
    "limit inside": [
        Case({0: order(1.0, limit=98.0)}, [FLAT, WIDE], [(1, 1, 98.0, LIMIT)]),
        Case({0: order(1.0, limit=98.0)}, [FLAT, FLAT], []),
    ],
    "touch": [
        Case({0: order(1.0, limit=101.0)}, [FLAT, WIDE], [(1, 1, 101.0, LIMIT)], replace(TEN, fill_limit="touch")),
        Case({0: order(1.0, limit=111.0)}, [FLAT, WIDE], [], replace(TEN, fill_limit="touch")),
    ],
    "stop entry beyond the open": [
        Case({0: order(1.0, stop_entry=101.0)}, [FLAT, UP], [(1, 1, 102.0, STOP_ENTRY)]),
        Case({0: order(-1.0, stop_entry=101.0)}, [FLAT, WIDE], [(1, -1, 100.0, STOP_ENTRY)]),
    ],
    "stop entry inside": [
        Case({0: order(1.0, stop_entry=103.0)}, [FLAT, WIDE], [(1, 1, 103.0, STOP_ENTRY)]),
        Case({0: order(-1.0, stop_entry=97.0)}, [FLAT, WIDE], [(1, -1, 97.0, STOP_ENTRY)]),
        Case({0: order(1.0, stop_entry=103.0)}, [FLAT, FLAT], []),
    ],
    "stop-limit": [
        Case({0: order(1.0, stop_entry=103.0, limit=104.0)}, [FLAT, WIDE], [(1, 1, 103.0, STOP_ENTRY)]),
        Case(
            {0: order(1.0, stop_entry=100.0, limit=104.0)},
            [FLAT, WIDE],
            [(1, 1, 102.0, STOP_ENTRY)],
            replace(TEN, slippage=BpsSlippage(200.0)),
        ),
        Case(
            {0: order(1.0, stop_entry=103.0, limit=104.0)},
            [FLAT, WIDE],
            [(1, 1, 104.0, STOP_ENTRY)],
            replace(TEN, slippage=BpsSlippage(200.0)),
        ),
    ],
    "stop-limit beyond the limit": [
        Case({0: order(1.0, stop_entry=101.0, limit=101.5)}, [FLAT, UP, UP], [(2, 1, 101.5, LIMIT)]),
        Case({0: order(1.0, stop_entry=103.0, limit=102.0)}, [FLAT, WIDE], []),
    ],
    "stop after an entry inside": [
        Case({0: order(1.0, limit=98.0, stop=95.0)}, [FLAT, WIDE], [(1, 1, 98.0, LIMIT), (1, -1, 95.0, STOP)]),
        Case(
            {0: order(1.0, stop_entry=103.0, stop=95.0)},
            [FLAT, WIDE],
            [(1, 1, 103.0, STOP_ENTRY), (1, -1, 95.0, STOP)],
        ),
        Case(
            {0: order(1.0, stop_entry=103.0, trail=5.0)},
            [FLAT, WIDE],
            [(1, 1, 103.0, STOP_ENTRY), (1, -1, 98.0, TRAILING)],
        ),
    ],
    "target after an entry inside": [
        Case(
            {0: order(1.0, limit=98.0, take_profit=103.0)},
            [FLAT, WIDE, FLAT, UP],
            [(1, 1, 98.0, LIMIT), (3, -1, 103.0, PROFIT)],
        ),
        Case(
            {0: order(1.0, stop_entry=103.0, take_profit=108.0)},
            [FLAT, WIDE, WIDE],
            [(1, 1, 103.0, STOP_ENTRY), (2, -1, 108.0, PROFIT)],
        ),
    ],
    "stop beyond the open": [
        Case({0: order(1.0, stop=97.0)}, [FLAT, FLAT, (90.0, 99.0, 89.0, 95.0)], [LONG, (2, -1, 90.0, STOP)]),
        Case(
            {0: order(1.0, trail=3.0)},
            [FLAT, (100.0, 100.0, 98.0, 99.0), (90.0, 99.0, 89.0, 95.0)],
            [LONG, (2, -1, 90.0, TRAILING)],
        ),
    ],
    "stop before target": [
        Case({0: order(1.0, stop=95.0, take_profit=105.0)}, [FLAT, WIDE], [LONG, (1, -1, 95.0, STOP)]),
        Case({0: order(1.0, trail=6.0, take_profit=105.0)}, [FLAT, WIDE], [LONG, (1, -1, 94.0, TRAILING)]),
    ],
    "target beyond the open": [
        Case({0: order(1.0, take_profit=101.5)}, [FLAT, FLAT, UP], [LONG, (2, -1, 102.0, PROFIT)])
    ],
    "nearer stop": [
        Case({0: order(1.0, stop=95.0, trail=4.0)}, [FLAT, WIDE], [LONG, (1, -1, 96.0, TRAILING)]),
        Case({0: order(1.0, stop=97.0, trail=4.0)}, [FLAT, WIDE], [LONG, (1, -1, 97.0, STOP)]),
        Case(
            {0: order(-1.0, stop=105.0, trail_percent=4.0)},
            [FLAT, WIDE],
            [(1, -1, 100.0, SIGNAL), (1, 1, 104.0, TRAILING)],
        ),
    ],
    "trailing at the open": [
        Case(
            {0: order(1.0, trail=4.0)},
            [FLAT, FLAT, (110.0, 111.0, 105.0, 106.0)],
            [LONG, (2, -1, 106.0, TRAILING)],
        ),
    ],
    "trailing after the bar": [
        Case(
            {0: order(1.0, trail=4.0)},
            [FLAT, (100.0, 104.0, 99.0, 103.0), (103.0, 103.5, 99.0, 101.0)],
            [LONG, (2, -1, 100.0, TRAILING)],
        ),
        Case(
            {0: order(1.0, trail=4.0)},
            [FLAT, (100.0, 108.0, 97.0, 107.0), (106.0, 107.0, 105.0, 106.0)],
            [LONG],
        ),
    ],
    "trailing after an entry inside": [
        Case(
            {0: order(1.0, limit=98.0, trail=4.0)},
            [FLAT, (100.0, 120.0, 97.0, 99.0), (99.0, 99.0, 95.0, 96.0)],
            [(1, 1, 98.0, LIMIT), (2, -1, 95.0, TRAILING)],
        ),
    ],
    "trailing from the close": [
        Case(
            {0: order(1.0, trail=4.0)},
            [FLAT, UP, (95.0, 96.0, 90.0, 92.0)],
            [(1, 1, 105.0, SIGNAL), (2, -1, 95.0, TRAILING)],
            AT_CLOSES,
        ),
    ],
    "bars to live": [
        Case({0: order(1.0, limit=98.0, good_for=2.0)}, [FLAT, FLAT, FLAT, WIDE], []),
        Case({0: order(1.0, limit=98.0, good_for=3.0)}, [FLAT, FLAT, FLAT, WIDE], [(3, 1, 98.0, LIMIT)]),
        Case({0: order(1.0, limit=98.0, good_for=2.0, fill_at=AT_CLOSE)}, [FLAT] * 3 + [WIDE], [(3, 1, 98.0, LIMIT)]),
        Case({0: order(1.0, stop_entry=105.0, good_for=2.0)}, [FLAT, FLAT, FLAT, WIDE], []),
    ],
    "good for the day": [
        Case({0: order(1.0, limit=98.0, good_for=DAY)}, [FLAT, FLAT, WIDE], [(2, 1, 98.0, LIMIT)], bars_a_day=3),
        Case({1: order(1.0, limit=98.0, good_for=DAY)}, [FLAT, FLAT, FLAT, WIDE], [], bars_a_day=3),
        Case({2: order(1.0, limit=98.0, good_for=DAY)}, [FLAT, FLAT, FLAT, WIDE], [(3, 1, 98.0, LIMIT)], bars_a_day=3),
        Case(
            {1: order(1.0, limit=98.0, good_for=DAY, fill_at=AT_CLOSE)},
            [FLAT, FLAT, FLAT, WIDE],
            [(3, 1, 98.0, LIMIT)],
            bars_a_day=3,
        ),
    ],
    "good till cancelled": [
        Case({0: order(1.0, limit=98.0, good_for=GTC)}, [*[FLAT] * 12, WIDE], [(12, 1, 98.0, LIMIT)]),
        Case({0: order(1.0, limit=98.0, good_for=GTC), 8: order(0.0)}, [*[FLAT] * 12, WIDE], []),
    ],
    "share of the volume": [
        Case({0: order(1.0)}, [FLAT, FLAT, UP], [(1, 1, 100.0, SIGNAL), (2, 1, 102.0, REST)], FOUR_A_BAR, cut=[4, 4]),
        Case({0: order(1.0)}, [FLAT, FLAT, UP], [(1, 1, 100.0, SIGNAL)], FOUR_A_BAR, volume=math.nan, cut=[10]),
        Case({0: order(1.0)}, [FLAT, FLAT, UP], [], FOUR_A_BAR, volume=0.0),
    ],
    "rest of a market order": [
        Case(
            {0: order(1.0)},
            [FLAT, FLAT, UP, FLAT, FLAT],
            [(1, 1, 100.0, SIGNAL), (2, 1, 102.0, REST), (3, 1, 100.0, REST)],
            FOUR_A_BAR,
            cut=[4, 4, 2],
        ),
        Case(
            {0: order(1.0, stop=95.0)},
            [FLAT, FLAT, FLAT, FLAT, WIDE, UP, FLAT, WIDE],
            [*IN, (4, -1, 95.0, STOP), (5, -1, 102.0, REST), (6, -1, 100.0, REST)],
            FOUR_A_BAR,
            cut=[4, 4, 2, 4, 4, 2],
        ),
        Case(
            {0: order(1.0, stop=95.0, time_stop=3.0)},
            [FLAT, FLAT, FLAT, FLAT, FLAT, UP, WIDE],
            [*IN, (4, -1, 100.0, TIME), (5, -1, 102.0, REST), (6, -1, 100.0, REST)],
            FOUR_A_BAR,
            cut=[4, 4, 2, 4, 4, 2],
        ),
        Case(
            {0: order(1.0), 3: order(0.0)},
            [FLAT] * 7,
            [*IN, (4, -1, 100.0, SIGNAL), (5, -1, 100.0, REST), (6, -1, 100.0, REST)],
            FOUR_A_BAR,
            cut=[4, 4, 2, 4, 4, 2],
        ),
    ],
    "rest of a limit": [
        Case(
            {0: order(1.0, limit=98.0, good_for=2.0)},
            [FLAT, WIDE, WIDE, WIDE],
            [(1, 1, 98.0, LIMIT), (2, 1, 98.0, LIMIT)],
            FOUR_A_BAR,
            cut=[4, 4],
        ),
        Case(
            {0: order(1.0, take_profit=105.0, stop=80.0)},
            [FLAT, FLAT, FLAT, FLAT, WIDE, FLAT, WIDE, WIDE],
            [*IN, (4, -1, 105.0, PROFIT), (6, -1, 105.0, PROFIT), (7, -1, 105.0, PROFIT)],
            FOUR_A_BAR,
            cut=[4, 4, 2, 4, 4, 2],
        ),
    ],
    "rest of a reversal": [
        Case(
            {0: order(1.0), 3: order(-1.0)},
            [FLAT] * 9,
            [
                *IN,
                (4, -1, 100.0, SIGNAL),
                (5, -1, 100.0, REST),
                (6, -1, 100.0, REST),
                (6, -1, 100.0, REST),
                (7, -1, 100.0, REST),
                (8, -1, 100.0, REST),
            ],
            FOUR_A_BAR,
            cut=[4, 4, 2, 4, 4, 2, 4, 4, 2],
        ),
    ],
    "end": [
        Case(
            {0: order(1.0, stop=80.0)}, [FLAT, UP], [(1, 1, 102.0, SIGNAL), (1, -1, 105.0, END)],
            replace(TEN, close_at_end=True),
        ),
    ],
}  # fmt: skip


def table(case: Case) -> Bars:
    """The bars of a case, some of them in one day."""
    made = bars(*case.rows, volume=case.volume)
    day = 86_400 * 10**9
    number = made.ts // day
    return made._replace(ts=number // case.bars_a_day * day + number % case.bars_a_day * 3_600 * 10**9)


def test_each_row_has_its_cases_and_each_case_its_row() -> None:
    assert len(ROWS) > 20
    assert sorted(ROWS) == sorted(CASES)


@pytest.mark.parametrize("row", ROWS)
def test_inside_one_bar(row: str) -> None:
    for case in CASES[row]:
        result = both(Script(case.orders), table(case), case.spec)
        found = [
            (int(fill["bar"]), int(fill["side"]), round(float(fill["price"]), 9), FillReason(fill["reason"]))
            for fill in result.fills
        ]
        assert found == case.fills, case
        assert result.fills["quantity"].tolist() == (case.cut or [10] * len(found)), case
