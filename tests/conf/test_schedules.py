"""The group ``schedules``: off as it ships, every job with its own switch, mistakes told by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.compose import check, compose
from conf.problems import ConfigProblems


def test_only_the_guard_of_the_day_is_on_as_it_ships() -> None:
    shipped = compose().schedules.model_dump()
    on = [name for name, job in shipped.items() if isinstance(job, dict) and job["enabled"]]
    assert on == ["end_of_day"]
    assert all(job["enabled"] for job in compose(["schedules=on"]).schedules.model_dump().values() if job != 5)


def test_both_files_say_the_same_beside_the_switches() -> None:
    off, on = compose().schedules.model_dump(), compose(["schedules=on"]).schedules.model_dump()
    for name, job in off.items():
        if isinstance(job, dict):
            assert {**job, "enabled": True} == on[name]
    assert off["retry_minutes"] == on["retry_minutes"]


def test_when_things_run_is_no_part_of_the_configuration_hash() -> None:
    assert compose(["schedules=on"]).config_hash == compose().config_hash


@pytest.mark.parametrize(
    ("wrong", "key", "rule", "near"),
    [
        ("backup.keep=0", "schedules.backup.keep", "at least 1", ""),
        ("prune.at='24:00'", "schedules.prune.at", "must be a time of day", ""),
        ("prune.at='3:00'", "schedules.prune.at", "must be a time of day", ""),
        ("reconcile.every_minutes=0", "schedules.reconcile.every_minutes", "at least 1", ""),
        ("retry_minutes=1441", "schedules.retry_minutes", "at most 1440", ""),
        ("decide.enabled=maybe", "schedules.decide.enabled", "must be a boolean", ""),
        ("decide.enabeld=true", "schedules.decide.enabeld", "not a key", "schedules.decide.enabled"),
    ],
)
def test_a_wrong_value_is_told(wrong: str, key: str, rule: str, near: str) -> None:
    with pytest.raises(ConfigProblems) as refusal:
        compose(["schedules=on", f"schedules.{wrong}"])
    (problem,) = refusal.value.problems
    assert (problem.file, problem.key, problem.nearest) == ("command line", key, near)
    assert rule in problem.rule


def test_a_wrong_file_is_told_with_its_line(conf_copy: Path) -> None:
    path = conf_copy / "schedules" / "on.yaml"
    path.write_text(path.read_text().replace('at: "03:00"', "at: 03:00").replace("keep: 14", "kep: 14"))
    (missing,) = [row for row in check(folder=conf_copy) if row.file == "conf/schedules/on.yaml"]
    assert missing.key == "schedules.backup.kep", "a time without quotes is text in YAML 1.2"
    lines = path.read_text().splitlines()
    assert (missing.file, missing.nearest) == ("conf/schedules/on.yaml", "keep")
    assert lines[missing.line - 1].startswith("backup:")
