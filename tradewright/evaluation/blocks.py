"""The kinds of blocks that a bootstrap draws. Loads no compiler, so that settings can name them."""

from __future__ import annotations

from enum import StrEnum


class Blocks(StrEnum):
    """How long the blocks of a bootstrap are."""

    STATIONARY = "stationary"
    """Of random, geometric length with a mean, so that the paths are as stationary as the returns."""
    CIRCULAR = "circular"
    """All of one length, the last cut short."""
