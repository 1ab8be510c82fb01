"""What research has read: one small file for what ran on the same revisions, bounded, and never silently wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import StoreError
from tradewright.store.uses import Use, UsedSeries, UseKind, Uses

AT = datetime(2026, 11, 20, 15, tzinfo=UTC)
GOOG = {"instrument": "GOOG", "timeframe": Timeframe.D1, "kind": BarKind.TRADE, "revision": 0, "first": 5, "last": 9}


def use(minutes: int = 0, name: str = "macd", **series: Any) -> Use:
    read = UsedSeries.model_validate({**GOOG, "fingerprint": f"f{minutes}", **series})
    at = AT + timedelta(minutes=minutes)
    return Use(kind=UseKind.BACKTEST, name=name, detail={"fast": "5"}, series=(read,), begun=at, at=at)


def test_runs_on_the_same_revisions_are_one_use_that_grows(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    uses.record(use(1))
    uses.record(use(2, first=3, last=12))
    uses.record(use(0))
    (found,) = uses.all()
    assert (found.runs, found.begun, found.at) == (3, AT, AT + timedelta(minutes=2))
    assert (found.series[0].first, found.series[0].last, found.series[0].fingerprint) == (3, 12, "f0")


def test_another_revision_name_or_detail_is_another_use(tmp_path: Path) -> None:
    uses = Uses(tmp_path)
    others = [use(), use(1, revision=1), use(2, name="sma"), use(3, timeframe=Timeframe.H1), use(4, kind=BarKind.QUOTE)]
    others.append(use(5).model_copy(update={"detail": {"fast": "6"}}))
    for each in others:
        uses.record(each)
    assert uses.all() == others, "the oldest first"


def test_the_oldest_are_forgotten(tmp_path: Path) -> None:
    uses = Uses(tmp_path, most=2)
    for minutes, name in enumerate(("a", "b", "a", "c")):
        uses.record(use(minutes, name))
    assert [each.name for each in uses.all()] == ["a", "c"], "b ran last before the others"
    assert uses.prune(AT + timedelta(minutes=3)) == 1
    assert [each.name for each in uses.all()] == ["c"]
    assert Uses(tmp_path / "none").prune(AT) == 0
    assert Uses(tmp_path / "none").all() == []


def test_a_damaged_file_stops_no_run_and_is_named_by_whoever_reads_it(tmp_path: Path) -> None:
    """A note on what was read must not keep a signal from being made; what it told is missed, and that is said."""
    uses = Uses(tmp_path)
    uses.record(use())
    (path,) = (tmp_path / "uses").glob("*.json")
    path.write_text("{")
    with pytest.raises(StoreError, match=rf"{path.name}.*remove it"):
        uses.all()
    assert uses.prune(AT + timedelta(days=1)) == 0, "what cannot be read has no age"
    uses.record(use(1))
    with pytest.raises(StoreError, match=rf"{path.stem}\.damaged.*remove it"):
        uses.all()
    path.with_suffix(".damaged").unlink()
    assert [(each.runs, each.begun) for each in uses.all()] == [(1, AT + timedelta(minutes=1))]
