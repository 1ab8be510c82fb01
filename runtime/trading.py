"""Settings to trading sessions at the venue in force. Nothing in this module loads numba."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import TypeVar

import pandas as pd
from pydantic import TypeAdapter

from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.execution.facts import FactBook, closed_at
from tradewright.execution.gathering import Event, Gatherer
from tradewright.execution.session import TradingSession
from tradewright.execution.settings import SenderSettings
from tradewright.execution.times import ProtocolTimes
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import Broker
from tradewright.model.signal import SignalCandidate
from tradewright.store.artefacts import NoArtefact

Result = TypeVar("Result")
_SIGNALS = TypeAdapter(list[SignalCandidate])


def holder() -> str:
    """This process's own name as a sender: host, process, and a part that differs at every call."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


async def account_of(house: Container) -> str:
    """The account in force: the one that is named, else the only one that the venue manages for us.

    Raises:
        BrokerError: when the venue cannot be asked, or manages several.
    """
    if house.settings.broker.account:
        return house.settings.broker.account
    venue: Broker = house.broker_plugin.build(house.settings.broker, house.surroundings)
    await venue.connect(lambda _event: None)
    try:
        return (await venue.account()).account
    finally:
        await venue.disconnect()


def trading_session(house: Container, account: str, holder: str) -> TradingSession:
    """One session at the venue in force, not yet connected.

    Args:
        account: whose orders; see ``TradingSession``.
        holder: this sender's own name, different at every start.
    """
    told = sender_settings(house, account, holder)
    times = protocol_times(house.settings)
    return TradingSession(house.ledger, house.broker, house.clock, gatherer(house), told, times)


def gatherer(house: Container) -> Gatherer:
    """All that the gate is told at a decision and again at the moment of sending."""
    settings = house.settings
    return Gatherer(
        ledger=house.ledger,
        facts=FactBook(house.bar_store, house.artefacts, settings.universe.timeframe, house.clock),
        instruments=house.instruments,
        limits=house.limits,
        mode=settings.mode.name,
        stage=settings.stage.name,
        timeframe=settings.universe.timeframe,
        events=[Event(row.instrument, row.start, row.end) for row in settings.events.windows],
        tz=settings.base.tz,
    )


def sender_settings(house: Container, account: str, holder: str) -> SenderSettings:
    """The sender's terms: account, mode, pace, and the broker's objections to mode and account."""
    settings = house.settings
    problems = house.broker_plugin.account_rules(settings.mode.name, settings.broker)
    return SenderSettings(
        account=account,
        holder=holder,
        mode=settings.mode.name,
        live_account=settings.broker.account or "",
        problems=tuple(map(str, problems)),
        per_second=settings.policy.max_orders_per_second,
        per_minute=settings.policy.max_orders_per_minute,
        max_skew=settings.execution.max_skew,
        broker_zone=settings.execution.broker_zone,
    )


def protocol_times(settings: Settings) -> ProtocolTimes:
    """The waiting times of the order protocol."""
    return ProtocolTimes(**settings.execution.model_dump(exclude={"max_skew", "broker_zone"}))


def newest_signals(house: Container, strategies: Sequence[str]) -> list[tuple[SignalCandidate, datetime]]:
    """The stored signals of every strategy, each with the moment when its bar closed."""
    universe = house.settings.universe.timeframe
    pairs = []
    for name in strategies:
        try:
            signals = _SIGNALS.validate_python(house.artefacts.read_json(("signals", name)))
        except NoArtefact:
            continue
        for signal in signals:
            start = pd.Timestamp(signal.bar_ts).value
            traded = house.instrument(signal.instrument)
            pairs.append((signal, closed_at(traded, signal.timeframe or universe, start)))
    return pairs


def in_session(settings: Settings, act: Callable[[TradingSession, Ledger], Awaitable[Result]]) -> Result:
    """Do something in a session at the venue in force, and close both.

    Raises:
        BrokerError, LedgerError: as the act does.
    """

    async def run() -> Result:
        with Container(settings) as house:
            account = await account_of(house)
            session = trading_session(house, account, holder())
            try:
                return await act(session, house.ledger)
            finally:
                await session.close()

    return asyncio.run(run())
