"""Scenario documents for tests."""

from __future__ import annotations

from typing import Any

from tradewright.scenarios.document import ScenarioDocument, ScenarioFile

PARAMS: dict[str, dict[str, Any]] = {
    "trend": {"drift": 1.0, "sigma": 40.0},
    "mean_revert": {"kappa": 0.05, "theta": 100.0, "sigma": 60.0},
    "vol_cluster": {"mu": 0.0, "omega": 50.0, "alpha": 0.15, "beta": 0.8},
    "shock_mix": {"p_jump": 0.02, "jump_mu": -50.0, "jump_sigma": 200.0},
    "regime_switch": {
        "regimes": [
            {"drift": 5.0, "sigma": 20.0, "mean_bars": 100.0},
            {"drift": -10.0, "sigma": 120.0, "mean_bars": 50.0},
        ]
    },
}
"""The parameters of a plain document of each family."""


def values(family: str = "trend", **changed: Any) -> dict[str, Any]:
    """The plain values of a document."""
    plain = {
        "id": "market",
        "version": "0.1",
        "timeframe": "1h",
        "duration_bars": 500,
        "seed": 7,
        "family": family,
        "params": PARAMS[family],
        "volume_model": "lognormal",
    }
    return plain | changed


def document(family: str = "trend", **changed: Any) -> ScenarioDocument:
    """A document."""
    return ScenarioFile.model_validate(values(family, **changed)).root
