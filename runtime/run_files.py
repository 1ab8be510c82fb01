"""The files of one run: what was asked, of which strategy, and what came of it, each in a form that others read."""

from __future__ import annotations

import io
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from runtime.container import Container
from runtime.research import timeframe
from tradewright.backtest.code import code_identity
from tradewright.backtest.result import BacktestResult, FillReason
from tradewright.evaluation.study import StudyResult
from tradewright.model.allocation import decision_of
from tradewright.model.hashing import content_hash
from tradewright.store.files import exclusive, write_bytes

FILES = ("blueprint.json", "strategies.json", "equity.npy", "trades.jsonl", "metrics.json")
ASKED = ("strategy", "backtest", "evaluation", "base")
"""The groups of settings that a run depends on; none of them holds a secret."""
KEPT = 20
"""Runs of one strategy that are kept, the newest ones."""


def run_id(house: Container, done: StudyResult) -> str:
    """The name of a run: its strategy, and a hash of settings, bars and code. The same run has the same name."""
    digest = content_hash([house.settings.config_hash, done.data_hash, done.code_hash, done.cache_key])
    return f"{house.settings.strategy.name}-{digest[:16]}"


def write_run(house: Container, done: StudyResult) -> Path:
    """Store a run under ``<storage.root>/runs/<run id>`` and return its folder; nothing is written twice.

    - ``blueprint.json``: what was asked: settings, instruments, timeframe, bars, and the hashes of what was read.
    - ``strategies.json``: the strategies of the run, each with kind, parameters, what it reads, and its code.
    - ``equity.npy``: the account's equity after each bar, float64 of shape (bars,).
    - ``trades.jsonl``: a line for each fill: ``ts`` (UTC), ``instrument``, ``side``, ``qty``, ``price``, ``fee``,
      ``slippage_bps``, ``reason``.
    - ``metrics.json``: the figures of the account.

    The folder is moved into its place as a whole. Of each strategy the newest :data:`KEPT` runs stay.

    Raises:
        StoreError: when it cannot be written.
    """
    name = run_id(house, done)
    runs = house.root / "runs"
    folder = runs / name
    with exclusive(runs / "_lock"):
        if not folder.is_dir():
            made = Path(tempfile.mkdtemp(prefix="_new-", dir=runs))
            try:
                for file, data in _files(house, done):
                    write_bytes(made / file, data)
                made.rename(folder)
            finally:
                shutil.rmtree(made, ignore_errors=True)
        _keep_newest(runs, house.settings.strategy.name, folder)
    return folder


def _files(house: Container, done: StudyResult) -> Iterator[tuple[str, bytes]]:
    settings, strategy, ts = house.settings, house.strategy, done.account.bars.ts
    moments = np.datetime_as_string(ts[[0, -1]].astype("datetime64[ns]"), unit="s").tolist() if len(ts) else []
    blueprint = {
        **{group: getattr(settings, group).model_dump(mode="json") for group in ASKED},
        "config_hash": settings.config_hash,
        "instruments": list(done.results),
        "timeframe": str(timeframe(settings)),
        "bars": len(ts),
        "first_and_last_bar": [f"{moment}Z" for moment in moments],
        "data_hash": done.data_hash,
        "cache_key": done.cache_key,
    }
    described = {
        "name": settings.strategy.name,
        "kind": settings.strategy.kind,
        "parameters": dict(settings.strategy.values),
        "features": [feature.label for feature in strategy.prepare_state()],
        "code": code_identity(decision_of(strategy)),
        "engine_and_code": done.code_hash,
    }
    equity = io.BytesIO()
    np.save(equity, done.account.equity.astype(np.float64), allow_pickle=False)
    lines = [json.dumps(each, allow_nan=False) + "\n" for each in _fills(done)]
    yield from zip(
        FILES,
        (
            _json(blueprint),
            _json([described]),
            equity.getvalue(),
            "".join(lines).encode(),
            _json(done.metrics.as_dict()),
        ),
        strict=True,
    )


def _fills(done: StudyResult) -> list[dict[str, object]]:
    rows = [row for symbol, result in done.results.items() for row in _fills_of(symbol, result)]
    return sorted(rows, key=lambda row: str(row["ts"]))


def _fills_of(symbol: str, result: BacktestResult) -> Iterator[dict[str, object]]:
    moments = np.datetime_as_string(result.bars.ts[result.fills["bar"]].astype("datetime64[ns]"), unit="s")
    for moment, fill in zip(moments, result.fills, strict=True):
        yield {
            "ts": f"{moment}Z",
            "instrument": symbol,
            "side": "BUY" if fill["side"] > 0 else "SELL",
            "qty": float(fill["quantity"]),
            "price": float(fill["price"]),
            "fee": float(fill["fee"]),
            "slippage_bps": float(fill["slippage_bps"]),
            "reason": FillReason(fill["reason"]).name,
        }


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False).encode()


def write_report(house: Container, done: StudyResult) -> Path:
    """Store the risk report of a run as ``<storage.root>/reports/runs/<run id>.html``; the newest :data:`KEPT` stay.

    Raises:
        StoreError: when it cannot be written.
    """
    folder = house.root / "reports" / "runs"
    page = folder / f"{run_id(house, done)}.html"
    done.report.write(page)
    _keep_newest(folder, house.settings.strategy.name, page)
    return page


def _keep_newest(folder: Path, strategy: str, newest: Path) -> None:
    named = re.compile(re.escape(strategy) + r"-[0-9a-f]{16}(\.html)?")
    own = [path for path in folder.iterdir() if named.fullmatch(path.name) and path != newest]
    for path in sorted(own, key=lambda each: each.stat().st_mtime_ns)[: -(KEPT - 1)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
