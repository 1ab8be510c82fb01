"""Jobs that keep the account and the ledger: when each is due, and its act."""

import dagster as dg

from assets.execution.sending import ACTOR
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.doctor import examine_all
from runtime.job_progress import daily_due, finish_job, has_traded, last_reconciled
from runtime.uses import KEPT
from tradewright.ledger.backup import PG_DUMP, backup
from tradewright.ledger.retention import prune
from tradewright.store.uses import Uses


def reconciliation_due(house: Container) -> str:
    """Why the account is to be compared with the venue now; empty when it is not."""
    last, minutes = last_reconciled(house), house.settings.schedules.reconcile.every_minutes
    if last is None:
        return "never compared" if has_traded(house) else ""
    age = (house.clock.now() - last).total_seconds()
    return f"last compared at {last:%Y-%m-%d %H:%M} UTC" if age >= minutes * 60 else ""


def end_of_day_due(house: Container) -> str:
    """Why the day is to be ended now: its hour, by the venue's clock, has come since it was ended last."""
    settings = house.settings
    if not has_traded(house):
        return ""
    return daily_due(house, "end_of_day", settings.schedules.end_of_day, settings.execution.broker_zone)


def prune_due(house: Container) -> str:
    """Why old keys are to be deleted now; empty when they are not."""
    return daily_due(house, "prune", house.settings.schedules.prune, house.settings.base.tz)


def backup_due(house: Container) -> str:
    """Why the ledger is to be backed up now; empty when it is not, or not by us."""
    if house.ledger.file is None:
        return ""
    return daily_due(house, "backup", house.settings.schedules.backup, house.settings.base.tz)


def doctor_due(house: Container) -> str:
    """Why everything is to be examined now; empty when it is not."""
    return daily_due(house, "doctor", house.settings.schedules.doctor, house.settings.base.tz)


def nothing_due(house: Container, job: str) -> str:
    """Why a job is not due, in words."""
    if job in ("reconcile", "end_of_day") and not has_traded(house):
        return "no order of this mode and account was ever approved"
    if job == "backup" and house.ledger.file is None:
        return f"the ledger is on PostgreSQL: {PG_DUMP}"
    return "it was done since it was due last"


def prune_ledger(settings: Settings) -> str:
    """Delete rows of the ledger that are older than their rule, and forget old uses of stored bars.

    Raises:
        LedgerError: when the ledger cannot be used.
        StoreError: when the uses cannot be read.
    """
    with Container(settings) as house:
        deleted = prune(house.ledger, actor=ACTOR)
        forgotten = Uses(house.root).prune(house.clock.now() - KEPT)
        finish_job(house, "prune")
    rows = (f"{count} rows of {table}" for table, count in deleted.items())
    return ", ".join((*rows, f"{forgotten} uses of stored bars"))


def back_up_ledger(settings: Settings) -> str:
    """Copy the ledger, audit the copy, keep so many.

    Raises:
        LedgerError: when it cannot be copied, or was altered.
    """
    with Container(settings) as house:
        made = backup(house.ledger, house.backups, settings.schedules.backup.keep)
        finish_job(house, "backup")
    return f"{made.path}: {made.events} events, {made.size} bytes; deleted: {', '.join(made.removed) or 'none'}"


def examine(settings: Settings, overrides: tuple[str, ...]) -> str:
    """Look at everything, as ``tradewright doctor`` does.

    Raises:
        dg.Failure: when something is broken.
        StoreError: when it cannot be noted that it was done.
    """
    found = examine_all(overrides)
    with Container(settings) as house:
        finish_job(house, "doctor")
    lines = [f"{row.state}: {row.what}: {row.detail}. {row.remedy}".rstrip(". ") for row in found]
    if broken := [line for row, line in zip(found, lines, strict=True) if row.state == "broken"]:
        raise dg.Failure("\n".join(broken), allow_retries=False)
    return "\n".join(lines)
