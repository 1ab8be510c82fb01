"""Files are composed once, and again as soon as anything that they are made of is another; values come after that."""

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
    monkeypatch.setattr(composition, "_bases", {})
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


def test_a_variable_that_no_file_names_is_no_part_of_a_composition(
    conf_copy: Path, made: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = of(conf_copy).tree
    monkeypatch.setenv("OF_ANOTHER_PROGRAM", "1")
    assert (of(conf_copy).tree, len(made)) == (before, 1)


def test_a_variable_that_an_override_names_is_read_anew(conf_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "two"):
        monkeypatch.setenv("OF_AN_OVERRIDE", name)
        assert of(conf_copy, "storage.root=${oc.env:OF_AN_OVERRIDE}").tree["storage"]["root"] == name


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


def test_overrides_that_only_give_values_share_a_composition(conf_copy: Path, made: list[tuple[str, ...]]) -> None:
    assert of(conf_copy, "strategy.fast=3", "mode=paper").tree["strategy"]["fast"] == 3
    assert of(conf_copy, "mode=paper", "strategy.fast=4").tree["strategy"]["fast"] == 4
    assert made == [("mode=paper",)]


FORMS = (
    ("strategy.fast=3", "strategy.slow=40"),
    ("strategy=macd_trend", "strategy.threshold=0.5", "+strategy.own=[1,{a: b}]", "universe.instruments=[BTC]"),
    ("+strategy.fast=3",),
    ("++strategy.fast=3", "++strategy.new.deep='3'", "strategy.new.deep=4", "~strategy.slow"),
    ("strategy.fsat=3",),
    ("~strategy.fsat",),
    ("strategy.fast.deep=3",),
    ("storage.root=${base.tz}", "backtest/costs=ibkr_fixed", "+backtest.costs={a: 1}"),
    ("storage.root=${no.where}",),
    ("nowhere.at.all=3",),
    ("strategy@policy.x=macd_trend",),
    ("policy.x@risk=3",),
)


@pytest.mark.parametrize("lines", FORMS, ids=" ".join)
def test_values_are_given_as_hydra_itself_gives_them(conf_copy: Path, lines: tuple[str, ...]) -> None:
    def outcome(act: Callable[[], dict[str, Any]]) -> object:
        try:
            return act()
        except composition.COMPOSITION_ERRORS as error:
            return type(error), str(error).splitlines()[0]

    def whole() -> dict[str, Any]:
        with LOCK, hydra(conf_copy), composition._other_errors_too():
            return composition._plain(composition._composed(lines).config())

    assert outcome(lambda: of(conf_copy, *lines).tree) == outcome(whole)


def test_so_many_are_kept_and_no_more(
    conf_copy: Path, made: list[tuple[str, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composition, "_KEPT", 2)
    for mode in ("sim", "paper", "live", "paper", "live", "sim"):
        assert of(conf_copy, f"mode={mode}").choices["mode"] == mode
    assert [line for (line,) in made] == [f"mode={mode}" for mode in ("sim", "paper", "live", "sim")]
    assert len(composition._bases) == 2
