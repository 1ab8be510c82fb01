"""The settings of vendors: asked nothing while it is not allowed, keys by the environment or files, told nowhere."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from brokers.discovery import vendors
from conf.compose import compose
from conf.environment import SOURCE
from conf.problems import ConfigProblems
from runtime import feeds
from runtime.container import Container
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError

CLOCK = ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
CANARY = "canary-91c2"
ENABLED = "feed.remote_providers=enabled"


def variables(kind: str) -> list[str]:
    """The secrets that the file of a vendor refers to."""
    named = re.findall(r"oc\.env:(\w+)", (SOURCE / f"conf/feed/{kind}.yaml").read_text())
    return [name for name in named if name != "DATA_REMOTE_PROVIDERS"]


def test_every_folder_of_a_vendor_has_a_file_of_settings() -> None:
    folders = {path.parent.name for path in (SOURCE / "brokers/vendors").glob("*/plugin.py")}
    assert set(vendors()) == folders
    assert all((SOURCE / f"conf/feed/{kind}.yaml").is_file() for kind in folders)


@pytest.mark.parametrize("kind", vendors())
def test_no_vendor_is_asked_while_remote_providers_are_disabled(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-CFG-06, R-CFG-11: with its keys in place nothing is built, which would be there to be asked."""
    for name in variables(kind):
        monkeypatch.setenv(name, CANARY)
    chosen = compose([f"feed={kind}"])
    assert chosen.feed.remote_providers == "disabled"
    assert chosen.feed.base_url.startswith("https://")
    monkeypatch.setattr(type(vendors()[kind]), "build", lambda *_: pytest.fail("it was built"))
    with pytest.raises(ConfigError, match=f"feed={kind} reaches beyond this machine") as caught:
        feeds.feed(Container(chosen, CLOCK))
    if vendors()[kind].streams:
        monkeypatch.setattr(type(vendors()[kind]), "stream", lambda *_: pytest.fail("it was built"))
        with pytest.raises(ConfigError, match=f"feed={kind} reaches beyond this machine"):
            feeds.live_feed(Container(chosen, CLOCK))
    assert caught.value.where == "feed.remote_providers"
    assert "DATA_REMOTE_PROVIDERS=enabled" in caught.value.remedy


@pytest.mark.parametrize("kind", [kind for kind in vendors() if variables(kind)])
def test_a_key_comes_from_the_environment_or_a_file_and_is_told_nowhere(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = variables(kind)
    with pytest.raises(ConfigError, match=f"feed={kind} needs a key") as caught:
        feeds.feed(Container(compose([f"feed={kind}", ENABLED]), CLOCK))
    assert caught.value.where in names
    (tmp_path / "key").write_text(CANARY)
    (tmp_path / "key").chmod(0o600)
    hashes = set()
    for suffix, value in (("", CANARY), ("_FILE", str(tmp_path / "key"))):
        with monkeypatch.context() as patch:
            for name in names:
                patch.setenv(f"{name}{suffix}", value)
            chosen = compose([f"feed={kind}", ENABLED])
        made = feeds.feed(Container(chosen, CLOCK))
        assert made is not None
        assert made.name == kind
        assert CANARY not in repr(chosen) + str(chosen) + chosen.model_dump_json()
        hashes.add(chosen.config_hash)
    assert len(hashes) == 1
    with monkeypatch.context() as patch:
        for name in names:
            patch.setenv(name, CANARY)
        with pytest.raises(ConfigProblems) as problems:
            compose([f"feed={kind}", "feed.requests_per_minute=0", "feed.kind=pollygon"])
    assert CANARY not in str(problems.value)


@pytest.mark.parametrize("kind", vendors())
def test_a_wrong_value_is_told_with_its_rule(kind: str) -> None:
    wrong = {"feed.base_url": "http://plain.example", "feed.requests_per_minute": "0", "feed.delay_minutes": "-1",
             "feed.first_bars": "0", "feed.look_back_bars": "-1", "feed.remote_providers": "maybe"}  # fmt: skip
    with pytest.raises(ConfigProblems) as caught:
        compose([f"feed={kind}", *(f"{key}={value}" for key, value in wrong.items())])
    found = {problem.key: problem for problem in caught.value.problems}
    assert found.keys() == set(wrong)
    assert "https://" in found["feed.base_url"].rule
