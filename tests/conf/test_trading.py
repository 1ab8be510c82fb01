"""Settings to venues: how old a simulated quote is, and what a wrong strategy file may stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from conf import build, trading
from conf.compose import apart_from_strategies, compose
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from tests.execution.counter import table
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def stored(settings: Settings, close: float) -> ManualClock:
    clock = ManualClock(NOW)
    start = int((NOW - timedelta(hours=2)).timestamp()) * 10**9
    frame = table([start, start + 60 * 10**9], [close, close])
    build.bar_store(settings, clock).upsert("BTC", Timeframe.M1, BarKind.TRADE, frame)
    return clock


def test_a_quote_is_as_old_as_its_bar(tmp_path: Path) -> None:
    """Bars from files: a simulated venue must not make a price of hours ago look fresh."""
    settings = compose([f"storage.root={tmp_path}", "feed=files"])
    (quote,) = trading.newest_quotes(settings, stored(settings, 50_000.0)).values()
    assert quote.time == NOW - timedelta(hours=2) + timedelta(minutes=2)
    assert (quote.bid, quote.last, quote.ask) == (Decimal(49_995), Decimal(50_000), Decimal(50_005))


def test_a_scenario_that_stands_quotes_its_last_close_for_ever(tmp_path: Path) -> None:
    settings = compose([f"storage.root={tmp_path}"])
    (quote,) = trading.newest_quotes(settings, stored(settings, 50_000.0)).values()
    assert quote.time == NOW


def test_a_quote_is_at_least_two_ticks_wide(tmp_path: Path) -> None:
    settings = compose([f"storage.root={tmp_path}"])
    (quote,) = trading.newest_quotes(settings, stored(settings, 0.5)).values()
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.ask - quote.bid == Decimal("0.02")


def test_another_strategy_stands_in_for_a_wrong_one(conf_copy: Path) -> None:
    assert apart_from_strategies(("base.seed=7",), conf_copy) == ("base.seed=7",)
    path = conf_copy / "strategy" / "sma_crossover.yaml"
    path.write_text(path.read_text() + "fast: 11\n")
    named = apart_from_strategies(("base.seed=7",), conf_copy)
    assert named == ("base.seed=7", "strategy=buy_and_hold")
    assert compose(named, conf_copy).base.seed == 7
    with pytest.raises(ConfigProblems, match=r"sma_crossover\.yaml"):
        compose((), conf_copy)


def test_what_is_wrong_elsewhere_is_said_under_the_chosen_strategy(conf_copy: Path) -> None:
    path = conf_copy / "risk" / "default.yaml"
    path.write_text(path.read_text().replace("allow_short: false", "allow_short: perhaps"))
    with pytest.raises(ConfigProblems, match=r"risk/default\.yaml:2"):
        apart_from_strategies((), conf_copy)


def test_each_sender_has_a_name_of_its_own() -> None:
    assert trading.holder() != trading.holder()


def test_live_trading_needs_the_account_by_name() -> None:
    settings = compose(["mode=paper", "broker=ibkr", "broker.account=DU1", "broker.port=4002"])
    told = trading.sender_settings(settings, "DU1", "me")
    assert (told.mode, told.port, told.live_account) == (Mode.PAPER, 4002, "DU1")
    told.check()


def test_the_gateways_bars_need_the_gateway() -> None:
    with pytest.raises(ConfigError, match="feed=ibkr needs broker=ibkr"):
        trading.ibkr_feed(compose(["broker=sim"]), ManualClock(NOW))
