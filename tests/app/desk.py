"""A desk for tests: the counter's ledger, venue and clock under the command line, with the waits of production."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import app
from brokers.ibkr import plugin
from conf import compose
from conf.ledger_place import ledger_url
from conf.schema.settings import Settings
from runtime.container import Container
from tests.execution.counter import Counter, PricedBroker
from tests.execution.venue import ACCOUNT, FileVenue
from tests.execution.world import World
from tradewright.ledger.ledger import Ledger
from tradewright.model.broker import Broker
from tradewright.model.mode import Mode

_COMMAND = re.compile(r"tradewright ([^;,]+)")
_composed: dict[tuple[str, ...], Settings] = {}


@dataclass
class Desk:
    """One account under the command line."""

    counter: Counter
    overrides: tuple[str, ...]

    @property
    def ledger(self) -> Ledger:
        """The ledger that the commands use."""
        return self.counter.ledger

    @property
    def venue(self) -> FileVenue:
        """The venue that the commands reach."""
        return self.counter.world.venue

    def run(self, words: str) -> tuple[int, Any]:
        """Run one command as a person would write it; its status and its document."""
        result = CliRunner().invoke(app, [*shlex.split(words), *self.overrides, "--json"])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.stdout, (words, result.stderr)
        return result.exit_code, json.loads(result.stdout)

    def problems(self) -> list[dict[str, str]]:
        """What is not well, as ``tradewright freezes`` tells it."""
        status, told = self.run("freezes")
        assert status == bool(told["problems"])
        return list(told["problems"])

    def codes(self) -> set[str]:
        """The codes of what is not well."""
        return {row["code"] for row in self.problems()}

    def order(self, words: str = "--side BUY --qty 10") -> str:
        """An order that the gate approves and that goes out; its reference."""
        self.open_market()
        status, decision = self.run(f"intent --instrument AAPL {words}")
        assert status == 0, decision["reasons"]
        if decision["verdict"] == "REVIEW":
            assert self.run(f'approve {decision["decision_id"]} --reason "yes"')[0] == 0
        _status, sent = self.run("send")
        (outcome,) = [row for row in sent["outcomes"] if row["decision_id"] == decision["decision_id"]]
        assert outcome["status"] == "SENT", outcome
        return str(outcome["ref"])

    def open_market(self) -> None:
        """Go on to a moment at which AAPL may be traded, with fresh bars, features and checks."""
        clock = self.counter.clock
        clock.advance(120)
        while not (clock.now().weekday() < 5 and 15 <= clock.now().hour < 20):
            clock.advance(3600)
        now = clock.now().replace(second=0, microsecond=0)
        self.counter.stock("AAPL", until=now)
        self.counter.feature("AAPL", 0.5, now - timedelta(seconds=60))
        self.counter.checked("bars.AAPL.1m", "bars.AAPL.1d", "features.AAPL")

    def midnight(self) -> None:
        """Let the venue's midnight pass: its orders of the day end, and it tells them no longer."""
        self.counter.clock.advance(timedelta(hours=16).total_seconds())
        with self.venue.change() as state:
            state["orders"] = []


def steps(remedy: str) -> Iterator[tuple[str, str]]:
    """What a remedy tells to do: the words before each command, and the command without ``tradewright``."""
    end = 0
    for found in _COMMAND.finditer(remedy):
        yield remedy[end : found.start()], found[1].strip()
        end = found.end()


@contextmanager
def desk(folder: Path, mode: Mode = Mode.PAPER) -> Iterator[Desk]:
    """A desk of its own; nothing shortens a wait, for the clock moves by what is waited.

    In live mode the account keeps the name that the venue of the tests gives it.
    """
    root = folder / "data"
    root.mkdir()
    world = World(ledger_url(root), folder / "venue.db")
    world.ledger.close()
    world.mode, world.ledger = mode, Ledger.create(world.url, world.clock, busy_seconds=1, mode=mode)
    world.proposer.ledger = world.ledger
    counter = Counter(world, root)

    def broker(_house: Container) -> Broker:
        return PricedBroker(counter)

    def composed(overrides: tuple[str, ...]) -> Settings:
        if overrides not in _composed:
            _composed[overrides] = real(overrides)
        return _composed[overrides]

    real = compose.compose_without_strategy
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Container, "clock", world.clock)
        patch.setattr(Container, "broker", property(broker))
        patch.setattr(Container, "reading_broker", broker)
        patch.setattr(compose, "compose_without_strategy", composed)
        stage: tuple[str, ...] = ("stage=paper",)
        if mode is Mode.LIVE:
            patch.setattr(plugin, "account_problems", lambda *_args: ())
            stage = ("stage=live_small", "broker.port=4001")
        named = (f"mode={mode}", *stage, "broker=ibkr", f"broker.account={ACCOUNT}", "universe=us_equities")
        bars = ("universe.instruments=[AAPL]", "universe.timeframe=1m", "universe.base_timeframe=1m")
        yield Desk(counter, (f"storage.root={root}", *named, *bars))
    world.close()
