"""The bars store against a dictionary: any sequence of imports, corrections and reads, also by a second store."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tradewright.model.bar_rules import bars_of, frame_of
from tradewright.model.bars import OHLCV, BarKind, Timeframe
from tradewright.model.clock import ManualClock
from tradewright.model.errors import StoreError
from tradewright.store.bars import BarStore
from tradewright.store.dataset import bars_hash
from tradewright.store.quarantine import Quarantines

Row = tuple[float, float, float, float, float, float]
Model = dict[int, Row]
Key = tuple[str, Timeframe, BarKind]

HOUR = 3_600_000_000_000
NEW_YEAR = pd.Timestamp("2023-12-31T12:00Z").value
KEYS: list[Key] = [
    ("BTC", Timeframe.H1, BarKind.TRADE),
    ("BTC", Timeframe.H1, BarKind.QUOTE),
    ("ETH/BTC", Timeframe.H1, BarKind.TRADE),
]
COLUMNS = ["ts", *OHLCV, "spread"]

keys = st.sampled_from(KEYS)
hours = st.integers(0, 23)
"""Around midnight of New Year, so that two files take part."""
values = st.integers(1, 4)


def row(value: int) -> Row:
    """A bar that tells its value; value 4 has no spread."""
    return (
        10.0 * value,
        10.0 * value + 3,
        10.0 * value - 3,
        10.0 * value + 1,
        float(value),
        np.nan if value == 4 else 1.5,
    )


def table(rows: Model) -> pd.DataFrame:
    """The bars table of a model, ascending."""
    frame = pd.DataFrame([(ts, *rows[ts]) for ts in sorted(rows)], columns=COLUMNS)
    stamps = pd.DatetimeIndex(frame["ts"].to_numpy(dtype=np.int64).view("datetime64[ns]")).tz_localize("UTC")
    return frame.assign(ts=stamps).astype(dict.fromkeys(COLUMNS[1:], np.float64))


def same(left: Row, right: Row) -> bool:
    return bool(np.array_equal(left, right, equal_nan=True))


class StoreMachine(RuleBasedStateMachine):
    """``model`` is what a reader must see, ``old`` what each revision replaced, ``late`` how many came late in it."""

    @initialize()
    def begin(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="store"))
        self.clock = ManualClock(datetime(2024, 5, 1, tzinfo=UTC))
        self.store = BarStore(self.root, self.clock)
        self.model: dict[Key, Model] = {key: {} for key in KEYS}
        self.old: dict[Key, list[Model]] = {key: [] for key in KEYS}
        self.late: dict[Key, list[int]] = {key: [] for key in KEYS}
        self.aside: dict[Key, dict[int, Model]] = {key: {} for key in KEYS}
        self.acts: dict[Key, int] = dict.fromkeys(KEYS, 0)

    def teardown(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)

    @rule(key=keys, news=st.dictionaries(hours, values, max_size=8))
    def upsert(self, key: Key, news: dict[int, int]) -> None:
        self.clock.advance(60)
        given = {NEW_YEAR + hour * HOUR: row(value) for hour, value in news.items()}
        rows = {ts: value for ts, value in given.items() if not self.is_aside(key, ts)}
        model = self.model[key]
        known = {ts for ts in rows if ts in model}
        revised = {ts: model[ts] for ts in sorted(known) if not same(model[ts], rows[ts])}
        report = self.store.upsert(*key, table(given), source=f"import {len(self.old[key])}")
        assert (report.added, report.revised) == (len(rows) - len(known), len(revised))
        assert report.kept_out == len(given) - len(rows)
        assert report.unchanged == len(known) - len(revised)
        held = [*model, *(ts for gone in self.aside[key].values() for ts in gone)]
        late = sum(ts < max(held, default=ts) for ts in rows.keys() - known)
        if revised or late:
            self.old[key].append(revised)
            self.late[key].append(late)
        if revised:
            span = (report.revised_first, report.revised_last)
            assert span == tuple(pd.Timestamp(ts, tz="UTC") for ts in (min(revised), max(revised)))
        assert report.revision == len(self.old[key])
        model.update(rows)

    @rule(key=keys)
    @precondition(lambda self: any(self.model.values()))
    def the_same_again_changes_no_file(self, key: Key) -> None:
        before = self.files()
        assert self.store.upsert(*key, table(self.model[key])).unchanged == len(self.model[key])
        assert self.files() == before

    @rule(key=keys, first=hours, last=hours)
    def set_aside(self, key: Key, first: int, last: int) -> None:
        """Bars of a span leave the model and are kept; a span without a bar is refused and changes nothing."""
        start, end = (pd.Timestamp(NEW_YEAR + hour * HOUR, tz="UTC") for hour in (first, last))
        chosen = {ts: self.model[key][ts] for ts in self.model[key] if start.value <= ts <= end.value}
        before = self.files()
        if not chosen:
            with pytest.raises(StoreError, match="nothing was changed"):
                self.quarantines.set_aside(*key[:2], start, end, actor="ann", reason="x", kind=key[2])
            assert self.files() == before
            return
        made = self.quarantines.set_aside(*key[:2], start, end, actor="ann", reason="x", kind=key[2])
        self.acts[key] += 1
        assert (made.number, made.bars.rows, made.actor) == (self.acts[key], len(chosen), "ann")
        self.aside[key][made.number] = chosen
        for ts in chosen:
            del self.model[key][ts]

    @rule(key=keys, first=hours, last=hours)
    def release(self, key: Key, first: int, last: int) -> None:
        """What is set aside and shares a moment with a span comes back as it was."""
        start, end = (pd.Timestamp(NEW_YEAR + hour * HOUR, tz="UTC") for hour in (first, last))
        ended = [n for n, rows in self.aside[key].items() if min(rows) <= end.value and max(rows) >= start.value]
        if not ended:
            with pytest.raises(StoreError, match="nothing was changed"):
                self.quarantines.release(*key[:2], start, end, actor="bob", reason="y", kind=key[2])
            return
        done = self.quarantines.release(*key[:2], start, end, actor="bob", reason="y", kind=key[2])
        assert [row.number for row in done] == ended
        assert {row.released.actor for row in done if row.released} == {"bob"}
        for number in ended:
            self.model[key].update(self.aside[key].pop(number))

    @invariant()
    def what_is_set_aside_is_kept(self) -> None:
        for key, kept in self.aside.items():
            assert [row.number for row in self.quarantines.in_force(*key)] == list(kept)
            assert len(self.quarantines.records(*key)) == self.acts[key]
            for number, rows in kept.items():
                found = self.quarantines.bars(*key[:2], number, key[2])
                pd.testing.assert_frame_equal(frame_of(found), table(rows))

    def is_aside(self, key: Key, ts: int) -> bool:
        return any(min(rows) <= ts <= max(rows) for rows in self.aside[key].values())

    @property
    def quarantines(self) -> Quarantines:
        return Quarantines(self.root, self.clock)

    @rule()
    def another_process_takes_over(self) -> None:
        self.store = BarStore(self.root, self.clock)

    @rule(key=keys, first=hours, last=hours)
    def read_a_span(self, key: Key, first: int, last: int) -> None:
        if not self.model[key]:
            return
        start, end = (pd.Timestamp(NEW_YEAR + hour * HOUR, tz="UTC") for hour in (first, last))
        wanted = {ts: row for ts, row in self.model[key].items() if start.value <= ts <= end.value}
        found = self.store.read(*key, start, end)
        pd.testing.assert_frame_equal(found, table(wanted))
        assert self.store.data_hash(*key, start, end) == bars_hash(bars_of(table(wanted)))

    @rule(key=keys, day=st.sampled_from(["2023-12-31", "2024-01-01", "2024-01-02"]))
    def read_a_day(self, key: Key, day: str) -> None:
        if self.model[key]:
            frame = table(self.model[key])
            wanted = frame[frame["ts"].dt.strftime("%Y-%m-%d") == day].reset_index(drop=True)
            pd.testing.assert_frame_equal(self.store.read(*key, day, day), wanted)

    @invariant()
    def coverage_is_the_models(self) -> None:
        for key, model in self.model.items():
            coverage = self.store.coverage(*key)
            if not model:
                assert coverage is None
                assert self.store.fingerprint(*key) == ""
                continue
            assert coverage is not None
            assert (coverage.rows, coverage.revision) == (len(model), len(self.old[key]))
            assert (coverage.first.value, coverage.last.value) == (min(model), max(model))

    @invariant()
    def every_revision_keeps_what_it_replaced(self) -> None:
        for key, revisions in self.old.items():
            found = self.store.revisions(*key)
            assert [revision.number for revision in found] == list(range(1, len(revisions) + 1))
            assert [revision.source for revision in found] == [f"import {n}" for n in range(len(revisions))]
            assert list(found) == sorted(found, key=lambda revision: revision.recorded_at)
            assert [revision.late.rows if revision.late else 0 for revision in found] == self.late[key]
            for revision, rows in zip(found, revisions, strict=True):
                pd.testing.assert_frame_equal(self.store.replaced(*key, revision.number), table(rows))

    @invariant()
    def a_stranger_reads_the_same_tree(self) -> None:
        """pyarrow alone, knowing nothing of us but the hive layout."""
        expected = {(key, ts) for key, model in self.model.items() for ts in model}
        known = {key for key, model in self.model.items() if model or self.acts[key]}
        assert set(self.store.series()) == known
        if not expected:
            return
        frame = (
            pyarrow.dataset.dataset(self.root / "bars", partitioning="hive", format="parquet").to_table().to_pandas()
        )
        for key in KEYS:
            mine = (frame["instrument"] == key[0]) & (frame["timeframe"] == key[1]) & (frame["kind"] == key[2])
            part = frame[mine].sort_values("ts", ignore_index=True)
            assert (part["ts"].dt.year == part["year"]).all()
            pd.testing.assert_frame_equal(part[COLUMNS], table(self.model[key]), check_dtype=False)

    @invariant()
    def nothing_else_lies_about(self) -> None:
        names = [name for name in self.files() if not name.endswith(("_lock", "_manifest.json", "_arrivals"))]
        assert all(name.endswith(".parquet") or name.startswith("superseded/") for name in names)
        years = sum(len({pd.Timestamp(ts).year for ts in model}) for model in self.model.values())
        assert len([name for name in names if name.startswith("bars/")]) == years
        assert len([name for name in names if name.startswith("superseded/")]) == sum(
            bool(rows) + bool(late) for key in KEYS for rows, late in zip(self.old[key], self.late[key], strict=True)
        )
        assert len([name for name in names if name.startswith("quarantined/")]) == sum(map(len, self.aside.values()))

    def files(self) -> dict[str, int]:
        """Every file with the moment of its last change."""
        found = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.stat().st_mtime_ns for path in found if path.name != "_lock"}


TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=12, stateful_step_count=12, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
