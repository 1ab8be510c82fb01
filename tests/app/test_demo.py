"""``tradewright demo``, as a newcomer runs it: twice, as a process, and into a folder of its own alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from conf.compose import PROJECT
from tests.app.conftest import say


def demo(folder: Path) -> Mapping[str, Any]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tradewright")), "demo", f"storage.root={folder / 'demo'}", "--json"],
        cwd=PROJECT, env={**os.environ, "DAGSTER_HOME": str(folder / "home")},
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    reply: Mapping[str, Any] = json.loads(done.stdout)
    return reply


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_runs_again_and_again(tmp_path: Path) -> None:
    for _ in range(2):
        reply = demo(tmp_path)
        assert set(reply) >= {
            "bars", "strategies", "intents", "decisions", "orders_sent", "fills", "duplicates", "position_drift",
            "seconds",
        }  # fmt: skip
        assert all(reply["decisions"][verdict] >= 1 for verdict in ("APPROVE", "REVIEW", "REJECT"))
        assert sum(reply["decisions"].values()) == reply["intents"]
        assert (reply["duplicates"], reply["position_drift"]) == (0, 0)
        assert reply["orders_sent"] == reply["fills"] >= 1
        assert reply["bars"] > 10_000
        assert reply["strategies"] == len(list((PROJECT / "conf" / "strategy").glob("*.yaml")))
    root = f"storage.root={tmp_path / 'demo'}"
    orders = say("orders", root, "--json").json["orders"]
    sent = [order for order in orders if order["state"] != "NOT_SENT"]
    assert [order["state"] for order in sent] == ["FILLED"] * reply["orders_sent"]
    (walk,) = say("explain", sent[0]["attempt"]["ref"], root, "--json").json["walks"]
    assert walk["intent"]["provenance"]["config_hash"]
    assert {row["state"] for row in say("doctor", root, "--json").json["findings"]} <= {"good", "look"}
    for name in ("buy_and_hold", "sma_crossover"):
        assert (tmp_path / "demo" / "reports" / f"{name}.html").stat().st_size > 10_000


def test_somebody_elses_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    said = say("demo", f"storage.root={tmp_path}", "--json")
    assert said.status == 1
    assert "no demo made it" in said.json["error"]["what"]
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
