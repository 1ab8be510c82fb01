"""The real thing: ``make dev`` with its daemon and the gateway simulator, and two racing instances of Dagster."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from conf.compose import compose
from conf.environment import SOURCE
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from tests.support.chromium import until
from tests.support.dagster_told import told
from tests.support.houses import COMMAND, House, conf_copy, free_port, start, stock, stop
from tradewright.model.decision import Verdict
from tradewright.model.order import OrderTerms, Side

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
PATIENCE = 900
"""Seconds for what is awaited, and costs nothing where it comes at once: a loaded machine starts a process slowly."""
BUY = OrderTerms(instrument="BTC", side=Side.BUY, quantity=Decimal("0.01"))
SIZES = ("0.01", "0.011", "0.012")
DAEMON = """
import json, sys
import dagster as dg
from assets.execution.definitions import execution_definitions
definitions = execution_definitions(sys.argv[1:])
sensor, job = definitions.resolve_sensor_def("approved_orders"), definitions.resolve_job_def("send_orders")
runs = []
with dg.DagsterInstance.ephemeral() as home:
    print("ready", flush=True)
    sys.stdin.readline()
    while requests := sensor.evaluate_tick(dg.build_sensor_context(instance=home)).run_requests:
        config = requests[0].run_config
        runs.append(job.execute_in_process(instance=home, run_config=config, raise_on_error=False).success)
print(json.dumps(runs))
"""
"""What a daemon does: it looks, and it runs what it is shown, until there is nothing to be shown."""


def executions(settings: Settings) -> list[Decimal]:
    with Container(settings).ledger as ledger:
        return [row.quantity for row in ledger.executions.all()]


def await_execution(settings: Settings, running: subprocess.Popen[str], home: Path, log: Path) -> None:
    """Wait until the ledger holds one; says what Dagster did when its program has ended, or none ever comes."""
    with Container(settings).ledger as ledger:

        def look() -> bool:
            assert running.poll() is None, "make dev has ended"
            return bool(ledger.executions.all())

        try:
            until(look, "an execution", PATIENCE)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{told(home, log)}") from None


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
        with Container(settings) as opened:
            decision = trading.deciding(opened, lambda decider: decider.submit_intent("k1", BUY))
        assert decision.verdict is Verdict.APPROVE, decision.reasons
        home, log = tmp_path / "home", tmp_path / "dev.log"
        environment = {"DAGSTER_HOME": str(home), "TRADEWRIGHT_OVERRIDES": " ".join(house.overrides)}
        running.append(start(["-m", "app.dev", "--port", str(free_port())], log, environment))
        await_execution(settings, running[-1], home, log)
        assert executions(settings) == [BUY.quantity], told(home, log)
    finally:
        for process in reversed(running):
            stop(process)


def test_two_instances_that_race_send_each_order_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sensor and job of two instances in two processes, on one ledger, at the same moment."""
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(conf_copy(tmp_path)))
    more = ("universe.instruments=[BTC]", "policy.approval_ttl_seconds=600")
    house = House(tmp_path / "conf", tmp_path / "data", more)
    stock(house)
    settings = compose(house.overrides)
    for size in SIZES:
        terms = BUY.model_copy(update={"quantity": Decimal(size)})
        with Container(settings) as opened:
            decision = trading.deciding(opened, lambda decider: decider.submit_intent(size, terms))  # noqa: B023
        assert decision.verdict is Verdict.APPROVE, decision.reasons
    logs = [tmp_path / f"{number}.log" for number in (1, 2)]
    daemons = [instance(house, log) for log in logs]
    try:
        for daemon in daemons:
            assert daemon.stdout is not None
            assert daemon.stdout.readline() == "ready\n"
        runs = together(daemons)
    finally:
        for daemon in daemons:
            stop(daemon)
    assert sorted(executions(settings)) == [Decimal(size) for size in SIZES]
    assert any(runs), "one of them at least has run the batch"
    assert all(all(each) for each in runs), "a run whose orders another actor has taken is no failure"
    with Container(settings).ledger as ledger:
        assert [attempt.state.value for attempt in ledger.attempts.all()] == ["FILLED"] * len(SIZES)
        assert ledger.audit.verify_chain()


def instance(house: House, log: Path) -> subprocess.Popen[str]:
    """A process that loads everything, says so, and waits for a line."""
    with log.open("w") as errors:
        return subprocess.Popen(
            [sys.executable, "-c", DAEMON, *house.overrides],
            cwd=SOURCE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip


def together(daemons: list[subprocess.Popen[str]]) -> list[list[bool]]:
    """Let them go at once, and gather whether each of their runs succeeded."""
    for daemon in daemons:
        assert daemon.stdin is not None
        daemon.stdin.write("go\n")
        daemon.stdin.flush()
    return [json.loads(daemon.communicate(timeout=PATIENCE)[0]) for daemon in daemons]
