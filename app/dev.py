"""The asset graph for development: ``python -m app.dev``, which ``make dev`` calls.

It serves Dagster's pages on loopback behind the guard and the token, beside Dagster's daemon; keeps its runs in the
project; works from any folder; refuses a port that is taken; and ends every process that it started.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import uvicorn

from app.bounds import server_config
from app.guard import JsonPosts, guarded
from app.network import listen
from app.tokens import Token, checked_token, further_tokens, new_token
from assets.home import open_instance
from conf.environment import (
    PROJECT_VARIABLE,
    SOURCE,
    TOKEN,
    environment,
    environment_overrides,
    project_folder,
    unneeded_secrets,
)
from conf.secret_files import SUFFIX
from tradewright.model.errors import TradewrightError

HOST, PORT = "127.0.0.1", 3000
WORKSPACE = "workspace.yaml"
QUIET = ("--log-level", "warning", "--code-server-log-level", "error")
"""Options of Dagster's daemon, which would tell of each look of each sensor."""
PATIENCE = 20.0
"""Seconds that Dagster gets to stop its own processes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted; 1 when it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m app.dev", description="The asset graph, its runs and its daemon.")
    parser.add_argument("--port", type=int, default=PORT, help=f"of the pages ({PORT})")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    try:
        environment_overrides()  # what is wrong in .env is told here, not by each code server
        token, others = checked_token(environment(TOKEN) or new_token()), further_tokens()
        link = listen(HOST, given.port, f"stop the other program, or choose another: --port {given.port + 1}")
        if given.serve:
            return serve(link, token, others)
        link.close()
        open_instance().dispose()
    except TradewrightError as error:
        sys.stderr.write(f"error: {error.where}: {error.what}\n  what to do: {error.remedy}\n")
        return 1
    sys.stdout.write(f"open http://{HOST}:{given.port}/?access_token={token}\n")
    sys.stdout.flush()
    return follow(command(given.port), token)


def command(port: int) -> list[str]:
    """The program that serves: this module in a session of its own."""
    return [sys.executable, "-m", "app.dev", "--serve", "--port", str(port)]


def serve(link: socket.socket, token: str, others: Sequence[Token] = ()) -> int:
    """Serve the pages, beside the daemon, until interrupted; 1 when the daemon ends by itself."""
    from assets.webserver import code_servers, graph_application, reads  # Dagster's web server takes seconds to load

    for name in unneeded_secrets(os.environ):  # the token too, before any process is started that could leak it
        del os.environ[name]
    with (
        open_instance() as instance,
        code_servers(instance, project_folder() / WORKSPACE) as workspace,
        _daemon(workspace) as daemon,
        graph_application(instance, workspace) as graph,
    ):
        app = guarded(JsonPosts(graph, "/graphql", reads), link.getsockname()[1], token, others)
        server = uvicorn.Server(server_config(app))
        threading.Thread(target=_end_with, args=(daemon, server), daemon=True).start()
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[link])
        return 0 if daemon.poll() is None else 1


@contextlib.contextmanager
def _daemon(workspace: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's daemon, until the block ends."""
    program = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-w", str(workspace), *QUIET]
    daemon = subprocess.Popen(program)  # noqa: S603
    try:
        yield daemon
    finally:
        if daemon.poll() is None:
            daemon.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                daemon.wait(PATIENCE)


def _end_with(daemon: subprocess.Popen[bytes], server: uvicorn.Server) -> None:
    daemon.wait()
    server.should_exit = True


def follow(program: Sequence[str], token: str = "") -> int:  # nosec B107  empty means: make one
    """Run a program in a session of its own until it ends or this one is interrupted; then nothing of it stays behind.

    Args:
        token: handed over in the environment, where other users of the machine cannot read it.
    """

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    running = subprocess.Popen(program, cwd=project_folder(), start_new_session=True, env=_environment(token))  # noqa: S603
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


def _environment(token: str) -> dict[str, str]:
    known, replaced = ({TOKEN: token}, {TOKEN + SUFFIX}) if token else ({}, set())
    return {
        **{name: value for name, value in os.environ.items() if name not in replaced},
        **known,
        PROJECT_VARIABLE: str(project_folder()),  # a relative name would lead elsewhere from there
        "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH")])),
    }


if __name__ == "__main__":
    raise SystemExit(main())
