"""The study of a shared account: its report, its members, and what it tells of itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strategies.equal_weight import EqualWeight
from tests.backtest.conftest import random_bars
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import UTC_DAYS, BacktestSpec, Sessions
from tradewright.evaluation.charts import LINES, weights_figure
from tradewright.evaluation.finding import TOGETHER
from tradewright.evaluation.shared_study import shared_study
from tradewright.evaluation.study import MetricsConfig, StudyResult
from tradewright.evaluation.trial_count import TrialCount
from tradewright.fills.costs import BpsCosts
from tradewright.model.allocation import Rebalance

BARS = {"A": random_bars(1, 90), "B": random_bars(2, 90).head(50), "C": random_bars(3, 90)}
SPECS = dict.fromkeys(BARS, BacktestSpec(costs=BpsCosts(10.0)))


def studied(folder: Path) -> StudyResult:
    return shared_study(
        EqualWeight(),
        BARS,
        SPECS,
        SharedAccount(cash_buffer=0.02),
        MetricsConfig(),
        folder,
        count=lambda _: TrialCount(),
    )


def test_the_members_gains_are_the_account_s_and_an_end_is_told(tmp_path: Path) -> None:
    done = studied(tmp_path)
    gains = sum(result.equity[-1] - result.initial_cash for result in done.results.values())
    assert gains == pytest.approx(done.account.equity[-1] - done.account.initial_cash, abs=1e-6)
    account = done.account
    np.testing.assert_allclose(account.equity, account.cash + account.position * account.bars.close, rtol=1e-12)
    assert len(account.fills) == sum(len(result.fills) for result in done.results.values()) > 6
    assert done.results["B"].position[-1] == 0.0
    (ended,) = [row for name, row in done.report.findings() if row.code == "INSTRUMENT_ENDED" and name == TOGETHER]
    assert ended.message.startswith("B ended on 1970-02-19, before the last bar of all")
    assert done.report.plain()["instruments"] == 3


def test_the_weights_and_the_cash_make_the_account(tmp_path: Path) -> None:
    done = studied(tmp_path)
    figure = done.report.drawings["Weights over time, as shares of the account's equity"]()
    assert figure is not None
    assert [line.name for line in figure.data] == ["A", "B", "C"]
    total = np.sum([line.y for line in figure.data], axis=0)
    np.testing.assert_allclose(total + done.account.cash / done.account.equity, 1.0, atol=1e-12)
    assert 0.9 < total[-1] <= 1.0
    assert figure.data[1].y[40] > 0.2
    assert not np.any(figure.data[1].y[49:]), "it ended"
    assert "Weights over time" in done.report.html()


def test_an_account_over_different_hours_is_that_of_its_rows(tmp_path: Path) -> None:
    """As if every bar began with its row; each instrument keeps the times of its own bars."""
    hour = 3_600 * 10**9
    mixed = {name: table._replace(ts=table.ts + n * 4 * hour) for n, (name, table) in enumerate(BARS.items())}
    hours = {name: Sessions(name, UTC_DAYS.dates, lambda ts: ts + 10 * hour) for name in mixed}
    specs = {name: replace(SPECS[name], sessions=hours[name]) for name in mixed}
    account = SharedAccount(cash_buffer=0.02)
    done = shared_study(EqualWeight(), mixed, specs, account, MetricsConfig(), tmp_path)
    plain = studied(tmp_path)
    np.testing.assert_array_equal(done.account.bars.ts, BARS["A"].ts)
    for name in ("equity", "cash", "fills", "trades"):
        np.testing.assert_array_equal(getattr(done.account, name), getattr(plain.account, name))
    assert done.metrics == plain.metrics
    for name, result in done.results.items():
        np.testing.assert_array_equal(result.bars.ts, mixed[name].ts)
        np.testing.assert_array_equal(result.fills, plain.results[name].fills)
    figure = done.report.drawings["Weights over time, as shares of the account's equity"]()
    total = np.sum([line.y for line in figure.data], axis=0)
    np.testing.assert_allclose(total + done.account.cash / done.account.equity, 1.0, atol=1e-12)


@pytest.mark.parametrize(("cash", "told"), [(1.0, "in 14 bars, last on "), (100_000.0, "")])
def test_an_allocation_without_an_order_tells_how_often_it_was_asked(tmp_path: Path, cash: float, told: str) -> None:
    specs = dict.fromkeys(BARS, BacktestSpec(cash=cash))
    account = SharedAccount(rebalance=Rebalance.WEEK)
    done = shared_study(EqualWeight(), BARS, specs, account, MetricsConfig(), tmp_path)
    found = [row.message for _, row in done.report.findings() if row.code == "NO_TRADES"]
    assert len(found) == bool(told)
    assert all(told in message and "the parts came to less than one lot" in message for message in found)


def test_many_instruments_share_a_line(tmp_path: Path) -> None:
    bars = {f"X{place}": random_bars(place, 60) for place in range(9)}
    specs = dict.fromkeys(bars, BacktestSpec())
    done = shared_study(EqualWeight(), bars, specs, SharedAccount(), MetricsConfig(), tmp_path)
    figure = weights_figure(done.results, done.account)
    assert figure is not None
    assert len(figure.data) == len(LINES)
    assert figure.data[-1].name == "4 others"
    np.testing.assert_allclose(np.sum([line.y for line in figure.data], axis=0)[-1], 1.0, atol=0.02)


def test_a_stored_run_is_the_same_and_a_damaged_one_is_made_anew(tmp_path: Path) -> None:
    first, again = studied(tmp_path), studied(tmp_path)
    assert (first.used_cache, again.used_cache) == (False, True)
    assert again.cache_key == first.cache_key
    assert again.account.equity.tobytes() == first.account.equity.tobytes()
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    damaged = studied(tmp_path)
    assert not damaged.used_cache
    assert damaged.metrics == first.metrics
