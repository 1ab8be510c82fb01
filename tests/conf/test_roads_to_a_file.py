"""D6: whatever way leads Hydra to a file, it was looked at, and it lies in the folder of the YAML files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conf.compose import check, compose, compose_strategies, examine
from conf.environment import groups

TRAP = "max_data_age_seconds: 00030"


def trapped(text: str) -> str:
    """The shipped numbers of the gate with one that has leading zeros."""
    assert "max_data_age_seconds: 30" in text
    return text.replace("max_data_age_seconds: 30", TRAP)


@pytest.fixture
def linked(conf_copy: Path, tmp_path: Path) -> Path:
    """The folder of YAML files with a group that is a link to a folder elsewhere; its one file."""
    elsewhere = tmp_path / "elsewhere"
    (conf_copy / "policy").rename(elsewhere)
    (conf_copy / "policy").symlink_to(elsewhere)
    return elsewhere / "default.yaml"


def test_a_linked_folder_is_a_group_as_any_other(conf_copy: Path, linked: Path) -> None:
    assert "policy" in groups(conf_copy)
    assert compose((), conf_copy).policy.max_data_age_seconds == 30
    linked.write_text(linked.read_text().replace("max_data_age_seconds: 30", "max_data_age_seconds: 20"))
    assert compose((), conf_copy).policy.max_data_age_seconds == 20


def test_a_trap_in_a_linked_folder_is_told_with_file_and_line(conf_copy: Path, linked: Path) -> None:
    linked.write_text(trapped(linked.read_text()))
    line = linked.read_text().splitlines().index(next(row for row in linked.read_text().splitlines() if TRAP in row))
    for found in (examine((), conf_copy)[1], check((), conf_copy)):
        assert [(row.file, row.line, row.value) for row in found] == [("conf/policy/default.yaml", line + 1, "00030")]


def test_a_folder_that_holds_a_link_to_itself_is_entered_once(conf_copy: Path) -> None:
    (conf_copy / "policy" / "again").symlink_to(conf_copy / "policy")
    (conf_copy / "risk" / "all").symlink_to(conf_copy)
    assert check((), conf_copy) == []


def test_what_is_no_file_is_told_and_stops_nothing(conf_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Links to nowhere, as an editor's lock is one, and to themselves, pipes that nobody writes to, folders."""
    strategies = conf_copy / "strategy"
    (strategies / "gone.yaml").symlink_to("/nowhere/at/all")
    (strategies / "loop.yaml").symlink_to(strategies / "loop.yaml")
    (strategies / ".#mine.yaml").symlink_to("somebody@host.1234")
    (strategies / "folder.yaml").mkdir()
    os.mkfifo(strategies / "pipe.yaml")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy))
    odd = ["conf/strategy/gone.yaml", "conf/strategy/loop.yaml", "conf/strategy/pipe.yaml"]
    assert [row.file for row in check((), conf_copy)] == odd
    assert compose(["strategy=sma_crossover"], conf_copy).strategy.kind == "sma_crossover"
    found = compose_strategies()
    assert "sma_crossover" in found
    assert not found.keys() & {"gone", "loop", "pipe", "folder", ".#mine"}


@pytest.mark.parametrize(("file", "entry"), [("mode/sim.yaml", "/strategy: mine"), ("config.yaml", "strategy: mine")])
def test_a_file_that_another_file_chooses_is_looked_at(conf_copy: Path, file: str, entry: str) -> None:
    """``_target_`` in a strategy that no override and no entry for ``strategy`` names."""
    text = (conf_copy / "strategy" / "macd_trend.yaml").read_text()
    (conf_copy / "strategy" / "mine.yaml").write_text(f"{text}_target_: os.system\n")
    path = conf_copy / file
    entry = f"  - {'override ' if file == 'config.yaml' else ''}{entry}\n"
    kept = path.read_text()
    if "defaults:" in kept:
        path.write_text(kept.replace("  - _self_\n", f"{entry}  - _self_\n"))
    else:
        path.write_text(f"defaults:\n{entry}  - _self_\n{kept}")
    found = examine((), conf_copy)
    assert found[0] is None
    assert "never calls code" in "".join(map(str, found[1])), found[1]


@pytest.mark.parametrize("name", ["../../mine", "../../conf/../mine"])
def test_no_name_leads_out_of_the_folder(conf_copy: Path, name: str) -> None:
    """Neither an override nor an entry of the defaults list; the file is there and sound."""
    (conf_copy.parent / "mine.yaml").write_text((conf_copy / "risk" / "default.yaml").read_text())
    settings, problems = examine((f"risk={name}",), conf_copy)
    assert problems, settings
    root = conf_copy / "config.yaml"
    root.write_text(root.read_text().replace("- risk: default", f"- risk: {name}"))
    assert name in root.read_text()
    settings, problems = examine((), conf_copy)
    assert problems, settings


@pytest.mark.parametrize(
    ("entry", "line"),
    [
        ("hydra: {searchpath: ['file:///tmp']}", 0),
        ("  - hydra: mine", 1),
        ("  - override hydra/launcher: basic", 1),
        ("  - risk@policy: default", 1),
        ("  - /risk@hydra: default", 1),
    ],
)
def test_hydra_is_not_steered_by_a_file(conf_copy: Path, entry: str, line: int) -> None:
    root = conf_copy / "config.yaml"
    text = root.read_text()
    root.write_text(text.replace("  - _self_\n", f"{entry}\n  - _self_\n") if line else f"{text}{entry}\n")
    (problem,) = examine((), conf_copy)[1]
    assert "is not allowed: the files of this folder are all that is read" in problem.rule
    assert root.read_text().splitlines()[problem.line - 1] == entry


@pytest.mark.parametrize(
    "override",
    [
        "hydra[searchpath]=[file:///tmp]", "+hydra[searchpath]=[file:///tmp]", "hydra.searchpath=[file:///tmp]",
        "+risk@hydra=default", "+hydra/launcher@x=basic", "risk@policy=default", "++hydra={searchpath: [/tmp]}",
    ],
)  # fmt: skip
def test_hydra_is_not_steered_by_an_override(override: str) -> None:
    settings, problems = examine((override,))
    assert problems, settings
    assert all(problem.file == "command line" for problem in problems)
