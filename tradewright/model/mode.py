"""Modes and stages: which adapters stand behind the one order path, and how much is allowed."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What an order costs: nothing, nothing yet, money (R-CFG-01)."""

    SIM = "sim"
    PAPER = "paper"
    LIVE = "live"


class Stage(StrEnum):
    """How far trading has been promoted; going live is earned (P6)."""

    LOCAL = "local"
    PAPER = "paper"
    SANDBOX = "sandbox"
    LIVE_SMALL = "live_small"
