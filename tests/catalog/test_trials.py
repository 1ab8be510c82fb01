"""The trial ledger counts for good: each set once on the same bars, whoever asks, and nothing takes a trial back."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.catalog.test_data_sketch import walk
from tradewright.catalog.data_sketch import Sketch, share_bars, sketch_of, sketch_of_rates
from tradewright.catalog.trials import TRIAL, Evaluation, EvaluationFacts, Trials, TrialSource
from tradewright.evaluation.trial_count import TrialCount
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.errors import StoreError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SKETCHES = {seed: sketch_of([walk(seed)]) for seed in range(3)}
FACTS = EvaluationFacts(
    source=TrialSource.SWEEP,
    strategy="cross",
    code="c0de",
    instruments=("AAPL",),
    timeframe=Timeframe.D1,
    data_hash="da7a",
    settings_hash="5e77",
    first=0,
    last=1,
)


def evaluation(
    keys: list[int], *, bars: int = 1, judged: int = 0, effective: float | None = None, pbo: float | None = None
) -> Evaluation:
    rows = np.array([(key, key / 100) for key in keys], TRIAL)
    counted = float(len(set(keys))) if effective is None else effective
    return Evaluation(FACTS, SKETCHES[bars], rows, judged, counted, pbo)


def record(root: Path, *done: Evaluation) -> TrialCount:
    for each in done:
        counted = Trials(root).record([each], NOW)
    return counted


def test_each_set_counts_once_across_processes_and_days(tmp_path: Path) -> None:
    assert record(tmp_path, evaluation([1, 2, 3])) == TrialCount(3, 3.0)
    assert record(tmp_path, evaluation([2])) == TrialCount(3, 3.0)
    assert record(tmp_path, evaluation([3, 4, 4])) == TrialCount(4, 4.0)
    assert [(line.number, line.trials, line.added) for line in Trials(tmp_path).all()] == [
        (1, 3, 3),
        (2, 1, 0),
        (3, 2, 1),
    ]


def test_trials_on_other_bars_are_another_family(tmp_path: Path) -> None:
    record(tmp_path, evaluation([1, 2, 3], bars=1), evaluation([1], bars=2))
    assert record(tmp_path, evaluation([7], bars=2)) == TrialCount(2, 2.0)
    assert record(tmp_path, evaluation([7], bars=1)) == TrialCount(4, 4.0)


def rates(seed: int, count: int = 2_000, *, pair: str = "JPY to USD") -> Sketch:
    bars = walk(seed, count)
    return sketch_of_rates([(pair, bars.ts, bars.close / 10_000)])


def test_trials_at_other_rates_are_other_trials_on_the_same_bars(tmp_path: Path) -> None:
    """With a bar more they are the same; those of another currency, of another file, and none at all are others."""
    for used, counted in (
        (rates(1, 1_999), 1),
        (rates(1), 1),
        (rates(1, 500), 1),
        (rates(2), 2),
        (rates(1, pair="EUR to USD"), 3),
        (rates(1)[:0], 4),
        (rates(2), 4),
        (rates(1)[:0], 4),
    ):
        assert record(tmp_path, replace(evaluation([1]), rates=used)) == TrialCount(counted, float(counted))


def test_a_line_of_one_currency_is_what_it_was_before_rates_were_recorded(tmp_path: Path) -> None:
    record(tmp_path, evaluation([1]))
    _hash, _, document = (tmp_path / "trials" / "trials.log").read_text().partition(" ")
    assert "rates" not in json.loads(document)
    assert "rates" not in json.loads(document)["facts"]


def test_sets_that_resemble_one_another_count_for_fewer_and_only_the_new_ones_of_them(tmp_path: Path) -> None:
    assert record(tmp_path, evaluation(list(range(100)), effective=8.0)).effective == 8.0
    again = record(tmp_path, evaluation(list(range(50, 150)), effective=8.0))
    assert (again.trials, again.effective) == (150, 16.0)
    few = record(tmp_path, evaluation([*range(150), 200, 201], effective=8.0))
    assert (few.trials, few.effective) == (152, 18.0)


def test_a_search_counts_for_all_sets_that_it_could_choose(tmp_path: Path) -> None:
    found = replace(evaluation([1, 2, 3], effective=40.0), searched=True)
    assert (record(tmp_path, found).trials, record(tmp_path, found).effective) == (3, 40.0)
    assert record(tmp_path, evaluation([1, 2, 3, 4])).effective == 41.0


@pytest.mark.parametrize(("said", "kept"), [(0.0, 1.0), (99.0, 3.0), (2.5, 2.5)])
def test_an_effective_number_lies_between_one_and_all(tmp_path: Path, said: float, kept: float) -> None:
    assert record(tmp_path, evaluation([1, 2, 3], effective=said)).effective == kept


def test_the_overfitting_is_that_of_the_newest_sweep_with_the_judged_set(tmp_path: Path) -> None:
    record(tmp_path, evaluation([1, 2], pbo=0.7), evaluation([2, 3], pbo=0.3), evaluation([5, 6], pbo=0.9))
    assert record(tmp_path, evaluation([2])).overfitting == 0.3
    assert record(tmp_path, evaluation([1])).overfitting == 0.7
    assert record(tmp_path, evaluation([8])).overfitting is None
    assert record(tmp_path, evaluation([8, 5], judged=1)).overfitting == 0.9


@settings(max_examples=40, deadline=None)
@given(asked=st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 6), min_size=1, max_size=4)), max_size=6))
def test_the_count_is_that_of_a_set(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[int, list[int]]]
) -> None:
    root, known = tmp_path_factory.mktemp("trials"), {bars: set[int]() for bars in SKETCHES}
    for bars, keys in asked:
        known[bars] |= set(keys)
        assert record(root, evaluation(keys, bars=bars)).trials == len(known[bars])


def test_two_that_record_at_the_same_time_are_both_counted(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: record(tmp_path, evaluation([key, key + 100])), range(24)))
    assert record(tmp_path, evaluation([0])) == TrialCount(48, 48.0)


def test_a_line_that_a_crash_left_unfinished_was_never_recorded(tmp_path: Path) -> None:
    record(tmp_path, evaluation([1, 2]))
    file = tmp_path / "trials" / "trials.log"
    whole = file.read_bytes()
    record(tmp_path, evaluation([3]))
    file.write_bytes(file.read_bytes()[:-10])
    assert len(Trials(tmp_path).all()) == 1
    assert record(tmp_path, evaluation([4])) == TrialCount(3, 3.0)
    assert file.read_bytes().startswith(whole)
    assert len(Trials(tmp_path).all()) == 2


def _edit(name: str, value: object, row: int = -1) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        lines = (folder / "trials.log").read_text().splitlines()
        told, _, document = lines[row].partition(" ")
        lines[row] = f"{told} {json.dumps({**json.loads(document), name: value})}"
        (folder / "trials.log").write_text("\n".join(lines) + "\n")

    return damage


def _drop_the_first(folder: Path) -> None:
    file = folder / "trials.log"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "fewer trials": _edit("added", 0),
    "fewer independent ones": _edit("effective", 1.0, 0),
    "other bars": _edit("sketch", SKETCHES[2].tobytes().hex()),
    "a line removed": _drop_the_first,
    "no line of it": lambda folder: (folder / "trials.log").write_text("what\n"),
    "a folder in its place": lambda folder: ((folder / "trials.log").unlink(), (folder / "trials.log").mkdir()),
    "no sets": lambda folder: (folder / "sets-1.npy").unlink(),
    "other sets": lambda folder: np.save(folder / "sets-1.npy", np.zeros(2, TRIAL)),
    "empty sets": lambda folder: (folder / "sets-1.npy").write_bytes(b""),
    "sets that are none": lambda folder: (folder / "sets-1.npy").write_bytes(b"x"),
}  # fmt: skip


def test_lines_that_are_gone_are_seen_by_their_sets(tmp_path: Path) -> None:
    record(tmp_path, evaluation([1, 2]), evaluation([3, 4]), evaluation([5, 6]))
    file = tmp_path / "trials" / "trials.log"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:2]))  # a crash may leave the sets of the next line
    assert record(tmp_path, evaluation([7, 8])) == TrialCount(6, 6.0)
    file.write_text(lines[0])
    with pytest.raises(StoreError, match="lines at its end are gone"):
        record(tmp_path, evaluation([9]))


def test_a_short_piece_is_recognised_through_a_longer_one(tmp_path: Path) -> None:
    bars = walk(5, 4_000)
    pieces = [sketch_of([Bars(*(column[start:] for column in bars))]) for start in (0, 3_700, 3_990)]
    whole, year, days = pieces
    assert share_bars(whole, year)
    assert share_bars(year, days)
    assert not share_bars(whole, days)
    for sketch, key in ((whole, 1), (year, 2), (days, 3)):
        counted = Trials(tmp_path).record([Evaluation(FACTS, sketch, np.array([(key, 0.0)], TRIAL))], NOW)
    assert counted.trials == 3
    elsewhere = FACTS.model_copy(update={"instruments": ("AAPL", "KO")})
    assert Trials(tmp_path).record([Evaluation(elsewhere, days, np.array([(4, 0.0)], TRIAL))], NOW).trials == 3


@pytest.mark.parametrize("name", DAMAGE)
def test_whoever_takes_trials_back_gets_no_backtest_judged(tmp_path: Path, name: str) -> None:
    record(tmp_path, evaluation([1, 2, 3]), evaluation([4]))
    DAMAGE[name](tmp_path / "trials")
    with pytest.raises(StoreError) as refused:
        record(tmp_path, evaluation([5]))
    assert "the trial ledger is damaged" in refused.value.what
    assert str(tmp_path / "trials" / "trials.log") in refused.value.where
    assert "backup" in refused.value.remedy


def test_what_cannot_be_recorded_is_refused_and_leaves_the_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(tmp_path, evaluation([1]))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StoreError, match="could not be recorded"):
            record(tmp_path, evaluation([2]))
    assert record(tmp_path, evaluation([3])) == TrialCount(2, 2.0)


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials").write_text("")
    with pytest.raises(StoreError, match="could not be recorded"):
        record(tmp_path, evaluation([1]))


def test_the_files_are_private(tmp_path: Path) -> None:
    record(tmp_path, evaluation([1, 2]))
    modes = {path.name: path.stat().st_mode & 0o77 for path in (tmp_path / "trials").iterdir() if path.suffix}
    assert modes == {"trials.log": 0, "sets-1.npy": 0}
