"""What every test lives under: no network beyond loopback, no telemetry, no settings of whoever runs it, real data.

Property tests try the same examples in every run; ``--hypothesis-profile=explore`` tries new ones.
"""

from __future__ import annotations

import gc
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import URL, Engine, create_engine

from tests.support.longest_first import longest_first
from tests.support.matrices import without_most_of_matrices
from tests.support.postgres_cases import without_many_on_postgres
from tradewright.database import engine

os.environ.update(
    GX_ANALYTICS_ENABLED="false",
    DAGSTER_DISABLE_TELEMETRY="true",
    MARIMO_SKIP_UPDATE_CHECK="1",
    TRADEWRIGHT_ENV_FILE=os.devnull,  # a developer's own .env is no part of a test
)
SETTINGS = re.findall(r"^(\w+)=", (Path(__file__).parents[1] / ".env.example").read_text(), re.MULTILINE)
for name in (*SETTINGS, "TRADEWRIGHT_PROJECT"):  # a test that wants one sets it
    os.environ.pop(name, None)
    os.environ.pop(f"{name}_FILE", None)

gc.set_threshold(100_000, 50, 100)  # with half a million objects loaded, the usual rounds take a fifteenth of the time

MEMORY = Path("/dev/shm")


def _is_a_roomy_folder_in_memory(folder: Path) -> bool:
    """Whether programs may lie there, and some gigabytes are free."""
    if not os.access(folder, os.W_OK):
        return False
    place = os.statvfs(folder)
    return place.f_bavail * place.f_frsize > 4 << 30 and not place.f_flag & os.ST_NOEXEC


if _is_a_roomy_folder_in_memory(MEMORY):  # the tests commit some ten thousand times, each time synchronously
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

hypothesis.settings.register_profile("same", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("explore", derandomize=False, deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the combinations, the cases on PostgreSQL, and which files begin first."""
    without_most_of_matrices(config, items)
    without_many_on_postgres(config, items)
    longest_first(items)


REAL_DATA = "TRADEWRIGHT_REAL_DATA"
KEYS = tempfile.TemporaryDirectory(prefix="keys")
os.environ["TRADEWRIGHT_KEYS"] = KEYS.name  # the keys of ledgers of tests are none of a person's


def _one_engine_per_kind(url: URL, **options: object) -> Engine:
    """As ``create_engine``, with the dialect and the compiled statements of the first ledger of its kind: a test opens
    a ledger of its own, and would else compile each statement anew."""
    made = create_engine(url, **options)
    first = ENGINES.setdefault(made.dialect.name, made)
    if first.dialect.server_version_info is not None:  # it has met a database, and knows what its kind can do
        made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
    return made


ENGINES: dict[str, Engine] = {}
engine.create_engine = _one_engine_per_kind


class NetworkRefused(RuntimeError):
    """A test tried to leave the machine."""


def is_local(address: object) -> bool:
    """Whether a socket address stays on this machine: a unix path, or a loopback address by number or name."""
    if not isinstance(address, tuple):
        return True
    host = str(address[0])
    if host in ("localhost", ""):
        return True
    try:
        return ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return False


def _same_environment() -> Iterator[None]:
    """Every test and every module leaves the environment as it found it; an ``.env`` file writes to it, for one."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


same_environment_of_a_test = pytest.fixture(autouse=True)(_same_environment)
same_environment_of_a_module = pytest.fixture(autouse=True, scope="module")(_same_environment)


@pytest.fixture(autouse=True)
def network_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuses every connection and every name look-up that leaves the machine."""
    real_lookup = socket.getaddrinfo

    def guarded(name: str) -> object:
        real = getattr(socket.socket, name)

        def call(self: socket.socket, *args: object) -> object:
            address = args[-1]
            if self.family != socket.AF_UNIX and not is_local(address):
                raise NetworkRefused(f"a test tried to reach {address}")
            return real(self, *args)

        return call

    def lookup(host: object, *args: object, **kwargs: object) -> object:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and not is_local((name, 0)) and name not in ("0.0.0.0", "::"):
            raise NetworkRefused(f"a test tried to look up {name}")
        return real_lookup(host, *args, **kwargs)  # type: ignore[arg-type]

    for method in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, method, guarded(method))
    monkeypatch.setattr(socket, "getaddrinfo", lookup)


@pytest.fixture
def real_data() -> Path:
    """The folder of real market data; the test is skipped, saying why, where there is none."""
    named = os.environ.get(REAL_DATA, "")
    if not named or not Path(named).is_dir():
        pytest.skip(f"{REAL_DATA} names no folder of real market data (it is {named!r})")
    return Path(named)
