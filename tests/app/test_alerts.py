"""Alerts: every alarm reaches every channel once, in order, and no channel that fails stops anything (R-OBS-10)."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from brokers.alerts.channels import wrong_address
from brokers.alerts.sinks import AlertNotDelivered, FileSink, Webhook, sink
from conf.compose import compose, examine
from runtime.alerts import tell_alerts, waiting
from runtime.container import Container
from tests.app.desk import Desk, desk
from tests.execution.counter import money
from tradewright.ledger.freezes import FreezeCode
from tradewright.ledger.ledger import Ledger
from tradewright.model.alert import Alert, Severity

ON = "observability.alerts.enabled=true"
BOTH = "observability.alerts.channels=[file,webhook]"
PATH = "/hook?key=canary-51"


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as made:
        made.overrides = (*made.overrides, ON)
        yield made


class Receiver:
    """A web server on loopback that keeps what is posted, and answers with the statuses that a test sets."""

    def __init__(self) -> None:
        self.status, self.got, self.keys = 200, list[dict[str, Any]](), list[str]()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(outer.status)
                if 300 <= outer.status < 400:
                    self.send_header("Location", PATH)
                self.end_headers()
                if outer.status == 200 and self.path == PATH:
                    outer.got.append(body)
                    outer.keys.append(self.headers["Idempotency-Key"])

            def log_message(self, *_args: object) -> None: ...

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}{PATH}"


@contextmanager
def listening() -> Iterator[Receiver]:
    made = Receiver()
    thread = threading.Thread(target=made.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def lines(at: Desk) -> list[dict[str, Any]]:
    path = at.counter.root / "alerts.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def codes(told: list[dict[str, Any]]) -> list[str]:
    return [row["code"] for row in told]


def an_alert(name: str = "a" * 64, seq: int = 1) -> Alert:
    return Alert(
        id=name, seq=seq, at="2026-11-20T15:00:00Z", severity=Severity.CRITICAL, code="kill_switch.stopped",
        mode="sim", account="", text="trading is stopped",
    )  # fmt: skip


def test_each_kind_of_alarm_is_told_by_the_command_that_brings_it(at: Desk) -> None:
    assert at.run("reconcile")[0] == 0
    assert lines(at) == []
    at.run('kill --reason "enough \x1b[31m"')
    (stopped,) = lines(at)
    assert (stopped["code"], stopped["severity"], stopped["mode"]) == ("kill_switch.stopped", "CRITICAL", "paper")
    assert "enough" in stopped["text"]
    assert "\x1b" not in (at.counter.root / "alerts.jsonl").read_text()
    at.run('resume --reason "better"')
    at.venue.set(opening={"AAPL": "7"})
    at.run("reconcile")
    at.counter.money = money(90_000)
    at.run("reconcile")
    assert codes(lines(at)) == [
        "kill_switch.stopped", "kill_switch.resumed", "instrument.frozen", "reconciliation.finished",
        "reconciliation.finished", "breaker.tripped",
    ]  # fmt: skip
    assert [row["seq"] for row in lines(at)] == sorted({row["seq"] for row in lines(at)})
    assert (at.counter.root / "alerts.jsonl").stat().st_mode & 0o077 == 0


def test_an_order_in_doubt_and_one_that_the_venue_refuses_are_told(at: Desk) -> None:
    at.run("reconcile")
    at.venue.fault("reject")
    at.open_market()
    decision = at.run("intent --instrument AAPL --side BUY --qty 3")[1]
    assert decision["verdict"] == "APPROVE"
    at.run("send")
    assert codes(lines(at)) == ["order.rejected"]
    assert "was rejected by the venue" in lines(at)[0]["text"]


def test_nothing_is_told_while_alerts_are_off(at: Desk) -> None:
    off = compose((*at.overrides[:-1],))
    at.ledger.kill_switches.stop("everything", "ann", "test")
    assert tell_alerts(off) == 0
    assert lines(at) == []


def test_a_webhook_gets_each_alarm_once_and_late_ones_when_it_is_back(
    at: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as receiver:
        monkeypatch.setenv("TRADEWRIGHT_ALERT_WEBHOOK", receiver.address)
        at.overrides = (*at.overrides, BOTH)
        at.run('kill --reason "one"')
        receiver.status = 503
        status, said = at.run('resume --reason "two"')
        assert (status, said["resumed"]["stopped"]) == (0, False), "a receiver that is away stops nobody"
        at.run('kill --reason "three"')
        assert codes(lines(at)) == ["kill_switch.stopped", "kill_switch.resumed", "kill_switch.stopped"]
        assert codes(receiver.got) == ["kill_switch.stopped"]
        settings = compose(at.overrides)
        with Container(settings) as house:
            assert (waiting(house, "webhook"), waiting(house, "file")) == (2, 0)
        findings = {row["what"]: row for row in at.run("doctor")[1]["findings"]}
        assert findings["alerts webhook"]["state"] == "look"
        assert findings["alerts file"]["state"] == "good"
        receiver.status = 200
        assert tell_alerts(settings) == 2
        assert tell_alerts(settings) == 0
        assert receiver.got == lines(at)
        assert receiver.keys == [row["id"] for row in lines(at)]
        log = "".join(path.read_text() for path in (at.counter.root / "logs").iterdir())
        assert "it answered 503" in log
        assert "canary-51" not in log


def test_an_address_that_nobody_answers_is_no_traceback(at: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWRIGHT_ALERT_WEBHOOK", "http://127.0.0.1:9/hook")
    at.overrides = (*at.overrides, BOTH)
    assert at.run('kill --reason "one"')[1]["stopped"]["stopped"] is True
    assert codes(lines(at)) == ["kill_switch.stopped"]


def test_redirects_are_not_followed() -> None:
    with listening() as receiver:
        receiver.status = 307
        with pytest.raises(AlertNotDelivered, match="it answered 307"):
            Webhook(receiver.address).deliver(an_alert())
        assert receiver.got == []


def test_a_crash_between_the_telling_and_its_cursor_writes_no_line_twice(tmp_path: Path) -> None:
    to = FileSink(tmp_path / "alerts.jsonl")
    for one in (an_alert("a" * 64), an_alert("b" * 64, 2), an_alert("b" * 64, 2), an_alert("c" * 64, 3)):
        to.deliver(one)
    told = [json.loads(line)["seq"] for line in (tmp_path / "alerts.jsonl").read_text().splitlines()]
    assert told == [1, 2, 3]


def test_a_file_that_cannot_be_written_is_a_failed_delivery(tmp_path: Path) -> None:
    with pytest.raises(AlertNotDelivered, match="alerts"):
        FileSink(tmp_path / "no" / "alerts.jsonl").deliver(an_alert())
    with pytest.raises(AlertNotDelivered, match="has no address"):
        sink("webhook", tmp_path, None)


def test_a_ledger_that_was_replaced_starts_afresh_and_an_old_one_with_its_last_day(at: Desk, tmp_path: Path) -> None:
    at.ledger.freezes.freeze("DU100", "AAPL", FreezeCode.POSITION_DRIFT, "old")
    at.counter.clock.advance(86_401)
    at.ledger.freezes.freeze("DU100", "AAPL", FreezeCode.CORRECTION, "new")
    settings = compose(at.overrides)
    assert tell_alerts(settings) == 1
    assert "new" in lines(at)[-1]["text"]
    (tmp_path / "other").mkdir()
    other = f"sqlite:///{tmp_path / 'other' / 'ledger.sqlite3'}"
    with Ledger.create(other, at.counter.clock, mode=at.ledger.mode) as ledger:
        for number in range(5):
            ledger.freezes.freeze("DU100", f"X{number}", FreezeCode.POSITION_DRIFT, "of another ledger")
    replaced = compose((*at.overrides, f"storage.ledger_url='{other}'"))
    assert tell_alerts(replaced) == 5


@pytest.mark.parametrize(
    ("overrides", "address", "said"),
    [
        ((ON, "observability.alerts.channels=[]"), "", "names no channel"),
        ((ON, BOTH), "", "has no address: set TRADEWRIGHT_ALERT_WEBHOOK"),
        ((ON, BOTH), "http://example.com/x", "https://"),
        (("observability.alerts.channels=[pigeon]",), "", "must be one of file, webhook"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(
    overrides: tuple[str, ...], address: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWRIGHT_ALERT_WEBHOOK", address)
    (problem,) = examine(overrides)[1]
    assert problem.key.startswith("observability.alerts.channels")
    assert said in str(problem)
    assert "example.com" not in str(problem)


@pytest.mark.parametrize(
    ("address", "sound"),
    [("https://hooks.example/x", True), ("http://127.0.0.1:80/x", True), ("http://[::1]/x", True),
     ("http://hooks.example/x", False), ("ftp://x/y", False), ("https://", False), ("https://x:port/", False),
     ("http://127.0.0.1.example/x", False), (None, False)],
)  # fmt: skip
def test_an_address_is_https_or_this_machine(address: str | None, sound: bool) -> None:
    assert (wrong_address(address) == "") is sound
