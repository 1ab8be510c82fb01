"""An old ledger with every table filled is upgraded whole, or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from tests.ledger.conftest import ENGINES
from tests.ledger.old import fill_old
from tests.support import postgres
from tests.support.ledgers import ACCOUNT, Proposer
from tradewright.database.engine import Database
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.migrations import SCHEMA, VERSION_TABLE
from tradewright.ledger.schema import fact_tables
from tradewright.model.clock import ManualClock
from tradewright.model.mode import Mode
from tradewright.model.order import AttemptState, Leg
from tradewright.model.topic import Topic

REF = "intent0001.1"


@pytest.fixture(params=ENGINES)
def old(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> str:
    """A ledger as version v0002 left it, on either engine."""
    if request.param == "postgres" and (reason := postgres.server().reason):
        pytest.skip(reason)
    is_file = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'old.db'}" if is_file else postgres.new_database()
    database = Database(url, clock, 1)
    if is_file:
        database.use_wal()
    with database.write() as connection:
        config = SCHEMA.config()
        config.attributes["connection"] = connection
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


def test_legs_can_be_added_to_an_old_ledger_and_its_order_is_none(old: str, clock: ManualClock) -> None:
    with Ledger.open(old, clock) as ledger:
        (attempt,) = ledger.attempts.all()
        assert (attempt.leg, attempt.entry_ref, ledger.attempts.group(attempt.ref)) == (Leg.ENTRY, REF, [attempt])
        assert ledger.attempts.move(REF, AttemptState.UNKNOWN, "after the upgrade").state is AttemptState.UNKNOWN
        proposer = Proposer(ledger, clock)
        order = proposer.bracket()
        assert ledger.leases.acquire(ACCOUNT, "h", 60)
        claimed = ledger.claims.claim(order.decision_id, order.payload_hash, "h")
        assert claimed is not None
        assert [leg.leg for leg in ledger.attempts.group(claimed.ref)] == list(Leg)
        assert ledger.events.verify_chain() == ledger.events.last_seq()


@pytest.mark.parametrize("revision", ["v0003", "v0004", "v0005", "v0007"])
def test_an_upgrade_that_is_killed_leaves_the_old_ledger_or_the_new_one(
    old: str, clock: ManualClock, revision: str
) -> None:
    """The process dies right after a revision has done its work, before the commit; the next opening begins again."""
    code = (
        "import os, signal, sys\n"
        "from tradewright.ledger.ledger import Ledger\n"
        "from tradewright.model.clock import SystemClock\n"
        "from alembic.runtime.migration import HeadMaintainer\n"
        "write = HeadMaintainer.update_to_step\n"
        "def update(self, step):\n"
        "    if step.to_revisions_no_deps == (sys.argv[2],):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return write(self, step)\n"
        "HeadMaintainer.update_to_step = update\n"
        "Ledger.open(sys.argv[1], SystemClock())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, old, revision], check=False, capture_output=True, timeout=240)
    assert done.returncode == -signal.SIGKILL, done.stderr
    with Ledger.open(old, clock) as ledger:
        assert ledger.events.verify_chain() == ledger.events.last_seq() > 0
        assert [attempt.ref for attempt in ledger.attempts.all()] == [REF]


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
        on = "" if old.startswith("sqlite") else " ON audit_log"
        connection.execute(text(f"DROP TRIGGER append_only_audit_log_update{on}"))
        connection.execute(text("UPDATE audit_log SET actor = 'mallory' WHERE seq = 1"))
    for _ in range(2):
        with pytest.raises(LedgerTampered, match="not upgraded"):
            Ledger.open(old, clock)
    with database.read() as connection:
        assert connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one() == "v0002"
    database.close()
