"""What is installed, configured, reachable and stale; what to do about it."""

from __future__ import annotations

import importlib.metadata
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from conf.compose import check, compose_without_strategy
from conf.environment import project_folder
from conf.problems import ConfigProblems
from conf.schema.schedules import JobSettings
from runtime.alerts import waiting
from runtime.bar_checks import evidence_on, scores_on_record
from runtime.container import Container
from runtime.other_ledgers import other_ledgers
from runtime.project_files import upgrade_since
from runtime.traded_strategies import holdings, without_file
from runtime.trading import UNKNOWN_ACCOUNT, account_in_force
from tradewright.execution.health import problems
from tradewright.execution.risk_snapshot import limits_in_force
from tradewright.ledger.backup import PG_DUMP
from tradewright.ledger.errors import LedgerKeyMissing, LedgerTampered
from tradewright.ledger.ledger import Ledger
from tradewright.model.errors import ConfigError, LedgerError, TradewrightError
from tradewright.model.mode import Mode
from tradewright.policy.gate import rule_set_hash
from tradewright.quality.report import Severity
from tradewright.quality.score import score_text

State = Literal["good", "look", "broken"]
MIN_FREE_MB = 500
SCORES = 3
"""Recorded scores of a series that are shown."""
EXTRAS = {
    "vectorbt": "report",
    "great-expectations": "quality",
    "psycopg2-binary": "postgres",
    "httpx": "vendors",
    "yfinance": "yahoo",
    "redis": "redis",
    "optuna": "optuna",
    "ray": "scale",
    "zstandard": "packages",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    state: State
    what: str
    detail: str
    remedy: str = ""


def examine_all(overrides: tuple[str, ...]) -> list[Finding]:
    """Everything, in the order in which one would mend it."""
    findings = [_python(), *_extras(), *_project(), *_configuration(overrides)]
    try:
        settings = compose_without_strategy(overrides)
    except ConfigProblems:
        return findings
    looks: list[Callable[[Container], Iterator[Finding]]] = [
        _disk,
        _bars,
        _events,
        _ledger,
        _holdings_without_file,
        _alerts,
        _schedules,
        _broker,
    ]
    with Container(settings) as house:
        return findings + [finding for look in looks for finding in look(house)]


def _python() -> Finding:
    version = sys.version.split()[0]
    good = sys.version_info >= (3, 11)
    return Finding("good" if good else "broken", "Python", version, "" if good else "install Python 3.11 or newer")


def _extras() -> Iterator[Finding]:
    for package, extra in EXTRAS.items():
        try:
            yield Finding("good", f"extra {extra}", f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            yield Finding("look", f"extra {extra}", f"{package} is not installed", f"pip install tradewright[{extra}]")


def _project() -> Iterator[Finding]:
    """The project's folder, and the files that ship otherwise since it was made."""
    folder = project_folder()
    try:
        since = upgrade_since(folder)
    except ConfigError as error:
        yield Finding("look", "project", f"{error.where}: {error.what}", error.remedy)
        return
    if since:
        remedy = "tradewright init into another folder, and compare; your files stay as they are"
        yield Finding("look", "project", f"{folder}: {since}", remedy)
    else:
        yield Finding("good", "project", str(folder))


def _configuration(overrides: tuple[str, ...]) -> Iterator[Finding]:
    problems = check(overrides)
    if not problems:
        yield Finding("good", "configuration", "sound")
    for problem in problems:
        yield Finding("broken", "configuration", str(problem), "correct the file")


def _disk(house: Container) -> Iterator[Finding]:
    folder = house.root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free // 2**20
    remedy = "" if free >= MIN_FREE_MB else "free some space: a full disk stops sending"
    yield Finding("good" if free >= MIN_FREE_MB else "broken", "disk", f"{free} MB free at {folder}", remedy)


def _bars(house: Container) -> Iterator[Finding]:
    settings, clock, store = house.settings, house.clock, house.bars
    for symbol in settings.universe.instruments:
        try:
            covered = store.coverage(symbol, settings.universe.timeframe)
        except TradewrightError as error:
            yield Finding("broken", f"bars {symbol}", error.what, error.remedy)
            continue
        if covered is None:
            yield Finding("look", f"bars {symbol}", "none stored", "materialize `bars`, or tradewright import")
            continue
        age = pd.Timestamp(clock.now()) - covered.last
        late = age > pd.Timedelta(days=5)
        base = store.base_of(symbol, settings.universe.timeframe)
        made = "" if base in (None, settings.universe.timeframe) else f" made of {base}"
        detail = f"{covered.rows} bars{made}, the newest starts {covered.last:%Y-%m-%d %H:%M} UTC"
        yield Finding("look" if late else "good", f"bars {symbol}", detail, "bring them up to date" if late else "")
        yield from _quality(house, symbol)


def _quality(house: Container, symbol: str) -> Iterator[Finding]:
    """The score of the bars of the universe's timeframe, with those on record, and what the checks find.

    A mere property of a source is left out.
    """
    timeframe = house.settings.universe.timeframe
    try:
        found = evidence_on(house, symbol, timeframe)
        kept = [text for _at, text in scores_on_record(house, symbol, timeframe, SCORES)]
    except LedgerError:
        return  # told by the look at the ledger
    except TradewrightError as error:
        yield Finding("broken", f"quality {symbol}", error.what, error.remedy)
        return
    told = [f"{row.code}: {row.message}" for row in found.findings if row.severity is not Severity.INFO]
    before = f", on record {', '.join(kept)}" if kept else ", none on record"
    text = "; ".join((f"score {score_text(found.score)}{before}", *told))
    remedy = f"tradewright data findings --instrument {symbol}" if told else ""
    yield Finding("broken" if not found.passed else "look" if told else "good", f"quality {symbol}", text, remedy)


def _events(house: Container) -> Iterator[Finding]:
    """The event calendar: how many windows are open or to come, and whether it has ended."""
    calendar, now = house.settings.events, house.clock.now()
    ahead = sum(now < row.end for row in calendar.windows)
    told = f"{ahead} of {len(calendar.windows)} event windows open or to come"
    until = calendar.complete_until
    if until is not None and now >= until:
        remedy = "add the windows that follow in conf/events, then raise events.complete_until"
        yield Finding("broken", "events", f"{told}; complete until {until:%Y-%m-%d %H:%M} UTC: no entries", remedy)
    elif calendar.windows and until is None and not ahead:
        yield Finding("look", "events", told, "add the windows that follow in conf/events; say events.complete_until")
    else:
        yield Finding("good", "events", told if calendar.windows else "no event windows are declared")


def _ledger(house: Container) -> Iterator[Finding]:
    try:
        settings, ledger = house.settings, house.ledger
        for line in other_ledgers(house.ledger_url()):
            yield Finding("look", "another ledger", line, "act on each of them: storage.root=..., or --ledger for kill")
        chain = _chain(ledger)
        yield chain
        if chain.state == "broken":
            return
        yield from _limits(house)
        stops = [row.scope for row in ledger.kill_switches.present() if row.stopped]
        if stops:
            yield Finding("look", "kill switch", f"stopped: {', '.join(stops)}", "tradewright resume --reason ...")
        live, account = settings.mode.name is Mode.LIVE, account_in_force(settings, ledger)
        if not account:
            yield Finding("look", "account", UNKNOWN_ACCOUNT, "tradewright reconcile")
        for row in problems(ledger, account, starts_stopped=live):
            if row.code not in ("STOPPED", "NOT_RECONCILED"):
                yield Finding("look", f"{row.code} {row.instrument}".strip(), row.text, row.remedy)
    except TradewrightError as error:
        yield Finding("broken", "ledger", f"{error.where}: {error.what}", error.remedy)


def _holdings_without_file(house: Container) -> Iterator[Finding]:
    """Strategies that hold something, and whose files are gone; other wrong files are told with the configuration."""
    try:
        held = holdings(house)
    except TradewrightError:
        return  # told by the look at the ledger
    for row in without_file(held):
        told = replace(row, holds=held[row.strategy])
        yield Finding("broken", f"strategy {row.strategy}", told.line, row.remedy)


def _limits(house: Container) -> Iterator[Finding]:
    """The limits of the last decision, and whether those of the configuration differ."""
    account = account_in_force(house.settings, house.ledger)
    last = house.ledger.limits.newest(account)
    if last is None:
        return
    since = f"since {last.at:%Y-%m-%d %H:%M:%S} UTC by {last.actor} (event {last.seq}): {last.text}"
    if rule_set_hash(limits_in_force(house.ledger, account, house.limits)) == last.rule_set_hash:
        yield Finding("good", "limits", since)
    else:
        what = f"differ from those of the last decision, {since}"
        yield Finding("look", "limits", what, "the next decision records them; orders approved before are not sent")


def _alerts(house: Container) -> Iterator[Finding]:
    """Which channels tell alerts, and how many each of them has not told yet."""
    chosen = house.settings.observability.alerts
    if not chosen.enabled:
        yield Finding("good", "alerts", "off: observability.alerts.enabled=true switches them on")
        return
    for channel in chosen.channels:
        try:
            late = waiting(house, channel)
        except TradewrightError:
            return  # told by the look at the ledger
        remedy = "<storage.root>/logs says why; tradewright reconcile tries again" if late else ""
        yield Finding("look" if late else "good", f"alerts {channel}", f"{late} not told yet", remedy)


def _chain(ledger: Ledger) -> Finding:
    """The hash chain of the events; an altered row is told with the ledger that holds it."""
    try:
        return Finding("good", "ledger", f"{ledger.where}: audit chain of {ledger.audit.verify_chain()} events holds")
    except (LedgerTampered, LedgerKeyMissing) as error:
        return Finding("broken", "ledger", f"{ledger.where}: {error.where}: {error.what}", error.remedy)


def _schedules(house: Container) -> Iterator[Finding]:
    """The jobs that run by themselves in ``make dev``, and what nobody does while they do not."""
    settings = house.settings
    jobs: dict[str, JobSettings] = {name: value for name, value in settings.schedules if isinstance(value, JobSettings)}
    on = ", ".join(name for name, job in jobs.items() if job.enabled)
    yield Finding("good", "schedules", f"on: {on or 'none'}")
    try:
        if not jobs["end_of_day"].enabled and house.ledger.attempts.live(account_in_force(settings, house.ledger)):
            remedy = "tradewright end-of-day before the venue's midnight, or schedules.end_of_day.enabled=true"
            yield Finding("look", "schedules", "an order is open, and nothing ends the day by itself", remedy)
        if jobs["backup"].enabled and house.ledger.file is None:
            yield Finding("look", "backup", "the ledger is on PostgreSQL", PG_DUMP)
    except TradewrightError:
        return  # told by the look at the ledger


def _broker(house: Container) -> Iterator[Finding]:
    chosen = house.settings.broker
    if chosen.address is None:
        yield Finding("good", "broker", "the simulated venue, in this process")
        return
    try:
        with socket.create_connection(chosen.address, timeout=chosen.patience):
            yield Finding("good", "broker", f"{chosen.place} answers")
    except OSError as error:
        remedy = "start the gateway (tradewright gateway for the simulator), or set broker.host and broker.port"
        yield Finding("broken", "broker", f"{chosen.place}: {error.strerror or error}", remedy)
