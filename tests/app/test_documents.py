"""``tradewright dsl``: check, explain, fmt, schema, example; what scripts and people get; the page's commands."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from conf.compose import compose
from conf.documents import document_problems
from strategies.documents import LIBRARY
from tests.app.conftest import say
from tests.dsl.test_documents import FIXTURES
from tests.dsl.write_page import PAGE, page
from tests.support.houses import conf_copy
from tradewright.dsl.check import compiled
from tradewright.dsl.document import json_schema

LOOKS_AHEAD = next(path for path in FIXTURES if path.stem == "strategy_invalid_lookahead")
SOUND = LIBRARY / "ma_crossover.yaml"


def test_a_sound_document_ends_with_0_and_a_wrong_one_with_1() -> None:
    good, both = say("dsl", "check", str(SOUND), "--json"), say("dsl", "check", str(SOUND), str(LOOKS_AHEAD), "--json")
    assert (good.status, both.status) == (0, 1)
    (row,) = good.json["files"]
    assert (row["file"], row["problems"], len(row["hash"])) == (str(SOUND), [], 64)
    first, second = both.json["files"][1]["problems"]
    assert set(first) == {"code", "message", "loc", "hints", "severity"}
    assert first["loc"] == {"path": "rules[0].if", "index": 11, "line": 6, "column": 22}
    assert (first["code"], first["severity"], second["loc"]["line"]) == ("DSL_STATIC_FAIL", "error", 7)


def test_people_see_the_place_the_reason_and_the_remedy() -> None:
    said = say("dsl", "check", str(LOOKS_AHEAD))
    assert said.out.splitlines()[0] == (
        f"{LOOKS_AHEAD}:6:22: DSL_STATIC_FAIL: rules[0].if: a lag of -1 bars reads a bar to come: look-ahead "
        "(a lag is 0 or more; for a parameter, raise its min)"
    )


def test_check_tells_a_documents_problems_in_the_same_words(tmp_path: Path) -> None:
    (tmp_path / "strategy").mkdir()
    path = tmp_path / "strategy" / LOOKS_AHEAD.name
    path.write_bytes(LOOKS_AHEAD.read_bytes())
    told = [str(problem) for problem in document_problems(path, str(path))]
    assert len(told) == 2
    assert say("dsl", "check", str(path)).out.splitlines()[:2] == told


def test_too_few_bars_are_told() -> None:
    assert say("dsl", "check", str(SOUND), "--bars", "30").status == 1
    assert say("dsl", "check", str(SOUND), "--bars", "31").status == 0


def test_an_explanation_has_all_its_parts() -> None:
    said = say("dsl", "explain", str(SOUND), "--json")
    assert (said.status, set(said.json)) == (0, {"title", "does", "needs", "trades", "risks", "proof", "hash"})
    assert said.json["does"][0] == (
        "Buys when the mean of close over 10 (fast) bars crosses above the mean of close over 30 (slow) bars."
    )
    assert said.json["proof"][0] == {"path": "buy", "newest": 0, "oldest": 30}
    assert "  buy reads the bars i - 30 to i." in say("dsl", "explain", str(SOUND)).out.splitlines()
    assert say("dsl", "explain", str(LOOKS_AHEAD), "--json").json["error"]["code"] == "DSL_STATIC_FAIL"


def test_formatting_changes_a_file_once_and_only_looks_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "ma_crossover.yaml"
    file.write_text(SOUND.read_text().replace("crossover(ma(close, fast), ma", "crossover(ma(close,fast),ma"))
    file.chmod(0o640)
    before = file.read_text()
    assert say("dsl", "fmt", str(file), "--check").status == 1
    assert file.read_text() == before
    assert say("dsl", "fmt", str(file), "--json").json["files"] == [{"file": str(file), "changed": True}]
    assert file.read_text() == SOUND.read_text()
    assert (file.stat().st_mode & 0o777, list(tmp_path.iterdir())) == (0o640, [file])
    assert say("dsl", "fmt", str(file), "--check").status == 0


def test_the_schema_is_shown_and_written(tmp_path: Path) -> None:
    assert say("dsl", "schema", "--json").json == json_schema()
    assert say("dsl", "schema", str(tmp_path / "s.json")).status == 0
    assert json.loads((tmp_path / "s.json").read_text()) == json_schema()


def test_examples_are_listed_and_printed_as_they_are() -> None:
    names = say("dsl", "example").out.split()
    assert names == sorted(path.stem for path in LIBRARY.glob("*.yaml"))
    assert say("dsl", "example", "ma_crossover").out == SOUND.read_text()
    refused = say("dsl", "example", "ma_crosover")
    assert refused.status == 1
    assert "did you mean 'ma_crossover'?" in refused.err


def test_formatting_keeps_links_and_ends_of_lines_and_leaves_a_file_that_it_cannot_replace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, link = tmp_path / "ma_crossover.yaml", tmp_path / "link.yaml"
    before = SOUND.read_text().replace("ma(close, fast)", "ma(close,fast)").replace("\n", "\r\n").encode()
    file.write_bytes(before)
    link.symlink_to(file.name)
    with monkeypatch.context() as full:
        full.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        assert say("dsl", "fmt", str(link), "--json").status == 1
    assert (file.read_bytes(), sorted(tmp_path.iterdir())) == (before, [link, file])
    assert say("dsl", "fmt", str(link)).status == 0
    assert link.is_symlink()
    assert file.read_bytes() == SOUND.read_bytes().replace(b"\n", b"\r\n")


@pytest.mark.parametrize("name", ["none.yaml", "binary.yaml", ".", "pipe.yaml"])
def test_what_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"id: \xff\xfe")
    os.mkfifo(tmp_path / "pipe.yaml")
    for command in ("check", "explain", "fmt"):
        said = say("dsl", command, str(tmp_path / name), "--json")
        assert said.status == 1
        assert set(said.json["error"]) == {"code", "what", "where", "remedy"}


def test_a_strategy_s_name_in_the_place_of_its_file_is_told_the_file() -> None:
    assert say("dsl", "check", "buy_and_hold", "--json").json["error"]["remedy"].endswith("strategy/buy_and_hold.yaml")
    assert say("dsl", "check", "nobody", "--json").json["error"]["remedy"] == "name a file that is there"


def test_the_tables_of_the_page_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text, "run python -m tests.dsl.write_page"


def test_the_page_s_document_is_the_example() -> None:
    (written,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert compiled(written)[1].hash == compiled((LIBRARY / "rsi_pullback.yaml").read_text())[1].hash


def test_the_page_s_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From an example to a strategy of the settings, in a folder of one's own; its backtest is composed and not run."""
    (block,) = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    *lines, last = block.splitlines()
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy(tmp_path)))
    monkeypatch.chdir(tmp_path)
    for line in lines:
        words, _, file = line.partition(" > ")
        said = say(*shlex.split(words)[1:])
        assert said.status == 0, (line, said.err)
        if file:
            (tmp_path / file).write_text(said.out)
    assert compose(shlex.split(last)[2:]).strategy.parameters["period"] == 10
