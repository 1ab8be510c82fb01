"""Runs of a shared account kept on disk under a signature of all their inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import numpy as np

from tradewright.backtest.cache import described, keep_arrays, kept_arrays
from tradewright.backtest.code import code_identity
from tradewright.backtest.panel.engine import PanelRun, run_panel
from tradewright.backtest.panel.panel import Panel
from tradewright.backtest.panel.rows import rows_hash
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.result import FILL, TRADE
from tradewright.model.allocation import Allocation, decision_of
from tradewright.model.bars import Times
from tradewright.model.hashing import SCHEMA_VERSION, content_hash
from tradewright.model.strategy import Strategy

ARRAYS = tuple(each.name for each in fields(PanelRun))


def panel_key(
    strategy: Strategy | Allocation, panel: Panel, shared: SharedAccount, days: Times, data: Mapping[str, str]
) -> str:
    """The signature of a run: strategy, code, terms, the data in the order of the instruments, and the rows of the bars
    where they do not follow from the starts alone.

    Args:
        data: the hash of the bars by instrument.
    """
    rows = rows_hash(panel.ts, panel.rows, [table.ts for table in panel.bars])
    return content_hash(
        {
            "strategy": strategy.name,
            "features": [feature.terms for feature in strategy.prepare_state()],
            "parameters": [float(value) for value in strategy.parameters()],
            "code": code_identity(decision_of(strategy)),
            "data": [[name, data[name]] for name in panel.names],
            "days": content_hash(days.tolist()),
            "specs": [described(spec) for spec in panel.specs],
            "shared": described(shared),
            "schema_ver": SCHEMA_VERSION,
            **({"rows": rows} if rows else {}),
        }
    )


def run_panel_cached(
    strategy: Strategy | Allocation, panel: Panel, shared: SharedAccount, days: Times, key: str, folder: Path
) -> tuple[PanelRun, bool]:
    """The stored run of a :func:`panel_key`, or a new one, which is stored; whether it was there.

    A damaged entry counts as absent and is replaced.

    Raises:
        ConfigError, StrategyError: as :func:`tradewright.backtest.panel.engine.run_panel`.
        StoreError: the folder cannot be written.
    """
    path = folder / f"{key}.npz"
    kept = kept_arrays(path)
    if kept is not None and set(kept) == set(ARRAYS) and (kept["fills"].dtype, kept["trades"].dtype) == (FILL, TRADE):
        numbers = {
            "borrowed": float(kept["borrowed"]),
            "margin_calls": int(kept["margin_calls"]),
            "first_call": int(kept["first_call"]),
        }
        return PanelRun(**{**kept, **numbers}), True  # type: ignore[arg-type]
    made = run_panel(strategy, panel, shared, days)
    keep_arrays(path, {name: np.asarray(getattr(made, name)) for name in ARRAYS})
    return made, False
