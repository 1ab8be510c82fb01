"""Broker plug-ins: found without a list, told apart by kind, and asked for their rules before anything connects."""

from __future__ import annotations

import importlib.metadata
import itertools
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from brokers import discovery
from brokers.base import BrokerPlugin, Surroundings, VenueSettings
from brokers.discovery import plugin, plugins
from brokers.ibkr.adapter import IbkrBroker
from brokers.ibkr.plugin import IbkrPlugin, IbkrVenueSettings
from brokers.sim.broker import SimBroker
from brokers.sim.plugin import SimPlugin, SimVenueSettings
from tests.brokers.desk import AAPL, INSTRUMENTS, NOON
from tradewright.fills.costs import NoCosts
from tradewright.model.broker import Broker, Quote
from tradewright.model.clock import ManualClock
from tradewright.model.errors import ConfigError
from tradewright.model.mode import Mode


@pytest.fixture
def fresh() -> Iterator[None]:
    """The discovery forgets what it found, before and afterwards."""
    plugins.cache_clear()
    yield
    plugins.cache_clear()


def ibkr(**changes: Any) -> IbkrVenueSettings:
    values: dict[str, Any] = {
        "kind": "ibkr", "host": "127.0.0.1", "port": 4002, "client_id": 21, "account": None,
        "timeout_s": 10.0,
    }  # fmt: skip
    return IbkrVenueSettings(**values | changes)


def around(folder: Path, mode: Mode, quotes: Mapping[str, Quote] | None = None) -> Surroundings:
    known = {item.symbol: item for item in INSTRUMENTS}
    return Surroundings(mode, known, ManualClock(NOON), NoCosts(), folder, Decimal(5_000), lambda: quotes or {})


def test_every_folder_with_a_plugin_is_found() -> None:
    folders = {path.parent.name for path in Path(discovery.__file__).parent.glob("*/plugin.py")}
    assert set(plugins()) == folders == {"sim", "ibkr"}


class Elsewhere(BrokerPlugin):
    kind = "elsewhere"
    settings = VenueSettings
    modes = frozenset({Mode.PAPER})
    serves_bars = False

    def build(self, settings: Any, around: Surroundings) -> Broker:
        raise NotImplementedError


class AnotherSim(Elsewhere):
    kind = "sim"


def install(monkeypatch: pytest.MonkeyPatch, made: type[BrokerPlugin]) -> None:
    entry = importlib.metadata.EntryPoint("x", f"{made.__module__}:{made.__name__}", discovery.ENTRY_POINTS)
    monkeypatch.setattr(type(entry), "load", lambda _self: made)
    monkeypatch.setattr(discovery, "entry_points", lambda group: [entry] if group == discovery.ENTRY_POINTS else [])


@pytest.mark.usefixtures("fresh")
def test_an_installed_package_adds_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Elsewhere)
    assert isinstance(plugin("elsewhere"), Elsewhere)
    settings = VenueSettings(kind="elsewhere", account=None)
    with pytest.raises(ConfigError, match="has no bars"):
        plugin("elsewhere").feed(settings, around(Path(), Mode.PAPER))


@pytest.mark.usefixtures("fresh")
def test_two_brokers_of_one_kind_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, AnotherSim)
    with pytest.raises(ConfigError, match="two plug-ins are of kind 'sim'"):
        plugins()


@pytest.mark.parametrize(("kind", "remedy"), [("ibrk", "did you mean 'ibkr'"), ("oanda", "one of ibkr, sim")])
def test_an_unknown_kind_is_refused_with_its_remedy(kind: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match="unknown kind") as refusal:
        plugin(kind)
    assert remedy in refusal.value.remedy


@pytest.mark.parametrize(("made", "mode"), list(itertools.product([SimPlugin(), IbkrPlugin()], Mode)))
def test_a_broker_objects_to_modes_that_are_not_its_own(made: BrokerPlugin, mode: Mode) -> None:
    settings = ibkr(account="U1", port=4001) if mode is Mode.LIVE else ibkr()
    chosen = settings if made.kind == "ibkr" else SimVenueSettings(kind="sim", account="SIM")
    problems = made.account_rules(mode, chosen)
    assert (not problems) is (mode in made.modes)
    assert all(problem.key == "kind" and f"mode={mode}" in problem.rule for problem in problems)


@pytest.mark.parametrize(
    ("mode", "changes", "keys"),
    [
        (Mode.PAPER, {"port": 4001}, ["port"]),
        (Mode.PAPER, {"port": 7496, "account": "U1"}, ["account", "port"]),
        (Mode.LIVE, {"port": 4001}, ["account"]),
        (Mode.LIVE, {"port": 4002, "account": "U1"}, ["port"]),
        (Mode.LIVE, {"port": 4001, "account": "DU1"}, ["account"]),
        (Mode.LIVE, {"port": 5001, "account": "U1"}, []),
    ],
)
def test_interactive_brokers_rules_name_every_key(mode: Mode, changes: dict[str, Any], keys: list[str]) -> None:
    made = IbkrPlugin()
    assert [problem.key for problem in made.account_rules(mode, ibkr(**changes))] == keys
    if keys:
        with pytest.raises(ConfigError) as refusal:
            made.build(ibkr(**changes), around(Path(), mode))
        assert all(f"broker.{key}" in refusal.value.what for key in keys)
    else:
        assert isinstance(made.build(ibkr(**changes), around(Path(), mode)), IbkrBroker)


def test_the_simulated_venue_opens_at_the_quotes_and_keeps_its_file(tmp_path: Path) -> None:
    opening = datetime(2026, 1, 5, tzinfo=UTC)
    quote = Quote.at(opening, "AAPL", bid=Decimal(99), ask=Decimal(101), last=Decimal(100))
    chosen = SimVenueSettings(kind="sim", account="S1")
    venue = SimPlugin().build(chosen, around(tmp_path / "new", Mode.SIM, {"AAPL": quote}))
    assert isinstance(venue, SimBroker)
    assert (tmp_path / "new").is_dir()
    assert venue.market.state.accounts["S1"].cash == 5_000
    assert SimPlugin().venue_symbol(AAPL) == "AAPL"


def test_the_settings_say_where_the_venue_is() -> None:
    assert (ibkr().place, ibkr().address, ibkr().patience) == ("127.0.0.1:4002", ("127.0.0.1", 4002), 10.0)
    simulated = SimVenueSettings(kind="sim", account="S")
    assert (simulated.place, simulated.address) == ("in this process", None)


def test_one_venue_serves_bars() -> None:
    assert (IbkrPlugin().serves_bars, SimPlugin().serves_bars) == (True, False)
