"""The checks that an order depends on (P2), and whether their newest results are about the data that is there now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from tradewright.ledger.check_results import CheckResult
from tradewright.model.bars import Timeframe
from tradewright.model.intent import FLATTEN, MANUAL, Intent
from tradewright.policy.snapshot import InputCheck
from tradewright.quality.evidence import bars_check, features_check
from tradewright.quality.report import Severity

AHEAD = timedelta(seconds=2)
"""How far clocks may differ; a time further in the future than that is not believed."""

LONGEST_TEXT = 300
"""Characters of a check's findings that a decision tells."""


def look_ahead_check(strategy: str) -> str:
    """The name under which the look-ahead test of a strategy is recorded."""
    return f"lookahead.{strategy}"


def timeframes_read(
    universe: Timeframe, stored: Iterable[Timeframe], own: Timeframe | None = None
) -> tuple[Timeframe, ...]:
    """The timeframes whose bars a decision on an instrument reads.

    Args:
        universe: of the prices, volumes and features that the gate looks at.
        stored: those that the instrument has bars of; the close of the day before is read from daily ones.
        own: on which the strategy decides, where that is another than the universe's.
    """
    daily = [Timeframe.D1] if Timeframe.D1 in stored else []
    return tuple(dict.fromkeys((universe, *([own] if own else []), *daily)))


def own_timeframe(intent: Intent) -> Timeframe | None:
    """The timeframe that the strategy of an intent decided on; None where it is the universe's, and for people's."""
    named, _, start = intent.provenance.get("bar", "").partition(" ")
    return Timeframe(named) if start else None


def named_series(names: Iterable[str]) -> tuple[tuple[str, Timeframe], ...]:
    """Instrument and timeframe of the series that a signal names (:attr:`SignalCandidate.series`)."""
    parts = (name.rpartition(" ") for name in names)
    return tuple((symbol, Timeframe(length)) for symbol, _space, length in parts)


def series_read(intent: Intent) -> tuple[tuple[str, Timeframe], ...]:
    """Instrument and timeframe of the further series that the strategy of an intent has read; none for people's."""
    return named_series(filter(None, intent.provenance.get("series", "").split(", ")))


def checks_of(
    strategy: str, instrument: str, timeframes: Iterable[Timeframe], series: Iterable[tuple[str, Timeframe]] = ()
) -> tuple[str, ...]:
    """The names of the checks on which an order depends, each once; a person's own intent needs no strategy's.

    Args:
        timeframes: whose bars are read (:func:`timeframes_read`).
        series: instrument and timeframe of the further bars that the strategy reads.
    """
    if strategy == FLATTEN:
        return ()  # the way out depends on no data
    own = ((instrument, each) for each in timeframes)
    bars = tuple(dict.fromkeys(bars_check(*place) for place in (*own, *series)))
    return bars if strategy == MANUAL else (*bars, features_check(instrument), look_ahead_check(strategy))


class Basis(NamedTuple):
    """What a check of bars or features has to be about.

    Args:
        fingerprint: of the stored bars.
        rules: the digest of the rules of quality in force; empty for a check that they do not decide.
    """

    fingerprint: str = ""
    rules: str = ""


def data_of_checks(
    instrument: str, universe: Timeframe, fingerprints: Mapping[Timeframe, str], rules: str
) -> dict[str, Basis]:
    """What each check of an instrument's stored bars and of its features has to be about, by the check's name.

    Args:
        rules: the digest of the rules of quality in force.
    """
    bars = {bars_check(instrument, each): Basis(told, rules) for each, told in fingerprints.items()}
    return {**bars, features_check(instrument): Basis(fingerprints.get(universe, ""))}


def is_about(result: CheckResult, basis: Basis) -> bool:
    """Whether a result judged these bars by these rules. A pass that names no bars is about none."""
    return _is_about_bars(result, basis.fingerprint) and result.about("rules") == basis.rules


def _is_about_bars(result: CheckResult, stored: str) -> bool:
    told = result.about("fingerprint")
    return told == stored and bool(told or not result.passed)


def bars_input(name: str, result: CheckResult | None, basis: Basis, now: datetime) -> InputCheck:
    """The newest result of a check of bars or features, as the gate reads it.

    Args:
        basis: what it has to be about.
    """
    if result is None:
        return InputCheck(name=name)
    return InputCheck(
        name=name,
        passed=result.passed,
        age_seconds=age_seconds(now, result.at),
        other_data=not _is_about_bars(result, basis.fingerprint),
        other_rules=result.about("rules") != basis.rules,
        findings="" if result.passed else failures(result),
    )


def unreadable_inputs(instrument: str, bars: str, features: str) -> dict[str, InputCheck]:
    """The checks of stored bars and features that cannot be read now, whatever their newest results say, by name.

    Args:
        bars, features: why each cannot be read; empty where it can.
    """
    told = {bars_check(instrument, each): bars for each in Timeframe} | {features_check(instrument): features}
    return {
        name: InputCheck(name=name, passed=False, age_seconds=Decimal(0), findings=_shortened(f"NOT_READABLE: {why}"))
        for name, why in told.items()
        if why
    }


def look_ahead_input(name: str, result: CheckResult | None, strategy_hash: str, now: datetime) -> InputCheck:
    """The newest look-ahead test; it counts for the very code that it tested."""
    if result is None:
        return InputCheck(name=name)
    if result.about("strategy") != strategy_hash:
        return InputCheck(name=f"{name} for this version of the strategy")
    text = "" if result.passed else failures(result)
    return InputCheck(name=name, passed=result.passed, age_seconds=age_seconds(now, result.at), findings=text)


def failures(result: CheckResult) -> str:
    """The findings that made a check fail, each with code and gravest place; at most ``LONGEST_TEXT`` characters."""
    told = [_told(row) for row in result.listed("findings")]
    unknown = ", ".join(map(str, result.listed("unknown")))
    return _shortened("; ".join(filter(None, (*told, f"without a value: {unknown}" if unknown else ""))))


def _told(row: object) -> str:
    if not isinstance(row, Mapping):
        return str(row)
    if row.get("severity") != Severity.BLOCK:
        return ""
    places = row.get("examples") or ()  # results from before they were kept have none
    return "".join((f"{row.get('code')}: {row.get('message')}", *(f", such as {place}" for place in places[:1])))


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def age_seconds(now: datetime, then: datetime | None) -> Decimal | None:
    """Seconds since a moment; None without one, and for one that lies in the future beyond what clocks may differ."""
    if then is None or then - now > AHEAD:
        return None
    return Decimal(repr(max(0.0, (now - then).total_seconds())))
