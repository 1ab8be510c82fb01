"""Groups ``features``, ``strategy``, ``evaluation``, ``walkforward`` and ``montecarlo``."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal

from pydantic import Field

from conf.schema.config_model import ConfigModel, Fraction, WallTime, Window, Zone
from tradewright.evaluation.blocks import Blocks
from tradewright.model.bars import Timeframe
from tradewright.model.base import Name
from tradewright.model.certify_limits import DeclaredLimits
from tradewright.model.errors import ConfigError

MOST_SETS = 1_000_000
"""The most parameter sets of one sweep; a mistyped range has thousands of millions."""

MOST_FOLDS = 1_000
"""The most folds of a walk-forward; each is a sweep of its own."""

MOST_PATHS = 100_000
"""The most simulated histories; the error of a percentile falls with their square root."""

MOST_WINDOWS = 6
"""The most lengths of rolling figures; each is a line in a chart."""

MOST_COLUMNS = 500
"""The most columns of one feature set."""


class SessionSettings(ConfigModel):
    """One session of ``features.sessions``."""

    name: Name
    zone: Zone
    start: WallTime
    end: WallTime


class ExtraFeature(ConfigModel):
    """One indicator with its arguments, of ``features.extra`` or of a feature set."""

    indicator: Name
    arguments: tuple[float, ...]


class FeatureSetSettings(ConfigModel):
    """One set of ``features.sets``: a table of its own, of these columns. ``timeframe`` is the universe's when null."""

    version: Name
    timeframe: Timeframe | None
    columns: Annotated[tuple[ExtraFeature, ...], Field(min_length=1, max_length=MOST_COLUMNS)]


class FeaturesSettings(ConfigModel):
    """``features``."""

    ema: tuple[Window, ...]
    rsi: Window
    atr: Window
    rolling_vol: Annotated[int, Field(ge=2)]
    rank: Annotated[int, Field(ge=2)]
    slope: Annotated[int, Field(ge=3)]
    divergence_reach: Window
    divergence_lookback: Window
    recent_volume: Window
    usual_volume: Window
    sessions: tuple[SessionSettings, ...]
    extra: tuple[ExtraFeature, ...]
    sets: dict[Name, FeatureSetSettings] = Field(default_factory=dict)


class StrategySettings(ConfigModel):
    """``strategy``. In YAML the strategy's own parameters and other instruments stand beside these keys.

    ``name`` is the file's name (``conf/rules.py``). ``others`` are instruments whose bars its features read, by the
    strategy's own key. ``grid`` names the values of each parameter that a sweep tries when
    none is given, ``certify`` its own limits on synthetic markets.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    kind: str
    confidence: Fraction
    size_pct: Fraction
    instruments: Annotated[tuple[Name, ...], Field(min_length=1)] | None
    timeframe: Timeframe | None
    parameters: dict[str, float | int | bool]
    others: dict[str, Name] = Field(default_factory=dict)
    grid: dict[str, Annotated[tuple[float | int, ...], Field(min_length=1)]] = Field(default_factory=dict)
    certify: DeclaredLimits = DeclaredLimits()

    @property
    def values(self) -> dict[str, float | str]:
        """Parameters and other instruments: everything that makes the strategy of its kind."""
        return {**self.parameters, **self.others}

    def grid_sets(self) -> list[dict[str, float]]:
        """The parameter sets of the grid, its last parameter moving fastest; none where nothing is declared.

        Raises:
            ConfigError: for more than ``MOST_SETS``, before any is made.
        """
        count = math.prod(map(len, self.grid.values()))
        if count > MOST_SETS:
            what = f"the grid has {count:,} sets; at most {MOST_SETS:,} are tried at once"
            raise ConfigError(what, where="strategy.grid", remedy="give its parameters fewer values")
        rows = itertools.product(*self.grid.values()) if self.grid else ()
        return [dict(zip(self.grid, row, strict=True)) for row in rows]


class EvaluationSettings(ConfigModel):
    """``evaluation``."""

    sampling: Literal["bar", "session", "calendar_day"]
    days_per_year: Annotated[int, Field(ge=1, le=366)] | None
    risk_free: Annotated[float, Field(gt=-1, lt=1)]
    benchmark: Name | None
    windows: Annotated[tuple[Annotated[int, Field(ge=2, le=100_000)], ...], Field(max_length=MOST_WINDOWS)]
    risk_free_rates: str | None = None


class WalkForwardSettings(ConfigModel):
    """``walkforward``."""

    folds: Annotated[int, Field(ge=2, le=MOST_FOLDS)]
    train_share: Annotated[float, Field(gt=0, lt=1)]
    anchored: bool
    embargo_bars: Annotated[int, Field(ge=0)]


class MonteCarloSettings(ConfigModel):
    """``montecarlo``."""

    paths: Annotated[int, Field(ge=100, le=MOST_PATHS)]
    blocks: Blocks
    block_bars: Annotated[int, Field(ge=20, le=60)]
    missed_share: Fraction
    permutations: Annotated[int, Field(ge=0, le=MOST_PATHS)]
    cost_factors: tuple[Annotated[float, Field(gt=0, le=100)], ...]
    delays: tuple[Annotated[int, Field(ge=1, le=1000)], ...]
