"""``dagster dev`` for this project: ``python -m app.dev``, which ``make dev`` calls.

It keeps its runs in the project, works from any folder, refuses a port that is taken (``dagster dev`` would stay up and
show nobody's pages), and takes everything it started with it.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from app.network import listen
from assets.home import open_instance
from conf.compose import PROJECT
from tradewright.model.errors import TradewrightError

HOST, PORT = "127.0.0.1", 3000
PATIENCE = 20.0
"""Seconds that Dagster gets to stop its own processes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted; 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m app.dev", description="The asset graph, its runs and its daemon.")
    parser.add_argument("--port", type=int, default=PORT, help=f"of the pages ({PORT})")
    port = parser.parse_args(arguments).port
    try:
        listen(HOST, port, f"stop the other program, or choose another: --port {port + 1}").close()
        open_instance().dispose()
    except TradewrightError as error:
        sys.stderr.write(f"error: {error.where}: {error.what}\n  what to do: {error.remedy}\n")
        return 1
    return follow(command(port))


def command(port: int) -> list[str]:
    """The ``dagster`` of this very environment, on the workspace of the project."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    return [dagster, "dev", "-w", str(PROJECT / "workspace.yaml"), "-h", HOST, "-p", str(port)]


def follow(program: Sequence[str]) -> int:
    """Run a program in a session of its own until it ends or we are told to; then nothing of it stays behind.

    ``dagster dev`` is stopped by SIGINT alone, and only when it has not inherited that SIGINT is ignored.
    """

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    running = subprocess.Popen(program, cwd=PROJECT, start_new_session=True, env=_environment())  # noqa: S603
    try:
        return running.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        end(running)


def end(running: subprocess.Popen[bytes]) -> None:
    """Interrupt a program that leads a session, wait for it, and end what is left of the session."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(PATIENCE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))}


if __name__ == "__main__":
    raise SystemExit(main())
