"""The Graph as a plug-in, and how a series of a subgraph is declared."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from brokers.vendors.base import VendorPlugin, VendorSettings, demanded
from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel
from tradewright.model.clock import Clock
from tradewright.model.ports import Feed

GraphName = Annotated[str, Field(pattern=r"^[_A-Za-z][_0-9A-Za-z]{0,99}$")]
"""A name of GraphQL."""


class PeriodRows(FrozenModel):
    """The rows of one length.

    Args:
        entity: the collection, such as ``poolDayDatas``.
        time: its field with the beginning of the period in seconds since 1970; of days any moment of the day in UTC.
    """

    entity: GraphName
    time: GraphName


class OnChainSeries(FrozenModel):
    """One series: ``value`` alone, or the four prices.

    Args:
        subgraph: its id in The Graph Explorer.
        rows: by timeframe, up to a day.
        value: the field with the value at the end of a period, such as ``tvlUSD``; open, high, low and close are it.
        open, high, low, close: the fields of a price.
        volume: the field of a volume in units of the instrument; unknown where absent.
        where: further conditions, so that each period has one row, such as ``{pool: "0x8ad5..."}``.
    """

    subgraph: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,100}$")]
    rows: Annotated[dict[Timeframe, PeriodRows], Field(min_length=1)]
    value: GraphName | None = None
    open: GraphName | None = None
    high: GraphName | None = None
    low: GraphName | None = None
    close: GraphName | None = None
    volume: GraphName | None = None
    where: dict[GraphName, str | bool | int] = Field(default_factory=dict)

    @property
    def prices(self) -> tuple[str, ...]:
        """The fields of open, high, low and close."""
        four = (self.open, self.high, self.low, self.close)
        return tuple(name for name in ((self.value,) * 4 if self.value else four) if name is not None)

    @field_validator("rows")
    @classmethod
    def _no_longer_than_a_day(cls, rows: dict[Timeframe, PeriodRows]) -> dict[Timeframe, PeriodRows]:
        longer = [each for each in rows if each.seconds > Timeframe.D1.seconds]
        if longer:
            raise ValueError(f"must be 1d or shorter, of which {', '.join(longer)} is made")
        return rows

    @model_validator(mode="after")
    def _one_form(self) -> OnChainSeries:
        four = [name for name in (self.open, self.high, self.low, self.close) if name is not None]
        if len(four) != (0 if self.value else 4):
            raise ValueError("must name value alone, or open, high, low and close")
        return self


class TheGraphSettings(VendorSettings):
    """``feed=thegraph``.

    Args:
        api_key: of Subgraph Studio; from ``THEGRAPH_API_KEY``.
        series: by our symbol of an instrument.
    """

    kind: Literal["thegraph"]
    api_key: SecretStr | None
    series: dict[str, OnChainSeries]


class TheGraphPlugin(VendorPlugin):
    """One key, in a header; queries are metered by it."""

    kind = "thegraph"
    settings = TheGraphSettings

    def build(self, settings: TheGraphSettings, clock: Clock) -> Feed:
        """The feed of the declared series."""
        from brokers.pacing import Pace
        from brokers.vendors.feed import VendorFeed
        from brokers.vendors.http_client import HttpClient
        from brokers.vendors.thegraph.history import TheGraphHistory

        key = demanded(settings.api_key, "THEGRAPH_API_KEY", self.kind)
        paces = {"": Pace(settings.requests_per_minute, 60, clock)}
        headers = {"Authorization": f"Bearer {key}"}
        client = HttpClient(self.kind, settings.base_url, headers, (key,), paces, clock)
        return VendorFeed(TheGraphHistory(client, settings.series, clock), settings, clock)
