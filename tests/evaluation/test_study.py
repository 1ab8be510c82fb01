"""A study: equal parts of the cash, one account over all, cached, named by hashes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strategies.buy_and_hold import BuyAndHold
from tests.backtest.conftest import random_bars
from tests.backtest.reference import run_reference
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.finding import ValidityEvidence
from tradewright.evaluation.study import MetricsConfig, StudyResult, study
from tradewright.fills.costs import PercentCosts
from tradewright.model.bar_rules import select
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError, DataError
from tradewright.store.dataset import bars_hash

SPEC = BacktestSpec(cash=10_000.0, costs=PercentCosts(0.002))
ONE, TWO = random_bars(1, 40), random_bars(2, 50)


def made(tables: dict[str, Bars], folder: Path, spec: BacktestSpec = SPEC, **known: object) -> StudyResult:
    specs = dict.fromkeys(tables, spec)
    return study(BuyAndHold(), tables, specs, MetricsConfig(), folder, **known)  # type: ignore[arg-type]


def test_each_instrument_gets_an_equal_part_and_the_account_is_their_sum(tmp_path: Path) -> None:
    done = made({"A": ONE, "B": TWO}, tmp_path)
    alone = [run_reference(BuyAndHold(), bars, replace(SPEC, cash=5_000.0)) for bars in (ONE, TWO)]
    for result, witness in zip(done.results.values(), alone, strict=True):
        assert np.allclose(result.equity, witness.equity, rtol=1e-12)
    assert done.account.initial_cash == 10_000
    assert done.account.equity[-1] == pytest.approx(sum(witness.equity[-1] for witness in alone))
    assert done.metrics.fees == pytest.approx(sum(witness.fills["fee"].sum() for witness in alone))
    assert done.account.orders == 2
    assert [section.instrument for section in done.report.sections][1:] == ["A", "B"]


def test_one_instrument_is_the_whole_account(tmp_path: Path) -> None:
    done = made({"A": ONE}, tmp_path)
    assert done.account is done.results["A"]
    assert done.account.initial_cash == 10_000
    assert done.data_hash == bars_hash(ONE)


def test_a_study_is_kept_and_the_whole_of_it_counts(tmp_path: Path) -> None:
    first = made({"A": ONE}, tmp_path)
    again = made({"A": ONE}, tmp_path)
    assert (first.used_cache, again.used_cache) == (False, True)
    assert first.cache_key == again.cache_key
    assert np.array_equal(first.account.equity, again.account.equity)
    halves = made({"A": ONE, "B": TWO}, tmp_path)
    assert not halves.used_cache
    made({"C": TWO}, tmp_path, replace(SPEC, cash=5_000.0))
    assert made({"A": ONE, "B": TWO}, tmp_path).used_cache


def test_what_changes_a_result_changes_the_hashes(tmp_path: Path) -> None:
    studies = [
        made({"A": ONE}, tmp_path),
        made({"A": TWO}, tmp_path),
        made({"A": ONE, "B": TWO}, tmp_path),
        made({"A": ONE}, tmp_path, replace(SPEC, bar_delay=2)),
    ]
    assert len({each.cache_key for each in studies}) == 4
    assert len({each.data_hash for each in studies}) == 3


def test_a_damaged_cache_is_made_anew(tmp_path: Path) -> None:
    first = made({"A": ONE}, tmp_path)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:-7])
    again = made({"A": ONE}, tmp_path)
    assert not again.used_cache
    assert np.array_equal(first.account.equity, again.account.equity)


def test_evidence_and_facts_reach_the_report(tmp_path: Path) -> None:
    done = made(
        {"A": ONE}, tmp_path, evidence={"A": ValidityEvidence(look_ahead_free=False)}, facts={"config hash": "abc123"}
    )
    assert "abc123" in done.report.html()
    assert any(finding.severity.value == "critical" for _, finding in done.report.findings())


def test_nothing_to_study_and_nothing_to_trade_on(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no instrument"):
        made({}, tmp_path)
    broken = ONE._replace(close=np.where(np.arange(40) == 7, np.nan, ONE.close))
    with pytest.raises(DataError, match="close = nan in bar 7"):
        made({"A": broken}, tmp_path)


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_bars(tmp_path: Path, count: int) -> None:
    """No bar and one bar: no trade, the cash as it was, and no figure that is not a number."""
    tables = {"A": select(ONE, slice(0, count))}
    figures = made(tables, tmp_path).metrics.as_dict()
    assert figures["trades"] == 0
    assert not any(isinstance(value, float) and np.isnan(value) for value in figures.values())
