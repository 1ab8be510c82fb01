"""The ledger that an act changes, and warnings of others: a stop in one stops nothing that works on another (D3)."""

from __future__ import annotations

from conf.ledger_place import forgiving_environment_overrides, other_places
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.ledger.leases import senders_at_work
from tradewright.model.clock import SystemClock


def ledger_url(settings: Settings) -> str:
    """The database of the ledger in force; may hold a password."""
    return Container(settings).ledger_url()


def target(settings: Settings) -> str:
    """The mode, the account and the ledger that an act changes, in one line."""
    named = settings.storage.ledger_url
    where = f"{Container(settings).root / 'ledger.sqlite3'}" if named is None else "storage.ledger_url"
    return f"mode {settings.mode.name}, account {settings.broker.account or 'of the venue'}, ledger {where}"


def other_ledgers(used: str) -> list[str]:
    """One line for every other ledger that the environment names, or in which a sender is at work.

    Args:
        used: the database of the ledger that the present act uses.
    """
    lines = []
    for place, reason in other_places(forgiving_environment_overrides(), used):
        senders = senders_at_work(place.url, SystemClock())
        told = [f"a sender of account {row.name} is at work in it (process {row.pid} of {row.host})" for row in senders]
        if reason:
            told.insert(0, f"{reason} leads Dagster and the apps to it")
        if told:
            lines.append(f"another ledger is in use, and this one only is acted on: {place.shown}: {'; '.join(told)}")
    return lines
