"""Ports for data and advice: the source of bars, and the answers that an adviser may give."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from tradewright.model.bars import Timeframe
from tradewright.model.instrument import Instrument

if TYPE_CHECKING:
    import pandas as pd


class Feed(Protocol):
    """A source of bars: files, a scenario, a broker, a vendor."""

    name: str

    def fetch(self, instrument: Instrument, timeframe: Timeframe, after: pd.Timestamp | None) -> pd.DataFrame:
        """Bars that start after ``after`` (all of them when None), as a bars table.

        Raises:
            DataError: when the source has no such instrument, or its bars break the contract.
        """
        ...


class ReasoningStatus(StrEnum):
    """Whether advice was obtained (R-RISK-15); NOT_APPLICABLE where no adviser is configured."""

    NOT_APPLICABLE = "NOT_APPLICABLE"
    OK = "OK"
    FAILED = "FAILED"


class Recommendation(StrEnum):
    """The answers of an adviser (Q-17). ``BLOCK`` leads to a review, since an adviser may not decide."""

    ALLOW = "ALLOW"
    ALLOW_WITH_CAUTION = "ALLOW_WITH_CAUTION"
    BLOCK = "BLOCK"
