"""Group ``backtest`` with ``costs``, ``slippage``, ``sizing`` and ``fill``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from conf.schema.group import AboveZero, Fraction, Group, Moment, NotNegative, Window
from tradewright.model.bars import PriceView, Timeframe
from tradewright.model.base import Name


class NoCosts(Group):
    """``backtest/costs=none``."""

    kind: Literal["none"]


class BpsCosts(Group):
    """``backtest/costs=bps``."""

    kind: Literal["bps"]
    rate: NotNegative


class PercentCosts(Group):
    """``backtest/costs=percent``."""

    kind: Literal["percent"]
    rate: Fraction


class PerShareCosts(Group):
    """``backtest/costs=per_share``."""

    kind: Literal["per_share"]
    rate: NotNegative
    minimum: NotNegative
    maximum_rate: Fraction


class IbkrFixedCosts(Group):
    """``backtest/costs=ibkr_fixed``."""

    kind: Literal["ibkr_fixed"]


class IbkrTieredCosts(Group):
    """``backtest/costs=ibkr_tiered``."""

    kind: Literal["ibkr_tiered"]


class MakerTakerCosts(Group):
    """``backtest/costs=maker_taker``."""

    kind: Literal["maker_taker"]
    maker: Annotated[float, Field(ge=-0.01, lt=1)]
    taker: Annotated[float, Field(ge=0, lt=1)]


CostsSettings = Annotated[
    NoCosts | BpsCosts | PercentCosts | PerShareCosts | IbkrFixedCosts | IbkrTieredCosts | MakerTakerCosts,
    Field(discriminator="kind"),
]


class NoSlippage(Group):
    """``backtest/slippage=none``."""

    kind: Literal["none"]


class BpsSlippage(Group):
    """``backtest/slippage=bps``."""

    kind: Literal["bps"]
    bps: NotNegative


class VolSlippage(Group):
    """``backtest/slippage=vol``."""

    kind: Literal["vol"]
    base: NotNegative
    k: NotNegative


class SpreadImpactSlippage(Group):
    """``backtest/slippage=spread_impact``."""

    kind: Literal["spread_impact"]
    impact: NotNegative


class SumSlippage(Group):
    """``backtest/slippage=sum``."""

    kind: Literal["sum"]
    base: NotNegative
    k: NotNegative
    impact: NotNegative


SlippageSettings = Annotated[
    NoSlippage | BpsSlippage | VolSlippage | SpreadImpactSlippage | SumSlippage, Field(discriminator="kind")
]


class FixedUnits(Group):
    """``backtest/sizing=fixed_units``."""

    kind: Literal["fixed_units"]
    units: AboveZero


class FixedCash(Group):
    """``backtest/sizing=fixed_cash``."""

    kind: Literal["fixed_cash"]
    cash: AboveZero


class PercentEquity(Group):
    """``backtest/sizing=percent_equity``."""

    kind: Literal["percent_equity"]
    percent: AboveZero


class TargetPercent(Group):
    """``backtest/sizing=target_percent``."""

    kind: Literal["target_percent"]
    target: AboveZero
    cash_buffer: Annotated[float, Field(ge=0, lt=1)]


class RiskPerTrade(Group):
    """``backtest/sizing=risk_per_trade``."""

    kind: Literal["risk_per_trade"]
    risk: Annotated[float, Field(gt=0, le=1)]


class MaxSizing(Group):
    """``backtest/sizing=max``."""

    kind: Literal["max"]


SizingSettings = Annotated[
    FixedUnits | FixedCash | PercentEquity | TargetPercent | RiskPerTrade | MaxSizing, Field(discriminator="kind")
]


class FillSettings(Group):
    """``backtest/fill``."""

    market: Literal["next_open", "next_close"]
    limit: Literal["marketable", "touch"]
    limit_timeout_bars: Window


class BacktestSettings(Group):
    """``backtest``."""

    instruments: tuple[Name, ...] | None
    timeframe: Timeframe | None
    start: Moment | None
    end: Moment | None
    prices: PriceView
    cash: AboveZero
    bar_delay: Annotated[int, Field(ge=1, le=1000)]
    allow_short: bool
    allow_overdraft: bool
    close_at_end: bool
    costs: CostsSettings
    slippage: SlippageSettings
    sizing: SizingSettings
    fill: FillSettings
