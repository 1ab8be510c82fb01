"""The row that a person has chosen in one of the monitor's tables."""

from __future__ import annotations

from collections.abc import Sequence

from app.operations.monitor_view import Row


class Selection:
    """The chosen row of a table, found again by its key after the table has changed.

    A table that changes is drawn anew, and its selection with it. An act must never meet another row than the one that
    a person chose: the first row is chosen once, at the start, and when the chosen row is gone, none is chosen until a
    person chooses again or the table has been empty.

    Args:
        columns: those whose values name a row.
    """

    def __init__(self, *columns: str) -> None:
        self._columns = columns
        self._chosen: tuple[str, ...] | None = None

    def remember(self, rows: Sequence[Row]) -> None:
        """Keep what a person chose: a sequence of one row, or of none."""
        self._chosen = self._key(rows[0]) if rows else ()

    def index(self, rows: Sequence[Row]) -> list[int]:
        """The position of the chosen row among these; empty when it is not there."""
        if not rows:
            self._chosen = None
        elif self._chosen is None:
            self.remember(rows)
        return [number for number, row in enumerate(rows) if self._key(row) == self._chosen][:1]

    def _key(self, row: Row) -> tuple[str, ...]:
        return tuple(row[column] for column in self._columns)
