"""One composition is made once, and again as soon as anything that it is made of is another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from conf import composition
from conf.composition import LOCK, Composed, composed, hydra


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The overrides of each time that Hydra composed, from an empty memory on."""
    calls: list[tuple[str, ...]] = []
    real = composition.hydra_compose

    def counted(name: str, overrides: list[str], **how: Any) -> Any:
        calls.append(tuple(overrides))
        return real(name, overrides=overrides, **how)

    monkeypatch.setattr(composition, "hydra_compose", counted)
    monkeypatch.setattr(composition, "_trees", {})
    return calls


def of(folder: Path, *lines: str) -> Composed:
    with LOCK, hydra(folder):
        return composed(OverridesParser.create().parse_overrides(list(lines)), folder)


def test_the_same_is_composed_once_and_nobody_gets_the_tree_of_another(
    conf_copy: Path, made: list[tuple[str, ...]]
) -> None:
    first = of(conf_copy, "mode=paper")
    wanted = first.tree["policy"]["min_confidence"]
    first.tree["policy"]["min_confidence"] = 7
    assert of(conf_copy, "mode=paper").tree["policy"]["min_confidence"] == wanted
    assert made == [("mode=paper",)]


def rewrite(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    """Change one digit; the file keeps its length."""
    file = folder / "policy" / "default.yaml"
    file.write_text(file.read_text().replace("min_confidence: 0.6", "min_confidence: 0.7"))


def add(folder: Path, _patch: pytest.MonkeyPatch) -> None:
    (folder / "mode" / "new.yaml").write_text("name: paper\n")


def environment(_folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.setenv("DATA_CACHE_DIR", "enabled")


@pytest.mark.parametrize("change", [rewrite, add, environment])
def test_whatever_changes_is_composed_again(
    conf_copy: Path,
    made: list[tuple[str, ...]],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    before = of(conf_copy).tree
    change(conf_copy, monkeypatch)
    after = of(conf_copy).tree
    assert len(made) == 2
    assert (before == after) is (change is add)


def test_other_overrides_are_another_composition(conf_copy: Path, made: list[tuple[str, ...]]) -> None:
    assert of(conf_copy, "strategy.fast=3").tree["strategy"]["fast"] == 3
    assert of(conf_copy, "strategy.fast=4").tree["strategy"]["fast"] == 4
    assert len(made) == 2


def test_so_many_are_kept_and_no_more(
    conf_copy: Path, made: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composition, "_KEPT", 2)
    for fast in (3, 4, 5, 4, 5, 3):
        assert of(conf_copy, f"strategy.fast={fast}").tree["strategy"]["fast"] == fast
    assert [line for (line,) in made] == [f"strategy.fast={fast}" for fast in (3, 4, 5, 3)]
    assert len(composition._trees) == 2
