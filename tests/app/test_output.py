"""How a command speaks: one document on standard output, people's words elsewhere."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
import typer
from pydantic import BaseModel, SecretStr

from app import logs
from app.operations.formatting import document
from app.output import Output, printable, run_command
from tradewright.model.errors import BrokerError, ConfigError


class Colour(StrEnum):
    RED = "red"


@dataclasses.dataclass(frozen=True)
class Point:
    x: Decimal
    y: float


class FrozenModel(BaseModel):
    name: str


def test_documents() -> None:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    value = {
        Colour.RED: [Point(Decimal("1.50"), math.nan), FrozenModel(name="a")],
        "numbers": (Decimal(3), np.float64(0.5), np.int64(7), math.inf, True, None),
        "others": [moment, moment.date(), Path("a/b"), SecretStr("hidden"), {"b", "a"}],
    }
    assert document(value) == {
        "red": [{"x": 1.5, "y": None}, {"name": "a"}],
        "numbers": [3, 0.5, 7, None, True, None],
        "others": ["2026-01-05T00:00:00+00:00", "2026-01-05", "a/b", "**********", ["a", "b"]],
    }
    with pytest.raises(TypeError, match="object has no JSON form"):
        document(object())


@pytest.mark.parametrize(
    ("error", "what", "where"),
    [
        (BrokerError("it hangs", where="127.0.0.1:1", remedy="start it"), "it hangs", "127.0.0.1:1"),
        (ConfigError("wrong"), "wrong", ""),
        (PermissionError(13, "Permission denied", "/srv/x"), "Permission denied", "/srv/x"),
    ],
)
def test_a_refusal(error: Exception, what: str, where: str, capsys: pytest.CaptureFixture[str]) -> None:
    def act(output: Output) -> None:
        output.line("not shown with --json")
        output.say("on the way")
        raise error

    with pytest.raises(typer.Exit) as ended:
        run_command(True, act)
    assert ended.value.exit_code == 1
    out, err = capsys.readouterr()
    found = json.loads(out)["error"]
    assert (found["what"], found["where"]) == (what, where)
    assert found["remedy"]
    assert "on the way" in err
    assert what in err


def test_a_defect_of_ours_is_not_dressed_up_as_a_refusal() -> None:
    def act(_output: Output) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_command(True, act)


def test_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table("things", ("name", "value"), [("a [b]", 1234.5), ("c", None), ("d", 2)])
    Output(as_json=True).table("things", ("name",), [("a",)])
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "things"
    assert "1,234.5" in out
    assert out.count("name") == 1


def test_a_table_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    Output(as_json=False).table("things", ("name", "value"), [])
    assert "name" in capsys.readouterr().out


def test_raw_lines_of_client_libraries_stay_out_and_notices_come_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    loggers = [logging.getLogger(name) for name in logs.LIBRARIES]
    before = [(list(each.handlers), each.propagate) for each in loggers]
    try:
        logs.quiet_libraries()
        for _ in range(2):
            logging.getLogger("ib_async.wrapper").error("Error 326, reqId -1: Unable to connect as the client id")
        logging.getLogger("ib_async.client").warning("raw words of the library")
        logging.getLogger("asyncio").error("Task exception was never retrieved")
    finally:
        for logger, (handlers, propagate) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
    said = capsys.readouterr().err
    assert said.count("the client id is in use (326)") == 1
    assert "broker.client_id=N" in said
    assert "raw words" not in said
    assert "Task exception" not in said


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[31mb", "a [31mb"), ("a\nb", "a b"), ("a\udcffb", "a?b"), ("a\u202eb", "ab"), ("[bold]x", "[bold]x")],
)
def test_texts_of_foreign_origin_lose_their_control_characters(text: str, shown: str) -> None:
    assert printable(text) == shown


HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]x[/red] :bomb: \u202eevil\u2066\u200f\u2028 \r\n\x9b31m"


def test_texts_of_others_reach_the_terminal_without_escapes_markup_or_marks(capsys: pytest.CaptureFixture[str]) -> None:
    """In titles, headers, cells, lines and messages; JSON stays the exact text, escaped by JSON itself."""
    output = Output(as_json=False)
    output.table(HOSTILE, [HOSTILE], [[HOSTILE]])
    output.line(HOSTILE)
    output.say(HOSTILE)
    told = capsys.readouterr()
    for text in (told.out, told.err):
        assert not [each for each in text if (ord(each) < 32 and each != "\n") or ord(each) in (0x9B, 0x202E, 0x2066)]
        assert "[red]x[/red] :bomb:" in text
    Output(as_json=True).result({"reason": HOSTILE})
    written = capsys.readouterr().out
    assert json.loads(written)["reason"] == HOSTILE
    assert written.isascii()
    assert "\x1b" not in written


def test_what_a_strategy_prints_is_no_part_of_the_document(capsys: pytest.CaptureFixture[str]) -> None:
    def act(output: Output) -> None:
        print("bar 7")  # noqa: T201  (what a strategy does)
        output.result({"orders": []})

    run_command(True, act)
    said = capsys.readouterr()
    assert (json.loads(said.out), said.err) == ({"orders": []}, "bar 7\n")
