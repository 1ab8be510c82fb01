"""Results kept on disk under a signature of all their inputs. Imports no compiler, so that a hit is quick."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tradewright.backtest.code import code_identity
from tradewright.backtest.corporate import CorporateActions
from tradewright.backtest.rates import Conversion
from tradewright.backtest.result import FILL, TOTALS, TRADE, BacktestResult
from tradewright.backtest.spec import BacktestSpec, Sessions
from tradewright.model.bars import Bars
from tradewright.model.hashing import SCHEMA_VERSION, content_hash
from tradewright.model.secondary import SecondarySeries
from tradewright.model.strategy import Strategy
from tradewright.store.dataset import bars_hash
from tradewright.store.files import write_bytes

DIGEST = 32
"""Bytes of the SHA-256 that precedes the content of every entry."""


class CachedRun(NamedTuple):
    """A result, the signature it is kept under, and whether it was there already."""

    result: BacktestResult
    cache_key: str
    used_cache: bool


def cache_key(strategy: Strategy, data: str, spec: BacktestSpec, *, schema_version: str = SCHEMA_VERSION) -> str:
    """The result signature (R-BT-18): a hash over strategy, code identity, data and terms.

    ``data`` is the hash of the bars. The terms are all fields of the spec, so costs, slippage and delay are in it.

    Raises:
        StrategyError: the decision uses a value whose changes cannot be seen.
    """
    return content_hash(
        {
            "strategy": strategy.name,
            "features": [feature.terms for feature in strategy.prepare_state()],
            "parameters": [float(value) for value in strategy.parameters()],
            "code": code_identity(strategy.generate_signal),
            "data": data,
            "spec": described(spec),
            "schema_ver": schema_version,
        }
    )


def run_cached(
    strategy: Strategy, bars: Bars, spec: BacktestSpec, folder: Path, *, data: str | None = None
) -> CachedRun:
    """The stored result of this signature, or a new one, which is stored.

    ``data`` is the bars' hash where the caller knows it. A damaged entry counts as absent and is replaced.

    Raises:
        StoreError: the folder cannot be written.
    """
    key = cache_key(strategy, data or bars_hash(bars), spec)
    path = folder / f"{key}.npz"
    found = load(path, bars, spec)
    if found is not None:
        return CachedRun(found, key, True)
    from tradewright.backtest.engine import run  # the compiler is loaded only where it is needed

    result = run(strategy, bars, spec)
    store(path, result)
    return CachedRun(result, key, False)


def load(path: Path, bars: Bars, spec: BacktestSpec) -> BacktestResult | None:
    """The result kept in ``path``; None where there is none or where it is damaged."""
    try:
        kept = kept_arrays(path)
        return None if kept is None else _result(kept, bars, spec)
    except (KeyError, ValueError):
        return None


def _result(kept: Mapping[str, npt.NDArray[Any]], bars: Bars, spec: BacktestSpec) -> BacktestResult:
    fills, trades, totals = kept["fills"], kept["trades"], kept["totals"]
    adjustments = kept["adjustments"]
    if (fills.dtype, trades.dtype, totals.dtype, adjustments.dtype) != (FILL, TRADE, TOTALS, FILL):
        raise ValueError("the stored records have another form")
    if int(kept["bar_count"]) != len(bars.ts):
        raise ValueError("the stored fills belong to other bars")
    return BacktestResult(
        bars=bars,
        initial_cash=float(spec.cash),
        fills=fills,
        trades=trades,
        orders=int(kept["orders"]),
        multiplier=float(spec.multiplier),
        conversion=spec.conversion,
        currency=spec.currency,
        totals=totals,
        actions=spec.actions,
        adjustments=adjustments,
    )


def store(path: Path, result: BacktestResult) -> None:
    """Keep a result, whole or not at all, behind the SHA-256 of its content.

    Raises:
        StoreError: the folder cannot be written.
    """
    names = ("fills", "trades", "totals", "orders", "adjustments")
    parts = {name: np.asarray(getattr(result, name)) for name in names}
    keep_arrays(path, {**parts, "bar_count": np.int64(len(result.bars.ts))})


def kept_arrays(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """The arrays kept in ``path`` by name; None where there are none or where they are damaged."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
        return None
    try:
        with np.load(io.BytesIO(content[DIGEST:]), allow_pickle=False) as kept:
            return dict(kept)
    except (ValueError, zipfile.BadZipFile):
        return None


def keep_arrays(path: Path, parts: Mapping[str, Any]) -> None:
    """Keep arrays by name, whole or not at all, behind the SHA-256 of their content.

    Raises:
        StoreError: the folder cannot be written.
    """
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **parts)
    content = buffer.getvalue()
    write_bytes(path, hashlib.sha256(content).digest() + content)


def described(value: object) -> object:
    """Dataclasses as their name and fields, so that two models with equal numbers stay apart."""
    if isinstance(value, Conversion | SecondarySeries | CorporateActions):
        return value.digest
    if isinstance(value, Sessions):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        own = {each.name: described(getattr(value, each.name)) for each in fields(value)}
        return {"kind": type(value).__name__, **own}
    if isinstance(value, tuple):
        return [described(item) for item in value]
    return value
