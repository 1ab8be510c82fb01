"""The feed port: where bars come from."""

from __future__ import annotations

from typing import Protocol

import pandas as pd

from tradewright.model.bars import Timeframe
from tradewright.model.instrument import Instrument


class Feed(Protocol):
    """A source of bars: files, a scenario, a broker, a vendor."""

    name: str

    def fetch(self, instrument: Instrument, timeframe: Timeframe, after: pd.Timestamp | None) -> pd.DataFrame:
        """Bars that start after ``after`` (all of them when None), as a bars table.

        Raises:
            DataError: when the source has no such instrument, or what it has breaks the contract.
        """
        ...
