"""Rows of subgraphs: https://thegraph.com/docs/en/subgraphs/querying/graphql-api/.

All pages of one question are read at one block, so that a reorganisation of the chain between two pages mixes nothing.
A period that had not ended at that block is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from brokers.vendors.answers import REMEDY, UNKNOWN, Reader
from brokers.vendors.history import Ask, Candle, has_utc_days, served
from brokers.vendors.http_client import HttpClient, Transient, VendorRefused, VendorUnavailable
from brokers.vendors.thegraph.plugin import OnChainSeries
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import Clock
from tradewright.model.errors import DataError
from tradewright.model.instrument import AssetClass, Instrument

CLASSES = frozenset({AssetClass.CRYPTO, AssetClass.INDEX})
MOST, MOST_PAGES, ROWS = 1000, 200, 10_000
"""Rows of a page (the vendor gives no more) and pages of an answer; rows of the span of one question."""
LATE = timedelta(days=1)
"""An indexer that is so far behind is told, and its answer taken for nothing."""
PASSING = ("bad indexers", "timed out", "timeout", "unavailable", "too many")
"""What errors say that may pass: no indexer answered now."""
_SECOND = 1_000_000_000


class Block(NamedTuple):
    """The block that an answer was read at: its number, and its time in nanoseconds since 1970 UTC."""

    number: int
    time: int


class TheGraphHistory:
    """Series by GraphQL over POST.

    Args:
        series: by our symbol.
        clock: how late a subgraph is.
    """

    name = "thegraph"

    def __init__(self, client: HttpClient, series: Mapping[str, OnChainSeries], clock: Clock) -> None:
        self._client, self._reader, self._clock, self._series = client, Reader(client.where), clock, series

    def symbol(self, instrument: Instrument) -> str:
        """Our symbol: a series has no name of its own.

        Raises:
            DataError: for an instrument that is not crypto or an index around the clock, or without a declared series.
        """
        symbol = instrument.symbol
        served(symbol, instrument, self.name, CLASSES)
        if not has_utc_days(instrument):
            what, remedy = "its days are not those of UTC, and blockchains have no other", "set calendar: 24/7"
            raise DataError(what, where=symbol, remedy=f"{remedy} of {symbol} in conf/instruments")
        if symbol not in self._series:
            remedy = f"declare it below feed.series of conf/feed/thegraph.yaml: {symbol}: {{subgraph: ...}}"
            raise DataError(f"feed=thegraph has no series for {symbol}", where="feed.series", remedy=remedy)
        return symbol

    def kind_of(self, instrument: Instrument) -> BarKind | None:  # noqa: ARG002  # the same for all
        """Values of no deal."""
        return None

    def spans(self, instrument: Instrument) -> Mapping[Timeframe, timedelta]:
        """The declared lengths, ten pages to a question."""
        rows = self._series[self.symbol(instrument)].rows
        return {each: timedelta(seconds=each.seconds * ROWS) for each in rows}

    def candles(self, ask: Ask) -> Iterator[Candle]:
        """The rows of a span, page by page.

        Raises:
            DataError: as :meth:`brokers.vendors.history.History.candles`, for two rows of one period, and where the
                subgraph has failed or is more than a day late.
        """
        series, block, last = self._series[ask.symbol], None, ""
        known: dict[int, str] = {}
        for _ in range(MOST_PAGES):
            data = self._data(series, _question(series, ask, block, last))
            block = block or self._block(data, ask)
            rows = [self._reader.mapping(row, "a row") for row in self._reader.rows(data["rows"], "rows")]
            for row in rows:
                candle, name = self._candle(series, ask, row), self._id(row)
                if known.setdefault(candle.start, name) != name and candle.start >= ask.first.timestamp() * _SECOND:
                    raise self._two_rows(ask, candle.start)
                if not candle.start <= block.time < candle.start + ask.timeframe.seconds * _SECOND:
                    yield candle
            if len(rows) < MOST:
                return
            before, last = last, self._id(rows[-1])
            if last == before:
                raise self._reader.wrong("the next page begins where the last one did")
        raise self._reader.wrong(f"the answer has more than {MOST_PAGES} pages")

    def _data(self, series: OnChainSeries, question: str) -> Mapping[str, Any]:
        path = f"/subgraphs/id/{series.subgraph}"
        answer = self._client.post(path, {"query": question}, "query", self._judge)
        data = self._reader.mapping(answer.get("data"), "data")
        if not {"rows", "_meta"} <= data.keys():
            raise self._reader.wrong("data lacks the rows or _meta")
        return data

    def _judge(self, answer: object) -> None:
        """Errors come in an answer of 200, some of them beside data that are then not whole."""
        errors = self._reader.rows(self._reader.mapping(answer, "the answer").get("errors"), "errors")
        if not errors:
            return
        first = errors[0].get("message") if isinstance(errors[0], dict) else errors[0]
        told = " ".join(self._client.clean(str(first)).split())[:200]
        if any(word in told.lower() for word in PASSING):
            raise Transient(f"it answers: {told}")
        is_key = told.lower().startswith("auth error")
        remedy = "check the key and what its plan includes" if is_key else "check the series in conf/feed/thegraph.yaml"
        raise VendorRefused(f"it answers: {told}", where=self._client.where, remedy=remedy, status=200)

    def _block(self, data: Mapping[str, Any], ask: Ask) -> Block:
        reader = self._reader
        meta = reader.mapping(data["_meta"], "_meta")
        if reader.truth(meta.get("hasIndexingErrors"), "hasIndexingErrors"):
            raise reader.wrong("the subgraph has failed, so its values may be wrong")
        block = reader.mapping(meta.get("block"), "block")
        number = block.get("number")
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise reader.wrong("the number of the block is none")
        time = reader.seconds(block.get("timestamp"), "timestamp")
        end = ask.last + timedelta(seconds=ask.timeframe.seconds)
        told = datetime.fromtimestamp(time // _SECOND, UTC)
        if self._clock.now() - told > LATE and told < end:
            what = f"the subgraph knows the chain until {told:%Y-%m-%d %H:%M} UTC only"
            raise VendorUnavailable(what, where=self._client.where, remedy=f"{REMEDY}; or ask for a span before")
        return Block(number, time)

    def _candle(self, series: OnChainSeries, ask: Ask, row: Mapping[str, Any]) -> Candle:
        reader, time = self._reader, series.rows[ask.timeframe].time
        start = reader.seconds(reader.field(row, time), time)
        if ask.timeframe is Timeframe.D1:
            start -= start % (ask.timeframe.seconds * _SECOND)
        opened, high, low, close = (reader.number(reader.field(row, name), name) for name in series.prices)
        counted = series.volume
        volume = UNKNOWN if counted is None else reader.number(reader.field(row, counted), counted)
        return Candle(start, opened, high, low, close, volume, UNKNOWN)

    def _id(self, row: Mapping[str, Any]) -> str:
        name = row.get("id")
        if not isinstance(name, str) or not name:
            raise self._reader.wrong("a row has no id")
        return name

    def _two_rows(self, ask: Ask, start: int) -> DataError:
        told = datetime.fromtimestamp(start // _SECOND, UTC)
        return DataError(
            f"two rows are of {told:%Y-%m-%d %H:%M} UTC, so the series is no single one",
            where=f"feed.series.{ask.symbol}",
            remedy="name one with where, such as {pool: \"0x...\"}; nothing was stored",
        )  # fmt: skip


def _question(series: OnChainSeries, ask: Ask, block: Block | None, last: str) -> str:
    """The query of one page: rows after an id, of a span, at a block."""
    of = series.rows[ask.timeframe]
    first, end = int(ask.first.timestamp()), int(ask.last.timestamp())
    if ask.timeframe is Timeframe.D1:
        end += ask.timeframe.seconds - 1
    where = {**series.where, f"{of.time}_gte": first, f"{of.time}_lte": end, **({"id_gt": last} if last else {})}
    told = ", ".join(f"{name}: {json.dumps(value)}" for name, value in where.items())
    at = f", block: {{number: {block.number}}}" if block else ""
    fields = " ".join(dict.fromkeys(("id", of.time, *series.prices, *([series.volume] if series.volume else ()))))
    meta = f"_meta{f'(block: {{number: {block.number}}})' if block else ''}"
    return (
        f"{{rows: {of.entity}(first: {MOST}, orderBy: id, orderDirection: asc, where: {{{told}}}{at}) {{{fields}}} "
        f"{meta} {{block {{number timestamp}} hasIndexingErrors}}}}"
    )
