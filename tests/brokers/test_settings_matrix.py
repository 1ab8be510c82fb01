"""Every combination of mode, account and port, and what each kind of broker takes as settings."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from brokers.discovery import plugin, plugins
from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.settings import LIVE_PORTS, PAPER_PORTS, IbkrSettings, account_problems
from brokers.sim.settings import SimSettings, sim_broker
from tests.brokers.desk import ACCOUNT, INSTRUMENTS, NOON, in_loop
from tests.support.extent import runs
from tradewright.fills.costs import NoCosts
from tradewright.model.broker import Broker
from tradewright.model.clock import ManualClock
from tradewright.model.errors import BrokerError, ConfigError

CLOCK = ManualClock(NOON)
MODES = ("paper", "live")
ACCOUNTS = ("", "DU1234567", "DF7", "U7654321", "F1")
PORTS = (4001, 4002, 7496, 7497, 5000)
REPEATED = (None, 4001, 4002, 5000, 5001)


def allowed(mode: str, account: str, port: int, repeated: int | None) -> bool:
    """The rules in words: live needs its name and a live port, and takes no paper port even when it is repeated; paper
    takes neither; paper accounts begin with D."""
    port_is_live = port in (4001, 7496) or repeated == port
    if mode == "live":
        return bool(account) and not account.startswith("D") and port_is_live and port not in (4002, 7497)
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


@settings(max_examples=runs(80, 200))
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
    assert not list(account_problems(mode == "live", port, account))
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
    with pytest.raises(ValidationError) as refusal:
        IbkrSettings.model_validate(values)
    assert [error["loc"] for error in refusal.value.errors()] == [(where,)]


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
    with pytest.raises(ValidationError) as refusal:
        SimSettings.model_validate(values)
    assert [error["loc"] for error in refusal.value.errors()] == [(where,)]


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(ValidationError) as refusal:
        IbkrSettings.model_validate({"port": 0, "client_id": 0, "hots": 1})
    assert {error["loc"] for error in refusal.value.errors()} == {("port",), ("client_id",), ("hots",)}


@pytest.mark.parametrize("kind", ["", "SIM", "Ibkr", "ib", "simulated", "paper"])
def test_an_unknown_kind_has_a_remedy(kind: str) -> None:
    with pytest.raises(ConfigError, match="unknown kind") as refusal:
        plugin(kind)
    assert any(known in refusal.value.remedy for known in plugins())


@in_loop
async def test_the_settings_of_the_simulated_venue_reach_it() -> None:
    values = {"account": "S1", "cash": "12345.67", "client_id": 5, "seed": 3}
    broker = sim_broker(SimSettings.model_validate(values), INSTRUMENTS, CLOCK, NoCosts())
    await broker.connect(lambda _event: None)
    state = await broker.account()
    assert (state.account, state.cash, state.equity, state.currency) == ("S1", *[Decimal("12345.67")] * 2, "USD")
    assert broker.session == "sim-5-00000003-1"
    await broker.connect(lambda _event: None)
    assert broker.session == "sim-5-00000003-2", "to connect again is to leave and come"
    assert set(broker.market.instruments) == {item.symbol for item in INSTRUMENTS}
    await broker.disconnect()


def test_a_venue_without_a_seed_makes_one_up() -> None:
    seeds = {sim_broker(SimSettings(), INSTRUMENTS, CLOCK, NoCosts()).market.state.seed for _ in range(8)}
    assert len(seeds) == 8
    assert SimSettings().account == "SIM"


@pytest.mark.parametrize("kind", ["sim", "ibkr"])
@in_loop
async def test_a_broker_that_was_made_is_not_connected(kind: str) -> None:
    made: dict[str, Broker] = {
        "sim": sim_broker(SimSettings(), INSTRUMENTS, CLOCK, NoCosts()),
        "ibkr": IbkrBroker(IbkrSettings(), INSTRUMENTS, CLOCK),
    }
    broker = made[kind]
    assert (broker.session, broker.pending_sends()) == ("", 0)
    with pytest.raises(BrokerError, match=r"there is no connection.*connect first"):
        await broker.snapshot()
    await broker.disconnect()


def test_settings_cannot_be_changed_afterwards() -> None:
    found = IbkrSettings(account=ACCOUNT)
    with pytest.raises(ValidationError, match="frozen"):
        found.port = 4001  # type: ignore[misc]
