"""Stored bars that a person sets aside, and brings back: each act is a row of the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.operations.actors import actor_name, checked_reason
from conf.schema.settings import Settings
from runtime.container import Container
from tradewright.evaluation.formatting import count
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import ConfigError
from tradewright.store.bars import stamp
from tradewright.store.dataset import Quarantine

SET_ASIDE, RELEASED = "QUARANTINE", "RELEASE_QUARANTINE"
"""The acts, as the audit log names them."""


@dataclass(frozen=True)
class QuarantineRow:
    """One quarantine of a stored series.

    Args:
        first, last: starts of its first and last bar, UTC.
        released_at, released_by, released_because: of the act that brought its bars back; None and empty before it.
    """

    number: int
    rows: int
    first: datetime
    last: datetime
    actor: str
    reason: str
    at: datetime
    released_at: datetime | None = None
    released_by: str = ""
    released_because: str = ""

    @property
    def text(self) -> str:
        """One line for people."""
        span = f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M}"
        told = f"quarantine {self.number}: {count(self.rows, 'bar')}, {span}, by {self.actor}: {self.reason}"
        if self.released_at is None:
            return told
        return f"{told}; released {self.released_at:%Y-%m-%d %H:%M} by {self.released_by}: {self.released_because}"


@dataclass(frozen=True)
class Quarantined:
    """The outcome of an act: the quarantines that it began or ended, and the fingerprint of the bars afterwards."""

    instrument: str
    timeframe: Timeframe
    acts: tuple[QuarantineRow, ...]
    fingerprint: str


def quarantine(
    settings: Settings, symbol: str, timeframe: Timeframe, start: str, end: str, reason: str, actor: str = ""
) -> Quarantined:
    """Set aside the stored bars of a span; nothing reads them until they are released.

    Args:
        start, end: a date (its whole trading day) or a time with a zone; both ends are included.

    Raises:
        ConfigError: for an unknown instrument, a missing reason, or a missing end of the span.
        DataError: for an end that is no date or time.
        StoreError: when the span holds no stored bar, or the store cannot be changed.
        LedgerError: when the act cannot be written down; nothing is changed.
    """
    if not start or not end:
        what = "the span to set aside has no beginning or no end"
        raise ConfigError(what, where="--from, --to", remedy="say both; the same date twice is one trading day")
    return _act(settings, SET_ASIDE, symbol, timeframe, start, end, reason, actor)


def release(
    settings: Settings, symbol: str, timeframe: Timeframe, start: str, end: str, reason: str, actor: str = ""
) -> Quarantined:
    """Bring back the bars of every quarantine that shares a moment with a span; without one, of all of them.

    Raises:
        ConfigError, DataError, StoreError, LedgerError: as :func:`quarantine`.
    """
    return _act(settings, RELEASED, symbol, timeframe, start, end, reason, actor)


def quarantines(
    house: Container, symbol: str, timeframe: Timeframe, kind: BarKind | None = None
) -> tuple[QuarantineRow, ...]:
    """Every quarantine of a stored series, oldest first.

    Raises:
        StoreError: when the manifest is damaged.
    """
    return tuple(map(_row, house.quarantines.records(symbol, timeframe, kind)))


def _act(
    settings: Settings, act: str, symbol: str, timeframe: Timeframe, start: str, end: str, reason: str, actor: str
) -> Quarantined:
    why, who = checked_reason(reason), actor_name(actor)
    with Container(settings) as house:
        house.instrument(symbol)
        span = symbol, timeframe, start or None, end or None
        stored = house.bar_store.fingerprint(symbol, timeframe)
        # The word comes first: a store that refuses takes it back, and without it no bar is touched.
        with house.ledger.transaction():
            told = {"reason": why, "from": start, "to": end, "fingerprint": stored}
            house.ledger.audit.append(who, act, f"{symbol} {timeframe}", told)
            rows: tuple[Quarantine, ...]
            if act == SET_ASIDE:
                rows = (house.quarantines.set_aside(*span, actor=who, reason=why),)
            else:
                rows = house.quarantines.release(*span, actor=who, reason=why)
        left = house.bar_store.fingerprint(symbol, timeframe)
        return Quarantined(symbol, timeframe, tuple(map(_row, rows)), left)


def _row(row: Quarantine) -> QuarantineRow:
    ended = row.released
    return QuarantineRow(
        number=row.number,
        rows=row.bars.rows,
        first=stamp(row.bars.first).to_pydatetime(),
        last=stamp(row.bars.last).to_pydatetime(),
        actor=row.actor,
        reason=row.reason,
        at=row.at,
        released_at=ended.at if ended else None,
        released_by=ended.actor if ended else "",
        released_because=ended.reason if ended else "",
    )
