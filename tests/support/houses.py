"""Small houses for tests of assets and commands: a folder of YAML, a storage folder, and the shortest of waits."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from conf.environment import SOURCE

QUICK = (
    "execution.settle=0.05",
    "execution.absence=0.3",
    "execution.poll=0.2",
    "execution.acknowledge=10",
    "feed.days_1m=2",
    "feed.days_1d=60",
)
"""Overrides that shorten what tests would wait for."""

KEPT = ("buy_and_hold", "sma_crossover")


COMMAND = ("-c", "from app.cli import main; main()")
"""The command line, as arguments of a Python."""


@dataclass(frozen=True)
class House:
    """One project of a test's own: its YAML, its storage, and the overrides under which it runs."""

    conf: Path
    root: Path
    more: tuple[str, ...] = ()

    @property
    def overrides(self) -> tuple[str, ...]:
        """What every command of this house is given."""
        return (f"storage.root={self.root}", *QUICK, *self.more)


def conf_copy(folder: Path, strategies: Sequence[str] = KEPT) -> Path:
    """The shipped YAML in a folder of its own, named ``conf``, with a few of the strategies."""
    copy = folder / "conf"
    shutil.copytree(SOURCE / "conf", copy, ignore=shutil.ignore_patterns("*.py", "__pycache__", "schema"))
    for path in (copy / "strategy").glob("*.yaml"):
        if path.stem not in strategies:
            path.unlink()
    return copy


def stock(house: House, symbol: str = "BTC") -> None:
    """Scenario bars, their features, and the checks of now: what an order of a person's own needs."""
    from conf.compose import compose
    from runtime import feeds, research
    from runtime.bar_checks import judge
    from runtime.container import Container
    from runtime.features import newest_features

    with Container(compose(house.overrides)) as made:
        source = feeds.feed(made)
        assert source is not None
        research.refreshed(made, source, symbol)
        newest = newest_features(made, symbol)[1].model_dump(mode="json")
        made.artefacts.write_json(("features", symbol, "newest"), newest)
        judge(made, symbol)


def stocked_house(folder: Path) -> House:
    """A house in which a person can trade BTC at once."""
    made = House(conf_copy(folder), folder / "data", ("universe.instruments=[BTC]", "strategy=buy_and_hold"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRADEWRIGHT_CONF", str(made.conf))
        stock(made)
    return made


def copied_house(house: House, folder: Path) -> House:
    """A house as another one is now, with the same YAML and a copy of its storage, for one test alone."""
    from conf.ledger_place import LEDGER_FILE
    from tests.support.ledgers import gone_back

    root = shutil.copytree(house.root, folder / "data")
    gone_back(root / LEDGER_FILE)
    return House(house.conf, root, house.more)


def free_port() -> int:
    """A loopback port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(arguments: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A Python program in a session of its own; what it says on standard error goes to ``log``."""
    with log.open("w") as errors:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=SOURCE,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )


def stop(running: subprocess.Popen[str], patience: float = 30) -> int:
    """Interrupt a program and whatever it started; gives its exit status."""
    if running.poll() is None:
        running.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            running.wait(patience)
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)
    if running.stdout:
        running.stdout.close()
    return running.wait()
