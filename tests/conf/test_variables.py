"""A misspelt variable is told with its place and the right name, in ``.env`` and in the environment; others are not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from assets import materialize
from conf.environment import ENV_FILE, SOURCE, code_location_overrides, environment_overrides
from conf.ledger_place import forgiving_environment_overrides
from conf.variables import OTHERS, OURS, unread
from tests.app.conftest import say
from tradewright.model.errors import ConfigError


def test_every_name_of_the_example_is_known() -> None:
    names = set(re.findall(r"^(\w+)=", (SOURCE / ".env.example").read_text(), re.MULTILINE))
    assert names == set(OTHERS) | {name for name in OURS if name in names}
    assert unread(names, of_file=True) == []


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("TRADEWRIGHT_STOER_URL", "POSTGRES_URL"),
        ("TRADEWRIGHT_OVERIDES", "TRADEWRIGHT_OVERRIDES"),
        ("TRADEWRIGTH_TOKEN", "TRADEWRIGHT_TOKEN"),
        ("TRADEWRIGHT_TOKENS_FILE", "TRADEWRIGHT_TOKEN_FILE"),
        ("tradewright_conf", "TRADEWRIGHT_CONF"),
        ("TRADEWRIGHT_QX", ""),
    ],
)
def test_a_misspelt_name_of_ours(name: str, near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text(f"# mine\n{name}=x\n")
    for place in (f"{name} in the environment", f"{name} in .env:2"):
        with monkeypatch.context() as patch:
            patch.setenv(name if "environment" in place else ENV_FILE, str(tmp_path / ".env"))
            with pytest.raises(ConfigError) as refused:
                environment_overrides()
        assert refused.value.where == place
        assert near in refused.value.remedy
        assert refused.value.remedy.startswith("did you mean" if near else "take it out")


@pytest.mark.parametrize(
    ("name", "near"),
    [("POSTGRE_URL", "POSTGRES_URL"), ("MDOE", "MODE"), ("mode", "MODE"), ("POSTGRS_URL_FILE", "POSTGRES_URL_FILE")],
)
def test_a_misspelt_name_of_others_in_our_file(name: str, near: str) -> None:
    assert unread([name], of_file=True) == [(name, near)]
    assert unread([name], of_file=False) == []


def test_names_of_other_programs_are_none_of_ours() -> None:
    others = ["POSTGRES_USER", "NODE", "MODEL", "PATH", "TRADER", "TRADEWRIGHT", "AWS_REGION", "HTTP_PROXY", "Z", ""]
    assert unread(others, of_file=True) == []


def test_a_name_that_a_yaml_file_of_the_user_refers_to(conf_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = conf_copy / "storage" / "local.yaml"
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy))
    monkeypatch.setenv("TRADEWRIGHT_ROOT", "elsewhere")
    with pytest.raises(ConfigError, match="nothing reads"):
        environment_overrides()
    path.write_text(re.sub("root: .*", "root: ${oc.env:TRADEWRIGHT_ROOT,data}", path.read_text()))
    assert environment_overrides() == ()


@pytest.mark.parametrize("name", ["TRADEWRIGHT_PROJECT", "TRADEWRIGHT_ENV_FILE"])
def test_a_variable_by_which_the_file_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.env"
    file.write_text(f"{name}={tmp_path}/other\n")
    monkeypatch.setenv(ENV_FILE, str(file))
    with pytest.raises(ConfigError, match="has no effect in this file") as refused:
        environment_overrides()
    assert refused.value.where == "mine.env:1"


def test_every_road_but_the_kill_switch_tells_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from app import dev

    (tmp_path / ".env").write_text("TRADEWRIGHT_OVERIDES=mode=paper\n")
    monkeypatch.setenv(ENV_FILE, str(tmp_path / ".env"))
    assert forgiving_environment_overrides() == ()
    said = say("orders")
    assert (said.status, said.out) == (1, "")
    texts = [said.err]
    for program in (lambda: dev.main([]), lambda: materialize.main(["bars", "--partition", "BTC"])):
        assert program() == 1
        texts.append(capsys.readouterr().err)
    with pytest.raises(ConfigError) as refused:
        code_location_overrides()
    for text in [*texts, str(refused.value)]:
        assert "TRADEWRIGHT_OVERIDES in .env:1" in text
        assert "TRADEWRIGHT_OVERRIDES" in text
