"""Requests about contracts and prices: details, ticks, historical bars."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd

from brokers.ibkr.gateway import messages
from brokers.ibkr.gateway.hub import GatewayState, Handler
from brokers.ibkr.gateway.listings import Described, find
from brokers.ibkr.gateway.session import Session
from tradewright.model.bars import Bars

TIMEFRAMES = {
    "1 min": "1m",
    "5 mins": "5m",
    "15 mins": "15m",
    "30 mins": "30m",
    "1 hour": "1h",
    "2 hours": "2h",
    "4 hours": "4h",
    "1 day": "1d",
}
DURATIONS = {"S": timedelta(seconds=1), "D": timedelta(days=1), "W": timedelta(weeks=1)}
CALENDAR_DURATIONS = {"M": 1, "Y": 12}
NOT_FOUND = "No security definition has been found for the request"


def contract_details(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """9: everything about the contract that fits, or 200."""
    next(fields)
    request = int(next(fields))
    listing = find(hub.listings, Described.read(fields))
    if listing is None:
        session.error(request, 200, NOT_FOUND)
        return
    session.send(messages.contract_details(session.version, request, listing))
    session.send([52, 1, request])


def matching_symbols(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """81: contracts whose symbol begins with a text."""
    request, pattern = next(fields), next(fields).upper()
    found = [listing for listing in hub.listings.values() if listing.name.symbol.startswith(pattern)]
    message: messages.Message = [79, request, len(found)]
    for listing in found:
        name = listing.name
        message += [listing.con_id, name.symbol, name.sec_type, listing.primary_exchange, name.currency, 0]
        message += [listing.instrument.symbol, ""] if session.version >= 176 else []
    session.send(message)


def market_rule(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """91: price steps; the one rule of the simulator has the finest step that it lists."""
    steps = [listing.instrument.tick_size for listing in hub.listings.values()]
    session.send([93, next(fields), 1, 0, min(steps)])


def market_data(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """1: the present prices, then every change of them; a snapshot ends at once."""
    next(fields)
    request = next(fields)
    listing = find(hub.listings, Described.read(fields))
    _combination, _generic_ticks, snapshot = next(fields), next(fields), next(fields) == "1"
    if listing is None:
        session.error(int(request), 200, NOT_FOUND)
        return
    if not hub.faults.market_data:
        session.error(int(request), 354, "Requested market data is not subscribed.")
        return
    session.send([58, 1, request, 1])
    session.send([81, request, listing.instrument.tick_size, "SMART", 3])
    known = hub.venue.prices.get(listing.instrument.symbol)
    if known is not None:
        session.send_all(messages.ticks(request, known))
    if snapshot:
        session.send([57, 1, request])
    else:
        session.market_data[request] = listing.instrument.symbol


def cancel_market_data(_hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """2: end a stream of prices."""
    next(fields)
    session.market_data.pop(next(fields), None)


def historical_data(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """20: bars that start within the duration before the end, or 162 with the reason."""
    request = int(next(fields))
    listing = find(hub.listings, Described.read(fields))
    _expired, end_text, size, duration, _rth, what, date_format, live = (next(fields) for _ in range(8))
    if listing is None:
        session.error(request, 200, NOT_FOUND)
        return
    if (what == "AGGTRADES") != (listing.name.sec_type == "CRYPTO") and what != "MIDPOINT":
        session.error(request, 10299, "Expected what to show is AGGTRADES for crypto and TRADES elsewhere")
        return
    timeframe = TIMEFRAMES.get(size)
    if timeframe is None or live == "1":
        session.error(request, 162, f"Historical Market Data Service error message:{size} is not simulated")
        return
    end = _end(hub, end_text)
    start = _start(end, duration)
    frame = hub.history.get((listing.instrument.symbol, timeframe))
    frame = frame[(frame["ts"] >= start) & (frame["ts"] < end)] if frame is not None else None
    if frame is None or frame.empty:
        session.error(request, 162, "Historical Market Data Service error message:HMDS query returned no data")
        return
    if what == "MIDPOINT":
        frame = frame.assign(volume=-1.0)
    _send_bars(session, request, frame, timeframe == "1d", date_format, start, end)


def _send_bars(
    session: Session, request: int, frame: pd.DataFrame, daily: bool, date_format: str, start: datetime, end: datetime
) -> None:
    bars = Bars.from_frame(frame)
    message: messages.Message = [17, request, messages.zoned(start), messages.zoned(end), len(frame)]
    for row in zip(bars.ts.tolist(), *(column.tolist() for column in bars[1:6]), strict=True):
        seconds, *values = row[0] // 1_000_000_000, *(Decimal(repr(value)) for value in row[1:])
        message += [_bar_time(seconds, daily, date_format), *values, values[3], 1]
    session.send(message)


def _bar_time(seconds: int, daily: bool, date_format: str) -> str:
    """Daily bars carry their date, others a moment: as text in format 1, as epoch seconds in format 2."""
    time = datetime.fromtimestamp(seconds, UTC)
    if daily:
        return time.strftime("%Y%m%d")
    return str(seconds) if date_format == "2" else messages.zoned(time)


def _end(hub: GatewayState, text: str) -> datetime:
    """The end of the request: now when it is empty; a bar that has not ended yet is not sent by either."""
    if not text:
        return hub.clock.now()
    return datetime.strptime(text.replace("-", " "), "%Y%m%d %H:%M:%S UTC").replace(tzinfo=UTC)


def _start(end: datetime, duration: str) -> datetime:
    count, _, unit = duration.partition(" ")
    if unit in CALENDAR_DURATIONS:
        return pd.Timestamp(end) - pd.DateOffset(months=int(count) * CALENDAR_DURATIONS[unit])
    return end - int(count) * DURATIONS[unit]


def head_timestamp(hub: GatewayState, session: Session, fields: Iterator[str]) -> None:
    """87: when the daily history of a contract begins."""
    request = int(next(fields))
    listing = find(hub.listings, Described.read(fields))
    frame = hub.history.get((listing.instrument.symbol, "1d")) if listing else None
    if frame is None or frame.empty:
        session.error(request, 162, "Historical Market Data Service error message:No head time stamp")
        return
    session.send([88, request, messages.zoned(frame["ts"].iloc[0].to_pydatetime())])


def market_data_type(_hub: GatewayState, _session: Session, _fields: Iterator[str]) -> None:
    """59: live, frozen or delayed; the simulator has only live prices."""


def cancelled_history(_hub: GatewayState, _session: Session, _fields: Iterator[str]) -> None:
    """25: the answer has gone out already."""


HANDLERS: dict[int, Handler] = {
    1: market_data,
    2: cancel_market_data,
    9: contract_details,
    20: historical_data,
    25: cancelled_history,
    59: market_data_type,
    81: matching_symbols,
    87: head_timestamp,
    91: market_rule,
}
