"""An old ledger with every table filled is upgraded whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from tests.ledger.old import fill_old
from tests.support.ledgers import ACCOUNT
from tradewright.database.engine import Database
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.migrations import SCHEMA, VERSION_TABLE
from tradewright.ledger.schema import fact_tables
from tradewright.model.clock import ManualClock
from tradewright.model.mode import Mode
from tradewright.model.topic import Topic


@pytest.fixture
def old(tmp_path: Path, clock: ManualClock) -> str:
    """A ledger as version v0002 left it."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    database = Database(url, clock, 1)
    database.use_wal()
    with database.write() as connection:
        config = SCHEMA._config()
        config.attributes |= {"connection": connection, "version_table": VERSION_TABLE}
        command.upgrade(config, "v0002")
        fill_old(connection)
    database.close()
    return url


def test_an_old_ledger_upgrades_and_verifies(old: str, clock: ManualClock) -> None:
    with Ledger.open(old, clock) as ledger:
        with ledger._database.read() as connection:
            rows = {name: len(connection.execute(table.select()).all()) for name, table in fact_tables().items()}
        assert all(rows.values()), rows
        assert ledger.events.verify_chain() == sum(rows.values()) + 2, "two entries of the old log"
        intent = ledger.decisions.intents()[0]
        assert ledger.decisions.find_intent(intent.intent_id) == intent
        ledger.kill_switches.resume("everything", "ann", "after the upgrade")
        assert ledger.events.verify_chain() == ledger.events.last_seq()


def test_the_old_audit_log_is_kept_with_its_hashes(old: str, clock: ManualClock) -> None:
    with Ledger.open(old, clock) as ledger:
        copied = ledger.events.after(0, [Topic.AUDIT_ENTRY])
        assert [(event.actor, event.payload["action"]) for event in copied] == [("ann", "KILL"), ("gate", "DECIDE")]
        assert [len(event.payload["old"]["hash"]) for event in copied] == [64, 64]
        assert copied[1].payload["old"]["previous"] == copied[0].payload["old"]["hash"]
        assert [entry.action for entry in ledger.audit.entries()] == ["KILL", "DECIDE"], "each act once"


@pytest.mark.parametrize("mode", list(Mode))
def test_a_stop_and_a_freeze_of_old_hold_in_every_mode(old: str, clock: ManualClock, mode: Mode) -> None:
    with Ledger.open(old, clock, mode=mode) as ledger:
        assert [switch.scope for switch in ledger.kill_switches.stopping("trend", ACCOUNT)] == ["everything"]
        assert [freeze.code for freeze in ledger.freezes.of(ACCOUNT, "AAPL")] == ["OVERFILL"]
        assert ledger.broker_journal.last_reconciliation(ACCOUNT) is not None


def test_an_altered_old_log_is_not_given_a_sound_chain(old: str, clock: ManualClock) -> None:
    database = Database(old, clock, 1)
    with database.write() as connection:
        connection.execute(text("DROP TRIGGER append_only_audit_log_update"))
        connection.execute(text("UPDATE audit_log SET actor = 'mallory' WHERE seq = 1"))
    for _ in range(2):
        with pytest.raises(LedgerTampered, match="not upgraded"):
            Ledger.open(old, clock)
    with database.read() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one() == "v0002"
    database.close()
