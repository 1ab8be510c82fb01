"""Corporate actions and symbol maps, and the price views that they make (D9)."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tradewright.model.bars import Bars, PriceView, Times
from tradewright.model.clock import Clock, SystemClock
from tradewright.model.errors import DataError, StoreError
from tradewright.model.instrument import FACTOR_COLUMNS, TickerSpan
from tradewright.store.artefacts import Artefacts, Key, NoArtefact

if TYPE_CHECKING:
    import pandas as pd


class NoFactors(StoreError):
    """An adjusted view was asked for, and no adjustment factors are stored."""


LOST = -1
"""In the place of a table's number: it is not known what was in force."""
_LATER = "choose a later backtest.known_at, or read the prices raw (backtest.prices=raw)"


class Actions:
    """The corporate actions of each instrument, under ``<root>/actions/<instrument>``.

    A factor row dated D holds for every local date of the exchange <= D and later than the row before; after the last
    row, and in an empty table (known to have no actions), every factor is 1. A table that gives way to another one is
    kept, with the moment.

    Args:
        root: the storage folder.
        clock: what changes are dated by; the machine's when None.
        known_at: the moment whose tables are read, without what came into force after it; None for the newest.
    """

    def __init__(self, root: Path, clock: Clock | None = None, known_at: datetime | None = None) -> None:
        self._artefacts = Artefacts(root / "actions")
        self._clock, self._known_at = clock or SystemClock(), known_at

    def write_factors(self, instrument: str, factors: pd.DataFrame, zone: str = "America/New_York") -> None:
        """Store the factors: columns ``date`` (ascending), ``price_factor``, ``split_factor``, ``reference_price``.

        Args:
            zone: whose calendar dates the rows mean.

        Raises:
            DataError: when a column is missing, the dates do not ascend, or a factor is not positive and finite.
        """
        table = _checked(instrument, factors)
        table["zone"] = zone
        try:
            before, known = self._newest(instrument), self._superseded(instrument)
        except StoreError:  # damaged, and mended by this table; what was in force before is lost
            self._note_past(instrument, [], LOST)
        else:
            if before is not None and before.astype(table.dtypes.to_dict()).equals(table):
                return
            self._supersede(instrument, before, known)
        self._artefacts.write_frame((instrument, "factors"), table)

    def factors(self, instrument: str) -> pd.DataFrame:
        """The stored factors, with the column ``zone``.

        Raises:
            NoFactors: when nothing was ever stored for the instrument, or not yet at the moment that is read.
            StoreError: when the table is damaged, or was when another one took its place.
        """
        if self._known_at is None:
            return self._read(instrument, (instrument, "factors"))
        later = [row for row in self._superseded(instrument) if datetime.fromisoformat(row["until"]) > self._known_at]
        if not later:
            table = self._read(instrument, (instrument, "factors"))
        elif later[0]["number"] is None:
            raise NoFactors(
                f"no corporate actions of {instrument} were stored at {self._known_at:%Y-%m-%d %H:%M:%S} UTC",
                where=str(self._artefacts.folder((instrument,))),
                remedy=_LATER,
            )
        elif later[0]["number"] == LOST:
            raise StoreError(
                f"the corporate actions of {instrument} that were in force then were damaged when others took their "
                "place",
                where=str(self._artefacts.folder((instrument,))),
                remedy=_LATER,
            )
        else:
            table = self._read(instrument, (instrument, "superseded", str(later[0]["number"])))
        return in_force(table, self._known_at)

    def _newest(self, instrument: str) -> pd.DataFrame | None:
        try:
            return self._artefacts.read_frame((instrument, "factors"))
        except NoArtefact:
            return None

    def _superseded(self, instrument: str) -> list[dict[str, Any]]:
        """The tables that gave way, oldest first: until when each was the newest, and its number.

        The number is None where there was no table, and ``LOST`` where it, or the list of those before, was damaged.
        """
        try:
            found: list[dict[str, Any]] = self._artefacts.read_json((instrument, "superseded"))
        except NoArtefact:
            return []
        return found

    def _supersede(self, instrument: str, table: pd.DataFrame | None, known: list[dict[str, Any]]) -> None:
        """Keep a table that gives way. It comes before its successor, so that a crash between them changes nothing."""
        if table is not None:
            self._artefacts.write_frame((instrument, "superseded", str(len(known))), table)
        self._note_past(instrument, known, None if table is None else len(known))

    def _note_past(self, instrument: str, known: list[dict[str, Any]], number: int | None) -> None:
        row = {"until": self._clock.now().isoformat(), "number": number}
        self._artefacts.write_json((instrument, "superseded"), [*known, row])

    def _read(self, instrument: str, key: Key) -> pd.DataFrame:
        try:
            return self._artefacts.read_frame(key)
        except NoArtefact as error:
            raise NoFactors(
                f"no corporate actions of {instrument}, so its adjusted prices are unknown",
                where=error.where,
                remedy="import its factor file, or read the prices raw (backtest.prices=raw)",
            ) from error

    def write_map(self, instrument: str, spans: list[TickerSpan]) -> None:
        """Store under which tickers the security behind ``instrument`` has traded, oldest first."""
        rows = [{"last": span.last.isoformat(), "ticker": span.ticker, "exchange": span.exchange} for span in spans]
        self._artefacts.write_json((instrument, "map"), rows)

    def symbol_map(self, instrument: str) -> list[TickerSpan]:
        """The tickers of the security, oldest first; empty when none is stored."""
        try:
            rows = self._artefacts.read_json((instrument, "map"))
        except NoArtefact:
            return []
        return [TickerSpan(date.fromisoformat(row["last"]), row["ticker"], row["exchange"]) for row in rows]

    def view(self, instrument: str, bars: Bars, view: PriceView) -> Bars:
        """Raw bars as ``view`` shows them.

        ``split_adjusted`` multiplies prices by the split factor, ``total_return`` by the price factor as well; both
        divide volume by the split factor. Factors stand as they are in the table, not re-based to the span.

        Raises:
            NoFactors: for an adjusted view of an instrument without a table.
        """
        return bars if view is PriceView.RAW else adjust(bars, self.factors(instrument), view)


def in_force(factors: pd.DataFrame, moment: datetime) -> pd.DataFrame:
    """A factor table as it was at a moment: without actions that came into force later, and 1 on that moment's day."""
    import pandas as pd

    if factors.empty:
        return factors
    day = pd.Timestamp(moment).tz_convert(factors["zone"].iloc[0]).tz_localize(None).normalize()
    later = (factors["date"] >= day).to_numpy()
    kept = factors[~later].reset_index(drop=True)
    if later.any():
        first = factors[later].iloc[0]
        for name in ("price_factor", "split_factor"):
            kept[name] /= float(first[name])
    return kept


def adjust(bars: Bars, factors: pd.DataFrame, view: PriceView) -> Bars:
    """Apply a factor table with the column ``zone`` to raw bars; the spread, being relative, stays."""
    if view is PriceView.RAW or factors.empty:
        return bars
    row = np.searchsorted(ends_of(factors), bars.ts, side="right")
    split = np.append(factors["split_factor"].to_numpy(dtype=np.float64), 1.0)[row]
    price = split
    if view is PriceView.TOTAL_RETURN:
        price = np.append(factors["price_factor"].to_numpy(dtype=np.float64), 1.0)[row] * split
    opens, highs, lows, closes = (column * price for column in (bars.open, bars.high, bars.low, bars.close))
    return Bars(bars.ts, opens, highs, lows, closes, bars.volume / split, bars.spread)


def count_actions(factors: pd.DataFrame) -> tuple[int, int]:
    """Splits and dividends that a table of factors tells: its steps. Rows without one (LEAN's first and last) are none.

    A step of the price factor is a dividend or a spin-off; a day with both counts in each.
    """
    steps = (np.append(factors[name].to_numpy(np.float64), 1.0) for name in ("split_factor", "price_factor"))
    splits, dividends = (int((values[1:] != values[:-1]).sum()) for values in steps)
    return splits, dividends


def ends_of(factors: pd.DataFrame) -> Times:
    """When each row of a table that has some ceases to hold: the midnight after its date, in nanoseconds UTC.

    Of a midnight that the clocks strike twice the first, of one that they leave out the moment at which they go on.
    """
    import pandas as pd

    midnights = factors["date"] + pd.Timedelta(days=1)
    twice = np.ones(len(midnights), np.bool_)
    ends = midnights.dt.tz_localize(factors["zone"].iloc[0], ambiguous=twice, nonexistent="shift_forward")
    return np.asarray(ends.astype("datetime64[ns, UTC]").astype(np.int64), np.int64)


def _checked(instrument: str, factors: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    missing = [name for name in FACTOR_COLUMNS if name not in factors]
    if missing:
        raise DataError(f"missing column {', '.join(missing)}", where=f"factors of {instrument}")
    table = factors[list(FACTOR_COLUMNS)].astype(dict.fromkeys(FACTOR_COLUMNS[1:], np.float64))
    table["date"] = pd.to_datetime(table["date"]).astype("datetime64[s]")
    factors_alone = table[["price_factor", "split_factor"]].to_numpy()
    bad = np.flatnonzero(~(np.isfinite(factors_alone) & (factors_alone > 0)).all(axis=1))
    if len(bad):
        raise DataError(f"row {bad[0]}: a factor is not positive", where=f"factors of {instrument}")
    if not (table["date"].is_monotonic_increasing and table["date"].is_unique):
        raise DataError("the dates do not ascend", where=f"factors of {instrument}")
    return table
