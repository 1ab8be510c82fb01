"""What the venue and the sender are told in each mode: the numbers of the YAML, and a refusal where they contradict."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from brokers.sim.broker import SimBroker
from conf import trading
from conf.compose import PROJECT, compose
from conf.schema.desk import IbkrBrokerSettings
from conf.schema.settings import Settings
from tradewright.execution.types import SendRefused
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
PAPER = ("mode=paper", "broker=ibkr")


@cache
def composed(*overrides: str) -> Settings:
    return compose(overrides)


def broker_of(**changes: Any) -> tuple[Settings, IbkrBrokerSettings]:
    """The paper desk's settings with another mode or another venue."""
    plain = composed(*PAPER)
    mode = plain.mode.model_copy(update={"name": changes.pop("mode", Mode.PAPER)})
    assert isinstance(plain.broker, IbkrBrokerSettings)
    chosen = plain.broker.model_copy(update=changes)
    return plain.model_copy(update={"mode": mode, "broker": chosen}), chosen


def test_the_gateway_is_reached_as_the_file_says() -> None:
    said = yaml.safe_load((PROJECT / "conf/broker/ibkr.yaml").read_text())
    settings, chosen = broker_of()
    made = trading.ibkr_settings(settings, chosen, chosen.client_id)
    assert (made.host, made.port, made.client_id) == (said["host"], said["port"], said["client_id"])
    assert (made.timeout, made.account, made.mode, made.live_port) == (said["timeout_s"], "", "paper", None)
    assert made.readonly is False


@pytest.mark.parametrize("port", [4002, 7497, 4003, 55_000])
@pytest.mark.parametrize("account", [None, "DU123", "DF9"])
def test_paper_takes_any_port_but_the_live_ones_and_paper_accounts(port: int, account: str | None) -> None:
    settings, chosen = broker_of(port=port, account=account)
    made = trading.ibkr_settings(settings, chosen, 5)
    assert (made.mode, made.port, made.account, made.live_port, made.client_id) == (
        "paper",
        port,
        account or "",
        None,
        5,
    )


@pytest.mark.parametrize("port", [4001, 7496, 5_001])
def test_live_repeats_its_port_and_names_its_account(port: int) -> None:
    settings, chosen = broker_of(mode=Mode.LIVE, port=port, account="U123")
    made = trading.ibkr_settings(settings, chosen, 21)
    assert (made.mode, made.port, made.live_port, made.account) == ("live", port, port, "U123")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"port": 4001}, "paper trading on port 4001"),
        ({"port": 7496}, "paper trading on port 7496"),
        ({"account": "U123"}, "U123 is not a paper account"),
        ({"mode": Mode.LIVE, "port": 4001}, "needs the account to be named"),
        ({"mode": Mode.LIVE, "port": 4001, "account": ""}, "needs the account to be named"),
        ({"mode": Mode.LIVE, "port": 4001, "account": "DU123"}, "DU123 is not a live account"),
    ],
)
def test_a_contradiction_is_refused_with_what_to_do(changes: dict[str, Any], what: str) -> None:
    settings, chosen = broker_of(**changes)
    with pytest.raises(ConfigError) as caught:
        trading.ibkr_settings(settings, chosen, 21)
    assert what in caught.value.what
    assert caught.value.where == "conf/broker"
    assert "broker.account" in caught.value.remedy


def test_bars_come_over_a_connection_of_their_own() -> None:
    settings, chosen = broker_of()
    feed = trading.ibkr_feed(settings, ManualClock(NOW))
    assert feed._settings.client_id == chosen.client_id + 1


@pytest.mark.parametrize(
    ("changes", "live_account", "port"),
    [
        ({}, "", 4002),
        ({"account": "DU1"}, "DU1", 4002),
        ({"mode": Mode.LIVE, "port": 4001, "account": "U1"}, "U1", 4001),
    ],
)
def test_the_sender_is_told_mode_port_pace_and_account(changes: dict[str, Any], live_account: str, port: int) -> None:
    settings, _ = broker_of(**changes)
    told = trading.sender_settings(settings, changes.get("account", "DU7"), "me")
    policy = yaml.safe_load((PROJECT / "conf/policy/default.yaml").read_text())
    times = yaml.safe_load((PROJECT / "conf/execution/default.yaml").read_text())
    assert (told.mode, told.live_account, told.port, told.holder) == (settings.mode.name, live_account, port, "me")
    assert (told.per_second, told.per_minute) == (policy["max_orders_per_second"], policy["max_orders_per_minute"])
    assert (told.max_skew, told.broker_zone) == (times["max_skew"], times["broker_zone"])
    assert told.starts_stopped is (told.mode is Mode.LIVE)
    told.check()


def test_a_live_sender_for_another_account_than_the_one_spelled_out_is_refused() -> None:
    settings, _ = broker_of(mode=Mode.LIVE, port=4001, account="U1")
    with pytest.raises(SendRefused, match="not confirmed"):
        trading.sender_settings(settings, "U2", "me").check()


def test_a_simulated_sender_has_no_port_and_no_live_account() -> None:
    told = trading.sender_settings(composed(), "SIM", "me")
    assert (told.mode, told.port, told.live_account, told.starts_stopped) == (Mode.SIM, 0, "", False)


def test_the_protocols_times_are_those_of_the_file() -> None:
    said = yaml.safe_load((PROJECT / "conf/execution/default.yaml").read_text())
    made = trading.protocol_times(composed())
    for name in ("acknowledge", "settle", "absence", "poll", "lease"):
        assert getattr(made, name) == said[name]
    assert made.settle < made.absence < made.lease


def test_each_mode_has_its_own_kind_of_venue(tmp_path: Path) -> None:
    plain = composed()
    stored = plain.model_copy(update={"storage": plain.storage.model_copy(update={"root": str(tmp_path)})})
    simulated = trading.broker(stored, ManualClock(NOW))
    assert isinstance(simulated, SimBroker)
    assert simulated.venue == "sim"
    settings, _ = broker_of()
    assert trading.broker(settings, ManualClock(NOW)).venue == "ibkr"
