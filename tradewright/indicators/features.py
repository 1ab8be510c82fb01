"""The features table of one instrument: every configured column per bar, and its newest row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tradewright.indicators.incremental import columns_from
from tradewright.indicators.regime import DIVERGENCES, REGIMES, labels
from tradewright.indicators.sessions import SESSIONS, Session, session_flags
from tradewright.model.bars import Bars, Floats
from tradewright.model.base import FrozenModel, Instant, Name
from tradewright.model.errors import DataError
from tradewright.model.hashing import content_hash
from tradewright.model.session_hours import SessionHours, is_of_own_session
from tradewright.model.strategy import Feature

FEATURES_VERSION = "2"
"""Changes whenever the same bars and settings may give other features."""


@dataclass(frozen=True)
class FeatureSettings:
    """Which features, and their windows in bars; the defaults are those of R-FEAT-01, Q-10..Q-14 and D17.

    ``fallback_spread_bps`` scores the liquidity of bars without a spread (None: they have no score). ``extra`` adds
    further indicators, each under its name and arguments; ``hours`` are the sessions of the instrument, for those that
    follow them.
    """

    ema: tuple[int, ...] = (1, 18)
    rsi: int = 14
    atr: int = 14
    rolling_vol: int = 20
    rank: int = 252
    slope: int = 50
    divergence_reach: int = 5
    divergence_lookback: int = 60
    recent_volume: int = 20
    usual_volume: int = 250
    fallback_spread_bps: float | None = None
    sessions: tuple[Session, ...] = SESSIONS
    extra: tuple[Feature, ...] = ()
    hours: SessionHours | None = field(default=None, repr=False)

    @property
    def version(self) -> str:
        """Two tables of equal bars and equal version are equal: the code's version and a hash of the settings."""
        told = hours_told(self.extra, self.hours)
        return f"{FEATURES_VERSION}-{content_hash([repr(self), *told] if told else repr(self))[:12]}"

    def features(self) -> dict[str, Feature]:
        """Column name -> feature, for all columns that come from the registry."""
        named = {
            "returns": Feature("returns"),
            "log_returns": Feature("log_returns"),
            "rolling_vol": Feature("rolling_vol", (self.rolling_vol,)),
            "volatility_rank": Feature("volatility_rank", (self.atr, self.rank)),
            "regime": Feature("regime", (self.atr, self.rank, self.slope)),
            "rsi_divergence": Feature("rsi_divergence", (self.rsi, self.divergence_reach, self.divergence_lookback)),
            "liquidity_score": Feature("liquidity_score", (self.recent_volume, self.usual_volume)),
        }
        by_arguments = (
            *(Feature("ema", (n,)) for n in self.ema),
            Feature("rsi", (self.rsi,)),
            Feature("atr", (self.atr,)),
        )
        return named | {column_name(feature): feature for feature in (*by_arguments, *self.extra)}


def hours_told(features: Sequence[Feature], hours: SessionHours | None) -> list[str]:
    """The name of the sessions that features follow, as a part of their version; nothing where none does."""
    return [hours.name] if hours and any(is_of_own_session(each.indicator) for each in features) else []


def column_name(feature: Feature) -> str:
    """The name of a feature's column: ``macd_12_26_9``."""
    return "_".join([feature.indicator, *(f"{argument:g}" for argument in feature.arguments)])


def feature_table(bars: Bars, settings: FeatureSettings, first: int = 0) -> pd.DataFrame:
    """One row per bar from ``first`` on: ``ts`` (UTC), the columns of ``settings``, ``version``.

    Numbers are float64 and NaN in their warm-up, never zero. ``regime`` and ``rsi_divergence`` are labels, null in
    their warm-up; ``session_<name>`` are booleans. A row uses its own bar and earlier ones only. No bars give no rows.
    The rows are those of ``first=0``, bit for bit.

    Raises:
        UnknownIndicator: ``settings.extra`` names an indicator that does not exist.
        IndicatorArguments: a window or a session of ``settings`` against its rule.
    """
    features = settings.features()
    values = columns_from(
        tuple(features.values()), with_spread(bars, settings.fallback_spread_bps), first, settings.hours
    )
    numbers = dict(zip(features, values, strict=True))
    table: dict[str, object] = {"ts": pd.DatetimeIndex(bars.ts[first:], tz="UTC"), **numbers}
    table["regime"] = pd.array(labels(numbers["regime"], REGIMES), dtype="str")
    table["rsi_divergence"] = pd.array(labels(numbers["rsi_divergence"], DIVERGENCES), dtype="str")
    for session in settings.sessions:
        table[f"session_{session.name}"] = session_flags(bars.ts[first:], session) == 1.0
    made = pd.DataFrame(table)
    return made.assign(version=pd.Series(settings.version, index=made.index, dtype="str"))


class FeatureSnapshot(FrozenModel):
    """The newest feature row of one instrument (R-FEAT-05); a feature without a value yet is None."""

    instrument: Name
    ts: Instant
    version: str
    values: dict[str, bool | float | str | None]


def feature_snapshot(table: pd.DataFrame, instrument: str) -> FeatureSnapshot:
    """The last row of a features table.

    Raises:
        DataError: the table has no rows.
    """
    if table.empty:
        raise DataError("no features", where=instrument, remedy="materialize its bars first")
    row = table.iloc[-1].to_dict()
    ts, version = row.pop("ts"), row.pop("version")
    values = {str(name): None if pd.isna(value) else value for name, value in row.items()}
    return FeatureSnapshot(instrument=instrument, ts=ts.to_pydatetime(), version=version, values=values)


def with_spread(bars: Bars, fallback_bps: float | None) -> Bars:
    """The bars with a spread in basis points where they have none; as they are without a fallback."""
    if fallback_bps is None:
        return bars
    spread: Floats = np.where(bars.spread >= 0.0, bars.spread, fallback_bps)
    return bars._replace(spread=spread)
