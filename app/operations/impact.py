"""What a correction of stored bars touched: every use of the values before it, for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError, StoreError
from tradewright.oversight.impact import DecidedOn, Impact, impact_of
from tradewright.store.bars import stamp
from tradewright.store.dataset import Revision
from tradewright.store.series import Series
from tradewright.store.time_range import first_instant
from tradewright.store.uses import Use, Uses


@dataclass(frozen=True)
class Touched:
    """One thing that used the old values.

    Args:
        kind: backtest, sweep, features, signals, intent, decision or order.
        name: of the strategy or the instrument, or the id.
        at: its newest run, or when it was decided; None for an order.
        detail: what tells it from others: parameters and settings, side and quantity, a verdict, a state.
    """

    kind: str
    name: str
    at: datetime | None
    detail: str


@dataclass(frozen=True)
class RevisionImpact:
    """One revision of a stored series, and all that used the values before it.

    Args:
        told: how many bars it corrected, and how many came late.
        first, last: starts of the first and the last bar that changed, UTC.
        known_before: the last moment at which the old values were the newest, for ``backtest.known_at``.
    """

    instrument: str
    timeframe: str
    kind: str
    revision: int
    recorded_at: datetime
    source: str
    told: str
    first: datetime
    last: datetime
    known_before: datetime
    touched: tuple[Touched, ...]

    @property
    def text(self) -> str:
        """One line for people."""
        span = f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M}"
        name = f"{self.instrument} {self.timeframe} {self.kind} revision {self.revision}"
        return f"{name}: {self.told}, {span}, recorded {self.recorded_at:%Y-%m-%d %H:%M:%S} UTC, by {self.source}"


def impact(
    settings: Settings,
    symbols: Sequence[str] = (),
    timeframe: Timeframe | None = None,
    revision: int | None = None,
    since: str = "",
) -> list[RevisionImpact]:
    """Every revision of stored bars with what used the values before it, the oldest first.

    Args:
        symbols: of instruments; all when empty.
        timeframe: of the series; all when None.
        revision: only that number, of the one series that is chosen.
        since: only those recorded at or after a date or a time with a zone.

    Raises:
        ConfigError: for a revision that is asked for of several series.
        DataError: for a moment that is none.
        StoreError: when nothing is stored for an instrument, there is no such revision, or a file is damaged.
        LedgerError: when the ledger cannot be read.
    """
    with Container(settings) as house:
        chosen = _chosen(house, symbols, timeframe)
        rows = [(series, row) for series in chosen for row in house.bar_store.revisions(*series)]
        if revision is not None:
            rows = _numbered(chosen, rows, revision)
        if since:
            begin = first_instant(since)
            rows = [(series, row) for series, row in rows if stamp(begin).to_pydatetime() <= row.recorded_at]
        uses = Uses(house.root).all() if rows else []
        found = [impact_of(series, row, uses, house.ledger) for series, row in rows]
    return sorted(map(_told, found), key=lambda row: row.recorded_at)


def _chosen(house: Container, symbols: Sequence[str], timeframe: Timeframe | None) -> list[Series]:
    stored = list(house.bar_store.series())
    if lacking := sorted(set(symbols) - {row.instrument for row in stored}):
        remedy = "tradewright data list tells what is stored"
        raise StoreError(f"no bars of {', '.join(lacking)} are stored", where=str(house.root), remedy=remedy)
    return [
        row
        for row in stored
        if row.instrument in (symbols or {row.instrument}) and row.timeframe == (timeframe or row.timeframe)
    ]


def _numbered(
    chosen: Sequence[Series], rows: Sequence[tuple[Series, Revision]], number: int
) -> list[tuple[Series, Revision]]:
    if len(chosen) != 1:
        what = f"revision {number} of which series is not said: {len(chosen)} are chosen"
        raise ConfigError(
            what, where="--revision", remedy="say --instrument and --timeframe, of a series that is stored"
        )
    found = [row for row in rows if row[1].number == number]
    if not found:
        series = chosen[0]
        what = f"{series.instrument} {series.timeframe} {series.kind} has {len(rows)} revisions, no number {number}"
        raise StoreError(what, where="--revision", remedy=f"tradewright data show {series.instrument} lists them")
    return found


def _told(found: Impact) -> RevisionImpact:
    series, row = found.series, found.revision
    return RevisionImpact(
        instrument=series.instrument,
        timeframe=str(series.timeframe),
        kind=str(series.kind),
        revision=row.number,
        recorded_at=row.recorded_at,
        source=row.source,
        told=row.told,
        first=stamp(row.first).to_pydatetime(),
        last=stamp(row.last).to_pydatetime(),
        known_before=row.recorded_at - timedelta(microseconds=1),
        touched=(*map(_of_use, found.uses), *(each for decided in found.decided for each in _of_intent(decided))),
    )


def _of_use(use: Use) -> Touched:
    detail = ", ".join(f"{name} {value[:12] if name.endswith('hash') else value}" for name, value in use.detail.items())
    return Touched(str(use.kind), use.name, use.at, detail)


def _of_intent(decided: DecidedOn) -> Iterator[Touched]:
    intent, terms = decided.intent, decided.intent.terms
    bar = intent.provenance.get("bar", "")
    what = f"{intent.strategy}: {terms.side} {terms.quantity} {terms.instrument}{f', bar {bar}' if bar else ''}"
    yield Touched("intent", intent.intent_id, intent.decided_at, what)
    for decision in decided.decisions:
        yield Touched("decision", decision.decision_id, decision.decided_at, str(decision.verdict))
    for ref, state in decided.orders:
        yield Touched("order", ref, None, state)
