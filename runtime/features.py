"""The features of an instrument: its table and its feature sets, stored and as they are now. Loads the kernels."""

from __future__ import annotations

import pandas as pd

from conf.problems import nearest
from conf.schema.settings import Settings
from runtime.container import Container
from runtime.research import assumed_spread, feature_settings
from tradewright.calendars.session_hours import session_hours
from tradewright.indicators.feature_set import FeatureSet
from tradewright.indicators.features import FeatureSettings, FeatureSnapshot, feature_snapshot, feature_table
from tradewright.indicators.regime import DIVERGENCES, REGIMES
from tradewright.model.bars import BarKind, Bars, Timeframe
from tradewright.model.errors import ConfigError
from tradewright.model.hashing import content_hash
from tradewright.model.instrument import Instrument
from tradewright.model.strategy import Feature
from tradewright.quality.features_contract import FeaturesForm, demand_features
from tradewright.research.feature_tables import Updated, update_table


def feature_sets(settings: Settings, instrument: Instrument, kind: BarKind) -> dict[str, FeatureSet]:
    """The declared sets of an instrument, on bars of a kind, by name."""
    return {
        name: FeatureSet(
            name,
            row.version,
            row.timeframe or settings.universe.timeframe,
            tuple(Feature(each.indicator, each.arguments) for each in row.columns),
            assumed_spread(instrument, kind),
            session_hours(instrument, row.timeframe or settings.universe.timeframe),
        )
        for name, row in settings.features.sets.items()
    }


def features_version(settings: Settings) -> str:
    """The version of everything that ``features`` declares: it changes with any number, version or column of it."""
    return content_hash(settings.features)[:12]


def update_features(house: Container, symbol: str) -> Updated:
    """The features table of an instrument, brought up to date in the store.

    Raises:
        ConfigError: for an instrument that is not defined.
        DataError: the table breaks its contract.
        StoreError: when bars cannot be read, or the table cannot be written.
    """
    chosen = feature_settings(house.settings, house.instrument(symbol), house.bars.kind_of(symbol))
    bars = house.bars.read_bars(symbol, house.settings.universe.timeframe)
    form = form_of(chosen)

    def make(known: Bars, first: int) -> pd.DataFrame:
        rows = feature_table(known, chosen, first)
        demand_features(rows, form, symbol)
        return rows

    return update_table(house.artefacts, ("features", symbol), chosen.version, bars, make)


def form_of(chosen: FeatureSettings) -> FeaturesForm:
    """The columns of the features table that settings give."""
    labels = {
        "regime": tuple(map(str, REGIMES.values())),
        "rsi_divergence": tuple(map(str, DIVERGENCES.values())),
    }
    numbers = tuple(name for name in chosen.features() if name not in labels)
    flags = tuple(f"session_{session.name}" for session in chosen.sessions)
    return FeaturesForm(numbers, flags, labels, chosen.version)


def update_set(house: Container, symbol: str, chosen: FeatureSet) -> Updated:
    """The table of a feature set of an instrument, brought up to date in the store.

    Raises:
        StoreError: when bars of its timeframe cannot be read, or the table cannot be written.
    """
    bars = house.bars.read_bars(symbol, chosen.timeframe)
    return update_table(house.artefacts, ("features", symbol, "sets", chosen.name), chosen.identity, bars, chosen.table)


def newest_features(house: Container, symbol: str, set_name: str = "") -> tuple[Timeframe, FeatureSnapshot]:
    """The features of the newest stored bar (R-FEAT-05) and their timeframe, computed from the bars as they are now.

    Args:
        set_name: of a feature set; empty for the features table.

    Raises:
        ConfigError: for an instrument or a set that is not defined.
        StoreError: when no bars are stored, or they cannot be read.
    """
    instrument, kind = house.instrument(symbol), house.bars.kind_of(symbol)
    sets = feature_sets(house.settings, instrument, kind)
    if set_name and set_name not in sets:
        known = ", ".join(sets) or "none"
        near = nearest(set_name, sets)
        hint = f"did you mean {near}? " if near else ""
        raise ConfigError(f"no feature set {set_name!r}", where="features.sets", remedy=f"{hint}declared: {known}")
    timeframe = sets[set_name].timeframe if set_name else house.settings.universe.timeframe
    bars = house.bars.read_bars(symbol, timeframe)
    newest = max(0, len(bars.ts) - 1)
    if set_name:
        table = sets[set_name].table(bars, newest)
    else:
        table = feature_table(bars, feature_settings(house.settings, instrument, kind), newest)
    return timeframe, feature_snapshot(table, symbol)
