"""The main job, end to end: YAML to filled, reconciled orders, on the bundled gateway over real TCP.

Data, gate and gateway share one simulated clock that stands just after the last bar, so it works on a Sunday, and no
rule is loosened for it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from app.operations.gateway import make_gateway
from assets.runs import materialize_desk, materialize_research, poll_and_send
from brokers.ibkr.gateway.thread import GatewayThread
from conf import build
from conf.compose import compose, options
from conf.schema.settings import Settings
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Verdict
from tradewright.model.errors import StoreError

DEFAULT_ROOT = "data/demo"
MARKER = ".tradewright-demo"
Say = Callable[[str], None]


@dataclass(frozen=True)
class DemoReply:
    """What the demo made. ``duplicates`` and ``position_drift`` must be 0."""

    bars: int
    strategies: int
    intents: int
    decisions: Mapping[str, int]
    orders_sent: int
    fills: int
    duplicates: int
    position_drift: Decimal
    seconds: float
    places: Mapping[str, str]


def run_demo(overrides: tuple[str, ...], say: Say) -> DemoReply:
    """Run everything once on a fresh folder.

    Args:
        overrides: beside ``mode=paper broker=ibkr`` and the folder, which the demo sets itself.
        say: told what happens.

    Raises:
        TradewrightError: naming what is wrong and what to do.
    """
    began = time.monotonic()
    is_named = any(text.startswith("storage.root=") for text in overrides)
    chosen = overrides if is_named else (f"storage.root={DEFAULT_ROOT}", *overrides)
    settings = compose(chosen)
    _fresh(build.root(settings))
    say("bars, features, signals, backtests, risk reports")
    materialize_research(chosen, say)
    clock = build.clock(settings)
    with GatewayThread(make_gateway(settings, clock)) as running:
        port = running.gateway.port
        say(f"the gateway simulator listens on 127.0.0.1:{port}")
        desk = (*chosen, "mode=paper", "broker=ibkr", f"broker.port={port}")
        say("positions, intents, decisions")
        materialize_desk(desk)
        say("sensor, orders, fills, reconciliation")
        poll_and_send(desk)
        venue = running.do("status")
    with build.ledger(settings, clock) as books:
        return _reply(settings, books, venue, time.monotonic() - began)


def _fresh(folder: Path) -> None:
    """An empty folder of the demo's own; somebody else's is left alone.

    Raises:
        StoreError: when the folder holds anything that no demo made.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).is_file():
            raise StoreError(
                "the folder is not empty and no demo made it",
                where=str(folder),
                remedy="name another: tradewright demo storage.root=DIR",
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).write_text("made by tradewright demo, which may remove this folder\n")


def _reply(settings: Settings, books: Ledger, venue: Mapping[str, object], seconds: float) -> DemoReply:
    store = build.bar_store(settings, books.clock)
    covered = [store.coverage(*series) for series in store.series()]
    decisions = {row.intent_id: row.verdict for row in books.proposals.decisions()}
    attempts = [row for row in books.attempts.all() if row.sending_at]
    refs = _refs_at(venue)
    folder = build.root(settings)
    root = f"storage.root={settings.storage.root}"
    return DemoReply(
        bars=sum(row.rows for row in covered if row),
        strategies=len(options("strategy")),
        intents=len(decisions),
        decisions={verdict.value: sum(row is verdict for row in decisions.values()) for verdict in Verdict},
        orders_sent=len(attempts),
        fills=len(books.executions.all()),
        duplicates=len(refs) - len(set(refs)),
        position_drift=_drift(books, venue),
        seconds=seconds,
        places={
            "risk reports": str(folder / "reports"),
            "data docs": str(folder / "data_docs"),
            "orders": f"tradewright orders {root}",
            "why": f"tradewright explain {attempts[0].ref if attempts else 'REF'} {root}",
            "lab and monitor": f"tradewright serve {root}",
            "graph": "make dev",
        },
    )


def _refs_at(venue: Mapping[str, object]) -> list[str]:
    """The intents of the orders that the venue has, one entry per order."""
    orders: list[dict[str, object]] = venue["orders"]  # type: ignore[assignment]
    return [str(order["ref"]).partition(".")[0] for order in orders]


def _drift(books: Ledger, venue: Mapping[str, object]) -> Decimal:
    """Units by which our positions and the venue's differ, added up over all instruments."""
    accounts: dict[str, dict[str, dict[str, dict[str, str]]]] = venue["accounts"]  # type: ignore[assignment]
    drift = Decimal(0)
    for account, book in accounts.items():
        theirs = {symbol: Decimal(holding["quantity"]) for symbol, holding in book["holdings"].items()}
        ours = {row.instrument: row.quantity for row in books.executions.positions(account)}
        drift += sum(
            (abs(theirs.get(name, Decimal(0)) - ours.get(name, Decimal(0))) for name in {*theirs, *ours}), Decimal(0)
        )
    return drift
