"""Yahoo's charts on loopback, as its pages and its clients read them: adjusted for splits, in single precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from tests.support.vendor_server import Answer, Asked
from tradewright.model.bars import Timeframe

INTERVALS = {"1m": Timeframe.M1, "15m": Timeframe.M15, "1d": Timeframe.D1}
KEY = ""
TIME, PRICES = (0,), ((1,), (2,), (3,), (4,))
"""Where a row has its time and its prices, before the columns are torn apart."""
SPLIT, RATIO = pd.Timestamp("2026-02-10 14:30", tz="UTC"), 4.0


class YahooVendor:
    """Answers from tables of prices as they were traded, by symbol and timeframe.

    Attributes:
        spoil: changes the rows of an answer.
        live: whether the price of the moment stands behind the bars of minutes.
    """

    def __init__(self, tables: Mapping[tuple[str, Timeframe], pd.DataFrame], zone: str = "America/New_York") -> None:
        self.tables, self._zone, self.live = tables, zone, True
        self.spoil: Callable[[list[Any]], list[Any]] = list

    def __call__(self, asked: Asked) -> Answer:
        symbol, query = asked.path.removeprefix("/v8/finance/chart/"), asked.query
        if symbol not in {name for name, _ in self.tables}:
            told = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return Answer({"chart": {"result": None, "error": told}}, 404)
        first, last, interval = int(query["period1"]), int(query["period2"]), query["interval"]
        splits = {str(SPLIT.value // 10**9): {"date": SPLIT.value // 10**9, "numerator": RATIO, "denominator": 1.0,
                                              "splitRatio": "4:1"}} if self._zone != "UTC" else {}  # fmt: skip
        meta = {"symbol": symbol, "currency": "USD", "exchangeTimezoneName": self._zone, "dataGranularity": interval}
        table = self.tables.get((symbol, INTERVALS[interval])) if interval in INTERVALS else None
        rows = self.spoil([]) if table is None else self.spoil(self._rows(table, first, last))
        if rows and self.live and interval == "1m":
            rows = [*rows, [rows[-1][0] + 61, *rows[-1][1:5], 0]]
        chart: dict[str, Any] = {"meta": meta, "events": {"splits": splits} if splits else {}, "indicators": {}}
        if rows:
            columns = list(zip(*rows, strict=True))
            names = ("open", "high", "low", "close", "volume")
            quote = {name: list(values) for name, values in zip(names, columns[1:], strict=True)}
            chart |= {"timestamp": list(columns[0]), "indicators": {"quote": [quote]}}
        return Answer({"chart": {"result": [chart], "error": None}})

    def _rows(self, table: pd.DataFrame, first: int, last: int) -> list[list[Any]]:
        found = []
        for row in table.itertuples(index=False):
            at = row.ts.value // 10**9
            if first <= at < last:
                ratio = RATIO if self._zone != "UTC" and row.ts < SPLIT else 1.0
                prices = [float(np.float32(price / ratio)) for price in (row.open, row.high, row.low, row.close)]
                found.append([at, *prices, None if np.isnan(row.volume) else int(row.volume * ratio)])
        return found
