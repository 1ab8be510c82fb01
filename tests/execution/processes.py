"""Real processes for the tests that kill them, without the seconds that a new interpreter takes to load everything.

A server process imports the drivers once and forks a fresh process for each of them: it has its own memory, files and
connections, and dies of a real SIGKILL. What a driver writes to its standard output and error comes back as text.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

ROOT = Path(__file__).parents[2]
DRIVERS = ("tests.execution.kill_driver", "tests.execution.race_driver", "tests.support.gateway_broker")
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(list(DRIVERS))
_starting = Lock()


@dataclass(frozen=True)
class Done:
    """How a process ended: 0, its exit status, or minus the signal that killed it."""

    returncode: int
    stdout: str
    stderr: str


def run_driver(module: str, arguments: Sequence[str], seconds: float = 60) -> Done:
    """Run the ``main`` of a driver in a process of its own, to its end.

    Raises:
        TimeoutError: when it has not ended after so many seconds; it is killed then.
    """
    with TemporaryDirectory() as folder:
        names = [str(Path(folder) / name) for name in ("stdout", "stderr")]
        process = started(_main, module, tuple(arguments), *names)
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise TimeoutError(f"{module} has not ended after {seconds} s")
        out, err = (Path(name).read_text() if Path(name).exists() else "" for name in names)
    return Done(process.exitcode, out, err)


def started(target: Callable[..., None], *arguments: object) -> ForkServerProcess:
    """A process that has been started; its server is started in the project's folder, and so finds the drivers."""
    process = _context.Process(target=target, args=arguments, daemon=True)
    with _starting:
        before = Path.cwd()
        os.chdir(ROOT)
        try:
            process.start()
        finally:
            os.chdir(before)
    return process


def _main(module: str, arguments: tuple[str, ...], out: str, err: str) -> None:
    with open(out, "w") as sys.stdout, open(err, "w") as sys.stderr:
        try:
            import_module(module).main(arguments)
        except BaseException:
            traceback.print_exc()
            raise
