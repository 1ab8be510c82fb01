"""The gateway of The Graph on loopback: a GraphQL server with the schema that a subgraph has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from graphql import build_schema, graphql_sync

from brokers.vendors.thegraph.plugin import OnChainSeries
from tests.support.vendor_server import Answer, Asked
from tradewright.model.bars import Timeframe

KEY = "canary-thegraph-key"
SUBGRAPH, POOL = "5zvR", "0x8ad5"
TIME, PRICES = ("time",), (("open",), ("high",), ("low",), ("close",))
"""Where a row has its time and its prices."""
ENTITIES = {Timeframe.M1: "poolMinuteDatas", Timeframe.H1: "poolHourDatas", Timeframe.D1: "poolDayDatas"}
_FIELDS = {"first": "Int = 100", "skip": "Int = 0", "orderBy": "Data_orderBy", "orderDirection": "OrderDirection",
           "where": "Data_filter", "block": "Block_height"}  # fmt: skip
_ARGUMENTS = ", ".join(f"{name}: {kind}" for name, kind in _FIELDS.items())
SCHEMA = build_schema(
    "scalar BigDecimal enum OrderDirection {asc desc} enum Data_orderBy {id time} "
    "input Block_height {number: Int} "
    "input Data_filter {id_gt: ID, time_gte: Int, time_lte: Int, pool: String} "
    "type Data {id: ID!, time: Int!, open: BigDecimal!, high: BigDecimal!, low: BigDecimal!, close: BigDecimal!, "
    "volume: BigDecimal!} "
    "type _Block_ {number: Int!, timestamp: Int} type _Meta_ {block: _Block_!, hasIndexingErrors: Boolean!} "
    f"type Query {{{' '.join(f'{name}({_ARGUMENTS}): [Data!]!' for name in ENTITIES.values())} "
    "_meta(block: Block_height): _Meta_}"
)


def series(**changes: Any) -> OnChainSeries:
    """The prices of the pool as they are declared."""
    rows = {each: {"entity": name, "time": "time"} for each, name in ENTITIES.items()}
    plain = {"subgraph": SUBGRAPH, "rows": rows, "volume": "volume", "where": {"pool": POOL}}
    return OnChainSeries.model_validate(plain | {name: name for name in ("open", "high", "low", "close")} | changes)


class TheGraphVendor:
    """Answers from bars tables of one pool.

    Attributes:
        head: the time of the newest block; its number grows by one with each first page.
        meta: what the answers say otherwise of the subgraph.
        pools: whose rows there are.
        spoil: changes the rows of an answer.
    """

    def __init__(self, tables: Mapping[Timeframe, pd.DataFrame], head: datetime) -> None:
        self.tables, self.head, self.number = tables, head, 100
        self.meta: dict[str, Any] = {"hasIndexingErrors": False}
        self.pools = [POOL]
        self.spoil: Callable[[list[Any]], list[Any]] = list
        self.questions: list[str] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.path != f"/subgraphs/id/{SUBGRAPH}":
            return Answer({"errors": [{"message": "subgraph not found: no valid versions"}]})
        self.questions.append(json.loads(asked.body)["query"])
        self.number += "number: " not in self.questions[-1]
        root = {name: self._rows(each) for each, name in ENTITIES.items()} | {"_meta": self._meta}
        made = graphql_sync(SCHEMA, self.questions[-1], root)
        if made.errors:
            return Answer({"errors": [{"message": error.message} for error in made.errors]})
        data: dict[str, Any] = made.data or {}
        return Answer({"data": data | {"rows": self.spoil(data["rows"])}})

    def _meta(self, _: object, block: dict[str, int] | None = None) -> dict[str, Any]:
        number = block["number"] if block else self.number
        return {"block": {"number": number, "timestamp": int(self.head.timestamp())}} | self.meta

    def _rows(self, timeframe: Timeframe) -> Callable[..., list[dict[str, Any]]]:
        def resolve(_: object, first: int, skip: int, where: dict[str, Any], **_order: Any) -> list[dict[str, Any]]:
            table = self.tables.get(timeframe)
            if table is None:
                return []
            starts = table["ts"].astype("int64") // 1_000_000_000
            inside = table.assign(t=starts)[(starts >= where["time_gte"]) & (starts <= where["time_lte"])]
            found = [
                {"id": f"{pool}-{row.t // timeframe.seconds}", "time": row.t, "volume": f"{row.volume:.4f}"}
                | {name: f"{getattr(row, name):.8f}" for name in ("open", "high", "low", "close")}
                for pool in self.pools
                if pool == where.get("pool", pool)
                for row in inside.itertuples(index=False)
            ]
            ordered = sorted((row for row in found if row["id"] > where.get("id_gt", "")), key=lambda row: row["id"])
            return ordered[skip : skip + min(first, 1000)]

        return resolve
