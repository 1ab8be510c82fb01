"""``tradewright demo``, as a newcomer runs it: as a process, and into a folder of its own alone."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app import warmup
from app.operations import demo as demo_module
from app.operations import monitor_view as monitor
from app.operations.demo import run_demo
from app.warmup import compile_all, compiling
from conf.compose import compose
from conf.environment import SOURCE
from conf.strategy_kinds import kinds
from tests.app.conftest import say
from tests.support.extent import runs
from tradewright.model.bars import Bars
from tradewright.model.errors import TradewrightError
from tradewright.model.strategy import Strategy
from tradewright.research.strategy_check import COUNT


def demo(folder: Path) -> Mapping[str, Any]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tradewright")), "demo", f"storage.root={folder / 'demo'}", "--json"],
        cwd=SOURCE, env={**os.environ, "DAGSTER_HOME": str(folder / "home")},
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    reply: Mapping[str, Any] = json.loads(done.stdout)
    assert "mode paper, on the bundled gateway simulator" in done.stderr
    assert "0.5 s between the two looks of a recovery" in done.stderr
    assert [path.name for path in folder.iterdir()] == ["demo"], "nothing was written beside its own folder"
    return reply


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_the_demo_runs_again_and_again(tmp_path: Path) -> None:
    """Once in ``make test``; twice in ``make verify``, which runs ``make demo`` besides."""
    for _ in range(runs(1, 2)):
        reply = demo(tmp_path)
        assert set(reply) >= {
            "bars", "strategies", "intents", "decisions", "orders_sent", "fills", "duplicates", "position_drift",
            "seconds",
        }  # fmt: skip
        assert all(reply["decisions"][verdict] >= 1 for verdict in ("APPROVE", "REVIEW", "REJECT"))
        assert sum(reply["decisions"].values()) == reply["intents"]
        assert (reply["duplicates"], reply["position_drift"]) == (0, 0)
        assert reply["orders_sent"] == reply["fills"] >= 1
        assert reply["package"]["scenarios"] >= 19
        assert (reply["package"]["passed"], reply["package"]["differences"]) == (True, 0)
        assert reply["protective_orders"] >= 2, "a strategy with a stop and a target had its order sent"
        assert reply["settle_seconds"] == 0.5
        assert 0 < reply["seconds"] < 280
        assert reply["bars"] > 10_000
        assert reply["strategies"] == len(list((SOURCE / "conf" / "strategy").glob("*.yaml")))
    root = f"storage.root={tmp_path / 'demo'}"
    at = shlex.split(reply["places"]["orders"].removeprefix("tradewright orders "))
    orders = say("orders", *at, "--json").json["orders"]
    sent = [order for order in orders if order["state"] != "NOT_SENT"]
    states = {order["attempt"]["ref"].count("."): order["state"] for order in sent}
    assert states == {1: "FILLED", 2: "WORKING"}, "the protective orders rest"
    assert len(sent) == reply["orders_sent"] + reply["protective_orders"]
    (walk,) = say("explain", sent[0]["attempt"]["ref"], *at, "--json").json["walks"]
    assert walk["intent"]["provenance"]["config_hash"]
    assert {row["state"] for row in say("doctor", root, "--json").json["findings"]} <= {"good", "look"}
    view = monitor.monitor_view(compose(reply["places"]["lab and monitor"].removeprefix("tradewright serve ").split()))
    assert view.problem == ""
    assert (len(view.orders), len(view.positions)) == (len(sent), reply["fills"])
    assert view.line.startswith("equity 99,"), "of the account that traded"
    for name in ("buy_and_hold", "sma_crossover"):
        assert (tmp_path / "demo" / "reports" / f"{name}.html").stat().st_size > 10_000


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    said = say("demo", f"storage.root={tmp_path}", "--json")
    assert said.status == 1
    assert "no demo made it" in said.json["error"]["what"]
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The overrides under which the demo would have run research; it stops there."""
    seen: list[tuple[str, ...]] = []

    def stop(overrides: tuple[str, ...], *_rest: object) -> None:
        seen.append(overrides)
        raise TradewrightError("that is enough")

    monkeypatch.setattr(demo_module, "run_research", stop)
    return seen


@pytest.mark.parametrize(
    ("given", "settle"), [((), "0.5"), (("execution.settle=5",), "5"), (("execution.acknowledge=9",), "0.5")]
)
def test_what_it_shortens_can_be_set_back(
    tmp_path: Path, heard: list[tuple[str, ...]], given: tuple[str, ...], settle: str
) -> None:
    root = f"storage.root={tmp_path / 'demo'}"
    with pytest.raises(TradewrightError, match="that is enough"):
        run_demo((root, *given), lambda _text: None)
    assert sorted(heard[0]) == sorted({root, f"execution.settle={settle}", *given})


def test_the_process_that_compiles_ends_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when what it accompanies fails; and who waits for it waits for its end."""
    started: list[subprocess.Popen[bytes]] = []
    plain = subprocess.Popen

    def spy(program: list[str], **more: Any) -> subprocess.Popen[bytes]:
        assert program == [sys.executable, "-m", "app.warmup", "alone"]
        started.append(plain([sys.executable, "-c", "import time; time.sleep(60)"], **more))
        return started[-1]

    monkeypatch.setattr(warmup.subprocess, "Popen", spy)
    with pytest.raises(TradewrightError), compiling():
        raise TradewrightError("half way")
    assert started[0].returncode == -9
    with compiling() as wait:
        started[1].kill()
        wait()
        assert started[1].returncode == -9


def test_every_built_in_strategy_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As single runs do it and as sweeps do it; on request, in one account too."""
    ran: list[tuple[str, int]] = []
    swept: list[tuple[str, int]] = []
    shared: list[str] = []

    def sweep(tried: list[Strategy], bars: Bars, _spec: object) -> None:
        swept.extend((each.name, len(bars.ts)) for each in tried)

    def run(tried: Strategy, bars: Bars, _spec: object) -> None:
        ran.append((tried.name, len(bars.ts)))

    monkeypatch.setattr("tradewright.backtest.engine.run", run)
    monkeypatch.setattr("tradewright.backtest.sweep.sweep", sweep)
    monkeypatch.setattr("tradewright.backtest.panel.engine.run_panel", lambda one, *_more: shared.append(one.name))
    compile_all(accounts=False)
    assert ran == swept == [(name, COUNT) for name in kinds().per_instrument]
    assert shared == []
    compile_all()
    assert shared == ["equal_weight", "sma_crossover"]


COMPILES = """
from numba.core import event
from app.warmup import compile_all

class Compilations(event.Listener):
    seen = []
    def on_start(self, started):
        self.seen.append(started.data["dispatcher"].py_func.__qualname__)
    def on_end(self, ended):
        pass

event.register("numba:compile", Compilations())
compile_all()
print(*Compilations.seen)
"""


def test_a_second_process_compiles_nothing() -> None:
    """What installing has kept serves backtests, sweeps and shared accounts of every process that follows."""
    compile_all()
    told = subprocess.run([sys.executable, "-c", COMPILES], cwd=SOURCE, capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
