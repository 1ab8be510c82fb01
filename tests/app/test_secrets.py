"""A planted secret is in no output and no error of any command, in no file that a command writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from conf.compose import examine
from tests.app.conftest import Said, daily, say
from tests.support.houses import House

CANARY = "canary-9e41c7"
ADDRESS = f"postgresql+psycopg2://trader:{CANARY}@127.0.0.1:1/ledger"
REMOTE = ("mode=paper", "broker=ibkr", "broker.port=1", "broker.timeout_s=0.2")


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_TOKEN", CANARY)
    monkeypatch.setenv("POSTGRES_URL", ADDRESS)


@pytest.fixture
def planted_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, secret in (("TRADEWRIGHT_TOKEN", CANARY), ("POSTGRES_URL", ADDRESS)):
        (path := tmp_path / name).write_text(f"{secret}\n")
        path.chmod(0o600)
        monkeypatch.setenv(f"{name}_FILE", str(path))


# overrides under which something with a secret in it is wrong
WRONG: Mapping[str, tuple[str, ...]] = {
    "an unknown venue": (*REMOTE, "broker.kind=ibrk"),
    "no venue": (*REMOTE, "~broker.kind"),
    "a secret of another type": ("storage=postgres", f"storage.ledger_url=[{CANARY}]"),
    "a secret as a mapping": ("storage=postgres", f"storage.ledger_url={{a: {CANARY}}}"),
    "a wrong neighbour": ("storage=postgres", "storage.root=[many]"),
    "an unknown neighbour": ("storage=postgres", "+storage.ledger_urls=1"),
    "a reference to a secret": ("storage=postgres", "base.tz=${storage.ledger_url}"),
    "a secret inside of a text": ("storage=postgres", "base.tz=x${storage.ledger_url}y"),
    "an unknown store": ("storage=postgres", "storage.kind=postgrse"),
    "a store without its kind": ("storage=postgres", "~storage.kind"),
    "an address of another type": (f"storage.ledger_url=[{CANARY}]",),
}


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", WRONG)
def test_no_problem_tells_a_secret(name: str) -> None:
    settings, problems = examine(WRONG[name])
    assert settings is None
    assert problems
    assert CANARY not in "".join(map(str, problems))
    assert CANARY not in "".join(map(repr, problems))


# what a command is told -> its status; the ledger, the venue or both cannot be reached
COMMANDS: Mapping[str, tuple[tuple[str, ...], int]] = {
    "orders": (("orders", "storage=postgres"), 1),
    "intents": (("intents", "storage=postgres"), 1),
    "positions": (("positions", "storage=postgres"), 1),
    "explain": (("explain", "x", "storage=postgres"), 1),
    "approve": (("approve", "x", "--reason", "r", "storage=postgres"), 1),
    "kill": (("kill", "--reason", "r", *REMOTE), 1),
    "resume": (("resume", "--reason", "r", *REMOTE), 0),
    "send": (("send", *REMOTE), 1),
    "reconcile": (("reconcile", *REMOTE), 1),
    "intent": (("intent", "--instrument", "BTC", "--side", "BUY", "--qty", "1", *REMOTE), 1),
    "check": (("check", *REMOTE, "storage=postgres"), 0),
    "doctor": (("doctor", *REMOTE, "storage=postgres"), 1),
    "address": (("orders", f"storage.ledger_url=mysql://u:{CANARY}@h/x"), 1),
    "nonsense": (("orders", f"storage.ledger_url=nonsense{CANARY}"), 1),
}


@pytest.mark.usefixtures("planted")
@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["people", "json"])
def test_no_command_tells_a_secret(
    house: House, name: str, form: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    words, status = COMMANDS[name]
    said = say(*words, *house.overrides, *form)
    assert said.status == status, said
    assert CANARY not in said.out + said.err + "".join(capfd.readouterr())
    assert holding(house.root) == []


@pytest.mark.usefixtures("planted_in_files")
@pytest.mark.parametrize("name", ["orders", "kill", "doctor"])
def test_no_command_tells_a_secret_of_a_file(house: House, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    words, status = COMMANDS[name]
    said = say(*words, *house.overrides)
    assert said.status == status, said
    assert CANARY not in said.out + said.err + "".join(capfd.readouterr())
    assert holding(house.root) == []


def holding(folder: Path) -> list[Path]:
    """The files with the secret in them."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return [path for path in files if CANARY.encode() in path.read_bytes()]


@pytest.mark.usefixtures("planted")
def test_no_result_and_no_report_holds_a_secret(tmp_path: Path) -> None:
    daily(40).to_csv(tmp_path / "GOOG.csv", index=False)
    root = f"storage.root={tmp_path / 'data'}"
    study = (root, *REMOTE, "strategy=buy_and_hold", "backtest.instruments=[GOOG]", "backtest.timeframe=1d")
    done: list[Said] = [
        say("import", "csv", str(tmp_path / "GOOG.csv"), "--instrument", "GOOG", *REMOTE, root),
        say("backtest", *study, "backtest.prices=raw", "--report", str(tmp_path / "report.html"), "--json"),
    ]
    assert [each.status for each in done] == [0, 0]
    assert not [each for each in done if CANARY in each.out + each.err]
    assert (tmp_path / "report.html").is_file()
    assert holding(tmp_path) == []
