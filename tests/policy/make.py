"""The worked example of R-RISK-02 as objects, and small changes to it by dotted path."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tradewright.model.decision import Decision
from tradewright.model.instrument import AssetClass, Instrument
from tradewright.model.intent import Intent
from tradewright.policy.gate import decide
from tradewright.policy.limits import Limits
from tradewright.policy.snapshot import Snapshot

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
AAPL = Instrument(symbol="AAPL", asset_class=AssetClass.STOCK)

INTENT: dict[str, Any] = {
    "intent_id": "abcd1234",
    "strategy": "sma_crossover",
    "signal_id": "sig-1",
    "terms": {"instrument": "AAPL", "side": "BUY", "quantity": 10},
    "confidence": 0.71,
    "size_pct": 0.02,
    "reference_price": 200,
    "decided_at": NOW,
}
SNAPSHOT: dict[str, Any] = {
    "now": NOW,
    "mode": "paper",
    "stage": "paper",
    "instrument": AAPL.model_dump(),
    "market": {
        "data_age_seconds": 12,
        "market_open": True,
        "event_blackout_active": False,
        "liquidity_score": 0.9,
        "spread_bps": 1,
        "last_price": 200,
        "previous_close": 200,
        "atr": 2,
        "bars_gap": False,
        "volatility_pause": False,
    },
    "holdings": {
        "equity": 100_000,
        "cash": 75_000,
        "committed_cash": 0,
        "position": 0,
        "open_orders": (),
        "symbol_exposure": 0,
        "strategy_exposure": 0,
        "gross_exposure": 25_000,
        "cluster_exposure": 0,
        "correlation": 0.1,
        "daily_drawdown": 0.01,
        "loss_today": 0,
        "traded_today": 0,
    },
    "activity": {"recent": (), "orders_last_second": 0, "orders_last_minute": 0, "orders_of_intent": 0},
    "broker": {"ready": True, "unknown_attempts": 0, "frozen": False, "killed": False, "breaker": ""},
    "checks": ({"name": "bars", "passed": True, "age_seconds": 60},),
}
LIMITS: dict[str, Any] = {"allowlist": {"AAPL"}}

Changes = dict[str, Any]
"""Dotted paths and their new values: ``{"market.data_age_seconds": 31}``."""


def changed(base: dict[str, Any], changes: Changes) -> dict[str, Any]:
    """A deep copy of a document with other values at some dotted paths."""
    copy = {key: dict(value) if isinstance(value, dict) else value for key, value in base.items()}
    for path, value in changes.items():
        *parents, leaf = path.split(".")
        node = copy
        for parent in parents:
            node = node[parent]
        node[leaf] = value
    return copy


def an_intent(changes: Changes | None = None) -> Intent:
    """BUY 10 AAPL at 200, 2 % of equity asked."""
    return Intent.model_validate(changed(INTENT, changes or {}))


def an_exit(changes: Changes | None = None) -> Intent:
    """SELL 10 AAPL, reduce-only."""
    return an_intent({"terms.side": "SELL", "reduce_only": True} | (changes or {}))


def a_snapshot(changes: Changes | None = None) -> Snapshot:
    """A calm market, a reconciled broker, a quarter of the equity invested elsewhere."""
    return Snapshot.model_validate(changed(SNAPSHOT, changes or {}))


def holding(units: int, changes: Changes | None = None) -> Snapshot:
    """The same with so many units of AAPL held."""
    return a_snapshot({"holdings.position": units, "holdings.symbol_exposure": 200 * units} | (changes or {}))


def limits(changes: Changes | None = None) -> Limits:
    """The defaults, with AAPL allowed."""
    return Limits.model_validate(changed(LIMITS, changes or {}))


def judge(changes: Changes | None = None) -> Decision:
    """The verdict on the worked example after changes to the intent (``i.``), snapshot (``s.``), limits (``l.``)."""
    parts: dict[str, Changes] = {"i": {}, "s": {}, "l": {}}
    for path, value in (changes or {}).items():
        parts[path[0]][path[2:]] = value
    return decide(an_intent(parts["i"]), a_snapshot(parts["s"]), limits(parts["l"]))


def codes(decision: Decision) -> list[str]:
    """The codes of its reasons, advisories included."""
    return [reason.code for reason in decision.reasons]
