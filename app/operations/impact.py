"""What a correction of stored bars touched: every use of the values before it, for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from conf.schema.settings import Settings
from runtime.container import Container
from runtime.impact import impacts
from tradewright.model.bars import Timeframe
from tradewright.oversight.impact import Impact, Touched


@dataclass(frozen=True)
class RevisionImpact:
    """One revision of a stored series, and all that used the values before it.

    Args:
        corrected, late: how many bars had other values, and how many came after later ones.
        first, last: starts of the first and the last bar that changed, UTC.
        known_before: the last moment at which the old values were the newest, for ``backtest.known_at``.
        text: the revision in one line.
    """

    instrument: str
    timeframe: str
    kind: str
    revision: int
    recorded_at: datetime
    source: str
    corrected: int
    late: int
    first: datetime
    last: datetime
    known_before: datetime
    text: str
    touched: tuple[Touched, ...]


def impact(
    settings: Settings,
    symbols: Sequence[str] = (),
    timeframe: Timeframe | None = None,
    revision: int | None = None,
    since: str = "",
) -> list[RevisionImpact]:
    """Every revision of stored bars with what used the values before it, the oldest first.

    Args, Raises:
        see :func:`runtime.impact.impacts`.
    """
    with Container(settings) as house:
        return list(map(_told, impacts(house, symbols, timeframe, revision, since)))


def _told(found: Impact) -> RevisionImpact:
    series, row = found.series, found.revision
    return RevisionImpact(
        instrument=series.instrument,
        timeframe=str(series.timeframe),
        kind=str(series.kind),
        revision=row.number,
        recorded_at=row.recorded_at,
        source=row.source,
        corrected=row.replaced.rows if row.replaced else 0,
        late=row.late.rows if row.late else 0,
        first=found.first,
        last=found.last,
        known_before=found.known_before,
        text=found.text,
        touched=found.touched,
    )
