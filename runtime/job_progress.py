"""Settings and the state on disk to what is due: bars, signals, decisions, jobs. Nothing in this module loads numba."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from conf.schema.schedules import DailyJobSettings
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.feeds import stored_timeframes, timeframes_judged
from runtime.rebalances import are_held_back, desk_of
from runtime.signal_series import signal_series
from runtime.trading import account_in_force
from tradewright.calendars.due_rules import (
    Pace,
    daily_reason,
    decision_reason,
    newest_bars,
    refresh_reason,
    signals_reason,
)
from tradewright.calendars.registry import calendar_of
from tradewright.execution.input_checks import (
    Basis,
    checks_of,
    data_of_checks,
    is_about,
    named_series,
    timeframes_read,
)
from tradewright.ledger.check_results import CheckResult
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError, StoreError, TradewrightError
from tradewright.quality.evidence import acceptance, bars_check, features_check
from tradewright.store.artefacts import Key
from tradewright.store.progress import Progress, read_progress, write_progress

RENEWED = 0.8
"""The share of ``policy.max_check_age_seconds`` after which the checks of an open market are made again."""


OF = " on "
"""Stands between instrument and timeframe of a further series in the record of signals; no instrument's name has it."""


class Pending(NamedTuple):
    """The signals to decide on now, by strategy and instrument, and why each signal is or is not among them.

    ``failed`` has the strategies whose record or bars cannot be read, each with the error; none of theirs is in
    ``pairs``.
    """

    pairs: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]
    failed: Mapping[str, TradewrightError] = MappingProxyType({})

    @property
    def strategies(self) -> list[str]:
        """The strategies of the pairs."""
        return list(dict.fromkeys(name for name, _symbol in self.pairs))


def pace(settings: Settings) -> Pace:
    """How often a thing is done again although nothing new has come."""
    renew = float(settings.policy.max_check_age_seconds) * RENEWED
    return Pace(timedelta(minutes=settings.schedules.retry_minutes), timedelta(seconds=renew))


def bars_due(house: Container, timeframes: Iterable[Timeframe]) -> dict[str, str]:
    """The instruments of the universe whose bars are to be refreshed, each with the reason.

    Args:
        timeframes: of the strategies, beside those of the universe.

    An instrument that is not defined, or whose bars or record cannot be read, is among them: its refresh says so, and
    holds no other one up.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    found, results = {}, house.ledger.checks.newest()
    for symbol in house.settings.universe.instruments:
        try:
            reason = _bars_due(house, symbol, timeframes, results)
        except (ConfigError, StoreError) as error:
            reason = f"cannot be read: {error}" if _is_to_be_tried(house, _refresh_of(symbol)) else ""
        if reason:
            found[symbol] = reason
    return found


def _bars_due(
    house: Container, symbol: str, timeframes: Iterable[Timeframe], results: Mapping[str, CheckResult]
) -> str:
    settings, now, market = house.settings, house.clock.now(), calendar_of(house.instrument(symbol))
    stored, done = newest_known(house, symbol, timeframes), read_progress(house.progress, _refresh_of(symbol))
    if reason := refresh_reason(market, stored, done, now, pace(settings), has_feed=_has_feed(settings, symbol)):
        return reason
    if accepted := newly_accepted(symbol, results):
        return f"a person accepted {', '.join(accepted)}"
    if (done is None or done.finished) and (names := not_judged(house, symbol, results, timeframes)):
        return f"the stored bars or the rules of quality are not those of {', '.join(names)}"
    return ""


def _is_to_be_tried(house: Container, stage: Key) -> bool:
    """Whether the last try of something that cannot be read is long enough ago, or its record cannot be read either."""
    try:
        done = read_progress(house.progress, stage)
    except StoreError:
        return True
    return done is None or house.clock.now() - done.at >= pace(house.settings).retry


def not_judged(
    house: Container, symbol: str, results: Mapping[str, CheckResult], more: Iterable[Timeframe] = ()
) -> list[str]:
    """The checks of an instrument's bars and features that are missing, about other bars, or by other rules.

    Args:
        results: the newest result of each check.
        more: the timeframes on which strategies decide.

    Raises:
        StoreError: when a manifest is damaged.
    """
    universe, prints = house.settings.universe.timeframe, house.bars.fingerprints(symbol)
    if house.bars.coverage(symbol, universe) is None:
        return []
    stored = data_of_checks(symbol, universe, prints, house.settings.quality.digest)
    names = [bars_check(symbol, each) for each in timeframes_judged(house, symbol, more)] + [features_check(symbol)]
    return [name for name in names if name not in results or not is_about(results[name], stored.get(name, Basis()))]


def newly_accepted(symbol: str, results: Mapping[str, CheckResult]) -> list[str]:
    """The acceptances of an instrument's findings that its newest checks have not taken into account.

    Args:
        results: the newest result of each check.
    """
    found = []
    for name, result in results.items():
        head, _, code = name.rpartition(".")
        timeframe = head.rpartition(".")[2]
        if timeframe in set(Timeframe) and name == acceptance(symbol, timeframe, code):
            check = results.get(bars_check(symbol, Timeframe(timeframe)))
            if check is None or check.at < result.at:
                found.append(name)
    return found


def begin_refresh(house: Container, symbol: str, timeframes: Iterable[Timeframe]) -> Progress:
    """Note that an instrument's refresh has begun; it counts as failed until :func:`finish_refresh`.

    Raises:
        ConfigError, StoreError: for an instrument that is not defined, or whose bars cannot be read; the try is noted.
    """
    _begun(house, _refresh_of(symbol), {})
    market, stored = calendar_of(house.instrument(symbol)), newest_known(house, symbol, timeframes)
    newest = newest_bars(market, stored, house.clock.now(), has_feed=_has_feed(house.settings, symbol))
    return _begun(house, _refresh_of(symbol), {str(each): start for each, start in newest.items()})


def finish_refresh(house: Container, symbol: str, begun: Progress) -> None:
    """Note that an instrument was refreshed and checked."""
    write_progress(house.progress, _refresh_of(symbol), begun._replace(finished=True))


def newest_known(house: Container, symbol: str, timeframes: Iterable[Timeframe]) -> dict[Timeframe, int | None]:
    """The start of an instrument's newest bar, by timeframe; None where there is none.

    A feed is asked for every timeframe, so that only stored bars count; without one, those on which strategies decide
    may be made.

    Raises:
        StoreError: when the store is damaged.
    """
    deciding = () if _has_feed(house.settings, symbol) else (house.settings.universe.timeframe, *timeframes)
    covered = {
        each: (house.bars if each in deciding else house.bar_store).coverage(symbol, each)
        for each in dict.fromkeys((*stored_timeframes(house.settings), *timeframes))
    }
    return {each: None if found is None else found.last.value for each, found in covered.items()}


def signals_due(house: Container) -> str:
    """Why the signals of the strategy in force are to be made; empty when they are not.

    Raises:
        ConfigError, StoreError: as :func:`bars_due`.
    """
    settings, stored = house.settings, _signal_bars(house)
    markets = [calendar_of(house.instrument(symbol)) for symbol in _traded(stored)]
    done = read_progress(house.progress, signals_of(settings.strategy.name))
    identity = settings.config_hash
    return signals_reason(markets, stored, done, house.clock.now(), pace(settings), identity=identity)


def signals_failed(house: Container) -> str:
    """When the signals of the strategy in force were begun, where they were not finished; empty where they were.

    Raises:
        StoreError: when the record is damaged.
    """
    done = read_progress(house.progress, signals_of(house.settings.strategy.name))
    return "" if done is None or done.finished else f"its signals failed at {done.at:%Y-%m-%d %H:%M} UTC"


def without_bars(house: Container) -> list[str]:
    """The instruments of the strategy in force without a bar of its timeframe, and the further series without one.

    While there is one, the strategy stands still.

    Raises:
        ConfigError, StoreError: as :func:`bars_due`.
    """
    return [symbol for symbol, start in _signal_bars(house).items() if start is None]


def begin_signals(house: Container) -> Progress:
    """Note that the signals of the strategy in force are being made; they count as failed until they are finished."""
    bars = {symbol: start for symbol, start in _signal_bars(house).items() if start is not None}
    return _begun(house, signals_of(house.settings.strategy.name), bars, house.settings.config_hash)


def finish_signals(house: Container, begun: Progress) -> None:
    """Note that the signals of the strategy in force were made."""
    write_progress(house.progress, signals_of(house.settings.strategy.name), begun._replace(finished=True))


def decisions_due(house: Container, strategies: Sequence[str]) -> Pending:
    """The newest signals that nobody has decided on yet and that can be decided on now.

    A strategy whose record or bars cannot be read holds no other one up.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    pairs, reasons, failed, results = list[tuple[str, str]](), list[str](), {}, house.ledger.checks.newest()
    for name in strategies:
        try:
            due, why = _decisions_due(house, name, results)
        except (ConfigError, StoreError) as error:
            failed[name] = error
            due, why = [], [f"cannot be decided on: {error}"]
        pairs += ((name, symbol) for symbol in due)
        reasons += (f"{name}: {reason}" for reason in why)
    return Pending(tuple(pairs), tuple(reasons), MappingProxyType(failed))


def _decisions_due(house: Container, name: str, results: Mapping[str, CheckResult]) -> tuple[list[str], list[str]]:
    """The instruments on which a strategy's signals can be decided on now, and a reason for each instrument."""
    signals = read_progress(house.progress, signals_of(name))
    if signals is None or not signals.finished:
        return [], ["no finished signals"]
    due, reasons = [], []
    decided = read_progress(house.progress, _decided_of(house.settings, name))
    for symbol in _traded(signals.bars):
        market, known = calendar_of(house.instrument(symbol)), _usable_checks(house, name, symbol, results)
        is_due, reason = decision_reason(market, symbol, signals, decided, house.clock.now(), known)
        reasons.append(reason)
        due += [symbol] if is_due else []
    why = are_held_back(house, name, due, signals.bars, signals.identity)
    return ([], [why]) if why else (due, reasons)


def signal_marks(house: Container, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str, int, str]]:
    """Strategy, instrument, newest bar and settings of the signals of ``pairs``, to be remembered by a decision."""
    marks = []
    for name, symbol in pairs:
        signals = read_progress(house.progress, signals_of(name))
        if signals is not None and symbol in signals.bars:
            marks.append((name, symbol, signals.bars[symbol], signals.identity))
    return marks


def finish_decisions(house: Container, marks: Iterable[Sequence[object]]) -> None:
    """Note that the signals behind these marks were decided on in this mode and account."""
    for name, symbol, bar, identity in marks:
        key = _decided_of(house.settings, str(name))
        before = read_progress(house.progress, key)
        kept = before.bars if before is not None and before.identity == identity else {}
        bars = {**kept, str(symbol): int(str(bar))}
        write_progress(house.progress, key, Progress(house.clock.now(), bars, str(identity)))


def daily_due(house: Container, job: str, terms: DailyJobSettings, zone: str) -> str:
    """Why a job of every day is to be run now; empty when it is not.

    Raises:
        StoreError: when the record of the last time is damaged.
    """
    return daily_reason(house.clock.now(), terms.time, zone, last_done(house, job))


def last_done(house: Container, job: str) -> Progress | None:
    """The last time that a job was done in this mode and account."""
    return read_progress(house.progress, _job_of(house.settings, job))


def finish_job(house: Container, job: str) -> None:
    """Note that a job was done, whatever it found."""
    write_progress(house.progress, _job_of(house.settings, job), Progress(house.clock.now(), {}))


def last_reconciled(house: Container) -> datetime | None:
    """The last comparison of the account in force with the venue; None before the first.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    found = house.ledger.broker_journal.last_reconciliation(account_in_force(house.settings, house.ledger))
    return None if found is None else found.at


def has_traded(house: Container) -> bool:
    """Whether an order was ever approved for the account in force, in this mode.

    Raises:
        LedgerError: when the ledger cannot be used.
    """
    return account_in_force(house.settings, house.ledger) in house.ledger.outbox.accounts()


def signals_of(strategy: str) -> Key:
    """The artefact that holds a strategy's newest signals, and the stage that makes them."""
    return "signals", strategy


def _signal_bars(house: Container) -> dict[str, int | None]:
    """The start of the newest bar of each instrument of the strategy, and of each further series that it reads."""
    settings = house.settings
    timeframe = settings.strategy.timeframe or settings.universe.timeframe
    symbols = settings.strategy.instruments or settings.universe.instruments
    places = {symbol: (symbol, timeframe) for symbol in symbols}
    places |= {f"{symbol}{OF}{length}": (symbol, length) for symbol, length in signal_series(settings)}
    covered = {key: house.bars.coverage(*place) for key, place in places.items()}
    return {key: None if found is None else found.last.value for key, found in covered.items()}


def _traded(keys: Iterable[str]) -> list[str]:
    """The instruments among the keys of :func:`_signal_bars`, without the further series."""
    return [key for key in keys if OF not in key]


def _usable_checks(house: Container, strategy: str, symbol: str, results: Mapping[str, CheckResult]) -> dict[str, bool]:
    """Whether each check that the gate asks for is young enough and about the stored bars, passed or failed."""
    universe, prints = house.settings.universe.timeframe, house.bars.fingerprints(symbol)
    oldest = house.clock.now() - timedelta(seconds=float(house.settings.policy.max_check_age_seconds))
    stored = data_of_checks(symbol, universe, prints, house.settings.quality.digest)
    kept = house.bar_store.timeframes(symbol)
    own, series = _read_by_signal(house, strategy, symbol)
    for other in {each for each, _timeframe in series} - {symbol}:
        stored |= data_of_checks(other, universe, house.bars.fingerprints(other), house.settings.quality.digest)
    names = checks_of(strategy, symbol, timeframes_read(universe, kept, own), series)
    known = {name: results.get(name) for name in names}
    return {
        name: found is not None and found.at >= oldest and (name not in stored or is_about(found, stored[name]))
        for name, found in known.items()
    }


def _read_by_signal(
    house: Container, strategy: str, symbol: str
) -> tuple[Timeframe | None, tuple[tuple[str, Timeframe], ...]]:
    """The timeframe of a stored signal, None where it is the universe's, and the further series that it was made of."""
    rows = house.artefacts.read_json(signals_of(strategy))
    row = next((row for row in rows if row["instrument"] == symbol), None)
    if row is None:
        return None, ()
    named = row["timeframe"]
    return Timeframe(named) if named else None, named_series(row.get("series", ()))


def _begun(house: Container, stage: Key, bars: Mapping[str, int], identity: str = "") -> Progress:
    progress = Progress(house.clock.now(), bars, identity, finished=False)
    write_progress(house.progress, stage, progress)
    return progress


def _has_feed(settings: Settings, symbol: str) -> bool:
    return settings.feed_of(symbol).kind != "files"


def _refresh_of(symbol: str) -> Key:
    return "refresh", symbol


def _decided_of(settings: Settings, strategy: str) -> Key:
    return "decided", desk_of(settings), strategy


def _job_of(settings: Settings, job: str) -> Key:
    return "done", desk_of(settings), job
