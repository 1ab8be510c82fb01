"""The ledger as a file: verify it, back it up, prune it."""

from __future__ import annotations

from dataclasses import dataclass

from app.operations.actors import actor_name, checked_reason
from app.operations.trading import opened_ledger
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.ledger.backup import Backup, backup
from tradewright.ledger.retention import prune


@dataclass(frozen=True)
class Alteration:
    """A place where the ledger is not what was recorded."""

    where: str
    what: str
    remedy: str


@dataclass(frozen=True)
class Verification:
    """The result of an audit of the whole ledger.

    Args:
        ledger: its address, without the password.
        events: the number of its newest event.
        altered: the first alterations; empty when the chain holds and every row is as it was recorded.
    """

    ledger: str
    events: int
    altered: tuple[Alteration, ...]


def verify(settings: Settings) -> Verification:
    """Walk the hash chain and compare every row with its event, in one reading transaction.

    Raises:
        LedgerError: when there is no ledger, or it cannot be read.
    """
    with Container(settings) as house:
        ledger = house.existing_ledger()
        events, found = ledger.audit.alterations()
        rows = tuple(Alteration(each.where, each.what, each.remedy) for each in found)
        return Verification(ledger.where, events, rows)


def back_up(settings: Settings) -> Backup:
    """Copy the ledger into ``storage.root/backups``, audit the copy, and keep the newest ``schedules.backup.keep``.

    Raises:
        BackupUnsupported: on PostgreSQL.
        LedgerError: when there is none, it cannot be copied, or was altered.
    """
    with Container(settings) as house:
        return backup(house.existing_ledger(), house.backups, settings.schedules.backup.keep)


@dataclass(frozen=True)
class Rekeyed:
    """The result of a new key.

    Args:
        key: its file; it belongs into no backup of the ledger.
        accepted: what stood against the ledger and was accepted; empty where its old seal held.
    """

    ledger: str
    key: str
    events: int
    accepted: tuple[str, ...]


def rekey(settings: Settings, reason: str, accept: bool, actor: str = "") -> Rekeyed:
    """Give the ledger a new key after its whole chain was walked; see ``Events.rekey``.

    Raises:
        LedgerError: when there is none, it was altered, or something is not accepted.
    """
    said, name = checked_reason(reason), actor_name(actor)
    with Container(settings) as house:
        ledger = house.existing_ledger()
        count, accepted = ledger.events.rekey(name, said, accept=accept)
        return Rekeyed(ledger.where, ledger.events.key_file(), count, tuple(accepted))


def delete_old(settings: Settings, actor: str = "") -> dict[str, int]:
    """Delete rows that are older than their rule of retention; the number of them by table.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    with opened_ledger(settings) as ledger:
        return prune(ledger, actor=actor_name(actor))
