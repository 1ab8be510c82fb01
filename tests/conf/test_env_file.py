"""A line of ``.env`` that would be passed over is refused with its place; a kill switch reads what is sound."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.env_file import demand_sound, values_of
from conf.environment import ENV_FILE, environment_overrides
from tradewright.model.errors import ConfigError


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("# mine\nthis is no variable\n", ".env:2", "gives no variable"),
        ("A=1\n\nMODE='sim\n", ".env:3", "gives no variable"),
        ("= 3\n", ".env:1", "gives no variable"),
        ("MODE\n", ".env:1", "gives no variable"),
        ("MODE=sim\n# again\nMODE=paper\n", ".env:3", "MODE is given twice, first on line 1"),
        (b"\xff\xfeM\x00O\x00", ".env", "is not UTF-8 text at byte 0"),
    ],
)
def test_a_line_that_would_be_passed_over(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, text: str | bytes, where: str, what: str
) -> None:
    env_file.write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setenv(ENV_FILE, str(env_file))
    with pytest.raises(ConfigError) as refused:
        environment_overrides()
    assert (refused.value.where, bool(refused.value.remedy)) == (where, True)
    assert what in refused.value.what


@pytest.mark.parametrize("text", ["", "\n# a remark\n", "A=\n", "export A='x y'\nB = 2  # two\n", 'A="x\ny"\n'])
def test_every_usual_form_is_sound(env_file: Path, text: str) -> None:
    env_file.write_text(text)
    demand_sound(env_file)


def test_what_is_sound_is_read_and_nothing_is_said(env_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    env_file.write_bytes(b"A=1\nno variable\nB='open\n\xff\nC=3\n")
    assert values_of(env_file)["A"] == "1"
    assert values_of(env_file.with_name("absent")) == {}
    assert not caplog.records
