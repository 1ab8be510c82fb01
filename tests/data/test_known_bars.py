"""Bars as known at a moment: exactly what the store held then, whatever was corrected, late or set aside since."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.data.test_bar_store_machine import HOUR, NEW_YEAR, Model, row, table
from tradewright.calendars.known_bars import KnownBars
from tradewright.calendars.registry import calendar
from tradewright.calendars.resampling import resampled
from tradewright.model.bar_rules import bars_of, frame_of
from tradewright.model.bars import BarKind, PriceView, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import StoreError
from tradewright.model.instrument import FACTOR_COLUMNS
from tradewright.store.actions import NoFactors
from tradewright.store.arrivals import arrivals
from tradewright.store.bars import BarStore, NoBars
from tradewright.store.dataset import DamagedFile, Manifest
from tradewright.store.past import bars_at
from tradewright.store.quarantine import Quarantines
from tradewright.store.series import Series, manifest_path

H1, H2, D1, QUOTE, TRADE = Timeframe.H1, Timeframe.H2, Timeframe.D1, BarKind.QUOTE, BarKind.TRADE
A_MOMENT = timedelta(microseconds=1)
BEGUN = datetime(2024, 5, 1, tzinfo=UTC)
MARKET = calendar("24/7")
BTC = ("BTC", H1, TRADE)


def _row_of_bars(low: int, count: int, value: int) -> dict[int, int]:
    return dict.fromkeys(range(low, low + count), value)


hours = st.integers(0, 40)
"""Into the new year, so that two files take part, and over a day and more, so that a day can be made."""
spans = st.tuples(hours, hours)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("upsert"), st.dictionaries(hours, st.integers(1, 4), max_size=12)),
        st.tuples(st.just("upsert"), st.builds(_row_of_bars, hours, hours, st.integers(1, 4))),
        st.tuples(st.just("set_aside"), spans),
        st.tuples(st.just("release"), spans),
    ),
    min_size=1,
    max_size=8,
)


def stamp(hour: int) -> pd.Timestamp:
    return pd.Timestamp(NEW_YEAR + hour * HOUR, tz="UTC")


class PlainStore:
    """A dictionary that is written to beside the store, and copied after each step."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, ManualClock(BEGUN)
        self.bars: Model = {}
        self.aside: list[Model] = []
        self.past: list[tuple[datetime, Model]] = [(BEGUN, {})]

    def take(self, step: tuple[str, Any]) -> None:
        self.clock.advance(60)
        getattr(self, step[0])(step[1])
        self.past.append((self.clock.now(), dict(self.bars)))

    def upsert(self, news: dict[int, int]) -> None:
        rows = {NEW_YEAR + hour * HOUR: row(value) for hour, value in news.items()}
        BarStore(self.root, self.clock).upsert(*BTC, table(rows), source="x")
        kept_out = {ts for ts in rows for gone in self.aside if min(gone) <= ts <= max(gone)}
        self.bars |= {ts: rows[ts] for ts in rows.keys() - kept_out}

    def _quarantines(self, act: str, span: tuple[int, int]) -> None:
        who = {"actor": "ann", "reason": "x", "kind": TRADE}
        getattr(Quarantines(self.root, self.clock), act)("BTC", H1, stamp(span[0]), stamp(span[1]), **who)

    def release(self, span: tuple[int, int]) -> None:
        low, high = (stamp(hour).value for hour in span)
        ended = [gone for gone in self.aside if min(gone) <= high and max(gone) >= low]
        if ended:
            self._quarantines("release", span)
            self.aside = [gone for gone in self.aside if gone not in ended]
            for gone in ended:
                self.bars |= gone

    def set_aside(self, span: tuple[int, int]) -> None:
        low, high = (stamp(hour).value for hour in span)
        gone = {ts: self.bars[ts] for ts in self.bars if low <= ts <= high}
        if gone:
            self._quarantines("set_aside", span)
            self.aside.append(gone)
            self.bars = {ts: self.bars[ts] for ts in self.bars.keys() - gone.keys()}


def days(market: Any) -> Callable[[str, date], tuple[int, int]]:
    return lambda _symbol, day: market.day_bounds(day)


def known(root: Path, at: datetime) -> KnownBars:
    return KnownBars(root, lambda _symbol: MARKET, at, trading_days=days(MARKET))


INTERWOVEN: list[tuple[str, Any]] = [
    ("upsert", {1: 1, 3: 1, 5: 1}),
    ("set_aside", (3, 3)),
    ("upsert", {2: 1, 4: 1}),
    ("release", (0, 9)),
    ("upsert", {1: 2}),
    ("upsert", {1: 3, 2: 2}),
    ("set_aside", (5, 5)),
    ("upsert", {6: 1}),
]
"""Late bars on both sides of one that is set aside, a bar corrected twice, a newest bar that is set aside."""


@settings(max_examples=15)
@given(steps=steps, at=st.integers(0, 8))
@example(steps=INTERWOVEN, at=8)
def test_every_past_moment_is_read_as_it_was(steps: list[tuple[str, Any]], at: int) -> None:
    """Stored bars, and at one moment those that are made of them and all else, as the dictionary had them then."""
    with tempfile.TemporaryDirectory() as folder:
        plain = PlainStore(Path(folder))
        for step in steps:
            plain.take(step)
        before: Model = {}
        for moment, model in plain.past:
            assert_bars(plain.root, moment - A_MOMENT, before)
            assert_bars(plain.root, moment, model)
            before = model
        assert_reads(known(plain.root, plain.past[min(at, len(steps))][0]), plain.past[min(at, len(steps))][1])


def assert_bars(root: Path, moment: datetime, model: Model) -> None:
    found = bars_at(root, Series(*BTC), moment).bars
    pd.testing.assert_frame_equal(frame_of(found), table(model))


def assert_reads(store: KnownBars, model: Model) -> None:
    if not model:
        assert store.coverage(*BTC) is None
        assert store.fingerprint(*BTC) == ""
        assert store.timeframes("BTC") == ()
        with pytest.raises(NoBars, match=r"were stored at 202\d-.*UTC.*backtest.known_at"):
            store.read_bars(*BTC)
        return
    frame = table(model)
    pd.testing.assert_frame_equal(store.read(*BTC), frame)
    in_span = (frame["ts"] >= stamp(9)) & (frame["ts"] < pd.Timestamp("2024-01-02", tz="UTC"))
    pd.testing.assert_frame_equal(store.read(*BTC, stamp(9), "2024-01-01"), frame[in_span].reset_index(drop=True))
    assert store.timeframes("BTC") == (H1,)
    covered = store.coverage(*BTC)
    assert covered is not None
    assert (covered.rows, covered.first.value, covered.last.value) == (len(model), min(model), max(model))
    for made in (H2, D1):
        wanted, extent = frame_of(resampled(MARKET, bars_of(frame), H1, made)), store.coverage("BTC", made)
        assert (0 if extent is None else extent.rows) == len(wanted)
        if extent is not None:
            pd.testing.assert_frame_equal(store.read("BTC", made), wanted)


def test_nothing_of_a_series_is_known_before_its_first_import(tmp_path: Path) -> None:
    store = BarStore(tmp_path, ManualClock(BEGUN))
    store.upsert(*BTC, table({NEW_YEAR: row(1)}))
    assert known(tmp_path, BEGUN).coverage(*BTC) is not None, "the moment itself is included"
    with pytest.raises(NoBars, match="no trade bars of BTC at 1h were stored at 2024-04-30 23:59:59 UTC"):
        known(tmp_path, BEGUN - timedelta(seconds=1)).read_bars(*BTC)


def test_kinds_are_told_apart(tmp_path: Path) -> None:
    clock = ManualClock(BEGUN)
    BarStore(tmp_path, clock).upsert("BTC", H1, QUOTE, table({NEW_YEAR: row(1)}))
    clock.advance(60)
    BarStore(tmp_path, clock).upsert(*BTC, table({NEW_YEAR: row(2)}))
    store = known(tmp_path, BEGUN)
    assert store.read_bars("BTC", H1, QUOTE).volume.tolist() == [1.0]
    assert store.coverage(*BTC) is None


def test_a_store_from_before_arrivals_were_kept_is_known_as_it_closed(tmp_path: Path) -> None:
    """Its old revisions are undone all the same; new bars are dated from then on."""
    clock = ManualClock(BEGUN)
    store = BarStore(tmp_path, clock)
    store.upsert(*BTC, table({NEW_YEAR + hour * HOUR: row(1) for hour in range(4)}))
    clock.advance(60)
    store.upsert(*BTC, table({NEW_YEAR: row(2)}))
    folder = tmp_path / "bars" / Series(*BTC).folder
    (folder / "_arrivals").unlink()
    clock.advance(60)
    store.upsert(*BTC, table({NEW_YEAR + 4 * HOUR: row(3)}))
    assert known(tmp_path, clock.now()).read_bars(*BTC).volume.tolist() == [2.0, 1.0, 1.0, 1.0, 3.0]
    assert known(tmp_path, BEGUN).read_bars(*BTC).volume.tolist() == [1.0] * 4
    closed = pd.Timestamp(NEW_YEAR + 3 * HOUR, tz="UTC").to_pydatetime()
    assert known(tmp_path, closed).read_bars(*BTC).volume.tolist() == [1.0] * 3
    (folder / "_arrivals").unlink()
    assert len(known(tmp_path, clock.now()).read_bars(*BTC).ts) == 5


def test_a_record_that_a_crash_left_is_no_bar_and_half_of_one_is_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(BEGUN)
    store, log = BarStore(tmp_path, clock), tmp_path / "bars" / Series(*BTC).folder / "_arrivals"
    store.upsert(*BTC, table({NEW_YEAR: row(1)}))
    clock.advance(60)
    with monkeypatch.context() as dying:
        dying.setattr(Manifest, "save", Mock(side_effect=KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            store.upsert(*BTC, table({NEW_YEAR + HOUR: row(1)}))
    log.write_bytes(log.read_bytes() + b"half")
    clock.advance(60)
    store.upsert(*BTC, table({NEW_YEAR + HOUR: row(1)}))
    assert len(arrivals(log.parent)) == 3
    found = [len(known(tmp_path, BEGUN + timedelta(seconds=after)).read_bars(*BTC).ts) for after in (0, 60, 119, 120)]
    assert found == [1, 1, 1, 2]


def test_an_altered_log_is_refused_and_the_bars_are_read_all_the_same(tmp_path: Path) -> None:
    store, log = BarStore(tmp_path, ManualClock(BEGUN)), tmp_path / "bars" / Series(*BTC).folder / "_arrivals"
    store.upsert(*BTC, table({NEW_YEAR: row(1)}))
    data = bytearray(log.read_bytes())
    data[3] ^= 1
    log.write_bytes(data)
    with pytest.raises(DamagedFile, match="a record was altered"):
        known(tmp_path, BEGUN).read_bars(*BTC)
    assert len(store.read_bars(*BTC).ts) == 1


def test_a_log_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    store = BarStore(tmp_path, ManualClock(BEGUN))
    (tmp_path / "bars" / Series(*BTC).folder / "_arrivals").mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be written: Is a directory"):
        store.upsert(*BTC, table({NEW_YEAR: row(1)}))
    assert store.coverage(*BTC) is None


def test_changes_are_dated_one_after_the_other_where_the_clock_goes_back(tmp_path: Path) -> None:
    clock = ManualClock(BEGUN)
    store = BarStore(tmp_path, clock)
    store.upsert(*BTC, table({NEW_YEAR: row(1), NEW_YEAR + HOUR: row(1)}))
    earlier = BarStore(tmp_path, ManualClock(BEGUN - timedelta(hours=1)))
    earlier.upsert(*BTC, table({NEW_YEAR: row(2)}))
    (revision,) = store.revisions(*BTC)
    assert revision.recorded_at == BEGUN + timedelta(microseconds=1)
    assert known(tmp_path, BEGUN).read_bars(*BTC).volume.tolist() == [1.0, 1.0]


def test_bars_that_came_late_are_a_revision_and_a_manifest_without_the_word_opens(tmp_path: Path) -> None:
    store = BarStore(tmp_path, ManualClock(BEGUN))
    store.upsert(*BTC, table({NEW_YEAR + 5 * HOUR: row(1)}))
    report = store.upsert(*BTC, table({NEW_YEAR + hour * HOUR: row(1) for hour in (0, 1, 3, 6)}))
    (revision,) = store.revisions(*BTC)
    assert (report.added, report.revised, report.revision) == (4, 0, 1)
    assert (revision.replaced, revision.told) == (None, "3 came late")
    assert (revision.first, revision.last) == (NEW_YEAR, NEW_YEAR + 3 * HOUR)
    assert store.replaced(*BTC, 1).empty
    path = manifest_path(tmp_path / "bars" / Series(*BTC).folder)
    old = Manifest.load(path)
    assert old is not None
    body = old.model_dump(mode="json")
    for row_ in body["revisions"]:
        row_["replaced"] = row_.pop("late")
    assert Manifest.model_validate(body).revisions[0].late is None


def factors(*rows: tuple[str, float, float]) -> pd.DataFrame:
    return pd.DataFrame([(*each, 1.0) for each in rows], columns=list(FACTOR_COLUMNS))


def daily(root: Path, clock: ManualClock, first: str, closes: list[float]) -> None:
    ts = [int(start.value) for start in pd.date_range(first, periods=len(closes), freq="D", tz="UTC")]
    rows = {start: (close, close, close, close, 1.0, np.nan) for start, close in zip(ts, closes, strict=True)}
    BarStore(root, clock).upsert("BTC", D1, TRADE, table(rows))


def test_adjusted_prices_know_no_later_split(tmp_path: Path) -> None:
    """Neither one that came into force later, nor a table that was stored later."""
    clock = ManualClock(datetime(2024, 1, 5, tzinfo=UTC))
    daily(tmp_path, clock, "2024-01-01", [100.0, 50.0, 50.0, 50.0])
    BarStore(tmp_path, clock).actions.write_factors("BTC", factors(("2024-01-01", 1.0, 0.5)), "UTC")
    clock.advance(86_400)
    daily(tmp_path, clock, "2024-01-05", [10.0])
    later = factors(("2024-01-01", 0.9, 0.1), ("2024-01-04", 0.8, 0.2))
    BarStore(tmp_path, clock).actions.write_factors("BTC", later, "UTC")

    def closes(at: datetime) -> list[float]:
        return known(tmp_path, at).read_bars("BTC", D1, view=PriceView.SPLIT_ADJUSTED).close.tolist()

    assert closes(clock.now()) == [10.0, 10.0, 10.0, 10.0, 10.0]
    assert closes(datetime(2024, 1, 5, 12, tzinfo=UTC)) == [50.0] * 4
    with pytest.raises(NoFactors, match="were stored at 2024-01-04"):
        known(tmp_path, datetime(2024, 1, 4, tzinfo=UTC)).actions.factors("BTC")


@pytest.mark.parametrize("rows", [(), (("2024-01-01", 1.0, 0.5),)])
def test_the_same_table_again_is_kept_once(tmp_path: Path, rows: tuple[tuple[str, float, float], ...]) -> None:
    actions = BarStore(tmp_path, ManualClock(BEGUN)).actions
    for _ in range(3):
        actions.write_factors("BTC", factors(*rows).assign(reference_price=np.nan))
    before = [path.name for path in (tmp_path / "actions").rglob("superseded")]
    assert len(list((tmp_path / "actions").rglob("*.parquet"))) == 1
    actions.write_factors("BTC", factors(("2024-01-02", 1.0, 0.5)))
    assert len(list((tmp_path / "actions").rglob("*.parquet"))) == 2
    assert before == ["superseded"]


def test_a_table_that_reaches_into_the_future_is_one_on_the_day_itself(tmp_path: Path) -> None:
    clock = ManualClock(datetime(2024, 1, 3, 12, tzinfo=UTC))
    daily(tmp_path, clock, "2024-01-01", [100.0, 100.0])
    told = factors(("2024-01-01", 0.5, 0.5), ("2024-01-04", 0.8, 0.25))
    BarStore(tmp_path, clock).actions.write_factors("BTC", told, "UTC")
    found = known(tmp_path, clock.now()).read_bars("BTC", D1, view=PriceView.TOTAL_RETURN)
    assert found.close.tolist() == [100.0 * (0.5 / 0.8) * (0.5 / 0.25), 100.0]


@pytest.mark.parametrize("spoilt", ["factors", "superseded"])
def test_damaged_actions_are_mended_by_importing_them_and_their_past_is_refused(spoilt: str, tmp_path: Path) -> None:
    """What was in force before is not known any more; that is said, and neither an empty nor another table is given."""
    clock = ManualClock(BEGUN)
    for ratio in (0.5, 0.25):
        BarStore(tmp_path, clock).actions.write_factors("BTC", factors(("2020-01-01", 1.0, ratio)), "UTC")
        clock.advance(60)
    (folder,) = (path for path in (tmp_path / "actions").rglob(spoilt) if path.is_dir())
    (file,) = (path for path in folder.glob("*") if path.is_file() and path.name not in ("manifest.json", ".lock"))
    file.write_bytes(b"")
    BarStore(tmp_path, clock).actions.write_factors("BTC", factors(("2020-01-01", 1.0, 0.125)), "UTC")
    assert BarStore(tmp_path, clock).actions.factors("BTC")["split_factor"].tolist() == [0.125]
    with pytest.raises(StoreError, match=r"BTC that were in force then were damaged.*later backtest\.known_at"):
        known(tmp_path, BEGUN + timedelta(minutes=1, seconds=30)).actions.factors("BTC")
    clock.advance(60)
    BarStore(tmp_path, clock).actions.write_factors("BTC", factors(("2020-01-01", 1.0, 0.1)), "UTC")
    told = known(tmp_path, BEGUN + timedelta(minutes=2, seconds=30)).actions.factors("BTC")
    assert told["split_factor"].tolist() == [0.125], "what came after the damage is known again"
