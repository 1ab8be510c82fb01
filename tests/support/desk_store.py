"""A small storage folder with a desk that has lived: bars of two instruments, and one intent of each verdict."""

from __future__ import annotations

import shutil
from pathlib import Path

from app.commands.order_args import parse_order_terms
from app.operations import trading
from conf.compose import compose
from conf.schema.settings import Settings
from runtime.bar_checks import judge
from runtime.container import Container
from runtime.feeds import feed
from runtime.research import feature_settings, refreshed
from tests.support.ledgers import gone_back
from tradewright.indicators.features import feature_snapshot, feature_table

SCENARIO = (
    "universe=crypto",
    "feed.end='2026-11-20T15:00:00Z'",
    "feed.days_1m=2",
    "feed.days_1d=30",
    "execution.settle=0.05",
    "policy.max_orders_per_second=20",
)
REVIEWING = "stage.manual_approval=true"
"""Where every entry waits for a person."""


def prepare(folder: Path) -> tuple[str, ...]:
    """Fill the folder, and return the overrides that read it.

    What it holds depends on the scenario's seed alone; only moments and the ids of fills differ from run to run.
    """
    overrides = (*SCENARIO, f"storage.root={folder}")
    settings = compose(overrides)
    for symbol in settings.universe.instruments:
        _bring(settings, symbol)
    ask(settings, "rejected", "BTC", "SELL", "0.01")
    ask(compose((*overrides, REVIEWING)), "reviewed", "BTC", "BUY", "0.01")
    ask(settings, "approved", "ETH", "BUY", "0.2")
    trading.send(settings)
    trading.reconcile(settings)
    return overrides


def copied(overrides: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """A copy of a prepared store for one test alone, and the overrides that read it."""
    *scenario, root = overrides
    copy = shutil.copytree(root.removeprefix("storage.root="), folder)
    gone_back(copy / "ledger.sqlite3")
    return (*scenario, f"storage.root={copy}")


def ask(settings: Settings, key: str, instrument: str, side: str, quantity: str) -> str:
    """A person's intent; the decision's id."""
    return trading.submit_intent(settings, parse_order_terms(instrument, side, quantity, "MKT", ""), key).decision_id


def _bring(settings: Settings, symbol: str) -> None:
    """Bars and the newest features of an instrument, with the checks that the gate asks for."""
    with Container(settings) as house:
        source = feed(house)
        assert source is not None
        refreshed(house, source, symbol)
        bars = house.bar_store.read_bars(symbol, settings.universe.timeframe)
        table = feature_table(bars, feature_settings(settings, house.instrument(symbol), house.bars.kind_of(symbol)))
        newest = feature_snapshot(table, symbol).model_dump(mode="json")
        house.artefacts.write_json(("features", symbol, "newest"), newest)
        judge(house, symbol)
