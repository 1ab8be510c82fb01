"""D5: who writes the database cannot make an approved order; a chain that was cut is found; a stop needs no key."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from tests.support.forger import forge
from tests.support.ledgers import ACCOUNT, Proposer
from tradewright.database.engine import Database
from tradewright.ledger.attempt import Attempt
from tradewright.ledger.backup import audited, backup
from tradewright.ledger.errors import LedgerKeyMissing, LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.row_evidence import EVENT_COLUMNS, event_hash, sha256
from tradewright.ledger.schema import event_head, events
from tradewright.ledger.seal import END_FILE, KEY_FILE, VARIABLE
from tradewright.model.approved import ApprovedOrder
from tradewright.model.clock import ManualClock
from tradewright.model.decision import Verdict
from tradewright.model.errors import LedgerError
from tradewright.model.order import Leg


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of keys of a test's own, named before the ledger is opened."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "keys"))
    return tmp_path / "keys"


@pytest.fixture
def opened(keys: Path, ledger_url: str, clock: ManualClock) -> Any:
    assert keys.name == "keys"
    with Ledger.create(ledger_url, clock, busy_seconds=1) as made:
        yield made


@pytest.fixture
def order(opened: Ledger, clock: ManualClock) -> ApprovedOrder:
    made = Proposer(opened, clock).order()
    assert opened.leases.acquire(ACCOUNT, "h", 60)
    return made


def claim(ledger: Ledger, order: ApprovedOrder) -> Attempt | None:
    return ledger.claims.claim(order.decision_id, order.payload_hash, "h")


def folder(keys: Path) -> Path:
    (found,) = [path.parent for path in keys.glob(f"*/{KEY_FILE}")]
    return found


def forged_event(ledger: Ledger, topic: str, subject: str, payload: object) -> int:
    """An event with right plain hashes behind the end of the chain, and the end moved to it, as a forger writes it."""
    with ledger._database.write() as connection:
        head = connection.execute(select(event_head.c.seq, event_head.c.hash)).one()
        at = connection.execute(select(EVENT_COLUMNS[1]).limit(1)).scalar_one()
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
        row: dict[str, Any] = {"seq": head.seq + 1, "at": at, "topic": topic, "subject": subject, "mode": "sim"}
        row |= {"account": ACCOUNT, "actor": "gate", "payload": text, "payload_hash": sha256(text)}
        row |= {"previous": head.hash}
        row["hash"] = event_hash(row)
        connection.execute(insert(events).values(**row | {"at": ledger.clock.now()}))
        connection.execute(update(event_head).values(seq=row["seq"], hash=row["hash"]))
    return int(row["seq"])


def test_the_key_lies_outside_of_the_ledger_and_is_its_owners_alone(
    opened: Ledger, order: ApprovedOrder, keys: Path
) -> None:
    assert claim(opened, order) is not None
    for path in (folder(keys) / KEY_FILE, folder(keys) / END_FILE):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for path in (keys, folder(keys)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    end = json.loads((folder(keys) / END_FILE).read_text())
    assert end["seq"] == opened.events.last_seq(), "the end is anchored after each commit"
    assert opened.events.verify_chain() == end["seq"]


def test_an_order_beside_a_rejected_decision_is_not_claimed_although_all_hashes_fit(
    opened: Ledger, order: ApprovedOrder, ledger_url: str, clock: ManualClock
) -> None:
    """The forger turns the rejection into an approval, in the row and in its event, and hashes the chain anew."""
    proposer = Proposer(opened, clock)
    refused = proposer.decide(proposer.intent(instrument="MSFT"), Verdict.REJECT)
    with opened._database.read() as connection:
        event = (
            connection.execute(select(*EVENT_COLUMNS).where(events.c.subject == refused.decision_id)).mappings().one()
        )
        head = connection.execute(select(event_head.c.seq)).scalar_one()
    assert event["seq"] == head
    text = str(event["payload"]).replace('"REJECT"', '"APPROVE"')
    row = dict(event) | {"payload": text, "payload_hash": sha256(text)}
    quoted = text.replace("'", "''")
    forge(
        ledger_url,
        f"UPDATE events SET payload = '{quoted}', payload_hash = '{sha256(text)}', hash = '{event_hash(row)}' "
        f"WHERE seq = {head}",
        f"UPDATE event_head SET hash = '{event_hash(row)}'",
        "UPDATE decisions SET verdict = 'APPROVE', payload = replace(payload, '\"REJECT\"', '\"APPROVE\"') "
        f"WHERE decision_id = '{refused.decision_id}'",
    )
    with pytest.raises(LedgerTampered):
        claim(opened, order)
    with pytest.raises(LedgerTampered):
        opened.decisions.decision(refused.decision_id)
    with pytest.raises(LedgerTampered):
        opened.events.verify_chain()


def test_an_event_that_is_put_in_with_right_plain_hashes_stops_the_claim_and_the_send(
    opened: Ledger, order: ApprovedOrder
) -> None:
    attempt = claim(opened, order)
    assert attempt is not None
    forged_event(opened, "audit.entry", "x", {"action": "RESUME", "detail": None})
    with pytest.raises(LedgerTampered, match="mac"):
        opened.claims.begin_sending(attempt.ref, "s", {Leg.ENTRY: 1}, order.payload_hash, "h")
    with pytest.raises(LedgerTampered, match="mac"):
        opened.events.verify_chain()


def test_a_chain_that_is_cut_and_headed_anew_is_found(opened: Ledger, order: ApprovedOrder, ledger_url: str) -> None:
    """A kill that is cut off, with its row and its event, would let the order go out."""
    before = opened.events.last_seq()
    opened.kill_switches.stop("everything", "ann", "stop")
    forge(
        ledger_url,
        "DELETE FROM switches",
        f"DELETE FROM events WHERE seq > {before}",
        f"UPDATE event_head SET seq = {before}, hash = (SELECT hash FROM events WHERE seq = {before})",
    )
    with pytest.raises(LedgerTampered):
        claim(opened, order)
    with pytest.raises(LedgerTampered, match="anchored outside"):
        opened.events.verify_chain()
    for number in range(3):  # what is written afterwards makes the noted end no newer: it is the proof
        opened.checks.record(f"bars.{number}", True)
    with pytest.raises(LedgerTampered):
        claim(opened, order)
    with pytest.raises(LedgerTampered):
        opened.events.verify_chain()


@pytest.mark.parametrize("known", [True, False], ids=["a sender at work", "a new process"])
@pytest.mark.parametrize("trace", ["a gap", "another event in its place"])
def test_an_old_stop_that_is_removed_with_its_event_lets_nothing_out(
    opened: Ledger, order: ApprovedOrder, ledger_url: str, clock: ManualClock, known: bool, trace: str
) -> None:
    """What is written afterwards moves the noted end on, far behind the stop."""
    seq = opened.events.last_seq() + 1
    opened.kill_switches.stop("everything", "ann", "stop")
    opened.checks.record("bars.1", True)
    if known:
        opened.events.check_end()
    gone = (
        [f"DELETE FROM events WHERE seq = {seq}"]
        if trace == "a gap"
        else [
            f"UPDATE events SET topic = 'audit.entry', subject = 'x' WHERE seq = {seq}",
        ]
    )
    forge(ledger_url, "DELETE FROM switches", *gone)
    if trace != "a gap":
        with opened._database.read() as connection:
            row = connection.execute(select(*EVENT_COLUMNS).where(events.c.seq == seq)).mappings().one()
        forge(ledger_url, f"UPDATE events SET hash = '{event_hash(row)}' WHERE seq = {seq}")
    reader = opened if known else Ledger.create(ledger_url, clock, busy_seconds=1)
    with suppress(LedgerTampered):
        assert reader.kill_switches.present() == [], "the reading alone does not see it"
    with pytest.raises(LedgerTampered, match="rekey"):
        reader.events.check_end()  # the beginning of every batch
    with pytest.raises(LedgerTampered, match="rekey"):
        claim(reader, order)
    reader.close()


@pytest.mark.parametrize("harm", ["no key", "no end", "readable by others", "a link", "no key in it", "a folder"])
def test_without_its_key_nothing_is_claimed_and_a_stop_holds(
    keys: Path, opened: Ledger, order: ApprovedOrder, ledger_url: str, clock: ManualClock, harm: str
) -> None:
    path = folder(keys) / KEY_FILE
    opened.close()
    if harm == "no key":
        path.unlink()
    elif harm == "no end":
        (folder(keys) / END_FILE).unlink()
    elif harm == "readable by others":
        path.chmod(0o644)
    elif harm == "a link":
        path.rename(path.with_name("real"))
        path.symlink_to("real")
    elif harm == "no key in it":
        path.write_text("nothing")
    else:
        path.unlink()
        path.mkdir()
    with Ledger.create(ledger_url, clock, busy_seconds=1) as ledger:
        with pytest.raises(LedgerKeyMissing, match="nothing is sent"):
            claim(ledger, order)
        assert ledger.kill_switches.stop("everything", "ann", "no key is needed").stopped
        assert [row.stopped for row in ledger.kill_switches.present()] == [True]


def test_the_way_back_from_a_lost_key_is_a_person(
    keys: Path, opened: Ledger, order: ApprovedOrder, ledger_url: str, clock: ManualClock
) -> None:
    opened.close()
    (folder(keys) / KEY_FILE).unlink()
    with Ledger.create(ledger_url, clock, busy_seconds=1) as ledger:
        ledger.kill_switches.stop("strategy:x", "ann", "written without the key")
        with pytest.raises(LedgerKeyMissing):
            ledger.events.verify_chain()
        with pytest.raises(LedgerError, match="key is missing") as caught:
            ledger.events.rekey("ann", "lost")
        assert "--accept" in caught.value.remedy
        count, accepted = ledger.events.rekey("ann", "lost", accept=True)
        assert accepted
        assert ledger.events.verify_chain() == count == ledger.events.last_seq()
        assert claim(ledger, order) is not None
        entry = ledger.audit.entries("ledger")[-1]
        assert (entry.action, entry.detail["accepted"]) == ("REKEY", accepted)


def test_a_sound_ledger_is_given_a_new_key_without_more_ado(opened: Ledger, order: ApprovedOrder) -> None:
    assert opened.events.rekey("ann", "every year")[1] == []
    assert claim(opened, order) is not None
    assert opened.events.verify_chain() == opened.events.last_seq()


def test_a_new_key_mends_no_damage(opened: Ledger, order: ApprovedOrder, ledger_url: str) -> None:
    assert order
    forge(ledger_url, "UPDATE decisions SET verdict = 'REVIEW'")
    with pytest.raises(LedgerTampered):
        opened.events.rekey("ann", "please", accept=True)


def test_a_rolled_back_commit_moves_no_end(opened: Ledger, order: ApprovedOrder, keys: Path) -> None:
    assert order
    before = (folder(keys) / END_FILE).read_text()
    with suppress(RuntimeError), opened.transaction():
        opened.kill_switches.stop("everything", "ann", "taken back")
        raise RuntimeError
    assert opened.kill_switches.present() == []
    assert (folder(keys) / END_FILE).read_text() == before


def test_an_end_that_lags_is_enough(opened: Ledger, order: ApprovedOrder, keys: Path) -> None:
    """A process may die between its commit and the note of it."""
    old = (folder(keys) / END_FILE).read_text()
    opened.kill_switches.resume("everything", "ann", "go")
    (folder(keys) / END_FILE).write_text(old)
    assert claim(opened, order) is not None
    assert opened.events.verify_chain() == opened.events.last_seq()


def test_a_backup_that_is_put_back_is_older_than_its_end_and_says_so(
    keys: Path, tmp_path: Path, clock: ManualClock
) -> None:
    assert keys.name == "keys"
    path = tmp_path / "ledger.sqlite3"
    with Ledger.create(f"sqlite:///{path}", clock) as ledger:
        order = Proposer(ledger, clock).order()
        made = backup(ledger, tmp_path / "backups", 3)
        ledger.kill_switches.stop("everything", "ann", "after the backup")
    assert audited(made.path, clock) == made.events
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(made.path.read_bytes())
    with Ledger.create(f"sqlite:///{path}", clock) as ledger:
        assert ledger.leases.acquire(ACCOUNT, "h", 60)
        with pytest.raises(LedgerTampered):
            claim(ledger, order)
        with pytest.raises(LedgerError, match="anchored as the newest"):
            ledger.events.rekey("ann", "restored")
        ledger.events.rekey("ann", "restored the backup of today", accept=True)
        assert claim(ledger, order) is not None


def test_a_ledger_of_an_older_version_at_a_sealed_place_is_not_sealed_unasked(
    opened: Ledger, order: ApprovedOrder, ledger_url: str, clock: ManualClock
) -> None:
    """The forger makes the ledger look old, in the hope that the upgrade seals what he wrote."""
    opened.close()
    forge(
        ledger_url,
        "ALTER TABLE events DROP COLUMN mac",
        "ALTER TABLE event_head DROP COLUMN ledger_id",
        "DROP INDEX ix_events_topic_seq",
        "CREATE INDEX ix_events_topic ON events (topic)",
        "UPDATE ledger_version SET version_num = 'v0005'",
        *(
            ["CREATE TRIGGER append_only_events_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'no'); END"]
            if ledger_url.startswith("sqlite")
            else []
        ),
    )
    with Ledger.create(ledger_url, clock, busy_seconds=1) as ledger:
        with pytest.raises(LedgerKeyMissing, match="no key of its own"):
            claim(ledger, order)
        with pytest.raises(LedgerError, match="another ledger was sealed at this place"):
            ledger.events.rekey("ann", "old")


def test_a_ledger_that_is_made_to_look_new_is_not_taken_for_one(
    opened: Ledger, order: ApprovedOrder, ledger_url: str, clock: ManualClock
) -> None:
    """Without a name there is no key to compare with: events in a ledger without a name stop every claim."""
    opened.close()
    forge(
        ledger_url,
        "UPDATE event_head SET seq = 0, ledger_id = ''",
        "UPDATE events SET seq = seq + 1000, mac = ''",
        *(f"UPDATE {table} SET event_seq = event_seq + 1000" for table in ("intents", "decisions", "approved_orders")),
    )
    with Ledger.create(ledger_url, clock, busy_seconds=1) as ledger, pytest.raises(LedgerKeyMissing, match="no key"):
        claim(ledger, order)


def test_another_sealed_ledger_in_its_place_is_seen_and_a_moved_one_is_known(
    keys: Path, tmp_path: Path, clock: ManualClock
) -> None:
    assert keys.name == "keys"
    orders = {}
    for name in ("one", "other"):
        with Ledger.create(f"sqlite:///{tmp_path / name}", clock) as ledger:
            orders[name] = Proposer(ledger, clock).order()
            assert ledger.leases.acquire(ACCOUNT, "h", 60)
    (tmp_path / "moved").write_bytes((tmp_path / "other").read_bytes())
    (tmp_path / "one").write_bytes((tmp_path / "other").read_bytes())
    with (
        Ledger.create(f"sqlite:///{tmp_path / 'one'}", clock) as ledger,
        pytest.raises(LedgerKeyMissing, match="another ledger was sealed at this place"),
    ):
        claim(ledger, orders["other"])
    with Ledger.create(f"sqlite:///{tmp_path / 'moved'}", clock) as ledger:
        assert claim(ledger, orders["other"]) is not None


def test_one_relative_address_in_two_folders_names_two_ledgers(
    keys: Path, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys.name == "keys"
    for name in ("one", "other", "one"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        with Ledger.create("sqlite:///ledger.db", clock) as ledger:
            ledger.checks.record("bars.x", True)
            ledger.events.check_end()


def test_databases_of_one_name_on_two_servers_are_two_places(clock: ManualClock) -> None:
    """libpq takes the server among the options as well, also the folder of a socket."""
    urls = ("//ann@/books?host=/run/a", "//ann@/books?host=/run/b", "//ann@a:5433/books", "//ann@a:5434/books")
    assert len({Database(f"postgresql:{url}", clock, 1).place for url in urls}) == len(urls)
    same = ("//ann:secret1@a:5433/books", "//bob@A/books?port=5433&sslmode=require")
    assert len({Database(f"postgresql:{url}", clock, 1).place for url in same}) == 1


@pytest.mark.parametrize("harm", ["a pipe", "too large a number", "below zero", "nested", "no number", "a lock kept"])
def test_whatever_lies_in_the_place_of_the_noted_end_a_stop_is_written_at_once(
    keys: Path, opened: Ledger, order: ApprovedOrder, harm: str
) -> None:
    path, texts = folder(keys) / END_FILE, {"too large a number": "1e400", "below zero": "-3", "no number": '"x"'}
    with ExitStack() as stack:
        if harm == "a pipe":
            path.unlink()
            os.mkfifo(path)
        elif harm == "a lock kept":
            kept = stack.enter_context((folder(keys) / ".lock").open("w"))
            fcntl.flock(kept, fcntl.LOCK_EX)
        else:
            path.write_text("[" * 900 if harm == "nested" else f'{{"seq": {texts[harm]}, "hash": "x"}}')
        began = time.monotonic()
        assert opened.kill_switches.stop("everything", "ann", "stop").stopped
        assert time.monotonic() - began < 5
        if harm == "a lock kept":
            opened.events.check_end()  # it lags
        else:
            with pytest.raises(LedgerKeyMissing, match="anchored nowhere"):
                claim(opened, order)


def test_the_note_of_a_place_that_is_no_text_is_told(keys: Path, opened: Ledger, order: ApprovedOrder) -> None:
    (note,) = (keys / "places").iterdir()
    note.write_bytes(b"\xff\xfe")
    with pytest.raises(LedgerKeyMissing, match="another ledger was sealed at this place"):
        claim(opened, order)
