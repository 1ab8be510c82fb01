"""B7: what ``check`` leaves out because it is known already, and that it is the same as what it stands for."""

from __future__ import annotations

import importlib.metadata
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from brokers.discovery import ENTRY_POINTS
from conf.composition import _is_plain, _plain
from conf.documents import load_option
from conf.environment import conf_folder, groups, options
from conf.strategy_kinds import found_once, kinds
from conf.validate import _is_bad_number, _is_finite, _leaves
from tradewright.model import installed

_TEXTS = st.text(max_size=8) | st.sampled_from(["???", "${a}"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS
KEYS = st.text(max_size=4) | st.integers(0, 3)
TREES = st.dictionaries(
    KEYS, st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)),
    max_size=3,
)  # fmt: skip


@given(TREES)
def test_content_that_is_taken_as_it_is_is_what_omegaconf_makes_of_it(tree: dict[object, object]) -> None:
    if _is_plain(tree):
        assert repr(_plain(OmegaConf.create(tree))) == repr(tree)


def test_the_options_that_ship_are_taken_as_they_are_unless_they_refer_to_something() -> None:
    folder = conf_folder()
    texts = {folder / group / f"{option}.yaml" for group in groups(folder) for option in options(group, folder)}
    taken = {path for path in texts if _is_plain(load_option(path))}
    assert len(taken) > len(texts) / 2
    for path in taken:
        assert _plain(OmegaConf.create(content := load_option(path))) == content
    assert {path for path in texts if "${" in path.read_text(encoding="utf-8")}.isdisjoint(taken)


@given(TREES)
def test_a_number_that_is_not_finite_is_found_wherever_it_stands(tree: dict[str, object]) -> None:
    assert _is_finite(tree) is not any(_is_bad_number(value) for _key, value in _leaves(tree, ()))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_infinity_is_taken_for_a_number(number: float) -> None:
    assert not _is_finite({"a": [{"b": number}]})


def test_strategies_are_looked_for_once_inside_and_anew_behind() -> None:
    with found_once(conf_folder()):
        first = kinds()
        assert kinds() is first
    assert kinds() is not first


def test_the_files_of_entry_points_are_read_once_for_all_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    installed._all.cache_clear()
    whole, reads = importlib.metadata.entry_points, []
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda: reads.append(1) or whole())
    assert [entry.name for entry in installed.entry_points("console_scripts")].count("tradewright") == 1
    assert installed.entry_points(ENTRY_POINTS) == tuple(whole(group=ENTRY_POINTS))
    assert reads == [1]
    installed._all.cache_clear()
