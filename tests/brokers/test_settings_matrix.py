"""Every combination of mode, account and port, and what each kind of broker takes as settings."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from brokers.ibkr.settings import IbkrSettings
from brokers.registry import KINDS, make_broker
from brokers.sim.broker import SimBroker
from brokers.sim.settings import SimSettings
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON, in_loop
from tradewright.fills.costs import NoCosts
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError, ConfigError
from tradewright.model.mode import LIVE_PORTS, PAPER_PORTS

CLOCK = ManualClock(NOON)
MODES = ("paper", "live")
ACCOUNTS = ("", "DU1234567", "DF7", "U7654321", "F1")
PORTS = (4001, 4002, 7496, 7497, 5000)
REPEATED = (None, 4001, 4002, 5000, 5001)


def allowed(mode: str, account: str, port: int, repeated: int | None) -> bool:
    """The rules in words: live needs its name and its port; paper takes neither; paper accounts begin with D."""
    port_is_live = port in (4001, 7496) or repeated == port
    if mode == "live":
        return bool(account) and not account.startswith("D") and port_is_live
    return not port_is_live and (not account or account.startswith("D"))


@pytest.mark.parametrize(("mode", "account"), list(itertools.product(MODES, ACCOUNTS)))
def test_the_whole_matrix(mode: str, account: str) -> None:
    for port, repeated in itertools.product(PORTS, REPEATED):
        values: dict[str, Any] = {"mode": mode, "account": account, "port": port, "live_port": repeated}
        if allowed(mode, account, port, repeated):
            assert IbkrSettings(**values).where == f"127.0.0.1:{port}"
            continue
        with pytest.raises(ValidationError):
            IbkrSettings(**values)


@settings(max_examples=200)
@given(
    st.sampled_from(MODES),
    st.text("DUF0123456789", max_size=9),
    st.integers(1, 65_535),
    st.none() | st.integers(1, 65_535),
)
def test_no_single_wrong_value_turns_paper_into_live(mode: str, account: str, port: int, repeated: int | None) -> None:
    values: dict[str, Any] = {"mode": mode, "account": account, "port": port, "live_port": repeated}
    try:
        found = IbkrSettings(**values)
    except ValidationError:
        return
    for wrong in ({"mode": "live" if mode == "paper" else "paper"}, {"port": 4001 if mode == "paper" else 4002}):
        if wrong.get("port") == repeated:
            continue
        with pytest.raises(ValidationError):
            IbkrSettings(**values | wrong)
    assert found.account_problem("U1") == ("U1 is not a paper account" if mode == "paper" else "")
    assert found.account_problem("DU1") == ("" if mode == "paper" else "DU1 is not a live account")
    assert found.account_problem("") == ""


def test_the_usual_ports_are_those_of_the_venues_programs() -> None:
    assert ({4001, 7496}, {4002, 7497}) == (LIVE_PORTS, PAPER_PORTS)
    assert IbkrSettings().port in PAPER_PORTS
    assert IbkrSettings().mode == "paper"


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"port": 65_536}, "port"),
        ({"port": -1}, "port"),
        ({"port": "four"}, "port"),
        ({"client_id": -1}, "client_id"),
        ({"timeout": -0.5}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": float("inf")}, "timeout"),
        ({"quote_timeout": 0}, "quote_timeout"),
        ({"market_data_type": 5}, "market_data_type"),
        ({"mode": "LIVE"}, "mode"),
        ({"mode": "sim"}, "mode"),
        ({"readonly": "perhaps"}, "readonly"),
        ({"host": None}, "host"),
        ({"Account": "DU1"}, "Account"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, object], where: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        make_broker("ibkr", values, INSTRUMENTS, CLOCK, NoCosts())
    assert refusal.value.where == "broker=ibkr"
    assert f"{where}: " in refusal.value.what
    assert refusal.value.remedy == "see conf/broker/ibkr*.yaml"


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"cash": 0}, "cash"),
        ({"cash": "nan"}, "cash"),
        ({"cash": True}, "cash"),
        ({"account": "two words"}, "account"),
        ({"account": ""}, "account"),
        ({"client_id": 0}, "client_id"),
        ({"seed": "x"}, "seed"),
        ({"state": "here"}, "state"),
    ],
)
def test_a_wrong_setting_of_the_simulated_venue_is_named(values: dict[str, object], where: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        make_broker("sim", values, INSTRUMENTS, CLOCK, NoCosts())
    assert refusal.value.where == "broker=sim"
    assert f"{where}: " in refusal.value.what


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as refusal:
        make_broker("ibkr", {"port": 0, "client_id": 0, "hots": 1}, INSTRUMENTS, CLOCK, NoCosts())
    assert [name in refusal.value.what for name in ("port: ", "client_id: ", "hots: ")] == [True] * 3


@pytest.mark.parametrize("kind", ["", "SIM", "Ibkr", "ib", "simulated", "paper"])
def test_an_unknown_kind_has_a_remedy(kind: str) -> None:
    with pytest.raises(ConfigError, match="unknown kind") as refusal:
        make_broker(kind, {}, INSTRUMENTS, CLOCK, NoCosts())
    assert any(known in refusal.value.remedy for known in KINDS)


@in_loop
async def test_the_settings_of_the_simulated_venue_reach_it() -> None:
    values = {"account": "S1", "cash": "12345.67", "client_id": 5, "seed": 3}
    broker = make_broker("sim", values, INSTRUMENTS, CLOCK, NoCosts())
    assert isinstance(broker, SimBroker)
    await broker.connect(lambda _event: None)
    state = await broker.account()
    assert (state.account, state.cash, state.equity, state.currency) == ("S1", *[Decimal("12345.67")] * 2, "USD")
    assert broker.session == "sim-5-00000003-1"
    await broker.connect(lambda _event: None)
    assert broker.session == "sim-5-00000003-2", "to connect again is to leave and come"
    assert set(broker.market.instruments) == {item.symbol for item in INSTRUMENTS}
    await broker.disconnect()


def test_a_venue_without_a_seed_makes_one_up() -> None:
    seeds = {make_broker("sim", {}, INSTRUMENTS, CLOCK, NoCosts()).market.state.seed for _ in range(8)}  # type: ignore[attr-defined]
    assert len(seeds) == 8
    assert SimSettings().account == "SIM"


@pytest.mark.parametrize("kind", sorted(KINDS))
@in_loop
async def test_a_broker_that_was_made_is_not_connected(kind: str) -> None:
    broker = make_broker(kind, {}, INSTRUMENTS, CLOCK, NoCosts())
    assert (broker.session, broker.pending_sends()) == ("", 0)
    with pytest.raises(BrokerError, match=r"there is no connection.*connect first"):
        await broker.snapshot()
    await broker.disconnect()


def test_settings_cannot_be_changed_afterwards() -> None:
    found = IbkrSettings(account=ACCOUNT)
    with pytest.raises(ValidationError, match="frozen"):
        found.port = 4001  # type: ignore[misc]
