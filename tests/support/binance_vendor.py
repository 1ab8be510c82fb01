"""Binance's candles on loopback, as its documentation and its clients describe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from tests.support.vendor_server import Answer, Asked
from tradewright.model.bars import Timeframe

LENGTHS = {"1m": Timeframe.M1, "30m": Timeframe.M30, "1h": Timeframe.H1, "4h": Timeframe.H4, "1d": Timeframe.D1}
KEY = ""
TIME, PRICES = (0,), ((1,), (2,), (3,), (4,))
"""Where a row has its time and its prices."""


class BinanceVendor:
    """Answers from bars tables by symbol and timeframe, with the bar that still forms.

    Attributes:
        spoil: changes the rows of an answer.
    """

    def __init__(self, tables: Mapping[tuple[str, Timeframe], pd.DataFrame]) -> None:
        self.tables = tables
        self.spoil: Callable[[list[Any]], list[Any]] = list

    def __call__(self, asked: Asked) -> Answer:
        query = asked.query
        if query["symbol"] not in {symbol for symbol, _ in self.tables}:
            return Answer({"code": -1121, "msg": "Invalid symbol."}, 400)
        if int(query["limit"]) > 1000:
            return Answer({"code": -1130, "msg": "Data sent for parameter 'limit' is not valid."}, 400)
        table = self.tables.get((query["symbol"], LENGTHS[query["interval"]]))
        if table is None:
            return Answer([])
        starts = table["ts"].astype("int64") // 1_000_000
        inside = table.assign(t=starts)[(starts >= int(query["startTime"])) & (starts <= int(query["endTime"]))]
        rows = [
            [row.t, f"{row.open:.8f}", f"{row.high:.8f}", f"{row.low:.8f}", f"{row.close:.8f}", f"{row.volume:.8f}",
             row.t + LENGTHS[query["interval"]].seconds * 1000 - 1, "1.0", 3, "0.5", "0.5", "0"]
            for row in inside.itertuples(index=False)
        ]  # fmt: skip
        return Answer(self.spoil(rows[: int(query["limit"])]))
