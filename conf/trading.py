"""The money side of building: settings to venues and trading sessions. Nothing here may load numba."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from brokers.ibkr.feed import IbkrFeed
from brokers.ibkr.settings import IbkrSettings
from brokers.registry import make_broker
from brokers.sim.broker import SimBroker
from brokers.sim.matching import Prices
from conf import build
from conf.schema.desk import IbkrBrokerSettings
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from tradewright.execution.account_reader import AccountReader
from tradewright.execution.actor import AccountActor
from tradewright.execution.deciding import Decider
from tradewright.execution.market_state import MarketStateReader, closed_at
from tradewright.execution.risk_snapshot import Event, SnapshotBuilder
from tradewright.execution.types import ProtocolTimes, SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.bars import Timeframe
from tradewright.model.broker import Broker, Quote
from tradewright.model.clock import Clock
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument
from tradewright.model.mode import Mode
from tradewright.model.signal import SignalCandidate
from tradewright.store.artefacts import NoArtefact

Result = TypeVar("Result")
_SIGNALS = TypeAdapter(list[SignalCandidate])


def newest_quotes(settings: Settings, now: Clock) -> dict[str, Quote]:
    """A quote around the newest stored close of every instrument, as wide as its usual spread.

    It is as old as that close; only a scenario that stands at its end has a market that quotes its last close for ever.
    """
    store, quotes = build.bar_store(settings, now), {}
    stands = isinstance(settings.feed, ScenarioFeedSettings) and settings.feed.end is not None
    for symbol, row in build.instruments(settings).items():
        for timeframe in (settings.universe.timeframe, settings.universe.base_timeframe, Timeframe.D1):
            covered = store.coverage(symbol, timeframe)
            if covered is not None:
                bars = store.read_bars(symbol, timeframe, start=covered.last.to_pydatetime())
                at = now.now() if stands else min(closed_at(row, timeframe, int(bars.ts[-1])), now.now())
                quotes[symbol] = _quote_around(row, Decimal(repr(float(bars.close[-1]))), at)
                break
    return quotes


def _quote_around(traded: Instrument, last: Decimal, at: datetime) -> Quote:
    half = max(traded.tick_size, traded.round_price(last * Decimal(repr(traded.default_spread_bps)) / 20_000))
    return Quote.at(at, traded.symbol, bid=last - half, ask=last + half, last=last)


def broker(settings: Settings, now: Clock, *, reading: bool = False) -> Broker:
    """The venue in force, not yet connected; a simulated one stands at the newest stored prices.

    Args:
        reading: whether the connection only reads; it then has a client id of its own, beside the sender's.

    Raises:
        ConfigError, BrokerError: as ``brokers.registry.make_broker``.
    """
    known = build.instruments(settings).values()
    chosen = settings.broker
    if isinstance(chosen, IbkrBrokerSettings):
        values = ibkr_settings(settings, chosen, chosen.client_id + (2 if reading else 0)).model_dump()
        return make_broker(chosen.kind, values, known, now, build.cost_model(settings))
    build.root(settings).mkdir(parents=True, exist_ok=True)
    state = build.root(settings) / "sim_venue.json"
    values = {"account": chosen.account, "cash": Decimal(repr(settings.backtest.cash)), "state_file": state}
    made = make_broker(chosen.kind, values, known, now, build.cost_model(settings))
    if isinstance(made, SimBroker):
        for symbol, quote in newest_quotes(settings, now).items():
            made.market.quote(symbol, Prices(quote.bid, quote.ask, quote.last, quote.time or now.now()))
    return made


def ibkr_settings(settings: Settings, chosen: IbkrBrokerSettings, client_id: int) -> IbkrSettings:
    """How to reach the gateway under a client id.

    Raises:
        ConfigError: when mode, account and port contradict each other.
    """
    live = settings.mode.name is Mode.LIVE
    try:
        return IbkrSettings(
            host=chosen.host,
            port=chosen.port,
            client_id=client_id,
            account=chosen.account or "",
            mode="live" if live else "paper",
            live_port=chosen.port if live else None,
            timeout=chosen.timeout_s,
        )
    except ValidationError as error:
        what = "; ".join(str(problem["msg"]) for problem in error.errors())
        raise ConfigError(
            what, where="conf/broker", remedy="set broker.account and broker.port for the mode"
        ) from error


def ibkr_feed(settings: Settings, now: Clock) -> IbkrFeed:
    """Historical bars from the gateway, over a connection of its own.

    Raises:
        ConfigError: when the broker in force is another.
    """
    chosen = settings.broker
    if not isinstance(chosen, IbkrBrokerSettings):
        raise ConfigError("feed=ibkr needs broker=ibkr", where="broker.kind", remedy="say mode=paper broker=ibkr")
    return IbkrFeed(ibkr_settings(settings, chosen, chosen.client_id + 1), build.instruments(settings).values(), now)


def holder() -> str:
    """This process's own name as a sender: host, process, and a part that differs at every call."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


async def account_of(settings: Settings, now: Clock) -> str:
    """The account in force: the one that is named, else the only one that the venue manages for us.

    Raises:
        BrokerError: when the venue cannot be asked, or manages several.
    """
    if settings.broker.account:
        return settings.broker.account
    venue = broker(settings, now)
    await venue.connect(lambda _event: None)
    try:
        return (await venue.account()).account
    finally:
        await venue.disconnect()


def snapshot_builder(settings: Settings, books: Ledger, now: Clock) -> SnapshotBuilder:
    """Makes the gate's snapshots from the ledger, the bars and the declared events."""
    timeframe = settings.universe.timeframe
    return SnapshotBuilder(
        ledger=books,
        facts=MarketStateReader(build.bar_store(settings, now), build.artefacts(settings), timeframe, now),
        instruments=build.instruments(settings),
        limits=build.limits(settings),
        mode=settings.mode.name,
        stage=settings.stage.name,
        timeframe=timeframe,
        events=[Event(row.instrument, row.start, row.end) for row in settings.events.windows],
        tz=settings.base.tz,
    )


def account_actor(settings: Settings, books: Ledger, account: str, holder: str, now: Clock) -> AccountActor:
    """The account's actor on the venue in force, not yet connected.

    Args:
        holder: this sender's own name, different at every start.
    """
    sender, times = sender_settings(settings, account, holder), protocol_times(settings)
    return AccountActor(books, broker(settings, now), now, snapshot_builder(settings, books, now), sender, times)


def sender_settings(settings: Settings, account: str, holder: str) -> SenderSettings:
    """What a sender is told."""
    chosen = settings.broker
    venue = chosen if isinstance(chosen, IbkrBrokerSettings) else None
    return SenderSettings(
        account=account,
        holder=holder,
        mode=settings.mode.name,
        live_account=(venue.account or "") if venue else "",
        port=venue.port if venue else 0,
        per_second=settings.policy.max_orders_per_second,
        per_minute=settings.policy.max_orders_per_minute,
        max_skew=settings.execution.max_skew,
        broker_zone=settings.execution.broker_zone,
    )


def protocol_times(settings: Settings) -> ProtocolTimes:
    """The waiting times of the order protocol."""
    return ProtocolTimes(**settings.execution.model_dump(exclude={"max_skew", "broker_zone"}))


def newest_signals(settings: Settings, strategies: Sequence[str]) -> list[tuple[SignalCandidate, datetime]]:
    """The stored signals of every strategy, each with the moment when its bar closed."""
    artefacts, timeframe = build.artefacts(settings), settings.universe.timeframe
    pairs = []
    for name in strategies:
        try:
            signals = _SIGNALS.validate_python(artefacts.read_json(("signals", name)))
        except NoArtefact:
            continue
        for signal in signals:
            traded = build.instrument(settings, signal.instrument)
            start = pd.Timestamp(signal.bar_ts).value
            pairs.append((signal, closed_at(traded, signal.timeframe or timeframe, start)))
    return pairs


def in_session(settings: Settings, act: Callable[[AccountActor, Ledger], Awaitable[Result]]) -> Result:
    """Do something at the venue in force over the sending connection, and leave it in order.

    Raises:
        BrokerError, LedgerError: as the act does.
    """

    async def work() -> Result:
        clock = build.clock(settings)
        with build.ledger(settings, clock) as books:
            account = await account_of(settings, clock)
            actor = account_actor(settings, books, account, holder(), clock)
            try:
                return await act(actor, books)
            finally:
                await actor.close()

    return asyncio.run(work())


def deciding(settings: Settings, act: Callable[[Decider], Awaitable[Result]]) -> Result:
    """Propose or decide over a reading connection, beside whatever sends.

    Raises:
        BrokerError, LedgerError: as the act does.
    """

    async def work() -> Result:
        clock = build.clock(settings)
        with build.ledger(settings, clock) as books:
            account = await account_of(settings, clock)
            builder = snapshot_builder(settings, books, clock)
            reader = AccountReader(broker(settings, clock, reading=True), books, builder, account)
            await reader.connect()
            try:
                return await act(Decider(books, reader, builder, account))
            finally:
                await reader.disconnect()

    return asyncio.run(work())
