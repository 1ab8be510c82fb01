"""Each function of the ledger that reads a table of facts compares its rows with their events, or says why not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tradewright import ledger
from tradewright.ledger.schema import fact_tables

TABLES = {*fact_tables(), "attempts", "commands"}
COMPARED_BY = {"check", "facts", "_evidence", "_select", "_check_since", "_check_approval", "check_rows", "_check",
               "_check_newest_comparison"}  # fmt: skip
"""Names whose use means that rows are compared: those of ``Facts``, of the evidence classes, and what calls them."""
MACHINERY = {"schema", "facts", "row_evidence", "chain_audit", "events", "newest_events", "attempt_evidence",
             "command_evidence", "retention", "backup", "damage", "sealing"}  # fmt: skip
EXEMPT = {
    "claims.release": "the attempt is compared; the end of the approval only chooses between two ends",
    "attempts.count": "a number for people",
    "attempts.newest_refs": "names for a listing of row after row, each of which is compared when it is read",
    "decisions.newest_ids": "names for a listing of row after row, each of which is compared when it is read",
    "executions._held": "its callers have compared the rows, or leave out the instruments of the damaged ones",
    "attempts.append": "writes the step and its event",
    "attempts.advance": "writes; its callers have compared the attempt",
    "commands._change": "a conditional update; its callers have compared the command",
    "commands._get": "its callers have compared the command",
    "commands.newest": "a list for people; no act follows from it",
    "decisions.count_intents": "a number for people",
    "decisions.mode_of": "the mode stands in the event alone; answering the decision compares it",
    "decisions.strategies": "names for people to choose from",
    "executions.known": "asks which ids are new; recording them compares",
    "executions._moves": "its callers have compared the account's rows",
    "executions.record": "compares by _recorded; a correction is told by any row of the same base",
    "outbox.put": "compares by Decisions.permits and Decisions.decision",
    "outbox.accounts": "names of accounts",
    "outbox._report_unrecorded": "looks for the rows that nothing allows",
}


def readings() -> Iterator[tuple[str, set[str]]]:
    for path in sorted(Path(ledger.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if path.stem in MACHINERY or not isinstance(node, ast.FunctionDef):
                continue
            used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            called = {each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute)}
            if used & TABLES and "execute" in called:
                yield f"{path.stem}.{node.name}", called | used


def test_every_reading_of_facts_compares_them_with_their_events() -> None:
    found = dict(readings())
    assert len(found) > 25, "the search finds the readings"
    forgotten = {name for name, names in found.items() if not names & COMPARED_BY} - set(EXEMPT)
    assert forgotten == set(), "read them through Events.facts, or add the reason to EXEMPT"


def test_no_exemption_outlives_its_function() -> None:
    assert set(EXEMPT) - {name for name, names in readings() if not names & COMPARED_BY} == set()
