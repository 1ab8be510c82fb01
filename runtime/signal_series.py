"""Which bars of longer timeframes and of other instruments the signals of some settings are made of.

Nothing in this module loads the backtest: the execution location asks it too.
"""

from __future__ import annotations

from conf.schema.settings import Settings
from conf.strategy_kinds import build
from tradewright.model.bars import Timeframe
from tradewright.model.secondary_needs import needs_among


def signal_series(settings: Settings) -> tuple[tuple[str, Timeframe], ...]:
    """All that the strategy of some settings reads for its signals beside the bars that it decides on.

    Nothing of a strategy that fails or whose features are wrong: making its signals says so.
    """
    chosen, universe = settings.strategy, settings.universe
    try:
        needs = needs_among(chosen.kind, build(chosen.kind, chosen.values).prepare_state())
        return needs.places(chosen.timeframe or universe.timeframe, chosen.instruments or universe.instruments)
    except (Exception, SystemExit):  # noqa: BLE001  (a person's code may raise anything, and must stop no other strategy)
        return ()


def deciding_timeframes(settings: Settings) -> tuple[Timeframe, ...]:
    """The timeframes that the strategy of some settings decides on and reads, beside the universe's."""
    own = settings.strategy.timeframe
    return tuple(dict.fromkeys((*([own] if own else []), *(each for _symbol, each in signal_series(settings)))))
