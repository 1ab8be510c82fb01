"""The main job, end to end: YAML to filled, reconciled orders, on the bundled gateway over real TCP.

Data, gate and gateway share one simulated clock that stands just after the last bar, so it works on a Sunday, and no
rule is loosened for it.
"""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

from app.operations.scratch_folder import scratch_folder
from app.operations.serving import ACCOUNT, make_gateway
from app.warmup import compiling
from assets.runs import run_desk, run_research
from brokers.ibkr.gateway.thread import GatewayThread
from conf.compose import compose
from conf.environment import in_project, options
from conf.package_settings import strategy_of
from conf.schema.settings import Settings
from runtime.container import Container
from strategies.documents import LIBRARY
from tradewright.ledger.ledger import Ledger
from tradewright.model.decision import Verdict

DEFAULTS = {"storage.root": "data/demo", "execution.settle": "0.5"}
"""The defaults of the demo. The simulator answers with what it has; a real gateway's open orders
may be seconds old, which is what the five seconds of the protocol are for."""
DOCUMENT = "ma_crossover"
"""Of ``strategies/library``."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class DemoPackage:
    """A strategy as a document, certified on synthetic markets, and packed, signed and proved again.

    Args:
        passed: whether every figure of the certificate was within its limit.
        differences: between what the package says of its backtest and certificate, and what was found; 0.
    """

    file: str
    strategy: str
    scenarios: int
    passed: bool
    differences: int


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
    package: DemoPackage | None
    """None where the extra ``packages`` is not installed."""


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
    say("a strategy as a document: certified on synthetic markets, packed, signed, proved again")
    package = _package(settings, root) if find_spec("zstandard") and find_spec("cryptography") else None
    settle = f"{settings.execution.settle:g} s between the two looks of a recovery (at a real gateway 5)"
    with GatewayThread(make_gateway(settings, house.clock)) as running:
        port = running.gateway.port
        say(f"mode paper, on the bundled gateway simulator at 127.0.0.1:{port}; {settle}")
        run_desk((*chosen, "mode=paper", "broker=ibkr", f"broker.port={port}", f"broker.account={ACCOUNT}"), say)
        venue = running.do("status")
    with house:
        return _reply(house, venue, package, time.monotonic() - began)


def _package(settings: Settings, root: Path) -> DemoPackage:
    from app.operations.packages import export, make_key, verify
    from runtime.verification import Admission

    text = (LIBRARY / f"{DOCUMENT}.yaml").read_text(encoding="utf-8")
    backtest = settings.backtest.model_copy(update={"instruments": settings.universe.instruments[:1]})
    chosen = settings.model_copy(update={"strategy": strategy_of(text), "backtest": backtest})
    file = root / f"{DOCUMENT}.hsp"
    with tempfile.TemporaryDirectory(prefix="tradewright-") as folder:
        key = make_key(settings, Path(folder) / "package.key")
        export(chosen, file, Path(key.file), text=text)
        found = verify(settings, file, Admission(key=Path(key.file)))
    certificate = found.package.certificate
    scenarios, passed = (certificate.scenarios, certificate.passed) if certificate else (0, False)
    return DemoPackage(str(file), DOCUMENT, scenarios, passed, len(found.differences))


def _defaults(overrides: tuple[str, ...]) -> list[str]:
    named = {text.partition("=")[0] for text in overrides}
    return [f"{key}={value}" for key, value in DEFAULTS.items() if key not in named]


def _reply(house: Container, venue: Mapping[str, object], package: DemoPackage | None, seconds: float) -> DemoReply:
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
        package=package,
        places={
            **({"package": f"tradewright package show {shlex.quote(package.file)}"} if package else {}),
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
