"""Settings to the actor and the decider of the account in force. Nothing in this module loads numba."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.execution.types import ProtocolTimes, SenderSettings
from tradewright.model.clock import ShiftedClock
from tradewright.model.errors import BrokerError, LedgerError, StoreError
from tradewright.model.mode import Mode

if TYPE_CHECKING:  # a listing loads neither the sender nor the gate
    from tradewright.execution.actor import AccountActor
    from tradewright.execution.cancellation import Cancelled
    from tradewright.execution.deciding import Decider
    from tradewright.execution.health import Problem
    from tradewright.execution.inbox import Inbox
    from tradewright.execution.risk_snapshot import SnapshotBuilder
    from tradewright.ledger.attempt import Attempt
    from tradewright.ledger.ledger import Ledger
    from tradewright.model.decision import Decision
    from tradewright.model.signal import SignalCandidate

Result = TypeVar("Result")
EARLIER = timedelta(hours=1)
"""How far a scenario's clock may stand before the newest valuation of an account."""


def holder() -> str:
    """This process's own name as a sender: host, process, and a part that differs at every call."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"


def system_user() -> str:
    """The user of the operating system. ``getpass`` is not asked: it believes environment variables."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


_OF_THE_VENUE = frozenset({"BROKER_ERROR", "SEND_REFUSED"})
"""The codes of refusals that the ledger has no part in."""
UNKNOWN_ACCOUNT = "the account is known after the first connection: tradewright reconcile"
"""The remark where no account is named and the venue has told none in this mode."""


async def account_of(house: Container) -> str:
    """The account in force: the one that is named, else the only one that the venue manages for us.

    An account that the venue tells for the first time is noted, so that :func:`account_in_force` knows it.

    Raises:
        BrokerError: when the venue cannot be asked, or manages several.
        LedgerError: when it cannot be noted.
    """
    if house.settings.broker.account:
        return house.settings.broker.account
    venue = house.reading_broker()
    await venue.connect(lambda _event: None)
    try:
        told = (await venue.account()).account
        if told != account_in_force(house.settings, house.ledger):
            house.ledger.broker_journal.record_session(venue.session, house.settings.broker.kind, told, holder())
        return told
    finally:
        await venue.disconnect()


def account_in_force(settings: Settings, ledger: Ledger) -> str:
    """The account in force without asking the venue: the named one, else the one that the venue told last.

    Only connections of this mode to this kind of venue count. Empty before the first one.
    """
    return settings.broker.account or ledger.broker_journal.last_account(settings.broker.kind)


def not_well(house: Container, account: str = "") -> tuple[Problem, ...]:
    """Everything that is not well on an account, with the commands that help; empty when it may trade.

    Args:
        account: the one in force, when it is left out.
    """
    from tradewright.execution.health import problems

    used = account or account_in_force(house.settings, house.ledger)
    return problems(house.ledger, used, starts_stopped=house.settings.mode.name is Mode.LIVE)


def snapshot_builder(house: Container) -> SnapshotBuilder:
    """Makes the gate's snapshots from the ledger, the bars and the declared events."""
    from runtime.exchange_rates import newest_rates
    from tradewright.execution.market_state import MarketStateReader, VolumeWindows
    from tradewright.execution.risk_snapshot import SnapshotBuilder

    settings = house.settings
    return SnapshotBuilder(
        ledger=house.ledger,
        facts=MarketStateReader(
            house.bars,
            house.artefacts,
            settings.universe.timeframe,
            house.clock,
            VolumeWindows(settings.features.recent_volume, settings.features.usual_volume),
        ),
        exchange=newest_rates(house),
        instruments=house.instruments,
        limits=house.limits,
        mode=settings.mode.name,
        stage=settings.stage.name,
        timeframe=settings.universe.timeframe,
        quality=settings.quality.digest,
        events=settings.events,
        tz=settings.base.tz,
    )


def account_actor(house: Container, account: str, holder: str) -> AccountActor:
    """The account's actor on the venue in force, not yet connected.

    Args:
        holder: this sender's own name, different at every start.
    """
    from tradewright.execution.actor import AccountActor

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
    import pandas as pd
    from pydantic import TypeAdapter, ValidationError

    from tradewright.execution.market_state import closed_at
    from tradewright.model.signal import SignalCandidate
    from tradewright.store.artefacts import NoArtefact

    known = TypeAdapter(list[SignalCandidate])
    universe = house.settings.universe.timeframe
    pairs = []
    for name in strategies:
        try:
            signals = known.validate_python(house.artefacts.read_json(("signals", name)))
        except NoArtefact:
            continue
        except ValidationError as error:
            where, remedy = str(house.artefacts.folder(("signals", name))), "materialize signals again"
            raise StoreError("holds no signals", where=where, remedy=remedy) from error
        for signal in signals:
            start = pd.Timestamp(signal.bar_ts).value
            traded = house.instrument(signal.instrument)
            pairs.append((signal, closed_at(traded, signal.timeframe or universe, start)))
    return pairs


def asking(house: Container, ask: Callable[[Inbox], Awaitable[Result]]) -> Result:
    """Ask the account's actor for something: this process is the actor meanwhile, if no other is.

    Raises:
        CommandRefused, CommandPending: when the actor refused, failed, or is still busy.
        BrokerError, LedgerError: when the account is not known, or the ledger cannot be used.
    """

    async def run() -> Result:
        account = await account_of(house)
        _demand_no_earlier_clock(house, account)
        return await _ask(house, account, ask)

    return asyncio.run(run())


def cancelling_stopped(house: Container, scope: str, actor: str, reason: str) -> Cancelled:
    """Cancel what a stop covers on the account in force, and name what it covers on others.

    Where the ledger cannot be used, or its sender does not answer, the orders that the venue lists are cancelled (D8).

    Raises:
        CommandRefused, BrokerError, LedgerError: as :func:`asking`.
    """

    from tradewright.execution.cancellation import Cancelled
    from tradewright.execution.inbox import CommandPending, CommandRefused
    from tradewright.execution.kill_coverage import open_elsewhere

    async def ask(inbox: Inbox) -> Cancelled:
        done = await inbox.cancel_all(actor, reason, stopped_only=True)
        if not (left := open_elsewhere(house.ledger, inbox.account, scope)):
            return done
        text = f"{', '.join(left)} belong to other accounts than {inbox.account}: name each as broker.account"
        return Cancelled(done.ended, (*done.open, *left), "; ".join(filter(None, (done.problem, text))))

    try:
        return cancelling(house, ask)
    except (LedgerError, CommandRefused, CommandPending, StoreError) as error:
        if error.code in _OF_THE_VENUE:
            raise
        return cancelling_at_venue(house, scope, str(error))


def cancelling_at_venue(house: Container, scope: str, problem: str) -> Cancelled:
    """Cancel what a stop covers by the venue's own list of orders; nothing is read from the ledger that it relies on.

    An order whose row cannot be read counts as covered by every stop.

    Args:
        problem: the reason why the ledger cannot be used; part of the outcome.

    Raises:
        BrokerError: when the venue cannot be reached.
    """
    from tradewright.execution.cancellation import Cancelled
    from tradewright.execution.kill_coverage import covered_by
    from tradewright.execution.venue_cancel import cancel_listed

    kind, _, name = scope.partition(":")
    account = name if kind == "account" else house.settings.broker.account or ""

    def find(ref: str) -> Attempt | None:  # opens the ledger only when asked: it may be no ledger any more
        return house.ledger.attempts.find(ref)

    covers = covered_by(scope, find)
    terms = (house.broker, account, covers, house.clock, protocol_times(house.settings))
    done = asyncio.run(cancel_listed(*terms, whole=kind != "strategy"))
    text = f"{problem}; the orders that the venue lists were asked to end, and nothing of it is written down"
    return Cancelled(done.ended, done.open, "; ".join(filter(None, (text, done.problem))))


def cancelling(house: Container, ask: Callable[[Inbox], Awaitable[Result]]) -> Result:
    """As :func:`asking`, for cancels: where the venue cannot tell its account, it is the one that it told last.

    Raises:
        CommandRefused, CommandPending, BrokerError, LedgerError: as :func:`asking`.
    """
    return asyncio.run(_cancel(house, ask))


async def _cancel(house: Container, ask: Callable[[Inbox], Awaitable[Result]]) -> Result:
    try:
        account = await account_of(house)
    except BrokerError:
        if not (account := account_in_force(house.settings, house.ledger)):
            raise
        broker = house.settings.broker.model_copy(update={"account": account})  # no other account may be taken for it
        with Container(house.settings.model_copy(update={"broker": broker}), house.clock) as named:
            return await _ask(named, account, ask)
    return await _ask(house, account, ask)


def deciding(house: Container, act: Callable[[Decider], Awaitable[Result]]) -> Result:
    """Propose or decide over a reading connection, beside whatever sends.

    Raises:
        BrokerError, LedgerError: as the act does.
    """

    async def run() -> Result:
        account = await account_of(house)
        _demand_no_earlier_clock(house, account)
        return await _decide(house, account, act)

    return asyncio.run(run())


def flatten(house: Container, actor: str, reason: str, key: str) -> tuple[Cancelled, list[Decision]]:
    """Cancel every open order of the account, then decide on closing every holding; ``send`` carries it out.

    The account is the one that the venue tells. An order that cannot be cancelled now delays nothing: the sender ends
    what is open in an instrument before it closes it.

    Args:
        key: the idempotency key of the decisions.

    Returns:
        The outcome of the cancels, and the decisions.

    Raises:
        BrokerError, LedgerError: when the account cannot be read, or nothing can be written down.
    """

    from tradewright.execution.cancellation import Cancelled
    from tradewright.execution.inbox import CommandPending, CommandRefused

    async def run() -> tuple[Cancelled, list[Decision]]:
        account = await account_of(house)
        _demand_no_earlier_clock(house, account)
        try:
            cancelled = await _ask(house, account, lambda inbox: inbox.cancel_all(actor, reason))
        except (CommandRefused, CommandPending) as error:
            cancelled = Cancelled(problem=str(error))
        return cancelled, await _decide(house, account, lambda decider: decider.flatten(actor, reason, key))

    return asyncio.run(run())


def _demand_no_earlier_clock(house: Container, account: str) -> None:
    """Refuse to trade at a scenario's prices of the past on an account that was traded later, under another feed.

    Cancels and stops are never refused. The machine's own clock may jump and is put right again, so that it counts.

    Raises:
        LedgerError: where the scenario's clock stands before the account's newest valuation.
    """
    marks = house.ledger.equity.newest(account, 1) if isinstance(house.clock, ShiftedClock) else []
    now = house.clock.now()
    if marks and marks[-1].at - now > EARLIER:
        raise LedgerError(
            f"account {account} was last valued at {marks[-1].at:%Y-%m-%d %H:%M} UTC, and the scenario's clock shows "
            f"{now:%Y-%m-%d %H:%M} UTC: the ledger was used under another feed than feed=scenario",
            where="feed",
            remedy="give the settings under which it was traded (feed=..., universe.timeframe=...), or another "
            "storage.root",
        )


async def _ask(house: Container, account: str, ask: Callable[[Inbox], Awaitable[Result]]) -> Result:
    from tradewright.execution.inbox import Inbox

    actor = account_actor(house, account, holder())
    try:
        return await ask(Inbox(house.ledger, actor, account, house.clock))
    finally:
        await actor.close()


async def _decide(house: Container, account: str, act: Callable[[Decider], Awaitable[Result]]) -> Result:
    from tradewright.execution.account_reader import AccountReader
    from tradewright.execution.deciding import Decider

    builder = snapshot_builder(house)
    reader = AccountReader(house.reading_broker(), house.ledger, builder, account)
    await reader.connect()
    try:
        return await act(Decider(house.ledger, reader, builder, account, system_user()))
    finally:
        await reader.disconnect()
