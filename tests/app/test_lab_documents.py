"""The page where documents are written: what ``dsl check``, ``explain`` and ``fmt`` say, and what a press may save."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import pytest
from markupsafe import escape

from app.operations import documents, html_pieces, visitors
from app.operations.lab_documents import EXAMPLE, NEW, OWN, Kept, Opened, opened, opener, origins, save, tidied, view
from app.operations.trading import opened_ledger
from app.tokens import Scope, Visitor
from conf.compose import check, compose
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.dsl.test_static_cases import CASES, planted
from tests.support.houses import conf_copy

TEXT = opened(NEW).text


@pytest.fixture
def conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = conf_copy(tmp_path)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    return folder


@pytest.fixture
def overrides(tmp_path: Path) -> tuple[str, ...]:
    return (f"storage.root={tmp_path / 'data'}",)


# what is shown ---------------------------------------------------------------------------------------------------


def test_every_static_case_is_shown_with_its_code_place_line_and_hint() -> None:
    """R-STRAT-38: the problems are those of the check, none is left out, and the caret stands under its column."""
    drawn = 0
    for case in CASES:
        written = planted(case["changes"])
        found, html = view(written), html_pieces.document_problems(view(written).problems)
        for row in found.problems:
            loc, hints = row.problem.loc, [hint.text for hint in row.problem.hints]
            assert row.problem.code.value in html
            assert all(str(escape(hint)) in html for hint in hints)
            if row.line:
                drawn += 1
                assert (
                    row.line[len(row.caret) - 1 : len(row.caret)]
                    == written.splitlines()[loc.line - 1][loc.column - 1 : loc.column]
                )
        assert found.is_sound == all(row.problem.severity.value == "warning" for row in found.problems)
    assert drawn > 50


def test_a_wrong_line_is_drawn_with_a_caret_and_escaped() -> None:
    wrong = TEXT.replace("crossover(", "crossovr(")
    found = view(wrong)
    (row,) = (each for each in found.problems if each.problem.code.value == "DSL_UNSUPPORTED_FUN")
    assert row.place == f"line {row.problem.loc.line}, column {row.problem.loc.column}"
    assert row.line[len(row.caret) - 1 :].startswith("crossovr(")
    assert (found.headline, found.is_sound, found.explained, found.sections, found.reads) == (
        "1 error", False, None, (), (),
    )  # fmt: skip
    injected = html_pieces.document_problems(view("<script>alert(1)</script>: 5\n").problems)
    assert "<script>" not in injected
    assert "&lt;script&gt;" in injected
    far = view(f"{TEXT}# {'x' * 400}\nrules: {'y' * 300}\n").problems[0]
    assert len(far.line) < 120, "a long line is cut around the place"
    wide = view(TEXT.replace("if: crossover(", "if: 日本 + crossover(")).problems[0]
    before = wide.line[: wide.problem.loc.column - 1 + len(wide.line) - len(wide.line.lstrip())]
    assert ("日" in wide.line, wide.caret.endswith("^"), bool(before)) == (True, True, True)


def test_a_sound_one_is_explained_as_the_command_explains_it(tmp_path: Path) -> None:
    file = tmp_path / "my_strategy.yaml"
    file.write_text(TEXT)
    told = say("dsl", "explain", str(file), "--json").json
    found = view(TEXT, documents.least_confidence())
    assert found.headline == f"my_strategy is sound; the hash of its meaning is {told['hash'][:16]}"
    assert [list(lines) for _, lines in found.sections] == [told[key] for key in ("does", "needs", "trades", "risks")]
    assert found.reads[0] == {"expression": "buy", "oldest bar": "i - 30", "newest bar": "i"}
    assert len(found.reads) == len(told["proof"])
    html = html_pieces.sections(found.sections)
    assert "orders can fill in the next bar at the earliest" in html
    assert "waits for a person" in " ".join(view(TEXT, Decimal("0.99")).sections[2][1])


def test_a_warning_stops_nothing_and_is_told() -> None:
    found = view(TEXT.replace("crossover(", "close > rsi(close, 14) and crossover("))
    assert (found.is_sound, "with 1 warning" in found.headline) == (True, True)
    assert found.problems[0].place.startswith("warning, line ")


@pytest.mark.parametrize("written", ["", "\0", "a: [", "- 1", "id: &a x\nname: *a", "x" * 70_000, "\ud800"])
def test_what_is_no_document_is_told_and_cannot_be_formatted(written: str) -> None:
    assert not view(written).is_sound
    assert tidied(written) == written


def test_formatting_is_that_of_the_command() -> None:
    loose = TEXT.replace("ma(close, fast)", "ma( close,fast )")
    assert tidied(loose) == TEXT


# what is opened and saved ----------------------------------------------------------------------------------------


def test_documents_of_the_project_and_those_that_ship_can_be_opened(conf: Path) -> None:
    (conf / "strategy" / "ma_crossover.yaml").write_text((LIBRARY / "ma_crossover.yaml").read_text())
    listed = origins()
    assert listed[:2] == (NEW, f"{OWN}ma_crossover")
    assert f"{EXAMPLE}rsi_pullback" in listed
    assert f"{OWN}sma_crossover" not in listed, "it is Python"
    assert opened(f"{OWN}ma_crossover").text == opened(f"{EXAMPLE}ma_crossover").text
    assert "cannot be read" in opened(f"{OWN}gone").problem
    told: list[object] = []
    opener(told.append, told.append, told.append)(f"{EXAMPLE}rsi_pullback")
    example = opened(f"{EXAMPLE}rsi_pullback")
    assert told == [example, example.text, Kept()]


def test_a_document_is_saved_once_and_replaced_only_where_that_is_said(
    conf: Path, overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "present", lambda: Visitor("ann", Scope.ADMIN))
    path = conf / "strategy" / "my_strategy.yaml"
    done = save(overrides, TEXT)
    assert (done.is_done, done.opened, path.read_text()) == (True, Opened(f"{OWN}my_strategy", TEXT), TEXT)
    assert done.text.startswith("conf/strategy/my_strategy.yaml: written; tradewright trade and the schedules")
    assert (compose(["strategy=my_strategy"]).strategy.kind, check()) == ("my_strategy", [])

    other = TEXT.replace("fast: 10", "fast: 12")
    for refused in (
        save(overrides, other),
        save(overrides, other, opened(NEW)),
        save(overrides, other, Opened(f"{OWN}my_strategy", "an older text")),
    ):
        assert (refused.is_done, refused.opened, path.read_text()) == (False, None, TEXT)
    assert "none is overwritten unasked" in save(overrides, other).text
    assert "is there already, the same" in save(overrides, TEXT, done.opened).text
    replaced = save(overrides, other, done.opened)
    assert (replaced.is_done, ": replaced; " in replaced.text, path.read_text()) == (True, True, other)
    with opened_ledger(compose(overrides)) as ledger:
        noted = [row for row in ledger.audit.entries() if row.action == "SAVE_DOCUMENT"]
    assert len(noted) == 2
    detail = noted[1].detail if isinstance(noted[1].detail, dict) else json.loads(noted[1].detail)
    assert detail["sha256"] == hashlib.sha256(other.encode()).hexdigest()
    assert detail["replaced_sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert "token: ann" in noted[1].actor


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("crossover(", "crossovr("), "the document has 1 error"),
        (("id: my_strategy", "id: sma_crossover"), "none is overwritten unasked"),
        (("id: my_strategy", "id: 'on'"), "means something else in YAML"),
        (("rules:", '"\\u0072ules":'), "written plainly"),
        (("timeframe: null", "timeframe: null  # ${oc.env:HOME}"), "${...} stands in it"),
        (("timeframe: null", "instruments: [NOBODY]\ntimeframe: null"), "NOBODY"),
    ],
)
def test_what_does_not_check_is_not_written(
    conf: Path, overrides: tuple[str, ...], change: tuple[str, str], told: str
) -> None:
    before = {path: path.read_bytes() for path in conf.rglob("*") if path.is_file()}
    assert change[0] in TEXT
    said = save(overrides, TEXT.replace(*change))
    assert (said.is_done, said.text.startswith("refused: "), told in said.text) == (False, True, True), said.text
    assert {path: path.read_bytes() for path in conf.rglob("*") if path.is_file()} == before


def test_a_link_is_not_replaced(conf: Path, overrides: tuple[str, ...]) -> None:
    path = conf / "strategy" / "my_strategy.yaml"
    path.symlink_to(conf / "nowhere")
    assert "none is overwritten" in save(overrides, TEXT).text
    assert "it is a link" in save(overrides, TEXT, Opened(f"{OWN}my_strategy", TEXT)).text
    assert path.is_symlink()


def test_what_the_audit_log_cannot_hold_is_not_kept(conf: Path, overrides: tuple[str, ...]) -> None:
    path = conf / "strategy" / "my_strategy.yaml"
    first = save(overrides, TEXT)
    (Path(overrides[0].partition("=")[2]) / "ledger.sqlite3").write_bytes(b"broken" * 5000)
    refused = save(overrides, TEXT.replace("fast: 10", "fast: 12"), first.opened)
    assert (refused.is_done, path.read_text()) == (False, TEXT)
    refused = save(overrides, TEXT.replace("id: my_strategy", "id: second"))
    assert (refused.is_done, (conf / "strategy" / "second.yaml").exists()) == (False, False)


def test_a_visitor_without_the_scope_saves_nothing(
    conf: Path, overrides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "present", lambda: Visitor("ann", Scope.TRADE))
    assert "does not allow it" in save(overrides, TEXT).text
    assert not (conf / "strategy" / "my_strategy.yaml").exists()
