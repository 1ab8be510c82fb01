"""Which secondary series a strategy needs, by its features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tradewright.model.bars import Timeframe
from tradewright.model.errors import ConfigError
from tradewright.model.recursion import with_inputs
from tradewright.model.secondary import SeriesName
from tradewright.model.session_hours import is_of_own_session
from tradewright.model.strategy import Feature


@dataclass(frozen=True)
class SecondaryNeeds:
    """The features of a strategy that name an instrument or a timeframe, each name with a feature that reads it.

    Args:
        sessions: whether a feature follows the sessions of its instrument.
    """

    strategy: str
    features: Mapping[SeriesName, Feature]
    sessions: bool = False

    @property
    def any(self) -> bool:
        """Whether the strategy reads anything beside its own bars."""
        return bool(self.features) or self.sessions

    def resolved(self, timeframe: Timeframe, symbol: str) -> dict[SeriesName, tuple[str, Timeframe]]:
        """The instrument and the timeframe of each series.

        Args:
            timeframe, symbol: those that are decided on.

        Raises:
            ConfigError: a timeframe that is shorter than the strategy's own.
        """
        return {name: (name.of or symbol, self._length(name, timeframe)) for name in self.features}

    def places(self, timeframe: Timeframe, symbols: Iterable[str]) -> tuple[tuple[str, Timeframe], ...]:
        """The instrument and the timeframe of every series that is read for some instruments, each once.

        Raises:
            ConfigError: as :meth:`resolved`.
        """
        found = (place for symbol in symbols for place in self.resolved(timeframe, symbol).values())
        return tuple(dict.fromkeys(found))

    def _length(self, name: SeriesName, timeframe: Timeframe) -> Timeframe:
        length = Timeframe(name.timeframe) if name.timeframe else timeframe
        if length.seconds < timeframe.seconds:
            raise ConfigError(
                f"the feature {self.features[name].label} is on bars shorter than the {timeframe} bars that are "
                "decided on",
                where=self.where,
                remedy=f"give it a timeframe from {timeframe} on, or decide on shorter bars: "
                f"backtest.timeframe={length}, strategy.timeframe={length}",
            )
        return length

    @property
    def where(self) -> str:
        """The strategy, as errors name it."""
        return f"strategy {self.strategy}"


def needs_among(strategy: str, features: Iterable[Feature]) -> SecondaryNeeds:
    """The needs of a strategy of this name with these features."""
    read = list(with_inputs(features))
    sessions = any(is_of_own_session(each.indicator) for each in read)
    return SecondaryNeeds(strategy, {SeriesName(*each.source): each for each in read if each.source}, sessions)
