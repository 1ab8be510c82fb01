"""Feature tables on disk, brought up to date: only the rows of new bars are made where the older ones still hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from tradewright.backtest.engine_digest import engine_digest
from tradewright.model.bars import Bars
from tradewright.model.errors import StoreError
from tradewright.store.artefacts import Artefacts, Key

MakeRows = Callable[[Bars, int], pd.DataFrame]
"""(bars, first) -> the rows of the bars ``first`` and later, equal to those of a table of all bars bit for bit."""


class Updated(NamedTuple):
    """A table of every bar, and how many of its rows were made now; the others were stored."""

    table: pd.DataFrame
    made: int


def update_table(artefacts: Artefacts, key: Key, version: str, bars: Bars, make: MakeRows) -> Updated:
    """The table under ``key``, brought up to the newest bar and stored.

    Stored rows are kept where they were made under the same ``version`` by the same code, of bars that are the first
    of these, bit for bit. Else, and where they cannot be read, everything is made anew. The outcome is the same.

    Raises:
        StoreError: when the table cannot be written.
    """
    stored = _stored(artefacts, key, version, bars)
    first = 0 if stored is None else len(stored)
    rows = make(bars, first)
    table = rows if stored is None else pd.concat([stored, rows], ignore_index=True)
    if stored is None or len(rows):
        basis = (*key, "basis")
        # Until the table and the note on it agree again, a program that ends in between leaves nothing to go on from.
        artefacts.write_json(basis, {})
        artefacts.write_frame(key, table)
        artefacts.write_json(basis, _basis(version, bars))
    return Updated(table, len(rows))


def _stored(artefacts: Artefacts, key: Key, version: str, bars: Bars) -> pd.DataFrame | None:
    """The rows that can be gone on from; None where there are none."""
    try:
        basis = artefacts.read_json((*key, "basis"))
        count = int(basis.get("rows", -1))
        if not 0 <= count <= len(bars.ts) or basis != _basis(version, bars.head(count)):
            return None
        table = artefacts.read_frame(key)
    except StoreError:  # never made, or damaged: it is made of the bars again
        return None
    return table if len(table) == count else None


def _basis(version: str, bars: Bars) -> dict[str, object]:
    """What the rows of these bars were made of."""
    digest = hashlib.sha256()
    for values in bars:
        digest.update(np.ascontiguousarray(values).tobytes())
    return {"version": version, "code": engine_digest(), "rows": len(bars.ts), "bars": digest.hexdigest()}
