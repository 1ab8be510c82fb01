"""A real PostgreSQL for tests: the environment's, else the system's binaries, else ``pgserver``, else a reason."""

from __future__ import annotations

import atexit
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psycopg2
from sqlalchemy import make_url

VARIABLE = "TRADEWRIGHT_TEST_POSTGRES"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Server:
    """A server's address, or why there is none."""

    url: str = ""
    reason: str = ""


@cache
def server() -> Server:
    """The server of this test process, started on first use and stopped at its end."""
    if url := os.environ.get(VARIABLE):
        return Server(url)
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[4]))
    if binaries:
        return _start(binaries[-1].parent)
    try:
        import pgserver
    except ImportError:
        return Server(reason=f"no PostgreSQL: set {VARIABLE}, install postgresql, or pip install pgserver")
    folder = tempfile.mkdtemp(prefix="tradewright-pg-")
    handle = pgserver.get_server(folder, cleanup_mode="delete")
    return Server(handle.get_uri().replace("postgresql://", "postgresql+psycopg2://"))


def _start(binaries: Path) -> Server:
    """Run the system's server on a free loopback port; as root it is run by another user, which initdb demands."""
    folder = Path(tempfile.mkdtemp(prefix="tradewright-pg-"))
    user = _other_user() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    run = lambda *command: subprocess.run(  # noqa: E731
        command, check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options
    )
    run(str(binaries / "initdb"), "-D", str(data), "-U", "trader", "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' -c max_connections=60"
    settings += " -c fsync=off -c full_page_writes=off -c autovacuum=off"  # no test cuts the machine's power
    run(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", settings, "start")

    def stop() -> None:
        run(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(stop)
    return Server(f"postgresql+psycopg2://trader@127.0.0.1:{port}/postgres")


def _other_user() -> pwd.struct_passwd:
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def new_database(template: str = "template1") -> str:
    """A new database on the server, empty or a copy of another, and its URL."""
    base = make_url(server().url)
    name = f"ledger_{os.getpid()}_{next(_numbers)}"
    connection = psycopg2.connect(_dsn(server().url))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    connection.close()
    return base.set(database=name).render_as_string(hide_password=False)


def _dsn(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
