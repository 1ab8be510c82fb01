"""Secrets and switches come from the environment only, and the example file lists all that is read."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from conf.compose import compose
from conf.environment import ENV_FILE, OVERRIDES, PROJECT, conf_folder, environment_overrides
from conf.problems import ConfigProblems

SECRET = "hunter2-canary"
READ_BY_CODE = {"MODE", "TRADEWRIGHT_TOKEN", "TRADEWRIGHT_KEYS", "TRADEWRIGHT_CONF", "TRADEWRIGHT_OVERRIDES"}


def names_in_yaml() -> set[str]:
    texts = [path.read_text() for path in (PROJECT / "conf").rglob("*.yaml")]
    return {name for text in texts for name in re.findall(r"\$\{oc\.env:(\w+)", text)}


def test_the_example_lists_exactly_what_is_read() -> None:
    """R-CFG-04."""
    listed = set(re.findall(r"^(\w+)=", (PROJECT / ".env.example").read_text(), re.MULTILINE))
    assert listed == names_in_yaml() | READ_BY_CODE


def test_mode_from_the_environment_and_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "paper")
    assert compose(["broker=ibkr"]).mode.name == "paper"
    assert compose(["mode=sim"]).mode.name == "sim"
    monkeypatch.setenv("MODE", "turbo")
    with pytest.raises(ConfigProblems, match="must be one of live, paper, sim"):
        compose()


def test_values_from_the_environment_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENS_LIMIT", "77")
    monkeypatch.setenv("TZ", "Asia/Jerusalem")
    settings = compose()
    assert settings.llm.budget.tokens == 77
    assert settings.base.tz == "Asia/Jerusalem"
    monkeypatch.setenv("TOKENS_LIMIT", "many")
    with pytest.raises(ConfigProblems, match=r"llm\.budget\.tokens"):
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


def test_without_the_file_there_are_no_overrides(env_file: Path) -> None:
    assert not env_file.exists()
    assert environment_overrides() == ()


def test_the_example_as_it_ships_changes_nothing(env_file: Path) -> None:
    """Every empty line of it means what an absent one means."""
    for name in ("TRADEWRIGHT_CONF", "TZ", "MODE"):
        os.environ.pop(name, None)
    before, folder = compose().config_hash, conf_folder()
    shutil.copy(PROJECT / ".env.example", env_file)
    assert environment_overrides() == ()
    assert conf_folder() == folder == PROJECT / "conf"
    assert compose().config_hash == before
