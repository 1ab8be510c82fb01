"""Settings to venues: how old a simulated quote is, and what a wrong strategy file may stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from conf.compose import compose, compose_without_strategy
from conf.composition import NO_STRATEGY
from conf.problems import ConfigProblems
from conf.schema.settings import Settings
from runtime import feeds, trading
from runtime.container import Container
from tests.execution.counter import table
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.broker import Quote
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode
from tradewright.store.latest_quotes import FILE

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)


def stored(settings: Settings, close: float) -> ManualClock:
    clock = ManualClock(NOW)
    start = int((NOW - timedelta(hours=2)).timestamp()) * 10**9
    frame = table([start, start + 60 * 10**9], [close, close])
    Container(settings, clock).bar_store.upsert("BTC", Timeframe.M1, BarKind.TRADE, frame)
    return clock


def test_a_quote_is_as_old_as_its_bar(tmp_path: Path) -> None:
    """Bars from files: a simulated venue must not make a price of hours ago look fresh."""
    settings = compose([f"storage.root={tmp_path}", "feed=files"])
    (quote,) = Container(settings, stored(settings, 50_000.0)).newest_quotes().values()
    assert quote.time == NOW - timedelta(hours=2) + timedelta(minutes=2)
    assert (quote.bid, quote.last, quote.ask) == (Decimal(49_995), Decimal(50_000), Decimal(50_005))


def test_a_scenario_that_stands_quotes_its_last_close_for_ever(tmp_path: Path) -> None:
    settings = compose([f"storage.root={tmp_path}"])
    (quote,) = Container(settings, stored(settings, 50_000.0)).newest_quotes().values()
    assert quote.time == NOW


def test_a_quote_is_at_least_two_ticks_wide(tmp_path: Path) -> None:
    settings = compose([f"storage.root={tmp_path}"])
    (quote,) = Container(settings, stored(settings, 0.5)).newest_quotes().values()
    assert quote.bid is not None
    assert quote.ask is not None
    assert quote.ask - quote.bid == Decimal("0.02")


SECOND = timedelta(seconds=1)
CLOSED = NOW - timedelta(hours=2) + timedelta(minutes=2)
"""When the newest stored bar closed."""


@pytest.mark.parametrize(
    ("bid", "ask", "is_taken"),
    [
        (("49990", NOW), ("50010", NOW), True),
        (("49990", CLOSED), ("50010", CLOSED), True),
        (("49990", CLOSED - SECOND), ("50010", NOW), False),
        (("49990", NOW), ("50010", NOW + SECOND), False),
        (("49990", NOW + SECOND), ("50010", NOW + SECOND), False),
        (("50010", NOW), ("49990", NOW), False),
        (("49990", NOW), (None, None), False),
    ],
    ids=["new", "as new as the close", "one side older", "one side to come", "to come", "crossed", "one side"],
)
def test_a_streamed_quote_stands_before_the_close_where_both_sides_are_no_older(
    tmp_path: Path,
    bid: tuple[str, datetime],
    ask: tuple[str | None, datetime | None],
    is_taken: bool,
) -> None:
    settings = compose([f"storage.root={tmp_path}", "feed=files"])
    house = Container(settings, stored(settings, 50_000.0))
    streamed = Quote(instrument="BTC", bid=bid[0], bid_time=bid[1], ask=ask[0], ask_time=ask[1])
    house.latest_quotes.put([streamed, streamed.model_copy(update={"instrument": "NOPE"})])
    (quote,) = house.newest_quotes().values()
    assert (quote == streamed) is is_taken
    assert is_taken or quote.bid == Decimal(49_995)


def test_quotes_that_cannot_be_read_leave_the_close(tmp_path: Path) -> None:
    settings = compose([f"storage.root={tmp_path}", "feed=files"])
    house = Container(settings, stored(settings, 50_000.0))
    (tmp_path / FILE).write_text("no database")
    (quote,) = house.newest_quotes().values()
    assert quote.bid == Decimal(49_995)


WRONG = ("fast: [", "kind: nonsense\n", "", "- a list\n", "kind: sma_crossover\nfast: -1\n")


@pytest.mark.parametrize("text", WRONG)
def test_the_desk_composes_without_a_strategy_whatever_its_file_says(conf_copy: Path, text: str) -> None:
    for path in (conf_copy / "strategy").glob("*.yaml"):
        path.write_text(text)
    overrides = ("base.seed=7", "strategy.fast=3")
    settings = compose_without_strategy(overrides, conf_copy)
    assert settings.base.seed == 7
    assert settings.strategy.name == NO_STRATEGY["name"]
    with pytest.raises(ConfigProblems):
        compose(overrides, conf_copy)


def test_a_sound_strategy_is_kept_at_the_desk() -> None:
    assert compose_without_strategy(("strategy=macd_trend",)) == compose(("strategy=macd_trend",))


def test_what_is_wrong_elsewhere_is_said_under_the_chosen_strategy(conf_copy: Path) -> None:
    path = conf_copy / "risk" / "default.yaml"
    path.write_text(path.read_text().replace("allow_short: false", "allow_short: perhaps"))
    with pytest.raises(ConfigProblems, match=r"risk/default\.yaml:2"):
        compose_without_strategy((), conf_copy)


def test_each_sender_has_a_name_of_its_own() -> None:
    assert trading.holder() != trading.holder()


def test_live_trading_needs_the_account_by_name() -> None:
    settings = compose(["mode=paper", "broker=ibkr", "broker.account=DU1", "broker.port=4002"])
    told = trading.sender_settings(Container(settings), "DU1", "me")
    assert (told.mode, told.problems, told.live_account) == (Mode.PAPER, (), "DU1")
    told.check(Mode.PAPER)


def test_the_gateways_bars_need_the_gateway() -> None:
    with pytest.raises(ConfigError, match="feed=ibkr needs broker=ibkr"):
        feeds.feed(Container(compose(["feed=ibkr", "feed.remote_providers=enabled"]), ManualClock(NOW)))
