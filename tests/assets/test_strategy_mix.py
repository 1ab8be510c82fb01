"""Strategies side by side in Dagster: their days, their correlation, suggested weights (R-PORT-03 to R-PORT-06)."""

from __future__ import annotations

import shutil
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from assets.research.definitions import research_definitions
from assets.research.strategy_mix import (
    CORRELATION,
    HISTORY,
    MIX_JOB,
    WEIGHTS,
    make_correlation,
    make_performance,
    make_weights,
)
from conf.compose import compose
from runtime.container import Container
from strategies.documents import LIBRARY
from tests.support.houses import House, stock
from tradewright.evaluation.compact_tables import HEADERS, MOST_BYTES

SPAN = ("backtest.timeframe=1d", "feed.days_1d=60")


def artefacts(house: House) -> Any:
    return Container(compose(house.overrides)).artefacts


def test_days_grow_and_what_follows_from_them_adds_up(house: House, instance: dg.DagsterInstance) -> None:
    """One strategy that needs more bars than there are is left out, is told of, and stops no other."""
    folder = house.conf / "strategy"
    for path in folder.glob("*.yaml"):
        if path.stem != "buy_and_hold":
            path.unlink()
    shutil.copy(LIBRARY / "ma_crossover.yaml", folder)
    text = (LIBRARY / "rsi_pullback.yaml").read_text().replace("trend: {value: 100", "trend: {value: 1000")
    (folder / "rsi_pullback.yaml").write_text(text.replace("trend: [50, 100, 200]", "trend: [1000]"))
    small = House(house.conf, house.root, (*house.more, *SPAN, "strategy=buy_and_hold"))
    stock(small)

    def run(*more: str) -> dict[str, tuple[bool, str]]:
        job = research_definitions((*small.overrides, *more)).resolve_job_def(MIX_JOB)
        done = job.execute_in_process(instance=instance)
        checks = done.get_asset_check_evaluations()
        return {each.check_name: (each.passed, str(each.metadata["problems"].value)) for each in checks}

    found = run("backtest.end=2026-11-10", "backtest.shared.max_weight=0.5")
    assert {name: passed for name, (passed, _) in found.items()} == {
        "one_row_a_day": False, "symmetric": True, "sum_to_one": True, "within_its_size": False,
    }  # fmt: skip
    assert "rsi_pullback: strategy rsi_pullback: it needs 1000 bars of BTC" in found["one_row_a_day"][1]
    assert "rsi_pullback: strategy rsi_pullback" in found["within_its_size"][1]
    kept = artefacts(small)
    text = kept.read_json(("llm_tables",))["text"]
    assert len(text.encode()) <= MOST_BYTES
    assert [line for line in text.splitlines() if line.startswith("#")] == [f"# {each}" for each in HEADERS]
    assert text.count("\nbuy_and_hold|") == text.count("\nma_crossover|") == len(HEADERS)
    before: pd.DataFrame = kept.read_frame(HISTORY)
    assert set(before["strategy"]) == {"buy_and_hold", "ma_crossover"}
    assert before["day"].max() == pd.Timestamp("2026-11-10", tz="UTC")
    told: pd.DataFrame = kept.read_frame((CORRELATION, "matrix"))
    np.testing.assert_array_equal(told.to_numpy(), told.to_numpy().T)
    assert (np.diag(told) == 1.0).all()
    for way in kept.read_json((WEIGHTS, "suggestion")).values():
        assert abs(sum(way.values()) - 1.0) < 1e-9
        assert all(0.0 <= each <= 0.5 + 1e-9 for each in way.values())
    run("backtest.end=2026-11-12")
    after: pd.DataFrame = artefacts(small).read_frame(HISTORY)
    grown = after.groupby("strategy").size() - before.groupby("strategy").size()
    assert set(grown) == {2}
    pd.testing.assert_frame_equal(
        after[after["day"] < "2026-11-10"].reset_index(drop=True),
        before[before["day"] < "2026-11-10"].reset_index(drop=True),
    )


def test_without_strategies_there_is_nothing_to_say_and_no_error(house: House) -> None:
    settings = compose((*house.overrides, "strategy=buy_and_hold"))
    for made in (make_performance(settings, {}), make_correlation(settings), make_weights(settings)):
        assert made.check_results
