"""R-SEC-03: a secret may stand in a file of its own, which ``NAME_FILE`` names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from app.dev import _environment
from conf import secret_files
from conf.compose import compose
from conf.environment import (
    ENV_FILE,
    OVERRIDES,
    TOKEN,
    environment,
    load_environment,
    place_of_variable,
    secrets,
    unneeded_secrets,
)
from conf.ledger_place import ledger_place
from conf.problems import ConfigProblems
from conf.secret_files import MOST_BYTES, read_secret
from conf.sources import digest_of_sources
from runtime.logs import redacted
from tradewright.model.errors import ConfigError

CANARY = "canary-5d20b8"
URL = f"postgresql+psycopg2://trader:{CANARY}@localhost/trading"
VARIABLE = "POSTGRES_URL_FILE"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the user's own with the ledger's address, which the environment names."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    (path := tmp_path / "postgres_url").write_text(f"{URL}\n")
    path.chmod(0o600)
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def ledger_url() -> str:
    found = compose(["storage=postgres"]).storage.ledger_url
    assert found is not None
    return found.get_secret_value()


def test_the_file_stands_for_the_variable_and_a_new_secret_is_in_force_at_once(file: Path) -> None:
    first, digest = compose(["storage=postgres"]), digest_of_sources()
    assert ledger_url() == URL
    assert CANARY not in repr(first) + first.model_dump_json() + "".join(os.environ.values())
    file.write_bytes(URL.replace("localhost", "other").encode() + b"\r\n")
    assert ledger_url() == URL.replace("localhost", "other")
    assert digest_of_sources() != digest
    assert compose(["storage=postgres"]).config_hash == first.config_hash


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "cannot be read: No such file or directory; correct the path"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is no plain file"),
    "a pipe": (a_fifo, "is no plain file"),
    "empty": (lambda path: path.write_text(" \n\n"), "is empty"),
    "large": (lambda path: path.write_text(URL * MOST_BYTES), f"is larger than {MOST_BYTES} bytes"),
    "no text": (lambda path: path.write_bytes(URL.encode() + b"\xff"), "is no text in UTF-8"),
    "open to all": (lambda path: path.chmod(0o604), "(mode 0604); chmod 600 "),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_file_that_keeps_no_secret_is_told_with_variable_path_and_remedy(file: Path, name: str) -> None:
    spoil, told = WRONG[name]
    spoil(file)
    with pytest.raises(ConfigProblems) as caught:
        compose(["storage=postgres"])
    (problem,) = caught.value.problems
    assert problem.file == f"{VARIABLE} in the environment"
    assert str(file) in problem.rule
    assert told in problem.rule
    assert CANARY not in str(caught.value) + repr(problem)
    assert compose(["storage=local"]).storage.ledger_url is None  # which asks for no secret


@pytest.mark.usefixtures("file")
def test_both_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_URL", URL)
    with pytest.raises(ConfigProblems, match="POSTGRES_URL and POSTGRES_URL_FILE are both set; unset one") as caught:
        compose(["storage=postgres"])
    assert CANARY not in str(caught.value)
    monkeypatch.setenv("POSTGRES_URL", "")  # as the example file has it
    assert ledger_url() == URL


ME, ROOT, OTHER = 1000, 0, 1001


@pytest.mark.parametrize(
    ("owner", "mode", "taken"),
    [(ME, 0o600, True), (ME, 0o400, True), (ME, 0o640, False), (ME, 0o602, False), (ROOT, 0o640, True),
     (ROOT, 0o440, True), (ROOT, 0o444, False), (ROOT, 0o460, False), (OTHER, 0o600, False)],
)  # fmt: skip
def test_who_may_read_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, *, taken: bool
) -> None:
    """PostgreSQL's rule for its keys: 0600 of one's own, 0640 of root's."""
    found = os.stat_result((stat.S_IFREG | mode, 0, 0, 1, owner, owner, 9, 0, 0, 0))
    monkeypatch.setattr(secret_files.os, "getuid", lambda: ME)
    monkeypatch.setattr(secret_files.os, "fstat", lambda _number: found)
    if taken:
        assert read_secret(file, "X") == URL
    else:
        with pytest.raises(ConfigError, match="others may read or replace the secret"):
            read_secret(file, "X")


def test_managers_of_secrets_guard_their_folders_themselves(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of Docker have mode 0444; those of Kubernetes are links to files of mode 0644."""
    file.chmod(0o444)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", ".")
    with pytest.raises(ConfigProblems):
        ledger_url()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(file.parent))
    assert ledger_url() == URL
    monkeypatch.delenv("CREDENTIALS_DIRECTORY")
    (mounts := file.parent / "secrets").mkdir()
    monkeypatch.setattr(secret_files, "_MOUNTS", (str(mounts),))
    (mounts / "url").symlink_to(file)
    monkeypatch.setenv(VARIABLE, str(mounts / "url"))
    with pytest.raises(ConfigProblems):
        ledger_url()  # the file itself lies elsewhere
    (mounts / "..data").mkdir()
    (mounts / "url").unlink()
    (mounts / "url").symlink_to(file.rename(mounts / "..data" / "url"))
    assert ledger_url() == URL


def test_the_env_file_may_name_it_and_the_environment_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (mine := file.with_name(".env")).write_text(f"{VARIABLE}={file}\nTRADEWRIGHT_TOKEN_FILE={file}\n")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv(ENV_FILE, str(mine))
    monkeypatch.setenv(TOKEN, "of the environment")
    load_environment()
    load_environment()
    assert (environment("POSTGRES_URL"), place_of_variable(VARIABLE)) == (URL, f"{VARIABLE} in .env:1")
    assert environment(TOKEN) == "of the environment"


def test_the_log_hides_it_and_no_child_gets_a_second_one(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_TOKEN_FILE", str(file))
    assert secrets() == (URL,)
    assert redacted(f"{URL} of {file}", secrets()) == f"*** of {file}"
    handed = _environment("the-token-of-the-parent")
    assert handed[TOKEN] == "the-token-of-the-parent"
    assert f"{TOKEN}_FILE" not in handed
    assert handed[VARIABLE] == str(file)


def test_a_code_location_keeps_the_names_of_the_files_that_it_needs(file: Path) -> None:
    folder = file.parent / "conf"
    folder.mkdir()
    (folder / "config.yaml").write_text("a: ${oc.env:BROKER_SECRET,null}\n")
    names = {"BROKER_SECRET_FILE": "/s", "GITHUB_TOKEN_FILE": "/t", VARIABLE: "/u"}
    assert unneeded_secrets(names, folder) == ["GITHUB_TOKEN_FILE"]


def test_a_kill_finds_the_ledger_whoever_may_read_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(OVERRIDES, raising=False)
    file.chmod(0o644)
    found = ledger_place(["storage=postgres"])
    assert found.url == URL
    assert found.remarks == (
        f"{VARIABLE} in the environment: others may read or replace the secret in {file} (mode 0644)",
    )
    file.unlink()
    with pytest.raises(ConfigError, match=r"cannot be read; POSTGRES_URL_FILE .* No such file") as caught:
        ledger_place(["storage=postgres"])
    assert "--ledger" in caught.value.remedy


def test_an_alert_address_in_a_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_ALERT_WEBHOOK_FILE", str(file))
    chosen = ["observability.alerts.enabled=true", "observability.alerts.channels=[webhook]"]
    file.write_text("https://example.org/hook\n")
    assert compose(chosen).observability.alerts.enabled
    file.unlink()
    with pytest.raises(ConfigProblems, match=f"TRADEWRIGHT_ALERT_WEBHOOK_FILE in the environment: {file} cannot be"):
        compose(chosen)
