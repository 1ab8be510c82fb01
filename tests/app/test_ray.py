"""``sweep --ray``: a cluster of two nodes on this machine gives the same rows, whatever happens to its processes."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pytest

from conf.strategy_kinds import kinds
from runtime import ray_workers
from runtime.ray_workers import joined
from strategies.ema_crossover import EmaCrossover
from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tests.backtest.test_panel_sets import ground
from tests.support.chromium import until
from tests.support.houses import House
from tests.support.random_walks import asked, walk_house, without_trials
from tradewright.backtest.panel.sets import panel_sweep
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.spec import BacktestSpec
from tradewright.backtest.sweep import sweep
from tradewright.backtest.workers import Compute
from tradewright.model.allocation import Allocation
from tradewright.model.bars import Bars
from tradewright.model.errors import ConfigError, DataError
from tradewright.model.strategy import Strategy

GRID = ("strategy.fast=range(2,12)", "strategy.slow=range(4,30,2)")
SETS = [SmaCrossover(fast, slow) for fast in range(2, 12) for slow in range(12, 40)]


class RayCluster(NamedTuple):
    """A head and a second node, one processor each."""

    address: str
    second: subprocess.Popen[bytes]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """Two nodes on this machine, each a process group of its own, as ``ray start`` makes them."""
    if find_spec("ray") is None:  # it reads its token once, when it is imported
        pytest.skip("the extra scale is not installed")
    with socket.socket() as free, pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        free.close()
        port = address.rpartition(":")[2]
        nodes = [_node(folder, "--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}")]
        try:
            nodes.append(_node(folder, f"--address={address}"))
            yield RayCluster(address, nodes[1])
        finally:
            for node in nodes:
                _end(node)


def _node(folder: str, *words: str) -> subprocess.Popen[bytes]:
    """A node that has begun to work."""
    program = [str(Path(sys.executable).parent / "ray"), "start", "--node-ip-address=127.0.0.1", "--num-cpus=1"]
    log = Path(folder, f"{words[0][2:6]}.log")
    with log.open("wb") as out:
        node = subprocess.Popen([*program, *words, "--block"], stdout=out, stderr=out, start_new_session=True)
    until(lambda: b"--block" in log.read_bytes() or node.poll() is not None, "a node begins", 120)
    assert node.poll() is None, log.read_text()
    return node


def _end(node: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(node.pid, signal.SIGKILL)
    node.wait()


def test_the_rows_the_luck_and_the_trials_are_those_of_this_process(
    cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked = walk_house(tmp_path / "made", seed=3, days=180)
    monkeypatch.setenv("TRADEWRIGHT_CONF", str(stocked.conf))

    def told(name: str, *words: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        (tmp_path / name).mkdir()
        house: House = without_trials(stocked, tmp_path / name)
        reply = asked(house, "sweep", *GRID, "--where", "fast < slow", "--top", "0", *words)
        (line,) = asked(house, "trials")["trials"]
        return reply, line["trials"]

    assert told("there", "--ray", cluster.address) == told("here")


def test_documents_of_allocations_are_made_anew_there(cluster: RayCluster) -> None:
    bars = {name: random_bars(seed, 500) for seed, name in enumerate(("A", "B", "C"))}
    on = ground(bars, dict.fromkeys(bars, BacktestSpec()), SharedAccount())
    sets = [kinds().build("momentum_rotation", {"top": top}) for top in (1, 2, 3)]
    here = panel_sweep(cast("Sequence[Allocation]", sets), on)
    assert len(set(here["final_equity"])) == len(sets)
    with joined(cluster.address) as workers:
        assert panel_sweep(cast("Sequence[Allocation]", sets), on, workers=workers).tobytes() == here.tobytes()


def test_a_process_that_dies_and_a_node_that_is_lost_only_delay(cluster: RayCluster, tmp_path: Path) -> None:
    bars, spec = random_bars(5, 900), BacktestSpec()
    here, done = sweep(SETS, bars, spec), []

    def lose(*progress: int) -> None:
        done.append(progress)
        if len(done) == 1:
            _end(cluster.second)

    with joined(cluster.address) as workers:
        mortal = _Mortal(workers, tmp_path)
        there = sweep(SETS, bars, spec, workers=mortal, progress=lose)
    assert there.tobytes() == here.tobytes()
    assert len(list(tmp_path.iterdir())) == 1, "a process died"
    assert done[-1] == (len(SETS), len(SETS))


class _Mortal:
    """Workers of whom the first one to prepare a set ends at once."""

    def __init__(self, workers: Any, folder: Path) -> None:
        self._workers, self._folder = workers, folder

    def rows(self, work: Any, prepare_part: Any) -> Any:
        folder = self._folder

        def die_once(chosen: Sequence[Strategy]) -> Compute:
            try:
                (folder / "died").touch(exist_ok=False)
            except FileExistsError:
                return prepare_part(chosen)  # type: ignore[no-any-return]
            os._exit(1)

        return self._workers.rows(work, die_once)


def test_other_code_there_and_a_refusal_there_are_told_as_here(
    cluster: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    bars = random_bars(1, 50)
    with joined(cluster.address) as workers:
        with pytest.raises(DataError, match="does not come after"):
            sweep(SETS, Bars(bars.ts[::-1].copy(), *bars[1:]), BacktestSpec(), workers=workers)
        with pytest.raises(ConfigError, match="of different kinds"):
            sweep([SETS[0], EmaCrossover()], bars, BacktestSpec(), workers=workers)
        monkeypatch.setattr(ray_workers, "tested_code", lambda _first: "0" * 64)
        with pytest.raises(ConfigError, match="sma_crossover or of the engine is another one on"):
            sweep(SETS, bars, BacktestSpec(), workers=workers)


@pytest.mark.parametrize("address", ["auto", "localhost", "127.0.0.1:x", ":6379", "127.0.0.1:99999"])
def test_an_address_is_host_and_port(address: str) -> None:
    with pytest.raises(ConfigError, match="names no cluster"), joined(address):
        pass


@pytest.mark.skipif(find_spec("ray") is None, reason="the extra scale is not installed")
@pytest.mark.usefixtures("cluster")
def test_where_nothing_answers_it_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=f"nothing answers at 127.0.0.1:{port}"), joined(f"127.0.0.1:{port}"):
        pass


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'tradewright\[scale\]'"), joined("127.0.0.1:6379"):
        pass


def test_blocks_are_dealt_in_their_order() -> None:
    blocks = [slice(n, n + 1) for n in range(7)]
    assert [len(each) for each in ray_workers.batched(blocks, 3)] == [3, 3, 1]
    np.testing.assert_array_equal([b.start for each in ray_workers.batched(blocks, 3) for b in each], np.arange(7))
