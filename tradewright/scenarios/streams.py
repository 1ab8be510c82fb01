"""The generators of random numbers: one for each purpose, so that no draw depends on how many others were made."""

from __future__ import annotations

import zlib

import numpy as np


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A PCG64 generator (R-SCEN-10) of a seed and a purpose, such as ``returns 0``."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(purpose.encode())])))
