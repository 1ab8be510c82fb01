"""Secrets and switches come from the environment only, and the example file lists all that is read."""

from __future__ import annotations

import importlib
import os
import re
import shutil
from pathlib import Path

import dagster as dg
import pytest

from conf.compose import compose
from conf.environment import (
    ENV_FILE,
    OVERRIDES,
    SOURCE,
    TOKEN,
    code_location_overrides,
    conf_folder,
    environment_overrides,
    options,
    unneeded_secrets,
)
from conf.problems import ConfigProblems
from tradewright.model.errors import ConfigError

SECRET = "hunter2-canary"
READ_BY_CODE = {
    "MODE", "TRADEWRIGHT_TOKEN", "TRADEWRIGHT_TOKENS", "TRADEWRIGHT_CONF", "TRADEWRIGHT_OVERRIDES",
    "TRADEWRIGHT_ALERT_WEBHOOK", "TRADEWRIGHT_KEYS", "TRADEWRIGHT_PACKAGE_KEY",
}  # fmt: skip


def names_in_yaml() -> set[str]:
    texts = [path.read_text() for path in (SOURCE / "conf").rglob("*.yaml")]
    return {name for text in texts for name in re.findall(r"\$\{oc\.env:(\w+)", text)}


def test_the_example_lists_exactly_what_is_read() -> None:
    """R-CFG-04."""
    listed = set(re.findall(r"^(\w+)=", (SOURCE / ".env.example").read_text(), re.MULTILINE))
    assert listed == names_in_yaml() | READ_BY_CODE


def test_mode_from_the_environment_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "paper")
    assert compose(["broker=ibkr"]).mode.name == "paper"
    assert compose(["mode=sim"]).mode.name == "sim"
    monkeypatch.setenv("MODE", "turbo")
    with pytest.raises(ConfigProblems, match="must be one of live, paper, sim"):
        compose()


def test_values_from_the_environment_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Jerusalem")
    settings = compose()
    assert settings.base.tz == "Asia/Jerusalem"
    monkeypatch.setenv("TZ", "Jerusalem")
    with pytest.raises(ConfigProblems, match=r"base\.tz"):
        compose()


def test_secrets_are_masked_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fault 64: a canary secret shows up nowhere."""
    monkeypatch.setenv("POSTGRES_URL", f"postgresql+psycopg2://trader:{SECRET}@localhost/trading")
    settings = compose(["storage=postgres", "mode=paper", "broker=ibkr"])
    assert settings.storage.ledger_url is not None
    assert SECRET in settings.storage.ledger_url.get_secret_value()
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    with pytest.raises(ConfigProblems) as caught:
        compose(["storage=postgres", "storage.kind=local2"])
    assert SECRET not in str(caught.value)


def test_no_secret_changes_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = ["storage=postgres"]
    monkeypatch.setenv("POSTGRES_URL", "postgresql+psycopg2://trader:one@localhost/trading")
    first = compose(overrides).config_hash
    monkeypatch.setenv("POSTGRES_URL", "postgresql+psycopg2://trader:two@localhost/trading")
    assert compose(overrides).config_hash == first


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``.env`` of the test's own; the environment is as before afterwards."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.delenv(OVERRIDES, raising=False)
    monkeypatch.setenv(ENV_FILE, str(tmp_path / ".env"))
    return tmp_path / ".env"


def test_the_file_speaks_where_the_environment_is_silent(env_file: Path) -> None:
    env_file.write_text(f"{OVERRIDES}='storage.root=there base.seed=7'\nMODE=paper\n")
    os.environ["MODE"] = "sim"
    assert environment_overrides() == ("storage.root=there", "base.seed=7")
    assert compose().mode.name == "sim"
    os.environ[OVERRIDES] = "base.seed=8"
    assert environment_overrides() == ("base.seed=8",)


def test_a_named_file_that_is_not_there_is_refused(env_file: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"there is no file {str(env_file)!r}")):
        environment_overrides()


def test_the_example_as_it_ships_changes_nothing(env_file: Path) -> None:
    """Every empty line of it means what an absent one means."""
    for name in ("TRADEWRIGHT_CONF", "TZ", "MODE"):
        os.environ.pop(name, None)
    before, folder = compose().config_hash, conf_folder()
    shutil.copy(SOURCE / ".env.example", env_file)
    assert environment_overrides() == ()
    assert conf_folder() == folder == SOURCE / "conf"
    assert compose().config_hash == before


SECRETS = {
    "BROKER_SECRET": "x", TOKEN: "x", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "GITHUB_PAT": "x",
    "OPENAI_API_KEY": "x", "DB_PASSWORD": "x", "passwd": "x", "PGPASSWORD": "x", "SENTRY_DSN": "x",
    "HTTPS_PROXY": "http://me:{}@proxy:3128".format("word"), "OTHER": "postgresql://h/x?password=word",
}  # fmt: skip
PLAIN = {"TRADEWRIGHT_KEYS": "/keys", "PATH": "/bin", "PWD": "/", "HOME": "/root", "POSTGRES_URL": "postgresql://u:p@h/x",
         "MODE": "sim", "KEYBOARD": "de", "MONKEY": "x", OVERRIDES: "base.seed=7", "PYTHONPATH": "a:b"}  # fmt: skip


@pytest.mark.parametrize("name", SECRETS)
def test_a_code_location_holds_no_secret_that_it_does_not_need(env_file: Path, name: str) -> None:
    """D2: a run's config can name any variable of its process."""
    assert unneeded_secrets({**PLAIN, name: SECRETS[name]}) == [name]
    env_file.write_text(f"{name}='{SECRETS[name]}'\n{OVERRIDES}=base.seed=7\n")
    assert code_location_overrides() == ("base.seed=7",)
    assert name not in os.environ


def test_what_a_composition_needs_stays(env_file: Path) -> None:
    env_file.touch()
    assert unneeded_secrets(PLAIN) == []
    os.environ["POSTGRES_URL"] = "postgresql+psycopg2://u:p@h/x"
    code_location_overrides()
    assert os.environ["POSTGRES_URL"]


@pytest.mark.parametrize("location", ["execution", "research"])
def test_a_code_location_reads_the_env_file_and_drops_its_secrets(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, location: str
) -> None:
    """D3: one loader for the command line, Dagster and the apps; D2: and what a run need not know is gone."""
    module = importlib.import_module(f"assets.{location}.definitions")
    env_file.write_text(f"{OVERRIDES}='base.seed=7'\n{TOKEN}=of-the_file-a-token\nBROKER_SECRET=x\n")
    given: list[tuple[str, ...]] = []
    monkeypatch.setattr(
        module, f"{location}_definitions", lambda overrides: given.append(overrides) or dg.Definitions()
    )
    module.defs.load_fn()
    assert given == [("base.seed=7",)]
    assert {TOKEN, "BROKER_SECRET"} & os.environ.keys() == set()


@pytest.mark.parametrize(
    ("value", "zone"),
    [(":Europe/Paris", "Europe/Paris"), ("/usr/share/zoneinfo/Europe/Paris", "Europe/Paris"),
     (":/usr/share/zoneinfo/UTC", "UTC"), ("UTC0", "UTC")],
)  # fmt: skip
def test_spellings_of_posix_that_name_a_zone_are_taken(monkeypatch: pytest.MonkeyPatch, value: str, zone: str) -> None:
    monkeypatch.setenv("TZ", value)
    assert compose().base.tz == zone


@pytest.mark.parametrize("value", ["", "CET-1CEST", ":/etc/localtime", "EST5EDT,M3.2.0,M11.1.0", "Nowhere"])
def test_a_variable_that_names_no_zone_is_blamed_and_no_file(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TZ", value)
    with pytest.raises(ConfigProblems) as caught:
        compose()
    (problem,) = caught.value.problems
    assert problem.file.startswith("TZ in the environment")
    assert ("CET-1CEST is none" in problem.rule) == (value in ("CET-1CEST", "EST5EDT,M3.2.0,M11.1.0"))


def test_hidden_files_of_editors_and_file_managers_are_no_configuration(conf_copy: Path) -> None:
    for name in ("feed/.#binance.yaml", "feed/._binance.yaml", ".old/feed/binance.yaml"):
        (conf_copy / name).parent.mkdir(parents=True, exist_ok=True)
        (conf_copy / name).write_bytes(b"\x00\xffno YAML: {")
    assert all(not name.startswith(".") for name in options("feed", conf_copy))
    assert compose(folder=conf_copy).feed.kind == "scenario"
