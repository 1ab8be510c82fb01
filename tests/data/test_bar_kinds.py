"""Trades and quotes of one instrument: one rule says which are read, and a feed never mixes them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.histories import COIN, table
from tradewright.calendars.registry import calendar_of
from tradewright.calendars.resampled_bars import ResampledBars
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import DataError
from tradewright.model.instrument import Instrument
from tradewright.research.bars import refresh
from tradewright.store.bars import BarStore, NoBars
from tradewright.store.kinds import TwoKinds
from tradewright.store.quarantine import Quarantines
from tradewright.store.replay import ReplayBars

TRADE, QUOTE = BarKind.TRADE, BarKind.QUOTE
H1, H4 = Timeframe.H1, Timeframe.H4
SYMBOL = COIN.symbol
HOUR = 3_600_000_000_000
STARTS = pd.date_range("2024-03-04", periods=12, freq="h", tz="UTC").as_unit("ns").asi8.tolist()


def filled(root: Path, *kinds: BarKind, declared: BarKind | None = None) -> ResampledBars:
    """A store with twelve hours of each kind; the quotes stand one higher."""
    store = ResampledBars(root, lambda _: calendar_of(COIN), kinds=lambda _: declared)
    for kind in kinds:
        frame = table(COIN, STARTS)
        frame[["open", "high", "low", "close"]] += 1.0 if kind is QUOTE else 0.0
        store.upsert(SYMBOL, H1, kind, frame)
    return store


@pytest.mark.parametrize(
    ("stored", "declared", "read"),
    [
        ((), None, TRADE),
        ((TRADE,), None, TRADE),
        ((QUOTE,), None, QUOTE),
        ((TRADE, QUOTE), TRADE, TRADE),
        ((TRADE, QUOTE), QUOTE, QUOTE),
        ((TRADE,), QUOTE, QUOTE),
    ],
)
def test_the_declared_kind_is_read_else_the_only_stored_one(
    tmp_path: Path, stored: tuple[BarKind, ...], declared: BarKind | None, read: BarKind
) -> None:
    store = filled(tmp_path, *stored, declared=declared)
    assert store.kind_of(SYMBOL) is read
    if read not in stored:
        with pytest.raises(NoBars, match=f"no {read} bars of {SYMBOL}"):
            store.read_bars(SYMBOL, H1)
        return
    for length in (H1, H4):
        assert (store.read_bars(SYMBOL, length).close == store.read_bars(SYMBOL, length, read).close).all()
        assert store.fingerprint(SYMBOL, length) == store.fingerprint(SYMBOL, length, read) != ""
        assert store.fingerprints(SYMBOL)[length] == store.fingerprint(SYMBOL, length, read)
        assert store.coverage(SYMBOL, length) == store.coverage(SYMBOL, length, read)


def test_two_kinds_and_no_declaration_are_refused_wherever_bars_are_read(tmp_path: Path) -> None:
    store = filled(tmp_path, TRADE, QUOTE)
    aside = Quarantines(tmp_path, ManualClock(pd.Timestamp("2024-03-05", tz="UTC").to_pydatetime()))
    readers = [
        lambda: store.read_bars(SYMBOL, H1),
        lambda: store.coverage(SYMBOL, H4),
        lambda: store.fingerprint(SYMBOL, H1),
        lambda: store.fingerprints(SYMBOL),
        lambda: store.timeframes(SYMBOL),
        lambda: store.sources(SYMBOL),
        lambda: store.base_of(SYMBOL, H4),
        lambda: aside.records(SYMBOL, H1),
        lambda: aside.set_aside(SYMBOL, H1, "2024-03-04", "2024-03-04", actor="a", reason="b"),
    ]
    for reader in readers:
        with pytest.raises(TwoKinds, match=f"quote bars of {SYMBOL} are stored") as caught:
            reader()
        assert f"instruments.{SYMBOL}.bar_kind=quote" in caught.value.remedy


@pytest.mark.parametrize("declared", [TRADE, QUOTE])
def test_a_replay_shows_the_kind_that_its_origin_reads(tmp_path: Path, declared: BarKind) -> None:
    origin = filled(tmp_path, TRADE, QUOTE, declared=declared)
    late = ManualClock(pd.Timestamp("2024-03-05", tz="UTC").to_pydatetime())
    replay = ReplayBars(tmp_path, late, lambda _symbol, _length, starts: starts + HOUR, origin=origin)
    assert replay.kind_of(SYMBOL) is declared
    assert (replay.read_bars(SYMBOL, H1).close == origin.read_bars(SYMBOL, H1, declared).close).all()
    assert replay.fingerprint(SYMBOL, H1) == f"{origin.fingerprint(SYMBOL, H1, declared)}.12"


def test_another_kind_of_equal_bars_has_another_fingerprint(tmp_path: Path) -> None:
    store, frame = BarStore(tmp_path), table(COIN, STARTS)
    for kind in BarKind:
        store.upsert(SYMBOL, H1, kind, frame)
    assert store.fingerprint(SYMBOL, H1, TRADE) != store.fingerprint(SYMBOL, H1, QUOTE)


class Source:
    """A feed of one table."""

    name = "table"

    def __init__(self, kind: BarKind | None) -> None:
        self.kind = kind

    def kind_of(self, _instrument: Instrument) -> BarKind | None:
        return self.kind

    def span(self, _instrument: Instrument, _timeframe: Timeframe) -> timedelta:
        return timedelta(days=30)

    def fetch(
        self, instrument: Instrument, _timeframe: Timeframe, after: pd.Timestamp | None, _until: object = None
    ) -> pd.DataFrame:
        whole = table(instrument, STARTS)
        return whole if after is None else whole[whole["ts"] > after]


@given(
    before=st.sampled_from([(), (TRADE,), (QUOTE,), (TRADE, QUOTE)]),
    declared=st.sampled_from([None, TRADE, QUOTE]),
    brought=st.sampled_from([None, TRADE, QUOTE]),
)
def test_a_feed_continues_what_is_read_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
    before: tuple[BarKind, ...],
    declared: BarKind | None,
    brought: BarKind | None,
) -> None:
    root = tmp_path_factory.mktemp("kinds")
    instrument = COIN.model_copy(update={"bar_kind": declared})
    filled(root, *before)
    store = BarStore(root, kinds=lambda _: declared)
    prints = {kind: store.fingerprint(SYMBOL, H1, kind) for kind in BarKind}
    try:
        refresh(store, Source(brought), instrument, [H1])
    except (DataError, TwoKinds):
        assert (len(before) == 2 and declared is None) or (
            brought not in (None, declared or (before[0] if before else brought))
        )
        assert prints == {kind: store.fingerprint(SYMBOL, H1, kind) for kind in BarKind}
        return
    known = declared or (before[0] if before else None)
    assert store.kind_of(SYMBOL) is (known or brought or TRADE)
    assert brought in (None, store.kind_of(SYMBOL))
    assert set(store.kinds.stored(SYMBOL)) == {*before, store.kind_of(SYMBOL)}
