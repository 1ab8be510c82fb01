"""Certificates: figures of the real engine, limits that bite, one text for one strategy, and what it cannot run on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from conf.environment import SOURCE
from conf.scenarios import scenarios
from strategies.base import BaseAllocation, BaseStrategy
from strategies.buy_and_hold import BuyAndHold
from strategies.equal_weight import EqualWeight
from strategies.pairs import Pairs
from strategies.sma_crossover import SmaCrossover
from tests.scenarios.support import document
from tradewright.backtest.engine import run
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.sizing import FixedCash, FixedUnits, PercentEquity, RiskPerTrade, TargetPercent
from tradewright.backtest.spec import BacktestSpec
from tradewright.evaluation.certificate import FIGURES, CertificateRow, ScenarioCertificate, beside
from tradewright.fills.costs import BpsCosts, MakerTaker, PerShareCosts
from tradewright.fills.slippage import SpreadImpact, VolSlippage
from tradewright.model.bars import PriceView, Timeframe
from tradewright.model.certify_limits import CertifyLimits, DeclaredLimits
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.hashing import canonical_json
from tradewright.research.bars import InstrumentBars
from tradewright.research.certify import Subject, certify, synthetic_instrument
from tradewright.research.terms_in_words import terms_in_words
from tradewright.scenarios.document import ScenarioDocument
from tradewright.scenarios.market import generate

NAMED = {each.id: each for each in scenarios(folder=SOURCE / "conf")}
WIDE = CertifyLimits(max_loss=1.0, max_drawdown=1.0, max_turnover=1_000.0, max_time_in_market=1.0)
SPEC = BacktestSpec(sizing=PercentEquity(0.9), lot_size=0.001, close_at_end=True)


def terms(item: InstrumentBars) -> BacktestSpec:
    return replace(SPEC, secondary=item.secondary, actions=item.actions)


def made(
    strategy: BaseStrategy | BaseAllocation,
    *documents: ScenarioDocument,
    limits: CertifyLimits = WIDE,
    timeframe: Timeframe | None = None,
    prices: PriceView = PriceView.TOTAL_RETURN,
    shared: SharedAccount | None = None,
    ahead: tuple[str, ...] = (),
) -> ScenarioCertificate:
    subject = Subject("mine", strategy, {}, timeframe)
    return certify(subject, documents, terms, limits, currency="USD", look_ahead=ahead, prices=prices, shared=shared)


def figures(certificate: ScenarioCertificate, scenario: str) -> dict[str, float]:
    return {row.figure: row.value for row in certificate.rows if row.scenario == scenario}


def test_the_figures_are_those_of_the_engine() -> None:
    given = NAMED["scenario_flash_crash"]
    done = made(BuyAndHold(), given)
    result = run(BuyAndHold(), generate(given)[0].bars, SPEC)
    equity = np.concatenate([[100_000.0], result.equity])
    found = figures(done, given.id)
    assert list(found) == list(FIGURES)
    assert found["max_loss"] == max(0.0, 1 - equity[-1] / 100_000.0)
    assert found["max_drawdown"] == pytest.approx((1 - equity / np.maximum.accumulate(equity)).max())
    traded = np.abs(result.fills["quantity"] * result.fills["price"]).sum()
    assert found["max_turnover"] == pytest.approx(traded / result.equity.mean())
    assert found["max_time_in_market"] == np.count_nonzero(result.position) / 2000
    (told,) = done.scenarios
    assert (told.scenario_hash, told.seed, told.bars, told.trades) == (given.scenario_hash, 201, 2000, 1)


LIMITS: list[tuple[str, float]] = [
    ("max_loss", 0.1), ("max_drawdown", 0.3), ("max_turnover", 0.5), ("max_time_in_market", 0.5),
]  # fmt: skip


@pytest.mark.parametrize(("name", "limit"), LIMITS)
def test_each_limit_fails_its_own_row_alone(name: str, limit: float) -> None:
    given = NAMED["scenario_slow_bleed"]
    done = made(BuyAndHold(), given, limits=WIDE.model_copy(update={name: limit}))
    assert not done.passed
    (row,) = done.failed
    assert (row.scenario, row.figure, row.limit) == (given.id, name, limit)
    assert row.value > limit
    at = made(BuyAndHold(), given, limits=WIDE.model_copy(update={name: row.value}))
    assert at.passed, "a figure that is equal to its limit is within it"


def test_declared_limits_go_before_the_usual_ones() -> None:
    declared = DeclaredLimits(max_loss=0.1)
    assert declared.over(WIDE) == WIDE.model_copy(update={"max_loss": 0.1})
    assert DeclaredLimits(max_loss=0.0).over(WIDE).max_loss == 0.0


@pytest.mark.parametrize("name", ["max_loss", "max_drawdown"])
def test_a_percentage_is_no_limit(name: str) -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        DeclaredLimits.model_validate({name: 5})


def test_a_certificate_without_a_row_has_not_passed() -> None:
    assert made(BuyAndHold()).passed is False


def test_one_strategy_has_one_text_and_every_part_counts() -> None:
    given = NAMED["scenario_gap_open"]
    plain = made(SmaCrossover(), given)
    assert plain.canonical_json() == made(SmaCrossover(), given).canonical_json()
    others = [
        made(SmaCrossover(fast=11), given),
        made(SmaCrossover(), given.model_copy(update={"seed": 9})),
        made(SmaCrossover(), given, limits=WIDE.model_copy(update={"max_loss": 0.5})),
        made(SmaCrossover(), given, timeframe=Timeframe.D1),
        certify(Subject("mine", SmaCrossover(), {}), [given], lambda item: replace(terms(item), cash=5e4), WIDE,
                currency="USD", look_ahead=()),
    ]  # fmt: skip
    assert len({each.certificate_hash for each in (plain, *others)}) == 6
    assert len({each.identity for each in (plain, *others)}) == 2
    assert len({each.terms for each in (plain, *others)}) == 2


def test_a_text_is_read_back_and_no_other_one() -> None:
    """A package embeds the text: a verdict that its figures do not bear is refused."""
    plain = made(BuyAndHold(), NAMED["scenario_slow_bleed"], limits=WIDE.model_copy(update={"max_loss": 0.1}))
    text = plain.canonical_json()
    assert ScenarioCertificate.restored(text) == plain
    told = json.loads(text)
    failed = next(place for place, row in enumerate(told["rows"]) if not row["passed"])
    rows = [{**row, "passed": True} for row in told["rows"]]
    softer = [{**row, "limit": 1.0, "passed": True} for row in told["rows"]]
    fewer = [row for place, row in enumerate(told["rows"]) if place != failed]
    forged: list[dict[str, object]] = [
        {"passed": True}, {"passed": True, "rows": rows}, {"passed": True, "rows": softer},
        {"passed": True, "rows": fewer}, {"passed": 0}, {"colour": 1}, {"limits": {}}, {"rows": 3},
        {"scenarios": told["scenarios"] * 20},
    ]  # fmt: skip
    for change in forged:
        with pytest.raises(DataError):
            ScenarioCertificate.restored(canonical_json({**told, **change}))
    for other in ("", "[]", "{}", "null", text.replace('"rows"', '"rows" '), text[:-1]):
        with pytest.raises(DataError):
            ScenarioCertificate.restored(other)


def test_a_strategy_that_looks_ahead_never_passes() -> None:
    done = made(BuyAndHold(), NAMED["scenario_halt"], ahead=("feature x knew the future",))
    assert (done.passed, done.failed) == (False, ())
    assert "It looks ahead" in done.page()
    assert ScenarioCertificate.restored(done.canonical_json()) == done


def test_a_follower_of_trends_earns_where_there_is_one_and_storms_hurt_it() -> None:
    """R-BT-26."""
    names = ("scenario_trend_up_mid", "scenario_vol_cluster_low", "scenario_vol_cluster_high")
    done = made(SmaCrossover(), *(NAMED[name] for name in names))
    rising = done.scenarios[0]
    assert (rising.total_return > 0.2, rising.trades > 0) == (True, True)
    low, high = (figures(done, name)["max_drawdown"] for name in names[1:])
    assert high > 2 * low


@pytest.mark.parametrize("prices", [PriceView.RAW, PriceView.TOTAL_RETURN])
def test_a_split_costs_nothing_in_either_view(prices: PriceView) -> None:
    split = document(events=[{"kind": "split", "at": 250, "ratio": 4.0}])
    with_it, without = (made(BuyAndHold(), each, prices=prices).scenarios[0] for each in (split, document()))
    assert with_it.total_return == pytest.approx(without.total_return, abs=1e-4)
    fall = document(events=[{"kind": "gap", "at": 250, "size": -0.75}])
    assert made(BuyAndHold(), fall, prices=prices).scenarios[0].total_return < -0.5, "a real fall of that size does"


def test_a_delisting_loses_what_is_lost() -> None:
    done = made(BuyAndHold(), NAMED["scenario_delisting"])
    assert figures(done, "scenario_delisting")["max_loss"] > 0.8


def test_a_panel_is_traded_whole_and_falls_together() -> None:
    done = made(BuyAndHold(), NAMED["scenario_correlation_to_one"])
    assert done.scenarios[0].instruments == 4
    assert done.scenarios[0].trades == 4
    assert figures(done, "scenario_correlation_to_one")["max_drawdown"] > 0.25


def test_an_allocation_has_series_to_choose_from_and_needs_one_account() -> None:
    done = made(EqualWeight(), NAMED["scenario_halt"], shared=SharedAccount())
    assert done.scenarios[0].instruments == 4
    assert figures(done, "scenario_halt")["max_time_in_market"] > 0.5
    with pytest.raises(ConfigError) as refused:
        made(EqualWeight(), NAMED["scenario_halt"])
    assert refused.value.code == "NEEDS_SHARED_ACCOUNT"


def test_an_instrument_that_is_read_is_a_further_series_of_the_same_market() -> None:
    done = made(Pairs(benchmark="ETH"), NAMED["scenario_mean_revert"])
    assert done.scenarios[0].instruments == 1
    assert done.scenarios[0].trades > 0
    other = made(Pairs(benchmark="BTC"), NAMED["scenario_mean_revert"])
    assert other.scenarios[0].total_return == done.scenarios[0].total_return, "its name is no part of the market"


def test_a_strategy_with_a_timeframe_meets_the_same_moves_on_its_own_bars() -> None:
    given = document()
    own, daily = (made(BuyAndHold(), given, timeframe=each) for each in (None, Timeframe.D1))
    assert (own.scenarios[0].timeframe, daily.scenarios[0].timeframe) == ("1h", "1d")
    assert own.scenarios[0].total_return == daily.scenarios[0].total_return
    assert own.scenarios[0].scenario_hash != daily.scenarios[0].scenario_hash
    weekly = made(BuyAndHold(), given, timeframe=Timeframe.W1)
    assert weekly.scenarios[0].timeframe == "1h", "no scenario has weeks"
    minutes = made(
        BuyAndHold(), *(NAMED[f"scenario_{name}"] for name in ("halt", "weekend_gap")), timeframe=Timeframe.M1
    )
    assert [each.timeframe for each in minutes.scenarios] == ["1m", "1h"], "2,000 minutes hold no weekend"


def test_the_page_tells_the_verdict_every_figure_and_no_address() -> None:
    given = NAMED["scenario_slow_bleed"]
    page = made(BuyAndHold(), given, limits=WIDE.model_copy(update={"max_loss": 0.1})).page()
    assert "Failed" in page
    assert page.count("FAIL ") == 1
    assert "Loss (max 10.0%)" in page
    assert "Time in market (max 100.0%)" in page
    told = made(BuyAndHold(), given).model_copy(update={"parameters": {"fast": 10.0, "stop": 0.06, "of": "SPY"}}).page()
    assert "fast=10, stop=0.06, of=SPY" in told
    assert given.id in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script>" in page
    assert len(page) < 100_000, "no library of charts where there is none"
    assert "Passed" in made(BuyAndHold(), given).page()


def test_a_scenario_without_a_trade_is_named_since_it_tests_no_limit() -> None:
    given = NAMED["scenario_slow_bleed"]
    never = made(SmaCrossover(fast=2_000, slow=3_000), given)
    assert (never.passed, never.idle) == (True, (given.id,))
    assert "Without a trade on 1 of them" in never.page()
    held = made(BuyAndHold(), given)
    assert held.idle == ()
    assert "Without a trade" not in held.page()


@pytest.mark.parametrize(
    ("value", "limit", "told"),
    [(0.0012, 0.001, ("0.12%", "0.10%")), (0.5, 0.25, ("50.0%", "25.0%")), (0.001, 0.001, ("0.1%", "0.1%"))],
)
def test_a_figure_beyond_its_limit_never_reads_as_the_limit(value: float, limit: float, told: tuple[str, str]) -> None:
    row = CertificateRow(scenario="s", figure="max_loss", value=value, limit=limit, passed=value <= limit)
    assert beside(row) == told


def test_the_instrument_of_a_series_divides_finely() -> None:
    made_up: Callable[[str, str], object] = synthetic_instrument
    assert made_up("S1", "EUR") == synthetic_instrument("S1", "EUR")
    assert synthetic_instrument("S1", "EUR").currency == "EUR"


WORDS: list[tuple[BacktestSpec, str, str]] = [
    (BacktestSpec(sizing=PercentEquity(0.1)), "size", "10% of the equity an entry"),
    (BacktestSpec(sizing=FixedUnits(3.0)), "size", "3 units an entry"),
    (BacktestSpec(sizing=FixedCash(10_000.0), currency="EUR"), "size", "10,000 EUR an entry"),
    (BacktestSpec(sizing=TargetPercent(1.0, 0.0025)), "size", "99.75% of the equity an entry, fees included"),
    (BacktestSpec(sizing=RiskPerTrade(0.005)), "size", "so much that the stop loses 0.5% of the equity"),
    (BacktestSpec(), "size", "all of the equity an entry"),
    (BacktestSpec(), "fees", "none"),
    (BacktestSpec(costs=BpsCosts(5.0)), "fees", "0.05% of a fill's value"),
    (BacktestSpec(costs=PerShareCosts(0.005, 1.0, 0.01), currency="USD"), "fees",
     "0.005 USD a unit, at least 1 USD an order, at most 1% of its value"),
    (BacktestSpec(costs=MakerTaker(0.0002, 0.0005)), "fees",
     "0.05% of a fill's value, 0.02% where a resting order fills"),
    (BacktestSpec(slippage=VolSlippage(1.0, 10.0)), "slippage",
     "1 basis points and 10 basis points times the volatility of a bar"),
    (BacktestSpec(slippage=SpreadImpact(0.1)), "slippage",
     "0.5 times the spread and 1000 basis points times the root of the share of the volume"),
    (BacktestSpec(), "slippage", "none"),
    (BacktestSpec(), "fills", "at the open of the bar after the decision"),
    (BacktestSpec(fill_market="next_close", bar_delay=3), "fills", "at the close 3 bars after the decision"),
    (BacktestSpec(fill_market="quote_close", volume_share=0.1), "fills",
     "at bid and ask of the close that decided, at most 10% of a bar's volume"),
    (BacktestSpec(allow_short=True), "shorts", "allowed"),
    (BacktestSpec(cash=5e4, currency="USD"), "cash", "50,000 USD, in equal parts for each series"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "name", "text"), WORDS, ids=lambda each: str(each)[:40])
def test_the_terms_are_told_in_words(spec: BacktestSpec, name: str, text: str) -> None:
    assert terms_in_words(spec, PriceView.RAW, None, is_allocation=False)[name] == text


def test_the_size_of_an_allocation_is_its_weights() -> None:
    said = terms_in_words(BacktestSpec(), PriceView.TOTAL_RETURN, SharedAccount(cash_buffer=0.005), is_allocation=True)
    assert said["size"] == "the weights that it gives"
    assert said["cash"] == "100,000, in one account, 0.5% kept free"


def test_a_certificate_tells_its_terms_and_one_of_before_is_still_read() -> None:
    done = made(SmaCrossover(), NAMED["scenario_halt"])
    assert done.stated["size"] == "90% of the equity an entry"
    assert "90% of the equity an entry" in done.page()
    assert ScenarioCertificate.restored(done.canonical_json()) == done
    older = done.model_copy(update={"stated": {}})
    assert "stated" not in older.content()
    assert ScenarioCertificate.restored(older.canonical_json()) == older
