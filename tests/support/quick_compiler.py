"""Machine code of another library, compiled in less time: its figures matter here, not its speed.

Our own kernels are always compiled as they are in production.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from numba.core.config import reload_config


@contextmanager
def compiling_quickly() -> Iterator[None]:
    """Numba with few optimisations, until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NUMBA_OPT", "1")
        reload_config()
        yield
    reload_config()
