"""``check`` reads the suite of expectations, which else is read only when bars are checked."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.compose import check, compose
from conf.problems import Problem


def found(conf: Path, text: str, name: str = "bars.yaml") -> list[Problem]:
    (conf / "expectations" / name).write_text(text)
    return check((), conf)


ONE = "name: bars\nexpectations:\n  - type: expect_column_values_to_not_be_null\n    kwargs: {column: ts}\n"


@pytest.mark.parametrize(
    ("text", "line", "key", "rule"),
    [
        ("", 0, "", "is empty: a suite has name and expectations"),
        (ONE.replace("kwargs", "kwarg"), 4, "expectations.0.kwarg", "is not a key here"),
        (ONE.replace("kwargs: {column: ts}", "kwargs: ts"), 4, "expectations.0.kwargs", "must be a mapping"),
        (ONE.replace("name: bars\n", ""), 0, "name", "is missing"),
        (ONE + "    severity: fatal\n", 5, "expectations.0.severity", "must be"),
        (ONE.replace("not_be_null", "not_be_nul"), 3, "expectations.0.type", "is no expectation"),
        (ONE.replace("expect_", "drop_"), 3, "expectations.0.type", "must be an expectation, such as"),
    ],
    ids=["empty", "unknown key", "wrong type", "no name", "severity", "misspelt", "no expectation"],
)
def test_a_wrong_suite_is_told_by_check_alone(conf_copy: Path, text: str, line: int, key: str, rule: str) -> None:
    (problem,) = found(conf_copy, text)
    assert (problem.file, problem.line, problem.key) == ("conf/expectations/bars.yaml", line, key)
    assert rule in problem.rule
    compose((), conf_copy)  # the money path reads no suite


def test_a_suite_beside_it_is_read_by_nothing(conf_copy: Path) -> None:
    (problem,) = found(conf_copy, ONE, "mine.yaml")
    assert problem.file == "conf/expectations/mine.yaml"
    assert "is read by nothing" in problem.rule
