"""How long the long programmes run: short in ``make test``, whole in ``make verify``."""

from __future__ import annotations

import os

VARIABLE = "TRADEWRIGHT_TESTS"


def runs(short: int, whole: int) -> int:
    """How often something random is tried: ``whole`` where ``TRADEWRIGHT_TESTS=whole``."""
    return whole if os.environ.get(VARIABLE) == "whole" else short
