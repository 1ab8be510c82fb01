"""The main job, end to end: YAML to filled, reconciled orders, on the bundled gateway over real TCP.

Data, gate and gateway share one simulated clock that stands just after the last bar, so it works on a Sunday, and no
rule is loosened for it.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.operations.scratch_folder import scratch_folder
from app.operations.serving import ACCOUNT, make_gateway
from app.warmup import compiling
from assets.runs import run_desk, run_research
from brokers.ibkr.gateway.thread import GatewayThread
from conf.compose import compose
from conf.environment import in_project, options
from runtime.container import Container
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Verdict

DEFAULTS = {"storage.root": "data/demo", "execution.settle": "0.5"}
"""The defaults of the demo. The simulator answers with what it has; a real gateway's open orders
may be seconds old, which is what the five seconds of the protocol are for."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class DemoReply:
    """The results of the demo. ``duplicates`` and ``position_drift`` must be 0."""

    bars: int
    strategies: int
    intents: int
    decisions: Mapping[str, int]
    orders_sent: int
    protective_orders: int
    fills: int
    duplicates: int
    position_drift: Decimal
    settle_seconds: float
    """Between the two looks of a recovery; the protocol's five seconds are for real gateways."""
    seconds: float
    places: Mapping[str, str]


def run_demo(overrides: tuple[str, ...], say: Say) -> DemoReply:
    """Run everything once on a fresh folder.

    Args:
        overrides: beside ``mode=paper broker=ibkr`` and the folder, which the demo sets itself.
        say: called with each step as text.

    Raises:
        TradewrightError: naming what is wrong and what to do.
    """
    began = time.monotonic()
    chosen = (*_defaults(overrides), *overrides)
    settings = compose(chosen)
    root = in_project(settings.storage.root)
    scratch_folder(root, "demo", "name another: tradewright demo storage.root=DIR")  # before anything is written there
    house = Container(settings)
    say("bars, features, signals, backtests, risk reports")
    with compiling() as compiled:
        run_research(chosen, say, compiled)
    settle = f"{settings.execution.settle:g} s between the two looks of a recovery (at a real gateway 5)"
    with GatewayThread(make_gateway(settings, house.clock)) as running:
        port = running.gateway.port
        say(f"mode paper, on the bundled gateway simulator at 127.0.0.1:{port}; {settle}")
        run_desk((*chosen, "mode=paper", "broker=ibkr", f"broker.port={port}", f"broker.account={ACCOUNT}"), say)
        venue = running.do("status")
    with house:
        return _reply(house, venue, time.monotonic() - began)


def _defaults(overrides: tuple[str, ...]) -> list[str]:
    named = {text.partition("=")[0] for text in overrides}
    return [f"{key}={value}" for key, value in DEFAULTS.items() if key not in named]


def _reply(house: Container, venue: Mapping[str, object], seconds: float) -> DemoReply:
    settings, ledger, store = house.settings, house.ledger, house.bar_store
    covered = [store.coverage(*series) for series in store.series()]
    decisions = {row.intent_id: row.verdict for row in ledger.decisions.all()}
    sent = [row for row in ledger.attempts.all() if row.sending_at]
    entries = [row for row in sent if not row.is_protective]
    refs = _refs_at(venue)
    folder = house.root
    place = shlex.quote(f"storage.root={settings.storage.root}")
    root = f"{place} mode=paper broker=ibkr broker.account={ACCOUNT}"
    return DemoReply(
        bars=sum(row.rows for row in covered if row),
        strategies=len(options("strategy")),
        intents=len(decisions),
        decisions={verdict.value: sum(row is verdict for row in decisions.values()) for verdict in Verdict},
        orders_sent=len(entries),
        protective_orders=len(sent) - len(entries),
        fills=len(ledger.executions.all()),
        duplicates=len(refs) - len(set(refs)),
        position_drift=_drift(ledger, venue),
        settle_seconds=settings.execution.settle,
        seconds=seconds,
        places={
            "risk reports": str(folder / "reports"),
            "data docs": str(folder / "data_docs"),
            "orders": f"tradewright orders {root}",
            "why": f"tradewright explain {entries[0].ref if entries else 'REF'} {root}",
            "lab and monitor": f"tradewright serve {root}",
            "graph": "make dev",
        },
    )


def _refs_at(venue: Mapping[str, object]) -> list[str]:
    """The intent and the leg of each order that the venue has, one entry per order."""
    orders: list[dict[str, object]] = venue["orders"]  # type: ignore[assignment]
    parts = [(*str(order["ref"]).split("."), "")[:3] for order in orders]
    return [f"{intent}.{leg}" for intent, _number, leg in parts]


def _drift(ledger: Ledger, venue: Mapping[str, object]) -> Decimal:
    """Units by which our positions and the venue's differ, added up over all instruments."""
    accounts: dict[str, dict[str, dict[str, dict[str, str]]]] = venue["accounts"]  # type: ignore[assignment]
    drift = Decimal(0)
    for account, book in accounts.items():
        theirs = {symbol: Decimal(holding["quantity"]) for symbol, holding in book["holdings"].items()}
        ours = {row.instrument: row.quantity for row in ledger.executions.positions(account)}
        drift += sum(
            (abs(theirs.get(name, Decimal(0)) - ours.get(name, Decimal(0))) for name in {*theirs, *ours}), Decimal(0)
        )
    return drift
