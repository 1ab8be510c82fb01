"""A strategy package that came from somebody else: who made it, what it costs to prove, and whether it holds here."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from conf.environment import environment, in_project
from conf.package_settings import refuse_traps, unpacked_settings
from conf.scenarios import scenarios
from conf.schema.market import ScenarioFeedSettings
from conf.schema.settings import Settings
from conf.secret_files import read_secret
from runtime.container import Container
from runtime.feeds import least_bars, stored_timeframes
from runtime.packages import KEY, backtested, certified, engine
from runtime.research import symbols, timeframe
from tradewright.dsl.document import StrategyDocument
from tradewright.dsl.effort import values_in_a_bar
from tradewright.dsl.program import Program
from tradewright.model.bars import Timeframe
from tradewright.packages.comparison import PackageDifference, certificate_differences, differences
from tradewright.packages.fault import PackageFault, PackageRefused, refusal
from tradewright.packages.manifest import CERTIFICATE, CONFIGURATION
from tradewright.packages.package import Package, Trust, read_file
from tradewright.packages.signing import public_key_of
from tradewright.research.certify import ALLOCATED
from tradewright.scenarios.document import ScenarioDocument
from tradewright.scenarios.scenario import EPOCH, PROFILES
from tradewright.store.overview import stored_series
from tradewright.store.time_range import first_instant, last_instant

MOST_MINUTES = 40_000_000
"""Minutes of bars of a scenario that are made to verify a package: all instruments for fifteen years, in a minute."""

MOST_WORK = 20_000_000_000
"""Values that the decisions of its backtest may compute: some twenty seconds."""

_DAY, _MINUTES_A_DAY, _YEAR, _SESSIONS = 86_400, 1_440, 365.25, 252


@dataclass(frozen=True)
class Admission:
    """Which packages are taken beside those that are signed with a trusted key.

    ``key`` is the file of one's own private key, whose packages are taken; None takes ``TRADEWRIGHT_PACKAGE_KEY``,
    where it is set.
    """

    unsigned: bool = False
    untrusted: bool = False
    key: Path | None = None


class Admitted(NamedTuple):
    """A package of somebody who is trusted, or that was asked for all the same.

    Args:
        settings: those of its backtest here.
    """

    package: Package
    document: StrategyDocument
    program: Program
    settings: Settings


def private_key(file: Path | None) -> tuple[str, str]:
    """The private key, and where it stands.

    Raises:
        PackageRefused: there is none.
    """
    if file is not None:
        return read_secret(file.expanduser(), "--key"), "--key"
    said = environment(KEY)
    if said is None:
        remedy = f"--key FILE, or {KEY}_FILE=FILE in .env; tradewright package key FILE makes one; or say --unsigned"
        raise refusal(PackageFault.NO_KEY, "there is no key to sign with", KEY, remedy)
    return said, KEY


def trust_in(settings: Settings, package: Package, key: Path | None) -> tuple[Trust, str]:
    """What is known of who made it; one's own key is looked at where the settings do not list the package's.

    Args:
        key: as of :class:`Admission`.
    """
    trust, signer = package.trust(settings.packages.trusted)
    if package.signature is None or trust is not Trust.UNTRUSTED or (key is None and environment(KEY) is None):
        return trust, signer
    is_own = public_key_of(*private_key(key)) == package.signature.public_key
    return Trust.OWN if is_own else trust, signer


def admitted_package(settings: Settings, file: Path, admitted: Admission) -> Admitted:
    """A package that may be taken, with what its backtest is run on; nothing is run or written.

    Raises:
        PackageRefused: it breaks a rule, its key is not trusted and ``admitted`` does not say so, or its backtest asks
            for more than is computed for a package.
    """
    package = read_file(file)
    trust, _ = trust_in(settings, package, admitted.key)
    if trust is Trust.UNSIGNED and not admitted.unsigned:
        raise refusal(PackageFault.UNSIGNED, "nobody has signed it", str(file))
    if trust is Trust.UNTRUSTED and not admitted.untrusted:
        public = package.signature.public_key if package.signature else ""
        raise refusal(PackageFault.UNTRUSTED_KEY, f"it is signed with {public}, a key that is not trusted", str(file))
    try:
        document, program = package.compiled()
        refuse_traps(package.document)
        chosen = unpacked_settings(settings, package.configuration, package.document)
        demand_bounded(chosen, document, program, certified_on(package))
    except PackageRefused as error:
        raise error.at(str(file)) from error
    return Admitted(package, document, program, chosen)


def demand_bounded(
    settings: Settings, document: StrategyDocument, program: Program, certified_on: Iterable[ScenarioDocument] = ()
) -> None:
    """Refuse a package whose scenario, or whose decisions, are more than is computed to verify one.

    Its maker chose how long the scenario is and how much the rules compute, and whoever receives it would wait. Bars of
    ``feed=files`` are those that the receiver has, in the period of the backtest.

    Args:
        settings: of its backtest here.
        certified_on: the scenarios on which its certificate is made again.

    Raises:
        PackageRefused: with what it would take and the bound.
    """
    a_bar, feed = values_in_a_bar(program, document.values()), settings.feed
    if isinstance(feed, ScenarioFeedSettings):
        _demand_made(settings, document, feed, a_bar)
    else:
        _demand_work(_bars_stored(settings), a_bar, "of the bars that are stored here", "backtest")
    series = ALLOCATED if document.allocate is not None else 1
    bars = sum(max(each.instruments, series) * each.duration_bars for each in certified_on)
    _demand_work(bars, a_bar, "on the scenarios of its certificate", CERTIFICATE)


def _demand_work(bars: float, a_bar: float, of_what: str, where: str) -> None:
    """Refuse decisions of so many bars that compute more than is computed to verify a package."""
    if (values := bars * a_bar) > MOST_WORK:
        what = f"its decisions {of_what} would compute up to {values:.3g} values, at most {MOST_WORK:.3g} are computed"
        remedy = "shorten the windows of the document, or what it is run on"
        raise refusal(PackageFault.TOO_MUCH_WORK, what, where, remedy)


def _bars_stored(settings: Settings) -> int:
    """The bars on which the backtest decides, of all its instruments, at the most: none where none are stored."""
    length, backtest = timeframe(settings), settings.backtest
    starts = [pd.Timestamp(first_instant(backtest.start), tz="UTC")] if backtest.start is not None else []
    ends = [pd.Timestamp(last_instant(backtest.end), tz="UTC")] if backtest.end is not None else []
    found = dict.fromkeys(symbols(settings), 0)
    for row in stored_series(in_project(settings.storage.root)):
        stored = Timeframe(row.timeframe)
        if row.instrument not in found or row.first is None or row.last is None:
            continue
        if stored is length or length.makes(stored):
            span = min([pd.Timestamp(row.last), *ends]) - max([pd.Timestamp(row.first), *starts])
            most = max(math.floor(span.total_seconds() / length.seconds) + 1, 0)
            found[row.instrument] = max(found[row.instrument], min(row.rows, most))
    return sum(found.values())


def _demand_made(settings: Settings, document: StrategyDocument, feed: ScenarioFeedSettings, a_bar: float) -> None:
    """Refuse a scenario of more minutes than are made, and decisions on more of its bars than are computed."""
    if feed.end is None:
        return
    held = _days_held(settings, feed)
    minutes = math.ceil(len(PROFILES) * max(held.values()) * _MINUTES_A_DAY)
    if minutes > MOST_MINUTES:
        what = f"its scenario would be made of up to {minutes:,} minutes, at most {MOST_MINUTES:,} are made"
        raise refusal(PackageFault.TOO_MUCH_WORK, what, f"{CONFIGURATION}, feed", "shorten it: feed.days_1m, days_1d")
    length = Timeframe(settings.backtest.timeframe or document.timeframe or settings.universe.timeframe)
    days = held.get(length, max(held.values()))
    bars = len(PROFILES) * days * _DAY / min(length.seconds, _DAY)
    _demand_work(bars, a_bar, "of the bars of its scenario", f"{CONFIGURATION}, feed")


def _days_held(settings: Settings, feed: ScenarioFeedSettings) -> dict[Timeframe, float]:
    """The days of which a scenario makes bars of an instrument at the most, by timeframe; none are before its epoch.

    Of a timeframe between minutes and days it makes twice as many days as hold the least number of its bars; a market
    is open for a fifth of the time or more.
    """
    assert feed.end is not None  # noqa: S101  # nosec B101  for the type checker
    possible = max((feed.end - EPOCH.to_pydatetime(warn=False)).days + 1, 1)
    minutes, days = feed.days_1m, feed.days_1d / _SESSIONS * _YEAR
    wanted = {
        each: max(minutes, days if each.of_sessions else 0, 2 * 5 * least_bars(settings) * each.seconds / _DAY)
        for each in stored_timeframes(settings)
    }
    wanted |= {Timeframe.M1: minutes, Timeframe.D1: days}
    return {each: min(possible, count) for each, count in wanted.items()}


def certified_on(package: Package) -> list[ScenarioDocument]:
    """The scenarios of its certificate that are here, in their order; none without a certificate."""
    certificate = package.certified()
    known = {each.id: each for each in scenarios()} if certificate else {}
    return [known[row.scenario] for row in certificate.scenarios if row.scenario in known] if certificate else []


def verified(settings: Settings, taken: Admitted) -> tuple[PackageDifference, ...]:
    """Backtest a package again on the bars that are here, and compare all that it says with what was found.

    A scenario's bars are made again, in a folder of their own; all others are those that are stored here.

    Raises:
        TradewrightError: the backtest cannot be run, as when there are no bars of an instrument.
    """
    package, document, program, chosen = taken
    certificate = package.certified()
    with _anew(chosen, settings) as used:
        with Container(used) as house:
            done = backtested(house, document, program)
        found = differences(package.manifest, engine(), done.data, done.expected)
        if certificate:
            again = certified(used, document, program, certified_on(package), certificate.limits)
            made_with = package.manifest.engine.digest
            found += certificate_differences(certificate, again, document.certify, made_with)
    return found


def holds(found: tuple[PackageDifference, ...]) -> bool:
    """Whether nothing differs that a package says of its backtest; another engine alone is no fault."""
    return not any(row.part != "engine" for row in found)


@contextmanager
def _anew(settings: Settings, usual: Settings) -> Iterator[Settings]:
    """The settings with an empty cache, so that the backtest is run and not remembered.

    Where the bars are a scenario's, all that is stored lies in that folder: none of them may reach the store.
    """
    with tempfile.TemporaryDirectory(prefix="tradewright-") as folder:
        places: dict[str, str | None] = {"cache_dir": f"{folder}/cache"}
        if isinstance(settings.feed, ScenarioFeedSettings):
            places |= {"root": folder, "ledger_url": None, "quotes_url": None}
        try:
            yield settings.model_copy(update={"storage": settings.storage.model_copy(update=places)})
        finally:
            Container(usual)  # the log goes on where it was
