"""Feature sets: named, versioned lists of indicators beside the features table, each on a timeframe of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from tradewright.indicators.features import FEATURES_VERSION, column_name, hours_told, with_spread
from tradewright.indicators.incremental import columns_from
from tradewright.model.bars import Bars, Timeframe
from tradewright.model.hashing import content_hash
from tradewright.model.session_hours import SessionHours
from tradewright.model.strategy import Feature


@dataclass(frozen=True)
class FeatureSet:
    """One set.

    Args:
        version: as its author numbers it; it stands in every row beside a hash of the content, so that a set whose
            content changed without its number is another version all the same.
        features: the columns, in their order; no two of one name.
        fallback_spread_bps: the spread of bars that have none; None leaves it unknown.
        hours: the sessions of the instrument on this timeframe, for indicators that follow them.
    """

    name: str
    version: str
    timeframe: Timeframe
    features: tuple[Feature, ...]
    fallback_spread_bps: float | None = None
    hours: SessionHours | None = field(default=None, repr=False)

    @property
    def identity(self) -> str:
        """Two tables of equal bars and equal identity are equal: the set's version, and a hash of code and content."""
        columns = [[feature.indicator, feature.arguments, *feature.source] for feature in self.features]
        content = [self.name, self.timeframe, columns, self.fallback_spread_bps, FEATURES_VERSION]
        content += hours_told(self.features, self.hours)
        return f"{self.version}-{content_hash(content)[:12]}"

    def table(self, bars: Bars, first: int = 0) -> pd.DataFrame:
        """One row per bar from ``first`` on: ``ts`` (UTC), a float64 column per feature, ``version``.

        A value is NaN in its warm-up; it uses its own bar and earlier ones only. The rows are those of ``first=0``, bit
        for bit.

        Raises:
            UnknownIndicator, IndicatorArguments: for a feature that does not exist, or wrong arguments.
        """
        values = columns_from(self.features, with_spread(bars, self.fallback_spread_bps), first, self.hours)
        named = dict(zip(map(column_name, self.features), values, strict=True))
        made = pd.DataFrame({"ts": pd.DatetimeIndex(bars.ts[first:], tz="UTC"), **named})
        return made.assign(version=pd.Series(self.identity, index=made.index, dtype="str"))
