"""A simple text gives the nodes that ruamel.yaml makes of it, at the same places; every other text is left to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import ScalarNode

from conf.environment import SOURCE, yaml_files
from tradewright.model.plain_yaml import _READ_ONLY, plain_root, plain_values, plain_yaml
from tradewright.model.quick_yaml import NotSimple, is_simple, quick_root

LEVELS = 12
_WORDS = r"""
a NO on yes 12:30 12:30:45 0x1F 00700 1_000 .5 -1 -.5 +1 1e5 1. .inf ~ null '' true True a-b a.b ${base.tz} $HOME %x é
${oc.env:NAME,default} 日本 ... --- . - -a :a a: a:b a#b # ! & * ? | > @ ` [ ] { } , << = "" "a" 'x y' [] {} [a] [a,b]
{a:1} 2024-01-02 0o7 0b1 nan 1e999 \ "\n" ⅐ x,y a] b}
"""
WORDS = st.sampled_from([*_WORDS.split(), "\U0001f600"])
VALUES = st.lists(WORDS, min_size=0, max_size=3).map(" ".join)
FLAT = st.lists(st.one_of(WORDS, st.tuples(WORDS, WORDS).map(": ".join)), max_size=3).map(", ".join)
FLOWS = st.one_of(FLAT.map("[{}]".format), FLAT.map("{{{}}}".format))
NESTED = st.lists(st.one_of(FLOWS, WORDS, st.tuples(WORDS, FLOWS).map(": ".join)), max_size=3).map(", ".join)
ANY_VALUE = st.one_of(VALUES, FLOWS, NESTED.map("[{}]".format), NESTED.map("{{{}}}".format))
_KEYS = ("a", "b", "NO", "700", "'q'", '"q r"', "a.b", "x/y", "_z", "null", "<<", "-a", "é", ".5", "b c", "a\tb", "")
KEYS = st.sampled_from(_KEYS)
LINES = st.one_of(
    st.tuples(KEYS, ANY_VALUE).map(": ".join),
    KEYS.map("{}:".format),
    ANY_VALUE.map("- {}".format),
    st.tuples(KEYS, ANY_VALUE).map(lambda pair: f"- {pair[0]}: {pair[1]}"),
    ANY_VALUE,
    st.tuples(KEYS, ANY_VALUE, ANY_VALUE).map(lambda parts: "{}: {} # {}".format(*parts)),
    st.sampled_from(["", "-", " # note", "a: 1 # note", "a: 1 #", "%YAML 1.1", "a: |", "\t", "a: 1\r", "\x85"]),
)
ITEMS = st.sampled_from(
    ["a", "NO", "-1", "1.5", "...", "---", "-", "+1", "'q'", '"x y"', "a b", "a:b", "a: b", "# x", ""]
)
BETWEEN = st.sampled_from([", ", ",\n  ", ",\n  ", ",\n  ", ",\n", "\n  ", " ,\n  ", ",\n\n  ", ", # x\n  "])
LISTS = st.tuples(
    st.sampled_from(
        ["a: [\n  ", "a: [\n  ", "- b: [\n ", "# a: [\n  ", "a: '[\n  ", "a: [\n", "[\n  ", "a: [ \n  ", "a: b: [\n  "]
    ),
    st.lists(st.tuples(ITEMS, BETWEEN).map("".join), max_size=4).map("".join),
    st.sampled_from(["a\n]", "NO,\n  ]", "a ]", "a\n]: 1", "a\n] # x", "a\n", "1\n]\nb: 2", "1\n  ]x", "]"]),
).map("".join)
TEXTS = st.lists(st.tuples(st.sampled_from(["", "", "  ", "    "]), LINES).map("".join), max_size=6).map("\n".join)


def told(node: Any) -> Any:
    """A node with its tag, and where it begins; a value that is left out begins somewhere between two keys."""
    if node is None:
        return None
    if isinstance(node, ScalarNode) and not node.value and not node.style:
        return str(node.tag)
    place = node.start_mark.line, node.start_mark.column
    if isinstance(node, ScalarNode):
        return str(node.tag), place, node.value, node.style or ""
    below = [tuple(map(told, each)) if isinstance(each, tuple) else told(each) for each in node.value]
    return str(node.tag), place, bool(node.flow_style), below


@given(st.one_of(TEXTS, LISTS))
def test_a_simple_text_is_read_as_by_ruamel(text: str) -> None:
    try:
        quick = quick_root(text, LEVELS, _READ_ONLY.resolver)
    except NotSimple:
        return
    assert told(quick) == told(plain_yaml(LEVELS).compose(text))


@pytest.mark.parametrize(
    "text",
    [
        "a: [" + ", ".join(["word", "1.5", "'q'"] * 1000) + "]\nb: 1\n",
        "a: [\n" + "  word, 1.5, NO,\n" * 1000 + "]\nb: 1\n",
        "b: 1\na: [\n" + "  word, 1.5,\n" * 1000 + "  last\n  ]\n",
    ],
    ids=["one line", "many lines", "an open end"],
)
def test_a_long_list_in_brackets_is_simple(text: str) -> None:
    assert is_simple(text)
    assert told(quick_root(text, LEVELS, _READ_ONLY.resolver)) == told(plain_yaml(LEVELS).compose(text))


@given(st.one_of(TEXTS, LISTS, st.text(max_size=40)))
def test_every_text_is_read_or_refused_as_by_ruamel(text: str) -> None:
    try:
        expected = told(plain_yaml(LEVELS).compose(text))
    except YAMLError:
        with pytest.raises(YAMLError):
            plain_root(text, LEVELS)
    else:
        assert told(plain_root(text, LEVELS)) == expected


@pytest.mark.parametrize("path", yaml_files(SOURCE / "conf"), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_file_that_ships_is_read_as_by_ruamel(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert told(plain_root(text, LEVELS)) == told(plain_yaml(LEVELS).compose(text))


@pytest.mark.parametrize("path", yaml_files(SOURCE / "conf"), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_file_that_ships_is_simple(path: Path) -> None:
    assert is_simple(path.read_text(encoding="utf-8"))


def test_words_keep_the_rules_of_yaml_1_2() -> None:
    root = quick_root("a: NO\nb: on\nc: 12:30:45\nd: [yes, 1e3, null]\n", LEVELS, _READ_ONLY.resolver)
    assert root is not None
    assert plain_values(root) == {"a": "NO", "b": "on", "c": "12:30:45", "d": ["yes", 1000.0, None]}


def test_levels_are_bounded() -> None:
    deep = "\n".join(f"{'  ' * level}a:" for level in range(LEVELS + 2)) + " 1"
    with pytest.raises(NotSimple):
        quick_root(deep, LEVELS, _READ_ONLY.resolver)
    with pytest.raises(YAMLError):
        plain_root(deep, LEVELS)
