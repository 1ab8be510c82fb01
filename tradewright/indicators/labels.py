"""Labels that a column of numbers holds as codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from tradewright.model.bars import Floats

Label = TypeVar("Label")


def labels(codes: Floats, by_code: Mapping[int, Label]) -> list[Label | None]:
    """The label of each code; None where the code is NaN.

    Raises:
        KeyError: a number that is no code.
    """
    return [None if np.isnan(code) else by_code[int(code)] for code in codes.tolist()]
