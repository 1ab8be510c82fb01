"""F1: what an earlier process has compared is not compared again, and nothing that is altered is believed for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Table

from tests.support.forger import forge
from tests.support.ledgers import ACCOUNT, START, new_url
from tradewright.ledger import comparison_notes, facts
from tradewright.ledger.errors import LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.ledger.schema import events, executions
from tradewright.ledger.seal import COMPARED, KEY_FILE, VARIABLE, Keyring
from tradewright.model.clock import ManualClock
from tradewright.model.order import Fill, Side

FILLS = 6
Counted = Callable[[], int]
VALUES = {"quarantined": "TRUE", "perm_id": "7", "side": "'SELL'", "quantity": "'10'", "price": "'1e2'", "seq": "1000",
          "event_seq": "1000", "ref": "'a.1'"}  # fmt: skip
"""What a column is set to, where another text than ``'x'`` is wanted."""


def _fill(number: int) -> Fill:
    side = Side.SELL if number % 3 == 0 else Side.BUY
    values = {"exec_id": f"e{number}.01", "ref": "", "perm_id": number, "instrument": "AAPL", "side": side}
    return Fill.model_validate(values | {"quantity": number, "price": 100, "time": START, "account": ACCOUNT})


def traded(ledger: Ledger) -> None:
    """Some executions of orders that are not ours."""
    for number in range(1, FILLS + 1):
        ledger.executions.record(_fill(number), None)


def noted_ledger(engine: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A ledger with executions that one process has compared; notes are made from the first row on."""
    monkeypatch.setattr(comparison_notes, "NOTED_FROM", 1)
    monkeypatch.setenv(VARIABLE, str(folder / "keys"))
    made = new_url(engine, folder)
    with Ledger.create(made, ManualClock(START)) as ledger:
        traded(ledger)
        ledger.executions.positions(ACCOUNT)
    assert len(notes(folder)) == 1, "the first comparison was noted"
    return made


@pytest.fixture
def url(engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return noted_ledger(engine, tmp_path, monkeypatch)


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Counted:
    """How many events were read and checked since it was asked last."""
    count, real = 0, facts.checked_payload

    def counting(row: facts.RowMapping, key: bytes | None = None) -> object:
        nonlocal count
        count += 1
        return real(row, key)

    def since() -> int:
        nonlocal count
        last, count = count, 0
        return last

    monkeypatch.setattr(facts, "checked_payload", counting)
    return since


def notes(folder: Path) -> list[Path]:
    return sorted((folder / "keys").glob(f"*/{COMPARED}/*"))


def positions(url: str) -> Decimal | str:
    """What a new process says: the holding, or the alteration that it found."""
    with Ledger.open(url, ManualClock(START)) as ledger:
        try:
            return ledger.executions.position(ACCOUNT, "AAPL")
        except LedgerTampered as error:
            return str(error)


def edits(table: Table) -> Iterator[str]:
    place = "exec_id = 'e2.01'" if table is executions else "topic = 'fill.recorded' AND subject = 'e2.01'"
    for column in table.c:
        yield f"UPDATE {table.name} SET {column.name} = {VALUES.get(column.name, repr('x'))} WHERE {place}"
    yield f"DELETE FROM {table.name} WHERE {place}"
    if table is events:
        yield f"UPDATE events SET payload = replace(payload, '\"2\"', '\"3\"') WHERE {place}"
    else:
        yield f"DELETE FROM executions WHERE exec_id = 'e{FILLS}.01'"
        yield "UPDATE executions SET event_seq = 1000 - event_seq"
        yield f"UPDATE executions SET event_seq = 'x' WHERE {place}"
        yield "UPDATE executions SET quantity = '9'"
        yield "UPDATE executions SET account = 'other'"


def test_a_second_process_compares_nothing_that_the_first_has_compared(url: str, compared: Counted) -> None:
    assert positions(url) == 3
    assert compared() == 0
    with Ledger.open(url, ManualClock(START)) as ledger:
        for number in (FILLS + 1, FILLS + 2):
            ledger.executions.record(_fill(number), None)
    compared()
    assert positions(url) == 18
    assert compared() == 2, "new rows are compared in full"
    assert positions(url) == 18
    assert compared() == 0, "and noted with the others"


def test_few_new_rows_are_compared_again_instead_of_noted(
    url: str, compared: Counted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(comparison_notes, "NOTED_FROM", 2)
    before = [note.read_bytes() for note in notes(tmp_path)]
    with Ledger.open(url, ManualClock(START)) as ledger:
        ledger.executions.record(_fill(FILLS + 1), None)
    compared()
    assert positions(url) == positions(url) == 10
    assert compared() == 2
    assert [note.read_bytes() for note in notes(tmp_path)] == before


@pytest.mark.parametrize("table", [executions, events], ids=str)
def test_each_alteration_of_a_row_or_its_event_is_found_as_without_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: Table
) -> None:
    """Any column of any row and event, a row that is moved, and one that is gone."""
    made = noted_ledger("sqlite", tmp_path, monkeypatch)
    whole, note = (tmp_path / "ledger.db").read_bytes(), notes(tmp_path)[0]
    kept = note.read_text()
    for edit in edits(table):
        forge(made, edit)
        with_notes = positions(made)
        note.unlink(missing_ok=True)
        assert with_notes == positions(made), edit
        assert isinstance(with_notes, str), f"not found: {edit}"
        with Ledger.open(made, ManualClock(START)) as ledger, pytest.raises(LedgerTampered):
            ledger.events.verify_chain()
        (tmp_path / "ledger.db").write_bytes(whole)
        note.write_text(kept)
    assert positions(made) == 3


def test_a_note_that_its_key_did_not_make_spares_nothing(url: str, tmp_path: Path, compared: Counted) -> None:
    """Somebody without the key writes the note that fits the altered rows, or spoils it: all is compared."""
    (note,) = notes(tmp_path)
    true = note.read_text()
    forge(url, "UPDATE executions SET quantity = '9' WHERE exec_id = 'e2.01'")
    with Ledger.open(url, ManualClock(START)) as ledger, ledger._database.read() as connection:
        rows = connection.execute(comparison_notes.rows_with_whole_events(executions)).all()
        digest = comparison_notes.digest(comparison_notes.in_order(executions, rows))
    forged = true.replace(true.split('"hash": "')[1][:64], digest)
    for text in (forged, "", "[]", "{}", true[:20], '{"seq": 1, "hash": 1, "mac": null}', "\0" * 2_000):
        note.write_text(text)
        assert "quantity is '9'" in str(positions(url)), text
    forge(url, "UPDATE executions SET quantity = '2' WHERE exec_id = 'e2.01'")
    note.write_text("{}")
    compared()
    assert positions(url) == 3
    assert compared() == FILLS
    assert note.read_text() == true, "the next comparison notes it anew"


def test_a_note_of_another_account_is_none_of_this_one(url: str, tmp_path: Path, compared: Counted) -> None:
    (note,) = notes(tmp_path)
    name, other = (f'executions {{"account": "{account}"}}' for account in (ACCOUNT, "other"))
    keyring, ledger_id = Keyring(), note.parent.parent.name
    found = keyring.compared(ledger_id, name)
    assert found is not None
    keyring.note_compared(ledger_id, other, found)
    (others,) = set(notes(tmp_path)) - {note}
    note.write_text(others.read_text())
    assert keyring.compared(ledger_id, name) is None
    assert positions(url) == 3
    assert compared() == FILLS


def test_without_a_folder_of_keys_that_can_be_written_nothing_is_noted_and_all_is_read(
    url: str, tmp_path: Path, compared: Counted
) -> None:
    (note,) = notes(tmp_path)
    note.unlink()
    note.parent.rmdir()
    note.parent.write_text("no folder")
    assert positions(url) == positions(url) == 3
    assert compared() == 2 * FILLS


def test_without_the_key_nothing_is_believed_or_noted(url: str, tmp_path: Path, compared: Counted) -> None:
    (note,) = notes(tmp_path)
    before = note.read_bytes()
    (note.parent.parent / KEY_FILE).unlink()
    assert positions(url) == 3
    assert compared() == FILLS
    assert note.read_bytes() == before


def test_rows_that_may_be_taken_back_are_not_noted(url: str, tmp_path: Path) -> None:
    before = notes(tmp_path)[0].read_bytes()
    with Ledger.open(url, ManualClock(START)) as ledger:

        def taken_back() -> None:
            with ledger.transaction():
                ledger.executions.record(_fill(FILLS + 1), None)
                assert ledger.executions.position(ACCOUNT, "AAPL") == 10
                raise KeyError

        with pytest.raises(KeyError):
            taken_back()
        assert ledger.executions.position(ACCOUNT, "AAPL") == 3
    assert notes(tmp_path)[0].read_bytes() == before
