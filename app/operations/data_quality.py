"""The findings on stored bars, for people: what the checks say now, and what gate and sender have on record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.operations.actors import actor_name, checked_reason
from conf.schema.settings import Settings
from runtime.bar_checks import evidence_on, findings_of, report_on
from runtime.container import Container
from tradewright.execution.input_checks import Basis, is_about
from tradewright.ledger.check_results import CheckResult
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError, StoreError
from tradewright.quality.evidence import GRAVE, QualityEvidence, acceptance, bars_check
from tradewright.quality.report import PLACES, Severity
from tradewright.quality.score import recorded_score, score_text

KEPT = 5
"""Recorded results of a series that are shown."""


@dataclass(frozen=True)
class FindingLine:
    """One finding on one stored series.

    Args:
        examples: at most five places, each a time with what is there.
    """

    instrument: str
    timeframe: Timeframe
    code: str
    severity: str
    message: str
    examples: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.instrument} {self.timeframe}: {self.severity} {self.code}: {self.message}"


@dataclass(frozen=True)
class RecordedCheck:
    """One result that gate and sender have on record.

    Args:
        score: of the bars then; None in a record from before scores were kept.
    """

    at: datetime
    passed: bool
    fingerprint: str
    findings: int
    score: float | None = None


@dataclass(frozen=True)
class SeriesFindings:
    """The findings on one stored series, and its newest recorded checks.

    Args:
        fingerprint: of the bars that were judged just now.
        state: whether orders may rely on the newest recorded check: ``passed``, ``failed``, ``stale``, ``of other
            bars``, ``by other rules`` or ``missing``.
        score: of the bars as they are now, from 0 to 100.
        recorded: the newest results on record, newest first.
    """

    instrument: str
    timeframe: Timeframe
    rows: int
    fingerprint: str
    state: str
    score: float
    findings: tuple[FindingLine, ...]
    recorded: tuple[RecordedCheck, ...]

    @property
    def history(self) -> str:
        """The scores on record in one line, newest first; empty without a record."""
        told = (f"{score_text(row.score)} at {row.at:%Y-%m-%d %H:%M}" for row in self.recorded)
        return f"{self.instrument} {self.timeframe}: scores on record: {', '.join(told)}" if self.recorded else ""

    @property
    def blocked(self) -> bool:
        """Whether a finding keeps orders from being sent."""
        return any(row.severity == Severity.BLOCK for row in self.findings)


def findings(settings: Settings, symbols: Sequence[str] = (), *, everything: bool = False) -> list[SeriesFindings]:
    """Judge stored series now, and those of the universe's timeframe that are made of them; nothing is recorded.

    Args:
        symbols: of instruments; every instrument that has bars when empty.
        everything: also the properties of a source (``INFO``), such as volumes that are always zero.

    Raises:
        ConfigError: for an instrument that is not defined.
        StoreError: when nothing of it is stored, or it is damaged.
        LedgerError: when the ledger cannot be read.
    """
    with Container(settings) as house:
        return [series_findings(house, *each, everything=everything) for each in judged_series(house, symbols)]


def judged_series(house: Container, symbols: Sequence[str] = ()) -> list[tuple[str, Timeframe]]:
    """The stored series of instruments that are configured, and those of the universe's timeframe made of them.

    Raises:
        ConfigError, StoreError: as :func:`findings`.
    """
    for symbol in symbols:
        house.instrument(symbol)
    stored = [row for row in house.bar_store.series() if row.instrument in (symbols or house.instruments)]
    read = {symbol: house.bar_store.kind_of(symbol) for symbol in {row.instrument for row in stored}}
    chosen = [row for row in stored if row.kind is read[row.instrument]]
    if lacking := sorted(set(symbols) - {row.instrument for row in chosen}):
        remedy = "import them first (tradewright import), or set storage.root to where they are"
        raise StoreError(f"no bars of {', '.join(lacking)}", where=str(house.root), remedy=remedy)
    series, universe = [(row.instrument, row.timeframe) for row in chosen], house.settings.universe.timeframe
    made = [(name, universe) for name in dict.fromkeys(name for name, _ in series) if (name, universe) not in series]
    return series + [(name, each) for name, each in made if house.bars.coverage(name, each) is not None]


def noteworthy(house: Container, series: Iterable[tuple[str, Timeframe]]) -> list[FindingLine]:
    """What a person should know of stored series: everything but mere properties of their source.

    Raises:
        StoreError: when a series is damaged.
    """
    judged = [evidence_on(house, symbol, timeframe, weigh=False) for symbol, timeframe in series]
    return [line for evidence in judged for line in _lines(evidence) if line.severity != Severity.INFO]


def series_findings(
    house: Container, symbol: str, timeframe: Timeframe, *, everything: bool, kept: int = KEPT
) -> SeriesFindings:
    """Judge one series now.

    Args:
        everything: also the properties of its source.
        kept: how many of the newest recorded results are told.

    Raises:
        StoreError, LedgerError: as :func:`findings`.
    """
    evidence, name = evidence_on(house, symbol, timeframe), bars_check(symbol, timeframe)
    recorded = house.ledger.checks.history(name, kept)
    lines = tuple(line for line in _lines(evidence) if everything or line.severity != Severity.INFO)
    state = _state(house, recorded[0] if recorded else None, evidence.fingerprint)
    rows = tuple(map(_recorded, recorded))
    return SeriesFindings(symbol, timeframe, evidence.rows, evidence.fingerprint, state, evidence.score, lines, rows)


def _lines(evidence: QualityEvidence) -> list[FindingLine]:
    return [
        FindingLine(
            evidence.instrument, evidence.timeframe, str(row.code), str(row.severity), row.message, row.examples
        )
        for row in evidence.findings
    ]


def _state(house: Container, newest: CheckResult | None, fingerprint: str) -> str:
    oldest = house.clock.now() - timedelta(seconds=float(house.settings.policy.max_check_age_seconds))
    if newest is None:
        return "missing"
    if not is_about(newest, Basis(fingerprint, newest.about("rules"))):
        return "of other bars"
    if not is_about(newest, Basis(fingerprint, house.settings.quality.digest)):
        return "by other rules"
    if newest.at < oldest:
        return "stale"
    return "passed" if newest.passed else "failed"


def _recorded(result: CheckResult) -> RecordedCheck:
    told = result.about("fingerprint"), len(result.listed("findings")), recorded_score(result.detail)
    return RecordedCheck(result.at, result.passed, *told)


@dataclass(frozen=True)
class Accepted:
    """A finding that a person accepted, as it is recorded."""

    instrument: str
    timeframe: Timeframe
    code: str
    message: str
    places: str
    actor: str
    reason: str


def accept(settings: Settings, symbol: str, timeframe: Timeframe, code: str, reason: str, actor: str = "") -> Accepted:
    """Record that the bars of a finding are as they should be; the next check of the bars takes it into account.

    It holds for the very bars that the finding is about now: one more of them, or another price, is a new finding.

    Raises:
        ConfigError: for an unknown instrument, a missing reason, and a finding that is not there or cannot be accepted.
        StoreError, LedgerError: when the bars cannot be read, or the acceptance cannot be written down.
    """
    why, who = checked_reason(reason), actor_name(actor)
    known = ", ".join(GRAVE)
    with Container(settings) as house:
        house.instrument(symbol)
        fingerprint = house.bars.fingerprint(symbol, timeframe)  # before the bars are read
        own = findings_of(house, report_on(house, symbol, timeframe), timeframe)
        found = next((row for row in own if row.code == code and row.code in GRAVE), None)
        if found is None:
            what = f"there is no finding {code!r} on {symbol} {timeframe} that can be accepted"
            remedy = f"one of {known} that tradewright data findings --instrument {symbol} lists"
            base = house.bars.base_of(symbol, timeframe)
            if base is not None and base is not timeframe:
                remedy += f"; those of the {base} bars that they are made of with --timeframe {base}"
            raise ConfigError(what, where="--finding", remedy=remedy)
        done = Accepted(symbol, timeframe, code, found.message, str(found.figures[PLACES]), who, why)
        detail = {"places": done.places, "actor": who, "reason": why, "fingerprint": fingerprint}
        house.ledger.checks.record(acceptance(symbol, timeframe, code), True, detail)
        return done
