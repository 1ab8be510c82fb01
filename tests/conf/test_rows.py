"""Rows R-CFG of the requirements that no other test shows, each with what breaks it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest

from brokers.ibkr.contracts import venue_name
from conf.compose import compose, examine
from conf.schema.settings import Settings
from runtime import feeds, trading
from runtime.container import Container
from tradewright.model.bars import Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.instrument import AssetClass
from tradewright.model.mode import Mode

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
LIVE = ("stage=live_small", "broker=ibkr", "broker.account=U1", "broker.port=4001")


@cache
def composed(*overrides: str) -> Settings:
    return compose(overrides)


def broken(override: str) -> tuple[str, str]:
    """Key and value of the first problem."""
    found = examine([override])[1]
    return found[0].key, found[0].value


@pytest.mark.parametrize(("name", "more"), [("sim", ()), ("paper", ("broker=ibkr",)), ("live", LIVE)])
def test_cfg_01_three_modes_by_one_setting(name: str, more: tuple[str, ...]) -> None:
    assert composed(f"mode={name}", *more).mode.name is Mode(name)
    assert composed().mode.name is Mode.SIM


@pytest.mark.parametrize("name", ["SIM", "demo", "''", "real"])
def test_cfg_01_there_is_no_fourth(name: str) -> None:
    assert broken(f"mode={name}") == ("mode", name.strip("'"))


def test_cfg_02_one_path_and_two_venues() -> None:
    """The session is made by one function; what it is made of differs by the venue alone."""
    sim, paper = composed(), composed("mode=paper", "broker=ibkr")
    assert Container(sim).limits == Container(paper).limits
    assert trading.protocol_times(sim) == trading.protocol_times(paper)
    assert Container(sim).strategy.parameters() == Container(paper).strategy.parameters()
    assert Container(paper, ManualClock(NOW)).broker.venue == "ibkr"
    assert broken("mode=paper")[0] == "broker.kind"


@pytest.mark.parametrize("group", ["broker", "strategy", "risk", "policy", "observability", "mode", "feed", "stage"])
def test_cfg_03_a_group_that_is_left_out_is_missing(group: str) -> None:
    assert composed().model_dump()[group]
    assert broken(f"~{group}") == (group, "")


@pytest.mark.parametrize(
    ("name", "key", "good", "bad"),
    [
        ("DATA_REMOTE_PROVIDERS", "feed.remote_providers", "enabled", "on"),
        ("TZ", "base.tz", "Asia/Jerusalem", "Jerusalem/Asia"),
    ],
)
def test_cfg_04_06_flags_of_the_environment(
    name: str, key: str, good: str, bad: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, good)
    feed = ("feed=ibkr",)  # the only one that reaches beyond this machine
    node: object = compose(feed)
    for part in key.split("."):
        node = getattr(node, part)
    assert str(node) == good
    monkeypatch.setenv(name, bad)
    assert [(row.key, row.value) for row in examine(feed)[1]] == [(key, bad)]


def test_cfg_04_places_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert composed().storage.cache_dir is None
    monkeypatch.setenv("DATA_CACHE_DIR", "/fast")
    monkeypatch.setenv("POSTGRES_URL", "postgresql+psycopg2://localhost/x")
    storage = compose(["storage=postgres"]).storage
    assert storage.ledger_url is not None
    assert (storage.cache_dir, storage.ledger_url.get_secret_value()) == ("/fast", "postgresql+psycopg2://localhost/x")


@pytest.mark.parametrize("override", ["broker.timeout_s=soon", "broker.port=0", "~broker.host", "broker.client_id=1.5"])
def test_cfg_09_settings_are_typed_and_whole(override: str) -> None:
    settings, found = examine(["mode=paper", "broker=ibkr", override])
    assert settings is None
    assert found[0].key == override.strip("~").partition("=")[0]


@pytest.mark.parametrize(
    ("symbol", "kind", "venue"),
    [
        ("BTC", AssetClass.CRYPTO, "BTC"),
        ("ETH", AssetClass.CRYPTO, "ETH"),
        ("AAPL", AssetClass.STOCK, "AAPL"),
        ("NAS100", AssetClass.CFD, "IBUST100"),
        ("XAUUSD", AssetClass.METAL, "XAUUSD"),
    ],
)
def test_cfg_12_13_the_five_instruments_have_all_that_an_order_needs(symbol: str, kind: AssetClass, venue: str) -> None:
    traded = Container(composed()).instrument(symbol)
    assert (traded.asset_class, traded.currency) == (kind, "USD")
    assert min(traded.tick_size, traded.lot_size, traded.multiplier) > 0
    assert venue_name(traded).symbol == venue


@pytest.mark.parametrize(
    "override",
    [
        "instruments.AAPL.asset_class=share",
        "instruments.AAPL.tick_size=0",
        "+instruments.NAS100.currency=dollars",
        "instruments.AAPL.lot_size=-1",
        "+instruments.AAPL.multiplier=many",
        "~instruments.AAPL.asset_class",
    ],
)
def test_cfg_13_an_instrument_that_cannot_be_is_refused(override: str) -> None:
    assert broken(override)[0] == override.strip("+~").partition("=")[0]


def test_cfg_14_the_timeframes() -> None:
    known = ["1m", "5m", "15m", "30m", "1h", "2h", "4h", "1d", "1w", "1mo"]
    assert [item.value for item in Timeframe] == known
    for item in Timeframe:
        chosen = composed(f"backtest.timeframe={item.value}", f"universe.timeframe={item.value}")
        assert (chosen.backtest.timeframe, chosen.universe.timeframe) == (item, item)


@pytest.mark.parametrize("name", ["2m", "1D", "1M", "60", "2w", "''"])
@pytest.mark.parametrize("key", ["backtest.timeframe", "universe.timeframe", "universe.base_timeframe"])
def test_cfg_14_no_other_timeframe(key: str, name: str) -> None:
    assert broken(f"{key}={name}") == (key, name.strip("'"))


@pytest.mark.parametrize(
    "override",
    [
        "observability.log_retention_days=0",
        "observability.log_retention_days=14.5",
        "observability.log_level=LOUD",
        "observability.alerts.enabled=1",
        "observability.alerts.channels=mail",
    ],
)
def test_cfg_16_logs_and_alerts_are_declared(override: str) -> None:
    assert broken(override)[0] == override.partition("=")[0]


def test_cfg_21_the_seed_makes_the_bars_and_is_part_of_the_hash() -> None:
    def closes(settings: Settings) -> list[float]:
        made = feeds.scenario(settings, NOW).fetch(Container(settings).instrument("BTC"), Timeframe.D1, None)
        return [float(value) for value in made["close"][:5]]

    first, again, other = composed(), composed("base.seed=20261120"), composed("base.seed=7")
    assert closes(first) == closes(again) != closes(other)
    assert first.config_hash == again.config_hash != other.config_hash
    assert broken("base.seed=-1") == ("base.seed", "-1")
    assert broken("base.seed=1.5") == ("base.seed", "1.5")
