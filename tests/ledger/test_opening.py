"""Opening a ledger: made once whoever comes first; whatever is wrong with it is said, with what to do."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.ledgers import START
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.migrations import VERSION_TABLE
from tradewright.model.clock import ManualClock
from tradewright.model.errors import LedgerError

CLOCK = ManualClock(START)
ROOT = Path(__file__).parents[2]
CHILD = """
import sys
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
sys.stdin.readline()
with Ledger.create(sys.argv[1], SystemClock(), busy_seconds=30) as ledger:
    ledger.audit.append("child", "START", "ledger")
"""


def first_starts(url: str, count: int) -> None:
    command = [sys.executable, "-c", CHILD, url]
    children = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        _, errors = child.communicate(timeout=240)
        assert child.returncode == 0, errors
    with Ledger.open(url, CLOCK) as ledger:
        assert ledger.audit.verify_chain() == count


def test_fault_33_processes_that_start_first_at_once_make_one_ledger(tmp_path: Path) -> None:
    first_starts(f"sqlite:///{tmp_path / 'ledger.db'}", 3)


@pytest.mark.postgres
def test_fault_33_on_postgres() -> None:
    if reason := postgres.server().reason:
        pytest.skip(reason)
    first_starts(postgres.new_database(), 3)


def test_fault_33_threads_too(tmp_path: Path) -> None:
    url, errors = f"sqlite:///{tmp_path / 'ledger.db'}", []

    def start() -> None:
        try:
            Ledger.create(url, CLOCK, busy_seconds=20).close()
        except LedgerError as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "postgresql://host"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(LedgerError, match="sqlite:///path"):
        Ledger.create(url, CLOCK)


def test_opening_what_is_not_there_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", CLOCK)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="folder exists"):
        Ledger.create(f"sqlite:///{tmp_path / 'no' / 'ledger.db'}", CLOCK)


def test_a_foreign_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 100)
    with pytest.raises(LedgerError, match="not a database"):
        Ledger.open(f"sqlite:///{path}", CLOCK)
    assert path.read_text() == "Dear reader, " * 100


def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE songs (name TEXT)")
    db.commit()
    db.close()
    before = path.read_bytes()
    with pytest.raises(LedgerError, match="another program: it has the table 'songs'"):
        Ledger.create(f"sqlite:///{path}", CLOCK)
    assert path.read_bytes() == before


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Ledger.create(f"sqlite:///{path}", CLOCK).close()
    path.write_bytes(path.read_bytes()[:9000])
    with pytest.raises(LedgerError, match=r"backup|damaged"):
        Ledger.open(f"sqlite:///{path}", CLOCK).audit.verify_chain()


def test_a_newer_ledger_is_refused(ledger: Ledger, ledger_url: str) -> None:
    with ledger._database.write() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = 'v9999'")
    with pytest.raises(LedgerError, match="newer version: schema v9999"):
        Ledger.open(ledger_url, CLOCK)


def test_a_database_with_an_empty_version_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    db = sqlite3.connect(path)
    db.execute(f"CREATE TABLE {VERSION_TABLE} (version_num VARCHAR(32) NOT NULL)")
    db.commit()
    db.close()
    with Ledger.create(f"sqlite:///{path}", CLOCK) as ledger:
        assert ledger.audit.verify_chain() == 0


def test_a_locked_ledger_says_so(ledger: Ledger, ledger_url: str) -> None:
    with Ledger.open(ledger_url, CLOCK, busy_seconds=0.1) as other, ledger.transaction():
        with pytest.raises(LedgerError, match="another process holds the write lock"):
            threaded(lambda: other.audit.append("ann", "KILL", "everything"))
        assert other.audit.entries() == [], "reading goes on"
    ledger.audit.append("ann", "KILL", "everything")


def threaded(act: object) -> None:
    """Run in a thread of its own, outside the present transaction."""
    caught: list[BaseException] = []

    def run() -> None:
        try:
            act()  # type: ignore[operator]
        except LedgerError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if caught:
        raise caught[0]


def test_a_file_that_another_keeps_from_wal_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradewright.database.migrations.WAL_ATTEMPTS", 2)
    path = tmp_path / "ledger.db"
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerError, match="WAL"):
        Ledger.create(f"sqlite:///{path}", CLOCK, busy_seconds=0.05)
    holder.close()


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/usr/bin/setpriv").exists(), reason="root writes read-only files")
def test_a_read_only_ledger_says_so(tmp_path: Path) -> None:
    """Root is above file modes, so the writer is another user, in a process of its own."""
    folder = tmp_path if os.geteuid() else Path(tempfile.gettempdir()) / f"read-only-{os.getpid()}"
    folder.mkdir(exist_ok=True)
    path = folder / "ledger.db"
    Ledger.create(f"sqlite:///{path}", CLOCK).close()
    path.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
    folder.chmod(0o755)
    command = [sys.executable, "-c", READ_ONLY, f"sqlite:///{path}"]
    if os.geteuid() == 0:
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    path.unlink()
    if folder != tmp_path:
        shutil.rmtree(folder)
    if "Permission denied" in done.stderr:
        pytest.skip("the other user may not read this interpreter")
    assert "read-only" in done.stdout or "cannot be opened" in done.stdout, done.stdout + done.stderr


FULL = """
import resource, sys
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.errors import LedgerError
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
try:
    Ledger.create(sys.argv[1], SystemClock())
except LedgerError as error:
    print(error)
"""


def test_a_disk_that_is_full_at_the_first_start_says_so_and_the_next_start_finishes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    command = [sys.executable, "-c", FULL, url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert "free space" in done.stdout, done.stdout + done.stderr
    with Ledger.create(url, CLOCK) as ledger:
        assert ledger.audit.verify_chain() == 0


READ_ONLY = """
import sys
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.errors import LedgerError
try:
    Ledger.open(sys.argv[1], SystemClock()).audit.append("child", "START", "ledger")
except LedgerError as error:
    print(error)
"""


@pytest.mark.postgres
def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    with pytest.raises(LedgerError, match="start the server") as caught:
        Ledger.create("postgresql+psycopg2://trader:geheim@127.0.0.1:1/ledger", CLOCK, busy_seconds=2)
    assert "geheim" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
