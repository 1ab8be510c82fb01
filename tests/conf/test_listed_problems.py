"""A mangled command line gives a short list: the first problems, how many more there are, no endless word."""

from __future__ import annotations

import pickle

import pytest

from conf.compose import compose
from conf.problems import COMMAND_LINE, SHOWN, ConfigProblems, Problem, listed

RULE = "is not a key of the settings"


def wrong(count: int, file: str = COMMAND_LINE) -> list[Problem]:
    return [Problem(file, 0, f"x{number}", "", RULE) for number in range(count)]


def test_a_mangled_command_line_is_told_by_its_first_words() -> None:
    with pytest.raises(ConfigProblems) as refused:
        compose([f"x{number}=1" for number in range(40)])
    assert len(refused.value.problems) == 40
    lines = refused.value.what.splitlines()
    assert len(lines) == SHOWN + 1
    assert lines[0] == f"command line: x0: {RULE}"
    assert lines[-1] == "command line: and 32 more of them"


@pytest.mark.parametrize("count", [1, SHOWN, SHOWN + 1])
def test_a_short_list_is_whole(count: int) -> None:
    assert len(str(ConfigProblems(wrong(count, "conf/a.yaml"))).splitlines()) == count


def test_a_message_is_short_and_the_check_of_files_lists_all() -> None:
    problems = wrong(30, "conf/a.yaml") + wrong(12)
    assert ConfigProblems(problems).what.splitlines()[-1] == f"and {30 + SHOWN + 1 - SHOWN} more"
    assert len(listed(problems)) == 30 + SHOWN + 1
    assert pickle.loads(pickle.dumps(ConfigProblems(problems))).problems == tuple(problems)


def test_an_endless_word_is_not_repeated_as_a_whole() -> None:
    with pytest.raises(ConfigProblems) as refused:
        compose(["a" * 5_000])
    assert "5,000 characters" in refused.value.what
    assert len(refused.value.what) < 400
