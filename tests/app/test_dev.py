"""``make dev``: refuses a taken port, works from any folder, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import dev
from conf.compose import PROJECT

PARENT = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
time.sleep(float(sys.argv[2]))
"""


@pytest.fixture(autouse=True)
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has reaped yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_dead(pid: int) -> None:
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


def test_a_taken_port_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert dev.main(["--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert f"127.0.0.1:{port}: cannot listen: Address already in use" in said
    assert f"--port {port + 1}" in said


def test_dagster_is_this_environments_own_on_loopback() -> None:
    program, *words = dev.command(3111)
    assert Path(program).is_file()
    assert words == ["dev", "-w", str(PROJECT / "workspace.yaml"), "-h", "127.0.0.1", "-p", "3111"]


def test_its_status_is_the_programs_and_its_children_go_with_it(tmp_path: Path) -> None:
    noted = tmp_path / "child"
    assert dev.follow([sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert dev.follow([sys.executable, "-c", PARENT, str(noted), "0"]) == 0
    wait_until_dead(int(noted.read_text()))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    noted = tmp_path / "child"
    code = (
        f"from app.dev import follow; raise SystemExit(follow({[sys.executable, '-c', PARENT, str(noted), '600']!r}))"
    )
    running = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, env=dict(os.environ))
    try:
        deadline = time.monotonic() + 60
        while not (noted.exists() and noted.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.send_signal(number)
        assert running.wait(30) == 0
        wait_until_dead(int(noted.read_text()))
    finally:
        running.kill()
        running.wait()
