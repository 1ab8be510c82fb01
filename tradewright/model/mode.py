"""Modes and stages: which adapters stand behind the one order path, and how much is allowed."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """The kind of account behind the orders: simulated, paper or live money (R-CFG-01)."""

    SIM = "sim"
    PAPER = "paper"
    LIVE = "live"


class Stage(StrEnum):
    """The rollout stage of trading; live trading comes last (P6)."""

    LOCAL = "local"
    PAPER = "paper"
    SANDBOX = "sandbox"
    LIVE_SMALL = "live_small"
