"""The kind of bars that is read of an instrument: the declared one, else the only one that is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import StoreError
from tradewright.store.series import Series, manifest_path

DeclaredKind = Callable[[str], BarKind | None]
"""The kind that an instrument declares, by its symbol; None where it declares none."""


class TwoKinds(StoreError):
    """Trades and quotes of an instrument are stored, and it does not declare which of them are read."""


class BarKinds:
    """One rule for all that reads bars of a store, so that what is judged, tested and traded are the same bars.

    Args:
        root: the storage folder.
        declared: what instruments declare; None where none declares any.
    """

    def __init__(self, root: Path, declared: DeclaredKind | None = None) -> None:
        self._root, self._declared = root, declared

    def stored(self, instrument: str) -> tuple[BarKind, ...]:
        """The kinds of which a series of the instrument is stored, trades first."""
        return tuple(kind for kind in BarKind if self._has(instrument, kind))

    def of(self, instrument: str) -> BarKind:
        """The kind that is read: what the instrument declares, else the one that is stored; trades where nothing is.

        Raises:
            TwoKinds: when both are stored and none is declared.
        """
        declared = self._declared(instrument) if self._declared else None
        if declared is not None:
            return declared
        if not self._has(instrument, BarKind.QUOTE):
            return BarKind.TRADE
        if not self._has(instrument, BarKind.TRADE):
            return BarKind.QUOTE
        raise TwoKinds(
            f"trade bars and quote bars of {instrument} are stored, and it is not declared which are read",
            where=str(self._root),
            remedy=f"say bar_kind: quote or bar_kind: trade for {instrument} in conf/instruments, or for one command "
            f"instruments.{instrument}.bar_kind=quote",
        )

    def _has(self, instrument: str, kind: BarKind) -> bool:
        bars = self._root / "bars"
        if not (bars / f"kind={kind}").is_dir():
            return False
        return any(manifest_path(bars / Series(instrument, each, kind).folder).is_file() for each in Timeframe)
