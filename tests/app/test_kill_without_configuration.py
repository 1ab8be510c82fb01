"""The kill switch needs nothing but the ledger's place: any file of any group may be broken (F2)."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from conf.compose import compose
from conf.environment import SOURCE, groups
from conf.ledger_place import LEDGER_FILE, ledger_place
from runtime.container import Container
from tests.app.conftest import Said, say
from tests.support.extent import cases
from tests.support.houses import House, conf_copy
from tradewright.ledger.kill_switches import Switch
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import Clock, ManualClock, SystemClock
from tradewright.model.command import CommandState
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode

BROKEN = {
    "no YAML": b"kind: [\n",
    "no mapping": b"- kind\n",
    "a wrong value": b"kind: nonsense\nname: nonsense\n",
    "no text": b"\xff\xfe\x00kind",
    "brackets": b"[" * 20_000,
}
GROUPS = groups(SOURCE / "conf")
CLOCKS: dict[str, Clock] = {
    "the machine's time": SystemClock(),
    "a scenario of long ago": ManualClock(datetime(2020, 1, 2, tzinfo=UTC)),
    "a scenario to come": ManualClock(datetime(2090, 1, 2, tzinfo=UTC)),
}
"""The clocks that a sender may have; a kill without a configuration knows none of them."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return conf_copy(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    """A house of a test's own, with a ledger in which nothing has happened."""
    made = House(conf_copy(tmp_path), tmp_path / "data")
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(made.conf))
    return made


def switches(root: Path, mode: Mode = Mode.SIM) -> list[Switch]:
    with Ledger.create(f"sqlite:///{root / LEDGER_FILE}", SystemClock(), mode=mode) as ledger:
        return ledger.kill_switches.present()


def stopped(root: Path, *modes: Mode) -> bool:
    """Whether everything is stopped in each of these modes."""
    return all([row.scope for row in switches(root, mode) if row.stopped] == ["everything"] for mode in modes)


def kill(*words: str) -> Said:
    return say("kill", "--reason", "a test", *words)


def spoil(house: House, group: str, content: bytes) -> None:
    for path in (house.conf / group).glob("*.yaml"):
        path.write_bytes(content)


@pytest.mark.parametrize("group", cases(("strategy", "broker", "risk", "instruments", "policy"), GROUPS))
def test_a_broken_group_stops_no_kill(house: House, group: str) -> None:
    spoil(house, group, BROKEN["no YAML"])
    said = kill(f"storage.root={house.root}")
    assert stopped(house.root, Mode.SIM), said.err
    assert said.status == (0 if group == "strategy" else 1)
    assert "stopped: everything" in said.out
    if group != "strategy":
        assert f"conf/{group}" in said.err


@pytest.mark.parametrize("content", BROKEN)
def test_a_folder_in_which_no_file_can_be_read_stops_no_kill(house: House, content: str) -> None:
    for path in house.conf.rglob("*.yaml"):
        path.write_bytes(BROKEN[content])
    said = kill(f"storage.root={house.root}")
    assert said.status == 1
    assert stopped(house.root, *Mode), "the mode cannot be read: the stop holds in all of them"
    assert "mode sim and paper and live" in said.err


def test_without_any_folder_the_ledger_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(house.conf / "nowhere"))
    said = kill()
    assert said.status == 1
    assert not house.root.exists()
    assert 'tradewright kill --ledger sqlite:////PATH/ledger.sqlite3 --reason "..."' in said.err
    house.root.mkdir()
    assert kill("--ledger", f"sqlite:///{house.root / LEDGER_FILE}").status == 1
    assert stopped(house.root, *Mode)


def test_the_named_ledger_is_the_one_whose_orders_are_cancelled(house: House) -> None:
    said = kill("--ledger", f"sqlite:///{house.root / LEDGER_FILE}", f"storage.root={house.root.parent / 'bars'}")
    assert said.status == 0, said.err
    assert stopped(house.root, Mode.SIM)
    assert not (house.root.parent / "bars" / LEDGER_FILE).exists()


@pytest.mark.parametrize("words", ["no_such.key=1", "policy=none", "execution.settle=soon", "not an override", "a=b=c"])
def test_an_override_that_is_wrong_stops_no_kill(house: House, words: str) -> None:
    said = kill(f"storage.root={house.root}", words)
    assert stopped(house.root, Mode.SIM), said.err
    assert said.status == 1
    assert "not cancelled as asked" in said.err


def test_overrides_of_the_environment_that_cannot_be_split_stop_no_kill(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWRIGHT_OVERRIDES", f"storage.root={house.root} base.tz='UTC")
    kill()
    assert stopped(house.root, Mode.SIM)


def test_a_single_strategy_can_be_stopped_under_a_broken_configuration(house: House) -> None:
    spoil(house, "policy", BROKEN["no YAML"])
    root = f"storage.root={house.root}"
    wrong = kill("--scope", "strategy:buy_and_hodl", root)
    assert (wrong.status, "buy_and_hold" in wrong.err) == (1, True)
    assert switches(house.root) == []
    assert kill("--scope", "strategy:buy_and_hold", root).status == 1
    assert [(row.scope, row.stopped) for row in switches(house.root)] == [("strategy:buy_and_hold", True)]


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_venue_that_does_not_answer_is_waited_for_after_the_stop(house: House, silent: int) -> None:
    paper = ("mode=paper", "broker=ibkr", f"broker.port={silent}", "broker.timeout_s=0.5")
    began = time.monotonic()
    said = kill(f"storage.root={house.root}", *paper)
    assert said.status == 1
    assert stopped(house.root, Mode.PAPER)
    assert switches(house.root, Mode.SIM) == []
    assert time.monotonic() - began < 120


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_a_sender_at_work_cancels_for_a_kill_that_cannot(house: House, clock: Clock) -> None:
    """Its answer is the reply's; status 1 stays, because the files are still broken."""
    url = f"sqlite:///{house.root / LEDGER_FILE}"
    house.root.mkdir()

    def work() -> None:
        with Ledger.create(url, clock) as ledger:
            while (command := ledger.commands.next("SIM")) is None:
                time.sleep(0.02)
            assert [row.stopped for row in ledger.kill_switches.present()] == [True], "the flag comes first"
            assert ledger.commands.begin(command.command_id, "sender")
            answer = {"ended": ["a.1"], "open": [], "problem": ""}
            ledger.commands.finish(command.command_id, CommandState.DONE, {"answer": answer})

    with Ledger.create(url, clock) as ledger:
        ledger.broker_journal.record_session("s1", "sim", "SIM", "sender")
        assert ledger.leases.acquire("SIM", "sender", 60)
    sender = threading.Thread(target=work)
    sender.start()
    spoil(house, "broker", BROKEN["no YAML"])
    said = kill(f"storage.root={house.root}", "--json")
    sender.join(240)
    assert said.status == 1
    assert said.json["cancelled"]["ended"] == ["a.1"]
    assert "conf/broker" in said.json["cancelled"]["problem"]


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_the_newest_switch_counts_whatever_the_clocks_say(house: House, clock: Clock) -> None:
    """A kill without a configuration writes the machine's time into a ledger of another time."""
    house.root.mkdir()
    url, wrong = f"sqlite:///{house.root / LEDGER_FILE}", (f"storage.root={house.root}", "no_such.key=1")
    with Ledger.create(url, clock) as ledger:
        for _ in range(2):
            kill(*wrong)
            assert [row.stopped for row in ledger.kill_switches.present()] == [True]
            assert ledger.kill_switches.stopping("trend", "SIM") != []
            ledger.kill_switches.resume("everything", "ann", "a test")
            assert [row.stopped for row in ledger.kill_switches.present()] == [False]
        assert ledger.audit.verify_chain() == 4


@pytest.mark.parametrize(
    "overrides",
    [
        (),
        ("storage.root=elsewhere",),
        ("storage.root='a b/c'",),
        ("storage.root=first", "storage.root=second"),
        ("storage.ledger_url='sqlite:////tmp/other.sqlite3'",),
        ("storage.ledger_url=null", "storage.root=/tmp/absolute"),
        ("storage=postgres", "storage.ledger_url='postgresql+psycopg2://u@h/n'"),
        ("storage=postgres",),
        ("mode=paper", "broker=ibkr"),
        ("mode.name=paper", "broker=ibkr"),
    ],
)
def test_the_place_is_where_a_composition_leads(
    files: Path, monkeypatch: pytest.MonkeyPatch, overrides: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(files))
    monkeypatch.setenv("POSTGRES_URL", "postgresql+psycopg2://user:password@host/name")
    settings = compose(overrides)
    place = ledger_place(overrides)
    assert (place.modes, place.remarks) == ((settings.mode.name,), ())
    monkeypatch.setattr("runtime.container.private_folder", lambda _folder: None)
    assert place.url == Container(settings).ledger_url()


def test_the_files_tell_the_place_where_no_override_does(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    (house.conf / "storage" / "local.yaml").write_text(
        "kind: local\nroot: ${oc.env:HERE,there}   # a remark\nkind: [\n"
    )
    monkeypatch.setenv("MODE", "paper")
    assert ledger_place(()).url == f"sqlite:///{SOURCE / 'there' / LEDGER_FILE}"
    monkeypatch.setenv("HERE", "/tmp/here")
    found = ledger_place(())
    assert (found.url, found.modes) == ("sqlite:////tmp/here/ledger.sqlite3", (Mode.PAPER,))
    assert found.remarks == ("conf/storage/local.yaml: is no mapping of YAML",)


def test_a_place_that_no_file_tells_is_refused(house: House) -> None:
    (house.conf / "storage" / "local.yaml").write_bytes(BROKEN["no YAML"])
    with pytest.raises(ConfigError) as caught:
        ledger_place(())
    assert caught.value.where == "conf/storage/local.yaml"
    assert "--ledger" in caught.value.remedy


def other(monkeypatch: pytest.MonkeyPatch, house: House) -> Path:
    """A storage folder that the environment names, beside the house's own."""
    folder = house.root.parent / "daemon"
    monkeypatch.setenv("TRADEWRIGHT_OVERRIDES", f"storage.root={folder}")
    return folder


@pytest.mark.parametrize("command", [("kill",), ("resume",), ("freezes",)])
def test_an_act_warns_of_the_ledger_that_the_environment_names(
    house: House, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """D3: Dagster works in one ledger, and a kill stopped another one without a word."""
    folder, reason = other(monkeypatch, house), () if command == ("freezes",) else ("--reason", "a test")
    said = say(*command, *reason, f"storage.root={house.root}")
    assert f"another ledger is in use, and this one only is acted on: {folder / LEDGER_FILE}" in said.err
    assert "TRADEWRIGHT_OVERRIDES or .env leads Dagster and the apps to it" in said.err
    assert not folder.exists(), "a warning makes no ledger"
    assert "another ledger" not in say(*command, *reason).err


@pytest.mark.parametrize("clock", CLOCKS.values(), ids=CLOCKS)
def test_a_sender_at_work_in_another_ledger_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    folder = other(monkeypatch, house)
    folder.mkdir()
    with Ledger.create(f"sqlite:///{folder / LEDGER_FILE}", clock) as ledger:
        ledger.broker_journal.record_session("s1", "sim", "SIM", "sender")
        assert ledger.leases.acquire("SIM", "sender", 60)
        assert "a sender of account SIM is at work in it (process " in kill(f"storage.root={house.root}").err
        ledger.leases.release("SIM", "sender")
        assert "is at work" not in kill(f"storage.root={house.root}").err


def test_the_default_ledger_is_told_of_only_while_a_sender_is_at_work_in_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = house.root.parent / "default"
    path = house.conf / "storage" / "local.yaml"
    path.write_text(path.read_text().replace("root: data ", f"root: {folder} "))
    monkeypatch.delenv("TRADEWRIGHT_OVERRIDES", raising=False)
    folder.mkdir()
    with Ledger.create(f"sqlite:///{folder / LEDGER_FILE}", SystemClock()) as ledger:
        assert "another ledger" not in kill(f"storage.root={house.root}").err
        assert ledger.leases.acquire("SIM", "sender", 60)
        assert "is at work in it" in kill(f"storage.root={house.root}").err


def test_the_doctor_lists_the_other_ledger(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    other(monkeypatch, house)
    found = say("doctor", "--json", f"storage.root={house.root}").json["findings"]
    assert [row["state"] for row in found if row["what"] == "another ledger"] == ["look"]


def test_a_clock_that_cannot_be_read_stops_no_kill_and_is_named_by_every_other_command(house: House) -> None:
    """D8: the moment of the scenario's first use is a file that may be damaged like any other."""
    root = f"storage.root={house.root}"
    assert say("orders", root).status == 0
    (clock,) = (house.root / "clocks").iterdir()
    clock.write_text("garbage")
    said = kill(root)
    assert stopped(house.root, Mode.SIM), said.err
    assert "Traceback" not in said.err
    for command in ("orders", "positions", "intents", "freezes"):
        refused = say(command, root)
        assert refused.status == 1
        assert str(clock) in refused.err
        assert "what to do: remove the file" in refused.err


def test_a_file_of_variables_that_is_not_there(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables may be what names the ledger: every command refuses, and a kill stops what it finds."""
    monkeypatch.setenv("TRADEWRIGHT_ENV_FILE", "no.env")
    said = say("orders", *house.overrides)
    assert (said.status, "there is no file 'no.env'" in said.err) == (1, True)
    assert kill(*house.overrides).status == 0
    assert stopped(house.root, Mode.SIM)
