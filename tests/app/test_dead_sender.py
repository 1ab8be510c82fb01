"""A sender killed in the middle of a send, and the commands after it, with the waits of production (A5)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers.ibkr.gateway.server import Gateway
from brokers.ibkr.gateway.thread import GatewayThread
from conf.ledger_place import ledger_url
from tests.app.conftest import say
from tests.execution.processes import run_driver
from tests.support.gateway_broker import ACCOUNT, INSTRUMENTS
from tests.support.ledgers import Proposer
from tradewright.execution.types import ProtocolTimes
from tradewright.ledger.ledger import Ledger
from tradewright.model.clock import SystemClock
from tradewright.model.mode import Mode

pytestmark = [pytest.mark.kill, pytest.mark.slow]
LEASE = ProtocolTimes().lease


@pytest.fixture
def gateway() -> Iterator[GatewayThread]:
    venue = Gateway(INSTRUMENTS, SystemClock(), cash={ACCOUNT: Decimal(100_000)}, seed=7)
    with GatewayThread(venue) as running:
        running.do("quote", symbol="AAPL", last="200")
        yield running


def killed(url: str, port: int, moment: str) -> None:
    """A sender with the lease of production that dies in the middle of a send and leaves the lease behind."""
    venue = ("--account", ACCOUNT, "--broker", "tests.support.gateway_broker:broker", "--argument", str(port))
    times = ("--times", f'{{"settle": 0.05, "lease": {LEASE}}}')
    done = run_driver(
        "tests.execution.kill_driver", ("--ledger", url, "--mode", "paper", *venue, *times, "--die-at", moment)
    )
    assert done.returncode == -signal.SIGKILL, done.stderr


def states(words: tuple[str, ...]) -> list[str]:
    return [row["state"] for row in said("orders", words)["orders"]]


def said(command: str, words: tuple[str, ...], status: int = 0) -> Any:
    answer = say(command, *words, "--json")
    assert answer.status == status, answer.out + answer.err
    return answer.json


@pytest.mark.parametrize("first", ["send", "reconcile"])
def test_the_account_of_a_killed_sender_is_free_at_once_and_its_order_is_found(
    gateway: GatewayThread, tmp_path: Path, first: str
) -> None:
    """The order is at the venue and nobody has heard its answer; no command waits for the lease of the dead."""
    url, port = ledger_url(tmp_path), gateway.gateway.port
    words = (f"storage.root={tmp_path}", "mode=paper", "stage=paper", "broker=ibkr", f"broker.port={port}")
    words += (f"broker.account={ACCOUNT}", "feed=files")
    with Ledger.create(url, SystemClock(), mode=Mode.PAPER) as ledger:
        Proposer(ledger, SystemClock()).order("AAPL")
        killed(url, port, "S5.placed")
        lease = ledger.leases.get(ACCOUNT)
        assert lease is not None
        assert (lease.expires_at - SystemClock().now()).total_seconds() > LEASE / 2, "it still runs"
        assert states(words) == ["SENDING"]
        begun = time.monotonic()
        said(first, words)
        assert time.monotonic() - begun < LEASE / 4
        assert states(words) == ["FILLED"]
        if first == "send":
            assert said("reconcile", words)["problems"] == []
        assert said("send", words) == {"outcomes": [], "stops": [], "problems": []}
        assert [order["filled"] for order in gateway.do("status")["orders"]] == ["10"], "sent once"
        assert ledger.executions.position(ACCOUNT, "AAPL") == 10
