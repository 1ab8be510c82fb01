"""Stored results (R-BT-18, R-BT-19) and stored machine code."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from strategies.buy_and_hold import BuyAndHold
from strategies.sma_crossover import SmaCrossover
from tests.support.price_lists import IBKR_FIXED
from tradewright.backtest.cache import cache_key, load, run_cached
from tradewright.backtest.code import code_digest
from tradewright.backtest.spec import BacktestSpec
from tradewright.fills.costs import BpsCosts, PercentCosts
from tradewright.fills.slippage import BpsSlippage, SumSlippage
from tradewright.model.errors import StoreError
from tradewright.store.dataset import bars_hash

SPEC = BacktestSpec(cash=10_000.0, costs=PercentCosts(0.001), slippage=SumSlippage((BpsSlippage(1.0),)))


def test_each_part_of_the_signature_changes_the_key(make_bars):
    bars = make_bars(1)
    data = bars_hash(bars)
    other_bars = bars._replace(close=np.nextafter(bars.close, np.inf))
    keys = [
        cache_key(SmaCrossover(), data, SPEC),
        cache_key(SmaCrossover(11, 20), data, SPEC),
        cache_key(BuyAndHold(), data, SPEC),
        cache_key(SmaCrossover(), bars_hash(other_bars), SPEC),
        cache_key(SmaCrossover(), data, replace(SPEC, costs=BpsCosts(10.0))),
        cache_key(SmaCrossover(), data, replace(SPEC, costs=IBKR_FIXED)),
        cache_key(SmaCrossover(), data, replace(SPEC, slippage=SumSlippage((BpsSlippage(2.0),)))),
        cache_key(SmaCrossover(), data, replace(SPEC, bar_delay=2)),
        cache_key(SmaCrossover(), data, replace(SPEC, cash=10_001.0)),
        cache_key(SmaCrossover(), data, SPEC, schema_version="other"),
    ]
    assert len(set(keys)) == len(keys)
    assert cache_key(SmaCrossover(), bars_hash(make_bars(1)), SPEC) == keys[0]


def test_models_with_equal_numbers_have_different_keys(make_bars):
    data = bars_hash(make_bars(1))
    models = (BpsCosts(0.01), PercentCosts(0.01))
    assert len({cache_key(SmaCrossover(), data, replace(SPEC, costs=model)) for model in models}) == 2
    nested = (SumSlippage((BpsSlippage(1.0),)), BpsSlippage(1.0))
    assert len({cache_key(SmaCrossover(), data, replace(SPEC, slippage=model)) for model in nested}) == 2


def test_changed_code_changes_the_key_and_comments_do_not():
    scope: dict[str, object] = {}
    sources = [
        "LIMIT = 1\ndef f(i):\n    return i + LIMIT",
        'LIMIT = 1\ndef f(i):\n    "Told."\n    # why\n    return i + LIMIT',
    ]
    sources += ["LIMIT = 2\ndef f(i):\n    return i + LIMIT", "LIMIT = 1\ndef f(i):\n    return i - LIMIT"]
    sources += ["def LIMIT(i):\n    return 1\ndef f(i):\n    return i + LIMIT(i)"]
    digests = []
    for source in sources:
        scope = {}
        exec(source, scope)
        digests.append(code_digest(scope["f"]))
    assert digests[0] == digests[1]
    assert len(set(digests)) == len(digests) - 1
    with pytest.raises(TypeError, match="not a plain"):
        code_digest(len)


def test_a_second_run_is_served_from_the_store(make_bars, tmp_path):
    bars = make_bars(2, 300)
    first, second = (run_cached(SmaCrossover(3, 9), bars, SPEC, tmp_path) for _ in range(2))
    assert (first.used_cache, second.used_cache) == (False, True)
    for name in ("equity", "cash", "position", "fills", "trades", "totals"):
        assert getattr(first.result, name).tobytes() == getattr(second.result, name).tobytes()
    assert first.result.orders == second.result.orders > 0
    assert [path.name for path in tmp_path.iterdir()] == [f"{first.cache_key}.npz"]


def test_a_repeated_batch_hits_every_time(make_bars, tmp_path):
    grid = [SmaCrossover(fast, 20) for fast in range(2, 12)]
    passes = [[run_cached(each, make_bars(3), SPEC, tmp_path).used_cache for each in grid] for _ in range(2)]
    assert passes == [[False] * 10, [True] * 10]


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "foreign", "other_bars"])
def test_a_damaged_entry_is_a_miss_and_is_replaced(make_bars, tmp_path, damage):
    bars = make_bars(4, 200)
    kept = run_cached(SmaCrossover(), bars, SPEC, tmp_path)
    path = tmp_path / f"{kept.cache_key}.npz"
    content = path.read_bytes()
    if damage == "other_bars":
        assert load(path, bars.head(10), SPEC) is None
        return
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    path.write_bytes({"truncated": content[:-9], "flipped": flipped, "empty": b"", "foreign": b"x" * 500}[damage])
    again = run_cached(SmaCrossover(), bars, SPEC, tmp_path)
    assert not again.used_cache
    assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_named_and_left_clean(make_bars, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        run_cached(SmaCrossover(), make_bars(5), SPEC, blocked)
    assert blocked.read_text() == "in the way"


SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from strategies.sma_crossover import SmaCrossover
from tradewright.backtest.cache import run_cached
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.bars import Bars

close = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 50_000)))
bars = Bars(np.arange(50_000), close, close, close, close, np.ones(50_000), np.full(50_000, np.nan))
done = run_cached(SmaCrossover(), bars, BacktestSpec(), Path(sys.argv[1]))
hits = 0
if "numba" in sys.modules:
    from tradewright.backtest.compiled import Shape, simulator
    hits = sum(simulator(SmaCrossover.generate_signal, 2, 2, Shape()).stats.cache_hits.values())
print(json.dumps([done.used_cache, "numba" in sys.modules, hits]))
"""


def in_a_new_process(folder: Path) -> list[int]:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder)], capture_output=True, text=True, cwd=root, check=True
    )
    return json.loads(done.stdout)


def test_a_hit_in_a_new_process_needs_no_compiler(tmp_path):
    in_a_new_process(tmp_path / "warm_the_machine_code")
    missed, hit = in_a_new_process(tmp_path / "results"), in_a_new_process(tmp_path / "results")
    assert missed == [False, True, 1]
    assert hit == [True, False, 0]
