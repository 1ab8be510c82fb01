"""The sensors that see approved and open orders, and the jobs that send, reconcile and end the day.

A launched run authorises nothing (D13): the sensor only points at rows, the ledger's claim decides. The job never
retries, and an order in doubt makes it fail rather than look successful.
"""

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple

import dagster as dg

from assets.pinned_config import PinnedConfig
from conf.schema.settings import Settings
from runtime import trading
from runtime.alerts import tell_alerts
from runtime.container import Container
from runtime.job_progress import finish_job
from tradewright.execution.inbox import Inbox
from tradewright.execution.types import SendResult, SendStatus
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.outbox import batch_key
from tradewright.model.command import CommandKind

ACTOR = f"{trading.system_user()} (dagster)"
"""The actor of what Dagster does: the user of the operating system whose process it is, and the program."""
NO_RETRIES = {"dagster/max_retries": "0"}
SENSOR_SECONDS = 5
ALERT_SECONDS = 15
WATCH = timedelta(minutes=1)
"""The longest time between two comparisons with the venue while an order is open."""
FAILURES = (SendStatus.LOST, SendStatus.UNKNOWN)
"""A run must not look successful after these. An order that was refused before the send, or that another actor has
taken, is no failure."""
DECISION_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)
BATCH: dict[str, Any] = {"decision_ids": [str]}
"""The config of the sending op. Plain text: Dagster's own ``StringSource``, which a class of the config would be made
of, also reads any variable of the environment."""


class SendingJobs(NamedTuple):
    """The jobs that talk to the venue."""

    send_orders: dg.JobDefinition
    reconcile: dg.JobDefinition
    end_of_day: dg.JobDefinition


def sending(pinned: PinnedConfig) -> tuple[SendingJobs, list[dg.SensorDefinition]]:
    """The jobs, and the sensors that watch orders; they follow no setting, for an order that is out must be watched."""
    tags = {**NO_RETRIES, **pinned.tags}

    @dg.op(tags=pinned.tags, config_schema=BATCH)
    def send(context: dg.OpExecutionContext) -> None:
        """Send one batch: each order at most once, whatever else runs."""
        send_batch(pinned.verified(context), context.op_config["decision_ids"], context.log.info)

    @dg.op(tags=pinned.tags)
    def reconcile_with_venue(context: dg.OpExecutionContext) -> None:
        """Ask the venue for everything and adopt what it says."""
        listed = compare_with_venue(pinned.verified(context))
        context.add_output_metadata({"problems": dg.MetadataValue.json(listed)})
        for line in listed:
            context.log.warning(line)

    @dg.op(tags=pinned.tags)
    def end_day_at_venue(context: dg.OpExecutionContext) -> None:
        """Compare before the venue's midnight, and block what is still open or differs (S9)."""
        finish_day(pinned.verified(context))

    @dg.job(tags=tags, executor_def=dg.in_process_executor)
    def send_orders() -> None:
        """Send approved orders."""
        send()

    @dg.job(tags=tags, executor_def=dg.in_process_executor)
    def reconcile() -> None:
        """Compare the ledger with the venue."""
        reconcile_with_venue()

    @dg.job(tags=tags, executor_def=dg.in_process_executor)
    def end_of_day() -> None:
        """End the day before the venue's midnight."""
        end_day_at_venue()

    @dg.sensor(job=send_orders, minimum_interval_seconds=SENSOR_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
    def approved_orders() -> dg.RunRequest | dg.SkipReason:
        """Points the sending job at whatever is approved and unsent. It grants nothing and keeps no cursor."""
        return point_at_approved(pinned.current())

    @dg.sensor(job=reconcile, minimum_interval_seconds=SENSOR_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
    def open_orders() -> dg.RunRequest | dg.SkipReason:
        """Watches open orders until they have ended, so that no fill is missed at the venue's midnight."""
        return watch_open_orders(pinned.current())

    alerting = pinned.settings.observability.alerts
    told = dg.DefaultSensorStatus.RUNNING if alerting.enabled else dg.DefaultSensorStatus.STOPPED

    @dg.sensor(minimum_interval_seconds=ALERT_SECONDS, default_status=told)
    def alerts() -> dg.SkipReason:
        """Tells what a person must hear of; it runs no job, for a run is slower than the telling."""
        return dg.SkipReason(f"told: {tell_alerts(pinned.current())}")

    return SendingJobs(send_orders, reconcile, end_of_day), [approved_orders, open_orders, alerts]


def send_batch(settings: Settings, decision_ids: Sequence[str], log: Callable[[str], None]) -> None:
    """Send the orders of these decisions, and log what became of each.

    An id that names no decision of the ledger is counted and repeated nowhere, for it may be any text.

    Raises:
        dg.Failure: when one was lost or is in doubt, or an id is unknown.
        CommandRefused, CommandPending: when nothing can be sent now: the venue is away, or another actor is busy.
        BrokerError, LedgerError: when the account is not known, or the ledger cannot be used.
    """
    with Container(settings) as house:
        known = known_decisions(house.ledger, decision_ids)
        asked = bool(known) or not decision_ids
        outcomes = trading.asking(house, lambda box: box.send(ACTOR, "the job send_orders", known)) if asked else ()
    for outcome in outcomes:
        log(describe(outcome))
    problems = [describe(row) for row in outcomes if row.status in FAILURES]
    if unknown := len(decision_ids) - len(known):
        problems.append(f"{unknown} of {len(decision_ids)} ids name no decision of this ledger: tradewright intents")
    if problems:
        raise dg.Failure("\n".join(problems), allow_retries=False)


def known_decisions(ledger: Ledger, ids: Sequence[str]) -> list[str]:
    """Those of the ids that have the form of a decision's and name one.

    Raises:
        LedgerError: when the ledger cannot be read.
    """
    return [name for name in ids if DECISION_ID.fullmatch(name) and ledger.decisions.find_decision(name)]


def compare_with_venue(settings: Settings) -> list[str]:
    """Reconcile, and return what is not well and needs no person: a stop, which is a person's own act.

    Raises:
        dg.Failure: when the ledger differs from the venue, or anything is not well that stays until a person acts.
        CommandRefused, CommandPending: when the venue cannot be asked, or another actor is busy.
        BrokerError, LedgerError: when the account is not known, or the ledger cannot be used.
    """
    with Container(settings) as house:
        found = trading.asking(house, lambda inbox: inbox.reconcile(ACTOR, "the job reconcile"))
        listed = trading.not_well(house)
    frozen = [problem.line for problem in listed if problem.needs_person]
    if found.differences or frozen:
        lines = list(dict.fromkeys((*found.differences, *frozen)))
        told = {"problems": dg.MetadataValue.json([problem.line for problem in listed])}
        raise dg.Failure("\n".join(lines), metadata=told, allow_retries=False)
    return [problem.line for problem in listed]


def finish_day(settings: Settings) -> None:
    """End the day at the venue.

    Raises:
        dg.Failure: when an order is still open or a position differs; the instrument is blocked.
        CommandRefused, CommandPending: when the venue cannot be asked, or another actor is busy.
        BrokerError, LedgerError: when the account is not known, or the ledger cannot be used.
    """
    ask = partial(Inbox.ask, kind=CommandKind.END_OF_DAY, actor=ACTOR, reason="the schedule end_of_day")
    with Container(settings) as house:
        found = trading.asking(house, ask)
        finish_job(house, "end_of_day")
    if found:
        raise dg.Failure(f"the day ended with differences: {found}", allow_retries=False)


def point_at_approved(settings: Settings) -> dg.RunRequest | dg.SkipReason:
    """One run for all orders of the account and mode in force that may be sent, under a key that names the batch.

    While an actor sends, the rest of its batch is no new batch: a second run would find nothing to do.
    """
    with Container(settings) as house:
        account = trading.account_in_force(settings, house.ledger)
        if not account:
            return dg.SkipReason(trading.UNKNOWN_ACCOUNT)
        waiting, busy = house.ledger.outbox.sendable(account), house.ledger.commands.unfinished(account)
    if not waiting:
        return dg.SkipReason("no approved order waits to be sent")
    if any(row.kind is CommandKind.SEND for row in busy):
        return dg.SkipReason("the account's actor is sending")
    config = {"decision_ids": [row.decision_id for row in waiting]}
    return dg.RunRequest(run_key=batch_key(waiting), run_config={"ops": {"send": {"config": config}}})


def watch_open_orders(settings: Settings) -> dg.RunRequest | dg.SkipReason:
    """A comparison with the venue while an order of the account in force is open and the last one is old.

    Older than ``WATCH`` is old. An open order of another account is no reason: the venue would tell nothing of it.
    """
    with Container(settings) as house:
        ledger, now = house.ledger, house.clock.now()
        account = trading.account_in_force(settings, ledger)
        last = ledger.broker_journal.last_reconciliation(account)
        watched = last is not None and now - last.at < WATCH
        if not watched and ledger.attempts.live(account) and not ledger.commands.unfinished(account):
            return dg.RunRequest(run_key=f"watch:{account}:{now:%Y%m%dT%H%M}")
    return dg.SkipReason("no open order is unwatched")


def describe(outcome: SendResult) -> str:
    """One line about what became of an order."""
    reasons = "; ".join(f"{reason.code}: {reason.text}" for reason in outcome.reasons)
    words = (outcome.decision_id, outcome.ref, outcome.status, outcome.state or "", reasons)
    return " ".join(filter(None, words))
