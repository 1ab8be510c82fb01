"""What the venue and the sender are told in each mode: the numbers of the YAML, and a refusal where they contradict."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from brokers.ibkr.feed import IbkrFeed
from brokers.ibkr.plugin import IbkrPlugin, IbkrVenueSettings
from brokers.sim.broker import SimBroker
from conf.compose import compose
from conf.environment import SOURCE
from conf.schema.settings import Settings
from runtime import trading
from runtime.container import Container
from tradewright.execution.types import SendRefused
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
PAPER = ("mode=paper", "broker=ibkr")


@cache
def composed(*overrides: str) -> Settings:
    return compose(overrides)


def broker_of(**changes: Any) -> tuple[Settings, IbkrVenueSettings]:
    """The paper desk's settings with another mode or another venue."""
    plain = composed(*PAPER)
    mode = plain.mode.model_copy(update={"name": changes.pop("mode", Mode.PAPER)})
    assert isinstance(plain.broker, IbkrVenueSettings)
    chosen = plain.broker.model_copy(update=changes)
    return plain.model_copy(update={"mode": mode, "broker": chosen}), chosen


def test_the_gateway_is_reached_as_the_file_says() -> None:
    said = yaml.safe_load((SOURCE / "conf/broker/ibkr.yaml").read_text())
    settings, chosen = broker_of()
    made = IbkrPlugin().connection(chosen, settings.mode.name, chosen.client_id)
    assert (made.host, made.port, made.client_id) == (said["host"], said["port"], said["client_id"])
    assert (made.timeout, made.account, made.mode, made.live_port) == (said["timeout_s"], "", "paper", None)
    assert made.readonly is False


@pytest.mark.parametrize("port", [4002, 7497, 4003, 55_000])
@pytest.mark.parametrize("account", [None, "DU123", "DF9"])
def test_paper_takes_any_port_but_the_live_ones_and_paper_accounts(port: int, account: str | None) -> None:
    settings, chosen = broker_of(port=port, account=account)
    made = IbkrPlugin().connection(chosen, settings.mode.name, 5)
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
    made = IbkrPlugin().connection(chosen, settings.mode.name, 21)
    assert (made.mode, made.port, made.live_port, made.account) == ("live", port, port, "U123")


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"port": 4001}, "is a port of live accounts, and mode is paper (got 4001)"),
        ({"port": 7496}, "is a port of live accounts, and mode is paper (got 7496)"),
        ({"account": "U123"}, "is not a paper account (got U123)"),
        ({"mode": Mode.LIVE, "port": 4001}, "live mode needs the account spelled out"),
        ({"mode": Mode.LIVE, "port": 4001, "account": ""}, "live mode needs the account spelled out"),
        ({"mode": Mode.LIVE, "port": 4001, "account": "DU123"}, "is not a live account (got DU123)"),
    ],
)
def test_a_contradiction_is_refused_with_what_to_do(changes: dict[str, Any], what: str) -> None:
    settings, chosen = broker_of(**changes)
    with pytest.raises(ConfigError) as caught:
        IbkrPlugin().connection(chosen, settings.mode.name, 21)
    assert what in caught.value.what
    assert caught.value.where == "conf/broker"
    assert "broker.account" in caught.value.remedy


def test_bars_come_over_a_connection_of_their_own() -> None:
    settings, chosen = broker_of()
    feed = IbkrPlugin().feed(chosen, Container(settings, ManualClock(NOW)).surroundings)
    assert isinstance(feed, IbkrFeed)
    assert feed._settings.client_id == chosen.client_id + 1


@pytest.mark.parametrize(
    ("changes", "live_account"),
    [
        ({}, ""),
        ({"account": "DU1"}, "DU1"),
        ({"mode": Mode.LIVE, "port": 4001, "account": "U1"}, "U1"),
    ],
)
def test_the_sender_is_told_mode_pace_and_account(changes: dict[str, Any], live_account: str) -> None:
    settings, _ = broker_of(**changes)
    told = trading.sender_settings(Container(settings), changes.get("account", "DU7"), "me")
    policy = yaml.safe_load((SOURCE / "conf/policy/default.yaml").read_text())
    times = yaml.safe_load((SOURCE / "conf/execution/default.yaml").read_text())
    assert (told.mode, told.live_account, told.problems, told.holder) == (settings.mode.name, live_account, (), "me")
    assert (told.per_second, told.per_minute) == (policy["max_orders_per_second"], policy["max_orders_per_minute"])
    assert (told.max_skew, told.broker_zone) == (times["max_skew"], times["broker_zone"])
    assert told.starts_stopped is (told.mode is Mode.LIVE)
    told.check(settings.mode.name)


def test_a_live_sender_for_another_account_than_the_one_spelled_out_is_refused() -> None:
    settings, _ = broker_of(mode=Mode.LIVE, port=4001, account="U1")
    with pytest.raises(SendRefused, match="not confirmed"):
        trading.sender_settings(Container(settings), "U2", "me").check(settings.mode.name)


def test_the_broker_s_objections_stop_the_sender() -> None:
    settings, _ = broker_of(port=4001)
    with pytest.raises(SendRefused, match=r"broker\.port is a port of live accounts.*4001"):
        trading.sender_settings(Container(settings), "DU7", "me").check(settings.mode.name)


def test_a_simulated_sender_has_no_objection() -> None:
    told = trading.sender_settings(Container(composed()), "SIM", "me")
    assert (told.mode, told.problems, told.live_account, told.starts_stopped) == (Mode.SIM, (), "SIM", False)


def test_the_protocols_times_are_those_of_the_file() -> None:
    said = yaml.safe_load((SOURCE / "conf/execution/default.yaml").read_text())
    made = trading.protocol_times(composed())
    for name in ("acknowledge", "settle", "absence", "poll", "lease"):
        assert getattr(made, name) == said[name]
    assert made.settle < made.absence < made.lease


def test_each_mode_has_its_own_kind_of_venue(tmp_path: Path) -> None:
    plain = composed()
    stored = plain.model_copy(update={"storage": plain.storage.model_copy(update={"root": str(tmp_path)})})
    simulated = Container(stored, ManualClock(NOW)).broker
    assert isinstance(simulated, SimBroker)
    assert simulated.venue == "sim"
    settings, _ = broker_of()
    assert Container(settings, ManualClock(NOW)).broker.venue == "ibkr"
