"""A mapping file is explained as the settings are: file, line, key, value, rule, nearest name."""

from __future__ import annotations

import contextlib
import pickle
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conf.mapping import mapping_file, mapping_with
from conf.problems import ConfigProblems, Problem
from tradewright.formats.column_mapping import ColumnMapping
from tradewright.model.errors import ConfigError

# text -> line, key, value, part of the rule, nearest
WRONG = {
    "zoen: UTC": (1, "zoen", "", "not a key", "zone"),
    "header: true\ntime_fromat: s": (2, "time_fromat", "", "not a key", "time_format"),
    "colums: {ts: 0}": (1, "colums", "", "not a key", "columns"),
    "columns:\n  ts: Date\n  clsoe: Close": (3, "columns.clsoe", "clsoe", "must be one of ts, open", "close"),
    "columns: {Date: ts}": (1, "columns.Date", "Date", "must be one of ts, open", ""),
    "columns: [Date]": (1, "columns", "['Date']", "must be a mapping", ""),
    "columns: {open: null}": (1, "columns.open", "", "header, or its position", ""),
    "columns: {open: 1.5}": (1, "columns.open", "1.5", "header, or its position", ""),
    "columns: {open: true}": (1, "columns.open", "True", "header, or its position", ""),
    "columns: {open: [1]}": (1, "columns.open", "[1]", "header, or its position", ""),
    "columns: {open: {at: 1}}": (1, "columns.open", "a mapping", "header, or its position", ""),
    "header: maybe": (1, "header", "maybe", "boolean", ""),
    "delimiter: ;;": (1, "delimiter", ";;", "at most 1", ""),
    "delimiter: ''": (1, "delimiter", "", "must not be empty", ""),
    "decimal: ';'": (1, "decimal", ";", "must be one of ., ,", ""),
    "thousands: x": (1, "thousands", "x", "must be one of", ""),
    "skip_lines: -1": (1, "skip_lines", "-1", "at least 0", ""),
    "skip_lines: two": (1, "skip_lines", "two", "whole number", ""),
    "comment: '//'": (1, "comment", "//", "at most 1", ""),
    "zone: Mars/Olympus": (1, "zone", "Mars/Olympus", "no time zone", ""),
    "zone: ../../etc/passwd": (1, "zone", "../../etc/passwd", "no time zone", ""),
    "zone: ''": (1, "zone", "", "no time zone", ""),
    "zone: 3": (1, "zone", "3", "must be text", ""),
    "# a head\n\nstamp: clsoe": (3, "stamp", "clsoe", "must be one of start, close", "close"),
    "price_scale: 0": (1, "price_scale", "0", "above 0", ""),
    "price_scale: -1": (1, "price_scale", "-1", "above 0", ""),
    "price_scale: dear": (1, "price_scale", "dear", "number", ""),
    "on_violation: dorp": (1, "on_violation", "dorp", "must be one of refuse, drop", "drop"),
    "price_scale: .nan": (1, "price_scale", ".nan", "finite", ""),
    "header: NO": (1, "header", "NO", "boolean", ""),
    "zone: UTC\nzone: UTC": (2, "zone", "", "twice", ""),
    "columns: {ts: Date": (1, "", "columns", "not YAML", ""),
    "- a\n- b": (1, "", "", "mapping", ""),
    "columns: {ts: !!python/name:os.system x}": (1, "columns.ts", "python/name:os.system", "tag", ""),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vendor.yaml"


def refused(path: Path, text: str) -> tuple[Problem, ...]:
    path.write_text(text)
    with pytest.raises(ConfigProblems) as caught:
        mapping_file(path)
    assert "docs/data.md" in caught.value.remedy
    return caught.value.problems


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_file_says_where_what_and_the_nearest_name(path: Path, text: str) -> None:
    line, key, value, rule, near = WRONG[text]
    (problem,) = refused(path, text)
    assert (problem.file, problem.line, problem.key, problem.nearest) == (str(path), line, key, near)
    assert value in problem.value
    assert bool(value) == bool(problem.value)
    assert rule in problem.rule


def test_every_problem_is_told_at_once_each_with_its_line(path: Path) -> None:
    problems = refused(path, "columns: {clsoe: 1}\nzoen: UTC\nzone: Mars\nstamp: open\nprice_scale: 0\n")
    assert {(row.line, row.key) for row in problems} == {
        (1, "columns.clsoe"), (2, "zoen"), (3, "zone"), (4, "stamp"), (5, "price_scale"),
    }  # fmt: skip
    assert str(problems[0]).startswith(f"{path}:")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ColumnMapping()),
        ("# nothing\n", ColumnMapping()),
        ("columns: {ts: 0, close: C}\nheader: false", ColumnMapping(columns={"ts": 0, "close": "C"}, header=False)),
        ("zone: America/New_York\nstamp: close", ColumnMapping(zone="America/New_York", stamp="close")),
        ("price_scale: 10000\non_violation: drop", ColumnMapping(price_scale=10_000, on_violation="drop")),
        ("decimal: ','\nthousands: ''\nskip_lines: 2", ColumnMapping(decimal=",", thousands="", skip_lines=2)),
        ("delimiter: ';'\ntime_format: '%d.%m.%Y'", ColumnMapping(delimiter=";", time_format="%d.%m.%Y")),
    ],
)  # fmt: skip
def test_a_good_file_is_a_mapping(path: Path, text: str, expected: ColumnMapping) -> None:
    path.write_text(text)
    assert mapping_file(path) == expected


@pytest.mark.parametrize("is_there", [True, False], ids=["folder", "nothing"])
def test_what_is_no_file_is_named(path: Path, is_there: bool) -> None:
    if is_there:
        path.mkdir()
    with pytest.raises(ConfigProblems, match=r"vendor\.yaml: (is no plain file|cannot be read)"):
        mapping_file(path)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("abcdefghijklmnopqrstuvwxyz_:-[]{},'\"#&*!|> \n0123456789.", max_size=60))
@example("columns: &a [*a]")
@example("zone: 2024-99-99")
@example("columns: {ts: !!int x}")
@example("header: ${oc.env:HOME}")
def test_any_text_is_a_mapping_or_a_refusal(path: Path, text: str) -> None:
    path.write_text(text)
    with contextlib.suppress(ConfigError):
        assert isinstance(mapping_file(path), ColumnMapping)


def test_the_refusal_survives_a_journey_to_another_process(path: Path) -> None:
    path.write_text("zoen: UTC")
    with pytest.raises(ConfigProblems) as caught:
        mapping_file(path)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.problems, again.remedy, str(again)) == (caught.value.problems, caught.value.remedy, str(caught.value))


def test_options_stand_in_the_place_of_the_files_keys(path: Path) -> None:
    path.write_text("columns: {ts: 0}\nzone: Asia/Tokyo\ndecimal: '.'")
    options = {"columns": "ts=Datum,open=1", "decimal": ",", "delimiter": "tab", "zone": None, "skip_lines": 3}
    found = mapping_with(path, options)
    wanted = {"columns": {"ts": "Datum", "open": 1}, "decimal": ",", "delimiter": "\t", "skip_lines": 3}
    assert found == ColumnMapping.model_validate({**wanted, "zone": "Asia/Tokyo"})
    assert mapping_with(None, wanted | {"columns": "ts=Datum,open=1"}) == ColumnMapping.model_validate(wanted)
    assert mapping_with(path, {"columns": None}) == mapping_file(path)
    assert mapping_with(None, {"columns": None, "decimal": None}) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": "ts"}, "command line: --columns: must be ours=theirs, .*got ts"),
        ({"columns": "price=Close"}, "command line: --columns: must be one of ts, open"),
        ({"decimal": ";"}, "command line: --decimal: must be one of"),
        ({"skip_lines": -1}, "command line: --skip-lines: must be at least 0"),
        ({"zone": "Mars"}, "command line: --zone: no time zone 'Mars'"),
        ({"decimal": ",", "thousands": ","}, "command line: .*must differ"),
    ],
)
def test_a_wrong_option_is_named(path: Path, options: dict[str, object], words: str) -> None:
    path.write_text("")
    for file in (None, path):
        with pytest.raises(ConfigProblems, match=words) as caught:
            mapping_with(file, options)
        assert "docs/data.md" in caught.value.remedy
