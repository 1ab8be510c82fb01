"""Broker plug-ins: all that the rest of the program may know of a venue before it is connected."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from tradewright.fills.costs import CostModel
from tradewright.model.bars import Timeframe
from tradewright.model.base import FrozenModel, Positive
from tradewright.model.broker import Broker, Quote
from tradewright.model.clock import Clock
from tradewright.model.errors import ConfigError
from tradewright.model.instrument import Instrument
from tradewright.model.live import LiveFeed
from tradewright.model.mode import Mode
from tradewright.model.ports import Feed

if TYPE_CHECKING:  # every composition loads this module, and needs no pandas
    from tradewright.store.bars import BarStore


class VenueSettings(FrozenModel):
    """Base of every venue's settings, one file of ``conf/broker``; ``kind`` names the plug-in.

    Args:
        account: whose orders are sent; None takes the only account that the venue manages for us.
    """

    kind: str
    account: str | None

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of the venue; None for one that lives in this process."""
        return None

    @property
    def place(self) -> str:
        """The address in words."""
        return "in this process" if self.address is None else f"{self.address[0]}:{self.address[1]}"

    @property
    def patience(self) -> float:
        """Seconds to wait for the address to answer."""
        return 10.0


class AccountProblem(NamedTuple):
    """A contradiction between mode and settings: the key of the broker's settings, its value, the rule."""

    key: str
    value: object
    rule: str

    def __str__(self) -> str:
        return f"broker.{self.key} {self.rule}" + ("" if self.value in (None, "") else f" (got {self.value})")


@dataclass(frozen=True)
class Surroundings:
    """The objects that a venue is built from, beside its own settings.

    Args:
        folder: where a venue that lives in this process may keep its state.
        cash: what such a venue starts with, in ``currency``.
        costs: what it charges.
        quotes: its opening prices, asked for once, when it is built.
        bars: the stored bars that its resting orders meet; None where there are none.
        timeframes: of these bars, the preferred one first.
        currency: of the account.
        fee_rate: the newest rate known at a moment, in ``currency`` per unit of that of the costs; None where both are
            the same.
    """

    mode: Mode
    instruments: Mapping[str, Instrument]
    clock: Clock
    costs: CostModel
    folder: Path
    cash: Positive
    quotes: Callable[[], Mapping[str, Quote]]
    bars: BarStore | None = None
    timeframes: tuple[Timeframe, ...] = ()
    currency: str = "USD"
    fee_rate: Callable[[datetime], Decimal] | None = None


class BrokerPlugin(ABC):
    """One venue. A class of ``brokers/<kind>/plugin.py`` or of the entry point group ``tradewright.brokers``.

    The module is imported wherever the configuration is read, so libraries of the venue are imported inside the
    methods. ``serves_bars`` says whether it has historical bars (``feed=<kind>``), ``streams`` whether it has live
    data beside them.
    """

    kind: ClassVar[str]
    settings: ClassVar[type[VenueSettings]]
    modes: ClassVar[frozenset[Mode]]
    serves_bars: ClassVar[bool]
    streams: ClassVar[bool] = False

    def account_rules(self, mode: Mode, settings: Any) -> list[AccountProblem]:
        """The contradictions between mode, account and the venue's other settings; empty where there are none."""
        if mode in self.modes:
            return []
        admitted = " or ".join(f"mode={each}" for each in sorted(self.modes))
        return [AccountProblem("kind", settings.kind, f"is not for mode={mode}; say {admitted}, or another broker")]

    def venue_symbol(self, instrument: Instrument) -> str:
        """The name of an instrument at this venue."""
        return instrument.venue_symbol(self.kind)

    @abstractmethod
    def build(self, settings: Any, around: Surroundings, *, reading: bool = False) -> Broker:
        """The venue, not yet connected.

        Args:
            reading: whether the connection only asks: it then has a client id of its own beside the sender's.

        Raises:
            ConfigError: when mode, account and settings contradict each other.
        """

    def feed(self, settings: Any, around: Surroundings) -> Feed:
        """Historical bars of the venue.

        Raises:
            ConfigError: for a venue that serves none.
        """
        raise ConfigError(
            f"broker={settings.kind} has no bars", where="feed.kind", remedy=f"another feed than {around.mode} needs"
        )

    def live(self, settings: Any, around: Surroundings) -> LiveFeed:
        """Live data of the venue.

        Raises:
            ConfigError: for a venue that has none.
        """
        raise ConfigError(
            f"broker={settings.kind} has no live data", where="feed.kind", remedy=f"of {around.mode}: none"
        )

    def demand(self, mode: Mode, settings: Any) -> None:
        """Refuse a contradiction.

        Raises:
            ConfigError: with every one of them.
        """
        if problems := self.account_rules(mode, settings):
            remedy = "set broker.account and broker.port for the mode"
            raise ConfigError("; ".join(map(str, problems)), where="conf/broker", remedy=remedy)
