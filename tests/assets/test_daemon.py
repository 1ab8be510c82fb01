"""The real thing: ``make dev`` with its daemon, the gateway simulator as a process, and one approved order."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path

import pytest

from conf import build, trading
from conf.compose import compose
from tests.support.houses import COMMAND, House, conf_copy, free_port, start, stock, stop
from tradewright.model.decision import Verdict
from tradewright.model.order import OrderTerms, Side

PATIENCE = 120
BUY = OrderTerms(instrument="BTC", side=Side.BUY, quantity=Decimal("0.01"))


def executions(house: House) -> list[Decimal]:
    settings = compose(house.overrides)
    with build.ledger(settings, build.clock(settings)) as books:
        return [row.quantity for row in books.executions.all()]


@pytest.mark.slow
def test_the_daemon_sends_an_approved_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = conf_copy(tmp_path, ["buy_and_hold", "sma_crossover"])
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(folder))
    bare = House(folder, tmp_path / "data", ("universe.instruments=[BTC]", "policy.approval_ttl_seconds=600"))
    stock(bare)
    ports = ["--port", "0", "--control-port", "0", "--json"]
    gateway = start([*COMMAND, "gateway", *bare.overrides, *ports], tmp_path / "gateway.log")
    running = [gateway]
    try:
        assert gateway.stdout is not None
        port = json.loads(gateway.stdout.readline())["port"]
        house = House(folder, bare.root, (*bare.more, "mode=paper", "broker=ibkr", f"broker.port={port}"))
        settings = compose(house.overrides)
        decision = trading.in_session(settings, lambda session, _books: session.intend("k1", BUY))
        assert decision.verdict is Verdict.APPROVE, decision.reasons
        environment = {"DAGSTER_HOME": str(tmp_path / "home"), "TRADEWRIGHT_OVERRIDES": " ".join(house.overrides)}
        running.append(start(["-m", "app.dev", "--port", str(free_port())], tmp_path / "dev.log", environment))
        deadline = time.monotonic() + PATIENCE
        while not executions(house) and time.monotonic() < deadline:
            assert running[-1].poll() is None, (tmp_path / "dev.log").read_text()
            time.sleep(0.5)
        assert executions(house) == [BUY.quantity], (tmp_path / "dev.log").read_text()
    finally:
        for process in reversed(running):
            stop(process)
