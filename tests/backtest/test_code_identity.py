"""One code identity (decision 11): an edit that can change a result changes it, however the edited value is reached."""

from __future__ import annotations

import types
from pathlib import Path

import numpy as np
import pytest

from strategies.buy_and_hold import BuyAndHold
from strategies.sma_crossover import SmaCrossover
from tests.backtest.conftest import random_bars
from tradewright.backtest import cache, code
from tradewright.backtest.cache import run_cached
from tradewright.backtest.code import code_digest, code_identity
from tradewright.backtest.engine_digest import SOURCES, digest_of, engine_digest, versions
from tradewright.backtest.spec import BacktestSpec
from tradewright.model.errors import StrategyError

ROOT = Path(__file__).parents[2]

WAYS = {
    "a default argument": "def f(x, k={k}.0):\n    return x * k",
    "a keyword's default": "def f(x, *, k={k}.0):\n    return x * k",
    "a helper's default": "def h(x, k={k}.0):\n    return x * k\ndef f(x):\n    return h(x)",
    "a compiled helper": "@njit\ndef h(x):\n    return x * {k}.0\ndef f(x):\n    return h(x)",
    "a helper of a compiled helper": (
        "def g(x):\n    return x * {k}.0\n@njit\ndef h(x):\n    return g(x)\ndef f(x):\n    return h(x)"
    ),
    "an option of the compiler": "@njit(fastmath={k} > 3)\ndef h(x):\n    return x\ndef f(x):\n    return h(x)",
    "an array": "T = np.array([{k}.0])\ndef f(x):\n    return x * T[0]",
    "an array's type": "T = np.array([1], np.int{bits})\ndef f(x):\n    return x * T[0]",
    "a number of numpy": "T = np.float64({k})\ndef f(x):\n    return x * T",
    "a class's constant": "class C:\n    K = {k}\ndef f(x):\n    return x * C.K",
    "an enumeration": "class C(enum.IntEnum):\n    K = {k}\ndef f(x):\n    return x * C.K",
    "a constant of a module": "m = module(K={k}.0)\ndef f(x):\n    return x * m.K",
    "a helper in a module": "m = module(h=njit(lambda x: x * {k}.0))\ndef f(x):\n    return m.h(x)",
    "a tuple of arrays": "T = (np.array([{k}.0]), 1)\ndef f(x):\n    return x * T[0][0]",
    "a helper's closure": (
        "def make(k):\n    def h(x):\n        return x * k\n    return h\nh = make({k})\ndef f(x):\n    return h(x)"
    ),
    "a name in nested code": "K = {k}\ndef f(x):\n    return sum(x * K for _ in range(3))",
    "a fixed set": "K = frozenset(({k}, 9))\ndef f(x):\n    return x in K",
    "another function of a library": "from math import {name} as g\ndef f(x):\n    return g(x)",
}  # fmt: skip


def scope_of(source: str) -> dict[str, object]:
    from numba import njit

    def module(**values: object) -> types.ModuleType:
        made = types.ModuleType("helpers")
        vars(made).update(values)
        return made

    import enum

    scope = {"np": np, "njit": njit, "module": module, "enum": enum, "__name__": "authors_own"}
    exec(source, scope)
    return scope


def digest(way: str, k: int) -> str:
    source = WAYS[way].replace("{k}", str(k)).replace("{bits}", "32" if k > 3 else "64")
    return code_digest(scope_of(source.replace("{name}", "sin" if k > 3 else "cos"))["f"])  # type: ignore[arg-type]


@pytest.mark.parametrize("way", WAYS)
def test_an_edit_changes_the_digest_and_nothing_else_does(way: str) -> None:
    assert digest(way, 3) == digest(way, 3)
    assert digest(way, 3) != digest(way, 6)


def test_a_value_whose_changes_cannot_be_seen_is_refused_with_its_place() -> None:
    with pytest.raises(StrategyError, match="whose changes cannot be seen") as told:
        code_digest(scope_of("K = object()\ndef f(x):\n    return K")["f"])  # type: ignore[arg-type]
    assert "line 2" in told.value.where


def test_unused_parts_of_a_module_do_not_count() -> None:
    source = "m = module(K=1.0, other={k})\ndef f(x):\n    return x * m.K"
    one, other = (code_digest(scope_of(source.format(k=k))["f"]) for k in (3, 6))  # type: ignore[arg-type]
    assert one == other


def test_functions_that_call_one_another_have_a_digest() -> None:
    source = "def h(x):\n    return f(x - 1) if x else {k}\ndef f(x):\n    return h(x)"
    one, other = (code_digest(scope_of(source.format(k=k))["f"]) for k in (3, 6))  # type: ignore[arg-type]
    assert one != other


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_of_the_engine_is_in_its_digest(source: str, tmp_path: Path) -> None:
    for name in SOURCES:
        path = tmp_path / name if name.endswith(".py") else tmp_path / name / "inner" / "rule.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("RULE = 1\n")
    before = digest_of(tmp_path, {})
    edited = next((tmp_path / source).rglob("*.py"), tmp_path / source)
    edited.write_text("RULE = 2\n")
    assert digest_of(tmp_path, {}) != before
    edited.write_text("RULE = 1\n")
    assert digest_of(tmp_path, {}) == before
    edited.rename(edited.with_name("renamed.py"))
    if not source.endswith(".py"):
        assert digest_of(tmp_path, {}) != before


def test_the_versions_of_numba_and_numpy_are_in_it() -> None:
    found = versions()
    assert set(found) == {"python", "numpy", "numba"}
    root = ROOT / "tradewright"
    assert digest_of(root, found) == engine_digest()
    for name in found:
        assert digest_of(root, {**found, name: "0"}) != engine_digest()


def test_the_sources_hold_kernel_rules_and_indicators() -> None:
    for name in ("backtest/kernel.py", "backtest/orders.py", "fills/costs.py", "indicators/moving.py"):
        assert (ROOT / "tradewright" / name).is_file()
        assert name.partition("/")[0] in SOURCES


def test_a_mended_engine_makes_stored_results_strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bars, spec = random_bars(1), BacktestSpec()
    first = run_cached(BuyAndHold(), bars, spec, tmp_path)
    assert run_cached(BuyAndHold(), bars, spec, tmp_path).used_cache
    monkeypatch.setattr(code, "engine_digest", lambda: "mended")
    again = run_cached(BuyAndHold(), bars, spec, tmp_path)
    assert (again.used_cache, again.cache_key != first.cache_key) == (False, True)


def test_strategies_with_one_engine_have_their_own_identities() -> None:
    assert code_identity(SmaCrossover.generate_signal) != code_identity(BuyAndHold.generate_signal)
    assert cache.code_identity is code_identity


@pytest.mark.parametrize("way", WAYS)
def test_machine_code_is_stored_under_another_name_after_an_edit(way: str) -> None:
    """B13: a name that is the same would be served by stale machine code, an empty store of results or not."""
    from tradewright.backtest.compiled import Shape, simulator

    names = set()
    for k in (3, 6):
        source = WAYS[way].replace("{k}", str(k)).replace("{bits}", "32" if k > 3 else "64")
        scope = scope_of(source.replace("{name}", "sin" if k > 3 else "cos"))
        compiled = simulator(scope["f"], 1, 1, Shape())  # type: ignore[arg-type]
        names.add(compiled.py_func.__qualname__)  # type: ignore[attr-defined]
    assert len(names) == 2
