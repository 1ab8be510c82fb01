"""Alpaca's bars of stocks on loopback, as its documentation and its clients describe them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from tests.support.vendor_server import Answer, Asked
from tradewright.model.bars import Timeframe

LENGTHS = {"1Min": Timeframe.M1, "30Min": Timeframe.M30, "1Day": Timeframe.D1}
KEY = "canary-alpaca-id"
SECRET = "canary-alpaca-secret"  # pragma: allowlist secret
TIME, PRICES = ("t",), (("o",), ("h",), ("l",), ("c",))
"""Where a row has its time and its prices."""
HEADERS = {"APCA-API-KEY-ID": KEY, "APCA-API-SECRET-KEY": SECRET}


class AlpacaVendor:
    """Answers from bars tables by symbol and timeframe.

    Args:
        page: bars of a page.
        newest: the end of what the plan allows; a question that ends later is refused.

    Attributes:
        spoil: changes the rows of an answer.
    """

    def __init__(
        self,
        tables: Mapping[tuple[str, Timeframe], pd.DataFrame],
        *,
        page: int = 10_000,
        newest: datetime | None = None,
    ) -> None:
        self.tables, self.page, self.newest = tables, page, newest
        self.spoil: Callable[[list[Any]], list[Any]] = list

    def __call__(self, asked: Asked) -> Answer:
        given = {name.upper(): value for name, value in asked.headers.items()}
        if any(given.get(name) != value for name, value in HEADERS.items()):
            return Answer(b"<html>401 Authorization Required</html>", 401, kind="text/html")
        query = asked.query
        if (query["adjustment"], query["sort"]) != ("raw", "asc") or int(query["limit"]) > 10_000:
            return Answer({"message": "the test wants raw prices, ascending"}, 400)
        end = datetime.fromisoformat(query["end"]) if "end" in query else self.newest
        if self.newest is not None and end is not None and end > self.newest:
            return Answer({"message": "subscription does not permit querying recent SIP data"}, 403)
        rows = self.spoil(self._rows(query["symbols"], LENGTHS[query["timeframe"]], query["start"], end))
        offset = int(query.get("page_token", "t0")[1:])
        onward = f"t{offset + self.page}" if offset + self.page < len(rows) else None
        shown = rows[offset : offset + self.page]
        return Answer({"bars": {query["symbols"]: shown} if shown else {}, "next_page_token": onward})

    def _rows(self, symbol: str, timeframe: Timeframe, start: str, end: datetime | None) -> list[dict[str, Any]]:
        table = self.tables.get((symbol, timeframe))
        if table is None:
            return []
        starts = table["ts"]
        if timeframe is Timeframe.D1:
            starts = starts.dt.tz_convert("America/New_York").dt.normalize().dt.tz_convert("UTC")
        inside = starts >= pd.Timestamp(datetime.fromisoformat(start))
        if end is not None:
            inside &= starts <= pd.Timestamp(end)
        return [
            {"t": f"{row.t:%Y-%m-%dT%H:%M:%SZ}", "o": row.open, "h": row.high, "l": row.low, "c": row.close,
             "v": row.volume, "n": 3, "vw": row.close}
            for row in table.assign(t=starts)[inside].itertuples(index=False)
        ]  # fmt: skip
