"""How long the long programmes run, and how many of many cases: short in ``make test``, whole in ``make verify``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

Case = TypeVar("Case")

VARIABLE = "TRADEWRIGHT_TESTS"


def runs(short: int, whole: int) -> int:
    """How often something random is tried: ``whole`` where ``TRADEWRIGHT_TESTS=whole``."""
    return whole if os.environ.get(VARIABLE) == "whole" else short


def cases(short: Iterable[Case], whole: Iterable[Case]) -> list[Case]:
    """The cases that are tried: all of ``whole`` where ``TRADEWRIGHT_TESTS=whole``, else some of them.

    Raises:
        AssertionError: when there is none, or one that the whole does not have.
    """
    some, every = list(short), list(whole)
    assert some
    assert all(case in every for case in some)
    return every if os.environ.get(VARIABLE) == "whole" else some
