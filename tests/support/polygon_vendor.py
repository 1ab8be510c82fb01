"""Polygon's aggregates on loopback, as its documentation and its clients describe them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from tests.support.vendor_server import Answer, Asked
from tradewright.model.bars import Timeframe

RANGES = {"1/minute": Timeframe.M1, "30/minute": Timeframe.M30, "1/hour": Timeframe.H1, "1/day": Timeframe.D1}
AGGREGATES = re.compile(r"/v2/aggs/ticker/([^/]+)/range/(\d+/\w+)/([\d-]+)/([\d-]+)")
KEY = "canary-polygon-0815"
TIME, PRICES = ("t",), (("o",), ("h",), ("l",), ("c",))
"""Where a row has its time and its prices; a volume is ``v``."""


class PolygonVendor:
    """Answers from bars tables by ticker and timeframe.

    Args:
        page: rows of a page.
        zone: in which days of dates begin.
        onward: the host that addresses of next pages name.

    Attributes:
        spoil: changes the rows of an answer.
    """

    def __init__(
        self,
        tables: Mapping[tuple[str, Timeframe], pd.DataFrame],
        *,
        page: int = 50_000,
        zone: str = "America/New_York",
        onward: str = "https://api.elsewhere.example",
    ) -> None:
        self.tables, self.page, self.zone, self.onward = tables, page, zone, onward
        self.spoil: Callable[[list[Any]], list[Any]] = list

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != f"Bearer {KEY}":
            return Answer({"status": "ERROR", "request_id": "r", "error": "Unknown API Key"}, 401)
        if asked.path == "/v3/reference/tickers":
            known = asked.query["active"] == "true" and asked.query["ticker"] in {ticker for ticker, _ in self.tables}
            return Answer({"results": [{"ticker": asked.query["ticker"]}] if known else [], "status": "OK"})
        match = AGGREGATES.fullmatch(asked.path)
        if match is None:
            return Answer({"status": "NOT_FOUND", "message": "nothing here"}, 404)
        return self._aggregates(asked, *match.groups())

    def _aggregates(self, asked: Asked, ticker: str, length: str, first: str, last: str) -> Answer:
        offset = int(asked.query.get("cursor", 0))
        if not offset and (asked.query.get("adjusted"), asked.query.get("sort")) != ("false", "asc"):
            return Answer({"status": "ERROR", "error": "the test wants raw prices, ascending"}, 400)
        rows = self.spoil(self._rows(ticker, RANGES[length], first, last))
        shown = rows[offset : offset + self.page]
        body = {"ticker": ticker, "adjusted": False, "queryCount": len(shown), "resultsCount": len(shown),
                "status": "DELAYED", "request_id": "r", "count": len(shown)}  # fmt: skip
        if shown:
            body["results"] = shown
        if offset + self.page < len(rows):
            body["next_url"] = f"{self.onward}{asked.path}?cursor={offset + self.page}"
        return Answer(body)

    def _rows(self, ticker: str, timeframe: Timeframe, first: str, last: str) -> list[dict[str, float]]:
        table = self.tables.get((ticker, timeframe))
        if table is None:
            return []
        if timeframe is Timeframe.D1:
            starts = table["ts"].dt.tz_convert(self.zone).dt.normalize()
            low, high = (pd.Timestamp(day, tz=self.zone) for day in (first, last))
        else:
            starts = table["ts"]
            low, high = (pd.Timestamp(int(moment), unit="ms", tz="UTC") for moment in (first, last))
        inside = table.assign(t=starts)[(starts >= low) & (starts <= high)]
        return [
            {"t": row.t.value // 1_000_000, "o": row.open, "h": row.high, "l": row.low, "c": row.close, "v": row.volume,
             "vw": row.close, "n": 3}
            for row in inside.itertuples(index=False)
        ]  # fmt: skip
