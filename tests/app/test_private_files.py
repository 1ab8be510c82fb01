"""D10, D11: what tells of an account is its owner's alone; special files are neither read nor replaced."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from conf.ledger_place import ledger_place
from conf.yaml_reader import lint_yaml
from tests.app.conftest import say
from tests.support.houses import House, conf_copy
from tradewright.database.engine import make_private
from tradewright.ledger.backup import backup
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.errors import LedgerError, StoreError
from tradewright.store.artefacts import Artefacts
from tradewright.store.files import private_folder, write_bytes


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def loose(root: Path) -> dict[str, str]:
    """Every file and folder that others may read."""
    found = {path: mode(path) for path in (root, *root.rglob("*"))}
    return {str(path.relative_to(root)): oct(bits) for path, bits in found.items() if bits & 0o077}


@pytest.mark.usefixtures("umask")
def test_ledger_backups_artefacts_and_folders_are_their_owners_alone(tmp_path: Path) -> None:
    root = tmp_path / "a" / "data"
    private_folder(root)
    with Ledger.create(f"sqlite:///{root / 'ledger.sqlite3'}", SystemClock()) as ledger:
        ledger.kill_switches.stop("everything", "ann", "test")
        backup(ledger, root / "backups", 3)
        Artefacts(root / "artefacts").write_json(("signals", "x"), {"a": 1})
        write_bytes(root / "deep" / "er" / "file", b"x")
        assert (root / "ledger.sqlite3-wal").exists()
        assert loose(tmp_path / "a") == {}


def test_a_kill_in_a_new_place_makes_it_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(conf_copy(tmp_path), tmp_path / "new" / "data")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(house.conf))
    before = os.umask(0)
    try:
        said = say("kill", "--reason", "a test", f"storage.root={house.root}", "no_such.key=1")
    finally:
        os.umask(before)
    assert "stopped: everything" in said.out
    assert loose(tmp_path / "new") == {}


def test_what_an_older_version_left_open_is_closed_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    Ledger.create(f"sqlite:///{path}", SystemClock()).close()
    path.chmod(0o664)
    Ledger.open(f"sqlite:///{path}", SystemClock()).close()
    assert mode(path) == 0o600
    path.chmod(0o444)
    make_private(path)
    assert mode(path) == 0o400, "a file that may not be written stays so"


def test_special_files_are_neither_read_nor_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StoreError, match="no plain file"):
        write_bytes(pipe, b"x")
    with pytest.raises(LedgerError, match="no plain file"):
        Ledger.create(f"sqlite:///{pipe}", SystemClock())
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (problem,) = lint_yaml(pipe, "conf/pipe.yaml")
    assert "no plain file" in str(problem)


def test_a_pipe_among_the_files_keeps_no_kill_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = conf_copy(tmp_path)
    for name in ("local", "postgres"):
        (conf / "storage" / f"{name}.yaml").unlink()
        os.mkfifo(conf / "storage" / f"{name}.yaml")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf))
    found = ledger_place((f"storage.root={tmp_path / 'data'}",))
    assert any("no plain file" in text for text in found.remarks)
