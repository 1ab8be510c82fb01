"""Ten strategies at the same time: one run backtests each (R-PORT-07)."""

from __future__ import annotations

import shutil

import dagster as dg

from assets.research.definitions import research_definitions
from strategies.documents import LIBRARY
from tests.support.houses import House, stock

NUMBERED = tuple(f"hold_{number}" for number in range(8))


def test_ten_strategies_are_made_in_one_run(house: House, instance: dg.DagsterInstance) -> None:
    folder = house.conf / "strategy"
    text = (folder / "buy_and_hold.yaml").read_text().replace("name: buy_and_hold\n", "")
    for name in NUMBERED:
        (folder / f"{name}.yaml").write_text(text)
    shutil.copy(LIBRARY / "ma_crossover.yaml", folder)
    (folder / "sma_crossover.yaml").unlink()
    small = House(house.conf, house.root, (*house.more, "strategy=buy_and_hold"))
    stock(small)
    names = (*NUMBERED, "buy_and_hold", "ma_crossover")
    assert len(names) == 10
    definitions = research_definitions(small.overrides)
    wanted = [dg.AssetKey(["strategy", name, "backtest"]) for name in names]
    job = definitions.resolve_implicit_global_asset_job_def()
    run = job.execute_in_process(instance=instance, asset_selection=wanted)
    assert run.success
    assert {event.asset_key for event in run.get_asset_materialization_events()} == set(wanted)
