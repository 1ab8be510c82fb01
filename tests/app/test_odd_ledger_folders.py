"""A storage folder with ``%``, ``?`` or ``#`` in its path holds its own ledger, and no other folder's."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.compose import compose
from conf.ledger_place import LEDGER_FILE, LedgerPlace, ledger_place, ledger_url
from runtime.container import Container
from tests.app.conftest import say
from tests.support.houses import House, conf_copy
from tradewright.database.address import sqlite_file, sqlite_url
from tradewright.ledger.backup import backup
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.errors import ConfigError

NAMES = ("a b", "a%20b", "a%2520b", "a+b", "a", "a?b", "a?c", "a#b", "a%", "a%3Fb", "é", "a&b=c", "a;b", "a:b@c")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    made = House(conf_copy(tmp_path), tmp_path / "data")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made.conf))
    return made


def test_each_folder_holds_its_own_ledger(tmp_path: Path) -> None:
    for name in NAMES:
        root = tmp_path / name
        root.mkdir()
        with Ledger.create(ledger_url(root), SystemClock()) as ledger:
            assert ledger.file == root / LEDGER_FILE
            ledger.kill_switches.stop("everything", "ann", name)
            kept = backup(ledger, root / "backups", 1)
        assert kept.path.parent == root / "backups"
    for name in NAMES:
        assert (tmp_path / name / LEDGER_FILE).is_file()
        with Ledger.open(ledger_url(tmp_path / name), SystemClock()) as ledger:
            assert [switch.reason for switch in ledger.kill_switches.present()] == [name]
    assert {path.name for path in tmp_path.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_url_names_its_file(name: str) -> None:
    path = Path("/x", name, LEDGER_FILE)
    assert sqlite_file(sqlite_url(path)) == path
    assert LedgerPlace(sqlite_url(path), ()).shown == str(path)
    relative = Path(name) / LEDGER_FILE
    assert sqlite_file(sqlite_url(relative)) == relative


def test_a_server_has_no_file_and_a_query_is_no_part_of_one() -> None:
    assert sqlite_file("postgresql+psycopg2://user@host/name") is None
    assert sqlite_file("sqlite:////x/l.db?timeout=3") == Path("/x/l.db")
    assert sqlite_file("sqlite+pysqlite:////x/a%3Fb") == Path("/x/a?b")


def test_a_path_that_is_no_text_is_refused() -> None:
    with pytest.raises(ConfigError, match="UTF-8"):
        ledger_url(Path("/x/\udcff"))


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b"])
def test_a_kill_and_the_composition_meet_in_one_ledger(house: House, name: str) -> None:
    """The kill switch reads its place without a composition, and by ``--ledger``; neither stops another ledger."""
    root = house.root.parent / name
    override = f"storage.root='{root}'"
    with Container(compose((override,))) as made:
        assert made.ledger_url() == ledger_place((override,)).url
        assert made.ledger.file == root / LEDGER_FILE
    said = say("kill", "--reason", "of the folder", override)
    assert (said.status, str(root / LEDGER_FILE) in said.out + said.err) == (0, True)
    say("kill", "--reason", "by its address", "--scope", "strategy:manual", "--ledger", ledger_url(root))
    with Ledger.open(ledger_url(root), SystemClock()) as ledger:
        assert [switch.reason for switch in ledger.kill_switches.present()] == ["of the folder", "by its address"]
    beside = {path.name for path in house.root.parent.iterdir()} - {"conf", "data"}
    assert beside == {name}
