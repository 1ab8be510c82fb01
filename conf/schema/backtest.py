"""Group ``backtest`` with ``fill``; its ``costs``, ``slippage`` and ``sizing`` are the models of the engine."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from conf.schema.config_model import AboveZero, ConfigModel, Moment, Window
from tradewright.backtest.panel.shared_account import SharedAccount
from tradewright.backtest.sizing import Sizing
from tradewright.backtest.spec import FillMarket
from tradewright.fills.costs import Costs
from tradewright.fills.slippage import Slippage
from tradewright.model.bars import PriceView, Timeframe
from tradewright.model.base import Instant, Name

CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3,5}$")]


class FillSettings(ConfigModel):
    """``backtest/fill``."""

    market: FillMarket
    limit: Literal["marketable", "touch"]
    limit_timeout_bars: Window
    volume_share: Annotated[float, Field(gt=0, le=1)] | None


class BacktestSettings(ConfigModel):
    """``backtest``."""

    instruments: Annotated[tuple[Name, ...], Field(min_length=1)] | None
    timeframe: Timeframe | None
    start: Moment | None
    end: Moment | None
    known_at: Instant | date | None
    prices: PriceView
    cash: AboveZero
    account: Literal["split", "shared"]
    shared: SharedAccount
    rates: dict[CurrencyCode, Annotated[str, Field(min_length=1)]]
    bar_delay: Annotated[int, Field(ge=1, le=1000)]
    allow_short: bool
    allow_overdraft: bool
    close_at_end: bool
    costs: Costs
    slippage: Slippage
    sizing: Sizing
    fill: FillSettings
