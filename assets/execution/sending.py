"""The sensor that sees approved orders, the job that sends them, the job that reconciles.

A launched run authorises nothing (D13): the sensor only points at rows, the ledger's claim decides. The job never
retries, and a row that another run has taken makes it fail rather than look successful.
"""

from collections.abc import Callable, Sequence

import dagster as dg

from assets.frozen import Frozen
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from tradewright.execution.types import SendResult, SendStatus
from tradewright.ledger.outbox import batch_key

NO_RETRIES = {"dagster/max_retries": "0"}
SENSOR_SECONDS = 5
FAILURES = (SendStatus.LOST, SendStatus.UNKNOWN)
"""What a run must not look successful after. An order that the pre_send_check refused is a verdict, and no failure."""


class Batch(dg.Config):
    """Which approved orders to send, by their decisions."""

    decision_ids: list[str]


def sending(frozen: Frozen) -> tuple[list[dg.JobDefinition], dg.SensorDefinition]:
    """The two jobs and the sensor."""
    tags = {**NO_RETRIES, **frozen.tags}

    @dg.op(tags=frozen.tags)
    def send(context: dg.OpExecutionContext, config: Batch) -> None:
        """Send one batch: each order at most once, whatever else runs."""
        send_batch(frozen.thaw(context), config.decision_ids, context.log.info)

    @dg.op(tags=frozen.tags)
    def reconcile_with_venue(context: dg.OpExecutionContext) -> None:
        """Ask the venue for everything and adopt what it says."""
        compare_with_venue(frozen.thaw(context))

    @dg.job(tags=tags, executor_def=dg.in_process_executor)
    def send_orders() -> None:
        """Send approved orders."""
        send()

    @dg.job(tags=tags, executor_def=dg.in_process_executor)
    def reconcile() -> None:
        """Compare the ledger with the venue."""
        reconcile_with_venue()

    @dg.sensor(job=send_orders, minimum_interval_seconds=SENSOR_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
    def approved_orders() -> dg.RunRequest | dg.SkipReason:
        """Points the sending job at whatever is approved and unsent. It grants nothing and keeps no cursor."""
        return point_at_approved(frozen.present())

    return [send_orders, reconcile], approved_orders


def send_batch(settings: Settings, decision_ids: Sequence[str], log: Callable[[str], None]) -> None:
    """Send the orders of these decisions, and log what became of each.

    Raises:
        dg.Failure: when one was lost or is in doubt.
        BrokerError, LedgerError, SendRefused: when nothing can be sent now.
    """
    outcomes = trading.asking(settings, lambda inbox: inbox.send("dagster", "the job send_orders", decision_ids))
    for outcome in outcomes:
        log(describe(outcome))
    if problems := [describe(row) for row in outcomes if row.status in FAILURES]:
        raise dg.Failure("\n".join(problems), allow_retries=False)


def compare_with_venue(settings: Settings) -> None:
    """Reconcile.

    Raises:
        dg.Failure: when the books differ from the venue.
        BrokerError, LedgerError: when the venue cannot be asked, or the answer not be written down.
    """
    found = trading.asking(settings, lambda inbox: inbox.reconcile("dagster", "the job reconcile"))
    if found.differences:
        raise dg.Failure("\n".join(found.differences), allow_retries=False)


def point_at_approved(settings: Settings) -> dg.RunRequest | dg.SkipReason:
    """What the sensor says: one run for all that may be sent, under a key that names the batch."""
    with Container(settings) as house:
        waiting = house.ledger.outbox.sendable()
    if not waiting:
        return dg.SkipReason("no approved order waits to be sent")
    config = Batch(decision_ids=[row.decision_id for row in waiting])
    return dg.RunRequest(run_key=batch_key(waiting), run_config=dg.RunConfig(ops={"send": config}))


def describe(outcome: SendResult) -> str:
    """One line about what became of an order."""
    reasons = "; ".join(f"{reason.code}: {reason.text}" for reason in outcome.reasons)
    words = (outcome.decision_id, outcome.ref, outcome.status, outcome.state or "", reasons)
    return " ".join(filter(None, words))
