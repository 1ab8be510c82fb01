"""The bars store under crashes, a full disk, and several writers at once."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from tests.data.tables import bars_table
from tradewright.model.bars import BarKind, Timeframe
from tradewright.model.errors import StoreError
from tradewright.store import files as atomic
from tradewright.store.bars import BarStore
from tradewright.store.files import exclusive

M1, TRADE = Timeframe.M1, BarKind.TRADE

WRITER = """
import sys
from pathlib import Path
from tests.data.tables import bars_table
from tradewright.model.bars import BarKind, Timeframe
from tradewright.store.bars import BarStore
store, first, rounds = BarStore(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3])
frame = bars_table(4000)
print("ready", flush=True)
for number in range(rounds):
    store.upsert("BTC", Timeframe.M1, BarKind.TRADE, frame[(number * 2 + first) * 10 :][:10])
    print(number, flush=True)
"""


def writer(root: Path, first: int, rounds: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(root), str(first), str(rounds)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


class Crash(BaseException):
    """Stands for the death of the process: no handler may see it."""


@pytest.mark.parametrize("step", range(14))
def test_a_crash_at_any_step_leaves_the_old_bars_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    old, new = bars_table(30, "2023-12-31 23:50"), bars_table(40, "2023-12-31 23:50", seed=1)
    store = BarStore(tmp_path)
    store.upsert("BTC", M1, TRADE, old)
    calls = 0

    def dying(real: object) -> object:
        def call(*args: object) -> object:
            nonlocal calls
            calls += 1
            if calls > step:
                raise Crash
            return real(*args)  # type: ignore[operator]

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", dying(os.fsync))
        patch.setattr(Path, "replace", dying(Path.replace))
        patch.setattr(Path, "unlink", dying(Path.unlink))
        with contextlib.suppress(Crash):
            store.upsert("BTC", M1, TRADE, new)
    found = BarStore(tmp_path).read("BTC", M1)
    assert found.equals(old) or found.equals(new)
    BarStore(tmp_path).upsert("BTC", M1, TRADE, new)
    pd.testing.assert_frame_equal(BarStore(tmp_path).read("BTC", M1), new)
    names = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert len(names) == 6, f"two years, their old rows, the manifest, the log and the lock, not {names}"


def test_a_full_disk_is_said_and_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = BarStore(tmp_path)
    store.upsert("BTC", M1, TRADE, bars_table(5))

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "fsync", full)
        with pytest.raises(StoreError, match=r"No space left on device.*nothing was changed"):
            store.upsert("BTC", M1, TRADE, bars_table(9))
    assert len(store.read("BTC", M1)) == 5
    assert list(tmp_path.rglob("*.tmp")) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "bars").write_text("a file in the way")
    with pytest.raises(StoreError, match="cannot be locked"):
        BarStore(tmp_path).upsert("BTC", M1, TRADE, bars_table(1))
    with pytest.raises(StoreError, match="cannot be written"):
        atomic.write_bytes(tmp_path / "bars" / "x", b"")


def test_a_living_writer_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        exclusive(path),
        pytest.raises(StoreError, match="another process has been writing here"),
        exclusive(path, 0.05),
    ):
        pass
    held, order = threading.Event(), []

    def second() -> None:
        held.wait()
        with exclusive(path, 20):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with exclusive(path):
        held.set()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    both = [writer(tmp_path, first, 40) for first in (0, 1)]
    for process in both:
        output, _ = process.communicate(timeout=280)
        assert process.returncode == 0, output
    pd.testing.assert_frame_equal(BarStore(tmp_path).read("BTC", M1), bars_table(4000)[:800])


@pytest.mark.kill
def test_a_killed_writer_leaves_whole_bars_and_no_lock(tmp_path: Path) -> None:
    for lines in (1, 3, 8):
        process = writer(tmp_path, 0, 150)
        assert process.stdout is not None
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        process.communicate()
        store = BarStore(tmp_path)
        if store.coverage("BTC", M1):
            found = store.read("BTC", M1)
            assert len(found) % 10 == 0
    store.upsert("BTC", M1, TRADE, bars_table(4000))
    pd.testing.assert_frame_equal(store.read("BTC", M1), bars_table(4000))
    assert list(tmp_path.rglob("*.tmp")) == []
