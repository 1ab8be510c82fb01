"""The revisions of stored series, each with what used the values before it. Loads no numba."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.container import Container
from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError, StoreError
from tradewright.oversight.impact import Impact, impact_of
from tradewright.store.bars import stamp
from tradewright.store.dataset import Revision
from tradewright.store.series import Series
from tradewright.store.time_range import first_instant
from tradewright.store.uses import Uses

_Row = tuple[Series, Revision]


def impacts(
    house: Container,
    symbols: Sequence[str] = (),
    timeframe: Timeframe | None = None,
    revision: int | None = None,
    since: str = "",
) -> list[Impact]:
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
    chosen = _chosen(house, symbols, timeframe)
    rows = [(series, row) for series in chosen for row in house.bar_store.revisions(*series)]
    if revision is not None:
        rows = _numbered(chosen, rows, revision)
    if since:
        begin = stamp(first_instant(since)).to_pydatetime()
        rows = [(series, row) for series, row in rows if begin <= row.recorded_at]
    uses = Uses(house.root).all() if rows else []
    found = [impact_of(series, row, uses, house.ledger) for series, row in rows]
    return sorted(found, key=lambda each: each.revision.recorded_at)


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


def _numbered(chosen: Sequence[Series], rows: Sequence[_Row], number: int) -> list[_Row]:
    if len(chosen) != 1:
        what = f"revision {number} of which series is not said: {len(chosen)} are chosen"
        raise ConfigError(
            what, where="--revision", remedy="say --instrument and --timeframe of a series that is stored"
        )
    found = [row for row in rows if row[1].number == number]
    if not found:
        series = chosen[0]
        what = f"{series.instrument} {series.timeframe} {series.kind} has {len(rows)} revisions, no number {number}"
        raise StoreError(what, where="--revision", remedy=f"tradewright data show {series.instrument} lists them")
    return found
