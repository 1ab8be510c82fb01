"""Settings to the actor and the decider of the account in force. Nothing in this module loads numba."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import pandas as pd
from pydantic import TypeAdapter

from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.execution.account_reader import AccountReader
from tradewright.execution.actor import AccountActor
from tradewright.execution.deciding import Decider
from tradewright.execution.health import Problem, problems
from tradewright.execution.inbox import CommandPending, CommandRefused, Inbox
from tradewright.execution.market_state import MarketStateReader, closed_at
from tradewright.execution.risk_snapshot import Event, SnapshotBuilder
from tradewright.execution.types import ProtocolTimes, SenderSettings
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Decision
from tradewright.model.mode import Mode
from tradewright.model.signal import SignalCandidate
from tradewright.store.artefacts import NoArtefact

Result = TypeVar("Result")
_SIGNALS = TypeAdapter(list[SignalCandidate])


def holder() -> str:
    """This process's own name as a sender: host, process, and a part that differs at every call."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def system_user() -> str:
    """The user of the operating system. ``getpass`` is not asked: it believes environment variables."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


async def account_of(house: Container) -> str:
    """The account in force: the one that is named, else the only one that the venue manages for us.

    Raises:
        BrokerError: when the venue cannot be asked, or manages several.
    """
    if house.settings.broker.account:
        return house.settings.broker.account
    venue = house.reading_broker()
    await venue.connect(lambda _event: None)
    try:
        return (await venue.account()).account
    finally:
        await venue.disconnect()


NEWEST_INTENTS = 200
"""So many intents are looked at for an account that is not named."""


def account_in_force(settings: Settings, ledger: Ledger) -> str:
    """The account in force without asking the venue: the named one, else the one of the newest intent."""
    if settings.broker.account:
        return settings.broker.account
    known = [intent.account for intent in ledger.decisions.newest_intents(NEWEST_INTENTS) if intent.account]
    return known[-1] if known else ""


def not_well(settings: Settings) -> tuple[Problem, ...]:
    """Everything that is not well on the account in force, with the commands that help; empty when it may trade."""
    with Container(settings) as house:
        account, is_live = account_in_force(settings, house.ledger), settings.mode.name is Mode.LIVE
        return problems(house.ledger, account, starts_stopped=is_live)


def snapshot_builder(house: Container) -> SnapshotBuilder:
    """Makes the gate's snapshots from the ledger, the bars and the declared events."""
    settings = house.settings
    return SnapshotBuilder(
        ledger=house.ledger,
        facts=MarketStateReader(house.bar_store, house.artefacts, settings.universe.timeframe, house.clock),
        instruments=house.instruments,
        limits=house.limits,
        mode=settings.mode.name,
        stage=settings.stage.name,
        timeframe=settings.universe.timeframe,
        events=[Event(row.instrument, row.start, row.end) for row in settings.events.windows],
        tz=settings.base.tz,
    )


def account_actor(house: Container, account: str, holder: str) -> AccountActor:
    """The account's actor on the venue in force, not yet connected.

    Args:
        holder: this sender's own name, different at every start.
    """
    sender, times = sender_settings(house, account, holder), protocol_times(house.settings)
    return AccountActor(house.ledger, house.broker, house.clock, snapshot_builder(house), sender, times)


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


def asking(settings: Settings, ask: Callable[[Inbox], Awaitable[Result]]) -> Result:
    """Ask the account's actor for something: this process is the actor meanwhile, if no other is.

    Raises:
        CommandRefused, CommandPending: when the actor refused, failed, or is still busy.
        BrokerError, LedgerError: when the account is not known, or the ledger cannot be used.
    """

    async def run() -> Result:
        with Container(settings) as house:
            account = await account_of(house)
            actor = account_actor(house, account, holder())
            try:
                return await ask(Inbox(house.ledger, actor, account, house.clock))
            finally:
                await actor.close()

    return asyncio.run(run())


def deciding(settings: Settings, act: Callable[[Decider], Awaitable[Result]]) -> Result:
    """Propose or decide over a reading connection, beside whatever sends.

    Raises:
        BrokerError, LedgerError: as the act does.
    """

    async def run() -> Result:
        with Container(settings) as house:
            account = await account_of(house)
            builder = snapshot_builder(house)
            reader = AccountReader(house.reading_broker(), house.ledger, builder, account)
            await reader.connect()
            try:
                return await act(Decider(house.ledger, reader, builder, account, system_user()))
            finally:
                await reader.disconnect()

    return asyncio.run(run())


def flatten(settings: Settings, actor: str, reason: str, key: str) -> list[Decision]:
    """Cancel every open order of the account, then decide on closing every holding; ``send`` carries it out.

    An order that cannot be cancelled now delays nothing: the sender ends what is open in an instrument before it
    closes it, and the list of what is not well tells what stays.

    Args:
        key: the idempotency key of the decisions.

    Raises:
        BrokerError, LedgerError: when the account cannot be read, or nothing can be written down.
    """
    with Container(settings) as house:
        is_open = bool(house.ledger.attempts.live(account_in_force(settings, house.ledger)))
    if is_open:
        with suppress(CommandRefused, CommandPending):
            asking(settings, lambda inbox: inbox.cancel_all(actor, reason))
    return deciding(settings, lambda decider: decider.flatten(actor, reason, key))
