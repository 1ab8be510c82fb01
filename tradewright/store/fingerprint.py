"""Fingerprints of bars: equal content, equal hash, wherever it came from."""

from __future__ import annotations

import hashlib

import numpy as np

from tradewright.model.bars import Bars


def bars_hash(bars: Bars) -> str:
    """SHA-256 over the columns, as 64 hexadecimal digits.

    Every NaN counts as the same NaN and -0.0 as 0.0; nothing else is rounded. Which instrument, timeframe or view the
    bars are is not part of it: equal rows are equal data.
    """
    digest = hashlib.sha256(np.ascontiguousarray(bars.ts, dtype="<i8").tobytes())
    for column in bars[1:]:
        canonical = np.where(np.isnan(column), np.nan, column + 0.0)
        digest.update(canonical.astype("<f8").tobytes())
    return digest.hexdigest()
