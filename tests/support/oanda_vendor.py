"""OANDA's candles on loopback, as its documentation and its clients describe them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from tests.support.histories import NOON, NOW
from tests.support.vendor_server import Answer, Asked
from tradewright.model.bars import Timeframe

GRANULARITIES = {"M1": Timeframe.M1, "M30": Timeframe.M30, "H1": Timeframe.H1, "D": Timeframe.D1}
CANDLES = re.compile(r"/v3/instruments/([^/]+)/candles")
KEY = "canary-oanda-2604"
TIME, PRICES = ("time",), (("mid", "o"), ("mid", "h"), ("mid", "l"), ("mid", "c"))
"""Where a row has its time and its prices."""
HALF = 0.00004
"""Half of the spread of every price."""


class OandaVendor:
    """Answers from bars tables by instrument and timeframe; the bar that forms at ``NOON`` is not complete.

    Attributes:
        spoil: changes the rows of an answer.
        days: how the days of an answer were aligned, as they were asked for.
    """

    def __init__(self, tables: Mapping[tuple[str, Timeframe], pd.DataFrame]) -> None:
        self.tables = tables
        self.spoil: Callable[[list[Any]], list[Any]] = list
        self.days: list[tuple[str, str]] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"Bearer {KEY}":
            return Answer({"errorMessage": "Insufficient authorization to perform request."}, 401)
        match = CANDLES.fullmatch(asked.path)
        if match is None or match[1] not in {name for name, _ in self.tables}:
            return Answer({"errorMessage": "Invalid value specified for 'instrument'"}, 400)
        timeframe = GRANULARITIES[asked.query["granularity"]]
        first, last = (datetime.fromisoformat(asked.query[name]) for name in ("from", "to"))
        if last > NOW:
            return Answer({"errorMessage": "Invalid value specified for 'to'. Time is in the future"}, 400)
        if (last - first).total_seconds() / timeframe.seconds > 5000:
            return Answer({"errorMessage": "Maximum value for 'count' exceeded"}, 400)
        if timeframe is Timeframe.D1:
            query = asked.query
            self.days.append((query.get("dailyAlignment", "17"), query.get("alignmentTimezone", "America/New_York")))
        rows = self.spoil(self._rows(match[1], timeframe, first, last))
        return Answer({"instrument": match[1], "granularity": asked.query["granularity"], "candles": rows})

    def _rows(self, name: str, timeframe: Timeframe, first: datetime, last: datetime) -> list[dict[str, Any]]:
        table = self.tables.get((name, timeframe))
        if table is None:
            return []
        length = pd.Timedelta(seconds=timeframe.seconds)
        inside = table[(table["ts"] + length > first) & (table["ts"] < last)]
        return [self._candle(row, row.ts + length <= pd.Timestamp(NOON)) for row in inside.itertuples(index=False)]

    def _candle(self, row: Any, complete: bool) -> dict[str, Any]:
        sides = {"mid": 0.0, "bid": -HALF, "ask": HALF}
        prices = {
            side: {name: f"{getattr(row, column) + more:.5f}" for name, column in
                   zip("ohlc", ("open", "high", "low", "close"), strict=True)}
            for side, more in sides.items()
        }  # fmt: skip
        return {"complete": complete, "volume": 77, "time": f"{row.ts:%Y-%m-%dT%H:%M:%S}.000000000Z", **prices}
