"""A real Redis for tests: the system's ``redis-server`` on a socket of its own, else a reason to skip."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The address of a running server with a password; it ends with the block."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no redis-server on this machine: apt-get install redis-server")
    port = _free_port()
    words = [
        program,
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "no",
        "--dir",
        str(folder),
    ]
    process = subprocess.Popen([*words, "--requirepass", "canary-redis"], stdout=subprocess.DEVNULL)
    try:
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.01)  # it starts
        yield f"redis://:canary-redis@127.0.0.1:{port}/3"
    finally:
        process.terminate()
        process.wait(10)
